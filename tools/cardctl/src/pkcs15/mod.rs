//! What a card says of its signing keys to programs that know nothing of it but the standard: an application with
//! cryptographic information (ISO/IEC 7816-15, which grew out of PKCS #15).
//!
//! | file | | |
//! | --- | --- | --- |
//! | 5031 | EF.OD | which of the following there are |
//! | 5032 | EF.CIAInfo | the card |
//! | 4401 | EF.PrKD | private keys: reference, use, which PIN |
//! | 4402 | EF.PuKD | public keys, each in a file of its own |
//! | 4404 | EF.AOD | PINs: reference, lengths |
//! | 45kk | | public key of key kk, `SubjectPublicKeyInfo` (RFC 5480) |
//!
//! All of it can be read by anyone.

mod asn1;
mod publish;

use anyhow::{Context, Result};
use apdu_spec::instruction::PinReference;
use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use apdu_spec::{FileId, KeyReference, Reader};
use der::asn1::{BitString, ObjectIdentifier, OctetString};
use der::{Encode, TagMode};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use asn1::{
    CardInfo, CommonAuthenticationAttributes, CommonKeyAttributes, CommonObjectAttributes, PasswordAttributes,
    PasswordObject, PasswordType, Path, PrivateEcKeyAttributes, PrivateKeyObject, PublicEcKeyAttributes,
    PublicKeyObject, alternative, bits,
};
pub(crate) use publish::{APPLICATIONS, add, label_of, publish, withdraw};

const OBJECT_DIRECTORY: FileId = FileId(0x5031);
const CARD_INFORMATION: FileId = FileId(0x5032);
const PRIVATE_KEYS: FileId = FileId(0x4401);
const PUBLIC_KEYS: FileId = FileId(0x4402);
const PINS: FileId = FileId(0x4404);

/// RFC 5480, 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P256_BITS: u16 = 256;

/// Bytes of a card's serial number.
pub(crate) const SERIAL_NUMBER_LENGTH: usize = 8;

/// The second version of the format.
const VERSION: u8 = 1;
const MANUFACTURER: &str = "Symbolon";

/// What the application tells.
pub(crate) struct View {
    /// The card, for people.
    pub(crate) label: String,
    pub(crate) serial_number: [u8; SERIAL_NUMBER_LENGTH],
    pub(crate) keys: Vec<Key>,
    /// What a card lists already, without what the keys replace.
    pub(crate) listed: Listed,
}

/// Objects in the files of a card.
#[derive(Default)]
pub(crate) struct Listed {
    private: Vec<Vec<u8>>,
    public: Vec<Vec<u8>>,
    pins: Vec<Vec<u8>>,
    /// EF.CIAInfo, which then stays as it is.
    information: Option<Vec<u8>>,
}

/// A key pair for signing.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) reference: KeyReference,
    pub(crate) label: String,
    /// `None`: it signs without.
    pub(crate) pin: Option<PinReference>,
    /// P-256, uncompressed.
    pub(crate) public_key: [u8; 65],
}

impl Listed {
    /// What is in these files, without the objects of keys that are put in their place, and of PINs that are listed
    /// with those.
    fn new(information: Vec<u8>, private: &[u8], public: &[u8], pins: &[u8], keys: &[Key]) -> Result<Self> {
        let numbers: Vec<u8> = keys.iter().map(|key| key.reference.number()).collect();
        let guards: Vec<u8> = keys.iter().filter_map(|key| key.pin).map(PinReference::number).collect();
        Ok(Self {
            private: objects_without(private, &numbers)?,
            public: objects_without(public, &numbers)?,
            pins: objects_without(pins, &guards)?,
            information: Some(information),
        })
    }
}

fn objects_without(content: &[u8], ids: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut input = Reader::new(content);
    let mut objects = Vec::new();
    while !input.is_empty() {
        let object = input.whole_object().ok().context("the card's list of keys is not one")?;
        if id_of(object).is_none_or(|id| !ids.contains(&id)) {
            objects.push(object.to_vec());
        }
    }
    Ok(objects)
}

impl View {
    /// The files of the application and what is in them.
    fn files(&self) -> Result<Vec<(FileId, Vec<u8>)>> {
        let mut files = vec![
            (OBJECT_DIRECTORY, self.object_directory()?),
            (CARD_INFORMATION, self.card_information()?),
            (PRIVATE_KEYS, after(&self.listed.private, self.keys.iter().map(Key::private))?),
            (PUBLIC_KEYS, after(&self.listed.public, self.keys.iter().map(Key::public))?),
        ];
        if self.has_pins() {
            files.push((PINS, after(&self.listed.pins, self.pins().into_iter().map(password))?));
        }
        for key in &self.keys {
            files.push((public_key_file(key.reference), key.public_key_info()?));
        }
        Ok(files)
    }

    fn object_directory(&self) -> Result<Vec<u8>> {
        const DIRECTORIES: [(u8, FileId); 3] = [(0, PRIVATE_KEYS), (1, PUBLIC_KEYS), (8, PINS)];
        let there = DIRECTORIES.into_iter().filter(|(_, file)| *file != PINS || self.has_pins());
        concatenated(there.map(|(kind, file)| alternative(kind, TagMode::Explicit, path(file)?)))
    }

    fn card_information(&self) -> Result<Vec<u8>> {
        if let Some(information) = &self.listed.information {
            return Ok(information.clone());
        }
        const READ_ONLY: usize = 0;
        const LOGIN_REQUIRED: usize = 1;
        const RANDOM_NUMBERS: usize = 2;
        let login: &[usize] = if self.has_pins() { &[LOGIN_REQUIRED] } else { &[] };
        let information = CardInfo {
            version: VERSION,
            serial_number: OctetString::new(self.serial_number)?,
            manufacturer: MANUFACTURER.to_owned(),
            label: self.label.clone(),
            flags: bits(&[&[READ_ONLY, RANDOM_NUMBERS], login].concat())?,
        };
        Ok(information.to_der()?)
    }

    fn has_pins(&self) -> bool {
        !self.listed.pins.is_empty() || self.keys.iter().any(|key| key.pin.is_some())
    }

    /// The PINs that guard keys, each once.
    fn pins(&self) -> Vec<PinReference> {
        let mut pins: Vec<_> = self.keys.iter().filter_map(|key| key.pin).collect();
        pins.sort_by_key(|pin| pin.number());
        pins.dedup();
        pins
    }
}

impl Key {
    fn private(&self) -> Result<Vec<u8>> {
        const PRIVATE: usize = 0;
        const SIGN: usize = 2;
        const SENSITIVE: usize = 0;
        const ALWAYS_SENSITIVE: usize = 2;
        const NEVER_EXTRACTABLE: usize = 3;
        const MADE_ON_CARD: usize = 4;
        let auth_id = self.pin.map(pin_id).transpose()?;
        let flags: &[usize] = if auth_id.is_some() { &[PRIVATE] } else { &[] };
        let object = PrivateKeyObject {
            common: CommonObjectAttributes { label: self.label.clone(), flags: bits(flags)?, auth_id },
            class: CommonKeyAttributes {
                id: self.id()?,
                usage: bits(&[SIGN])?,
                access_flags: Some(bits(&[SENSITIVE, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE, MADE_ON_CARD])?),
                key_reference: Some(self.reference.number()),
            },
            of_type: PrivateEcKeyAttributes { value: Path { file: OctetString::new([])? }, field_size: P256_BITS },
        };
        alternative(EC_KEY, TagMode::Implicit, object)
    }

    fn public(&self) -> Result<Vec<u8>> {
        const VERIFY: usize = 6;
        let object = PublicKeyObject {
            common: CommonObjectAttributes { label: self.label.clone(), flags: bits(&[])?, auth_id: None },
            class: CommonKeyAttributes {
                id: self.id()?,
                usage: bits(&[VERIFY])?,
                access_flags: None,
                key_reference: Some(self.reference.number()),
            },
            of_type: PublicEcKeyAttributes { value: path(public_key_file(self.reference))? },
        };
        alternative(EC_KEY, TagMode::Implicit, object)
    }

    fn public_key_info(&self) -> Result<Vec<u8>> {
        let algorithm = AlgorithmIdentifier { oid: EC_PUBLIC_KEY, parameters: Some(P256) };
        let subject_public_key = BitString::from_bytes(&self.public_key)?;
        Ok(SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der()?)
    }

    fn id(&self) -> Result<OctetString> {
        Ok(OctetString::new([self.reference.number()])?)
    }
}

/// `privateECKey` among private keys, `publicECKey` among public ones.
const EC_KEY: u8 = 0;

fn password(pin: PinReference) -> Result<Vec<u8>> {
    const MODIFIABLE: usize = 1;
    const CASE_SENSITIVE: usize = 0;
    const UNBLOCK_DISABLED: usize = 3;
    const INITIALIZED: usize = 4;
    let label = format!("PIN {}", pin.number());
    let object = PasswordObject {
        common: CommonObjectAttributes { label, flags: bits(&[MODIFIABLE])?, auth_id: None },
        class: CommonAuthenticationAttributes { auth_id: pin_id(pin)? },
        of_type: PasswordAttributes {
            flags: bits(&[CASE_SENSITIVE, UNBLOCK_DISABLED, INITIALIZED])?,
            kind: PasswordType::Utf8,
            min_length: u8::try_from(PIN_LENGTH_MIN)?,
            stored_length: 0,
            max_length: u8::try_from(PIN_LENGTH_MAX)?,
            reference: pin.number(),
        },
    };
    Ok(object.to_der()?)
}

fn pin_id(pin: PinReference) -> Result<OctetString> {
    Ok(OctetString::new([pin.number()])?)
}

fn path(file: FileId) -> Result<Path> {
    Ok(Path { file: OctetString::new(file.0.to_be_bytes())? })
}

const fn public_key_file(key: KeyReference) -> FileId {
    FileId(u16::from_be_bytes([0x45, key.number()]))
}

/// Objects behind those that are listed already.
fn after(listed: &[Vec<u8>], objects: impl Iterator<Item = Result<Vec<u8>>>) -> Result<Vec<u8>> {
    Ok([listed.concat(), concatenated(objects)?].concat())
}

/// The identifier of an object, which is the reference of its key or PIN: the first in what its class has.
fn id_of(object: &[u8]) -> Option<u8> {
    let (_, value) = Reader::all(object, Reader::object).ok()?;
    let mut input = Reader::new(value);
    let [_, (_, class)] = [input.object().ok()?, input.object().ok()?];
    match Reader::new(class).object().ok()? {
        (_, &[id]) => Some(id),
        _ => None,
    }
}

fn concatenated(objects: impl Iterator<Item = Result<Vec<u8>>>) -> Result<Vec<u8>> {
    Ok(objects.collect::<Result<Vec<_>>>()?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-256's generator.
    const POINT: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    fn key(number: u8, label: &str, pin: Option<u8>) -> Key {
        let pin = pin.map(|number| PinReference::parse(number).unwrap());
        let public_key = hex::decode(POINT).unwrap().try_into().unwrap();
        Key { reference: KeyReference::parse(number).unwrap(), label: label.to_owned(), pin, public_key }
    }

    fn view(keys: Vec<Key>) -> View {
        View { label: "Ada Card".to_owned(), serial_number: [0, 1, 2, 3, 4, 5, 6, 7], keys, listed: Listed::default() }
    }

    /// Made by another encoder, from the text of the standard.
    #[test]
    fn files_are_as_the_standard_has_them() {
        let files = view(vec![key(0x21, "Signature", Some(5)), key(0x22, "Door", None)]).files().unwrap();
        let expected = [
            (0x5031, "a006300404024401a106300404024402a806300404024404"),
            (0x5032, "3025020101040800010203040506070c0853796d626f6c6f6e80084164612043617264030205e0"),
            (
                0x4401,
                "a03030120c095369676e617475726503020780040105300e04012103020520030203b8020121a10a30083002040002020100\
                 a02730090c04446f6f72030100300e04012203020520030203b8020122a10a30083002040002020100",
            ),
            (
                0x4402,
                "a026300e0c095369676e6174757265030100300a04012103020102020121a1083006300404024521\
                 a02130090c04446f6f72030100300a04012203020102020122a1083006300404024522",
            ),
            (0x4404, "3029300b0c0550494e2035030206403003040105a1153013030203980a0102020104020100020110800105"),
        ];
        let found = files.iter().take(expected.len()).map(|(id, content)| (id.0, hex::encode(content)));
        assert_eq!(found.collect::<Vec<_>>(), expected.map(|(id, content)| (id, content.to_owned())));
        let info = format!("3059301306072a8648ce3d020106082a8648ce3d030107034200{POINT}");
        let public_keys = files[expected.len()..].iter().map(|(id, content)| (id.0, hex::encode(content)));
        assert_eq!(public_keys.collect::<Vec<_>>(), [(0x4521, info.clone()), (0x4522, info)]);
    }

    #[test]
    fn an_object_is_known_by_the_reference_in_it() {
        let files = view(vec![key(0x21, "Signature", Some(5)), key(0x22, "Door", None)]).files().unwrap();
        let ids = |file: FileId| {
            let (_, content) = files.iter().find(|(id, _)| *id == file).unwrap();
            let mut input = Reader::new(content);
            std::iter::from_fn(|| input.whole_object().ok()).map(id_of).collect::<Vec<_>>()
        };
        assert_eq!(ids(PRIVATE_KEYS), [Some(0x21), Some(0x22)]);
        assert_eq!((ids(PUBLIC_KEYS), ids(PINS)), (vec![Some(0x21), Some(0x22)], vec![Some(5)]));
        assert_eq!(id_of(&[0x30, 0x00]), None);
    }

    #[test]
    fn keys_without_pins_have_no_list_of_pins() {
        let files = view(vec![key(0x3E, "Door", None)]).files().unwrap();
        assert!(files.iter().all(|(id, _)| *id != PINS));
        assert_eq!(hex::encode(&files[0].1), "a006300404024401a106300404024402");
    }
}
