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

use anyhow::Result;
use apdu_spec::instruction::PinReference;
use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use apdu_spec::{FileId, KeyReference};
use der::asn1::{BitString, ObjectIdentifier, OctetString};
use der::{Encode, TagMode};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use asn1::{
    CardInfo, CommonAuthenticationAttributes, CommonKeyAttributes, CommonObjectAttributes, PasswordAttributes,
    PasswordObject, PasswordType, Path, PrivateEcKeyAttributes, PrivateKeyObject, PublicEcKeyAttributes,
    PublicKeyObject, alternative, bits,
};
pub(crate) use publish::{publish, withdraw};

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

impl View {
    /// The files of the application and what is in them.
    fn files(&self) -> Result<Vec<(FileId, Vec<u8>)>> {
        let mut files = vec![
            (OBJECT_DIRECTORY, object_directory()?),
            (CARD_INFORMATION, self.card_information()?),
            (PRIVATE_KEYS, concatenated(self.keys.iter().map(Key::private))?),
            (PUBLIC_KEYS, concatenated(self.keys.iter().map(Key::public))?),
            (PINS, concatenated(self.pins().into_iter().map(password))?),
        ];
        for key in &self.keys {
            files.push((public_key_file(key.reference), key.public_key_info()?));
        }
        Ok(files)
    }

    fn card_information(&self) -> Result<Vec<u8>> {
        const READ_ONLY: usize = 0;
        const LOGIN_REQUIRED: usize = 1;
        const RANDOM_NUMBERS: usize = 2;
        let information = CardInfo {
            version: VERSION,
            serial_number: OctetString::new(self.serial_number)?,
            manufacturer: MANUFACTURER.to_owned(),
            label: self.label.clone(),
            flags: bits(&[READ_ONLY, LOGIN_REQUIRED, RANDOM_NUMBERS])?,
        };
        Ok(information.to_der()?)
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

fn object_directory() -> Result<Vec<u8>> {
    const DIRECTORIES: [(u8, FileId); 3] = [(0, PRIVATE_KEYS), (1, PUBLIC_KEYS), (8, PINS)];
    concatenated(DIRECTORIES.into_iter().map(|(kind, file)| alternative(kind, TagMode::Explicit, path(file)?)))
}

fn password(pin: PinReference) -> Result<Vec<u8>> {
    const MODIFIABLE: usize = 1;
    const CASE_SENSITIVE: usize = 0;
    const INITIALIZED: usize = 4;
    let label = format!("PIN {}", pin.number());
    let object = PasswordObject {
        common: CommonObjectAttributes { label, flags: bits(&[MODIFIABLE])?, auth_id: None },
        class: CommonAuthenticationAttributes { auth_id: pin_id(pin)? },
        of_type: PasswordAttributes {
            flags: bits(&[CASE_SENSITIVE, INITIALIZED])?,
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

fn concatenated(objects: impl Iterator<Item = Result<Vec<u8>>>) -> Result<Vec<u8>> {
    Ok(objects.collect::<Result<Vec<_>>>()?.concat())
}
