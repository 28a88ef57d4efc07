//! The ASN.1 of ISO/IEC 7816-15 (annex A), as much of it as says what this card has.

use anyhow::Result;
use der::asn1::{BitString, ContextSpecific, ContextSpecificRef, OctetString};
use der::{Encode, EncodeValue, Enumerated, FixedTag, Length, Sequence, Tag, TagMode, TagNumber, Tagged, Writer};

/// `PrivateKeyObject`, of type `privateECKey`.
pub(super) type PrivateKeyObject = Object<CommonKeyAttributes, PrivateEcKeyAttributes>;
/// `PublicKeyObject`, of type `publicECKey`.
pub(super) type PublicKeyObject = Object<CommonKeyAttributes, PublicEcKeyAttributes>;
/// `AuthenticationObject`, of type `pwd`.
pub(super) type PasswordObject = Object<CommonAuthenticationAttributes, PasswordAttributes>;

/// `CIO`: what every object has, what every object of its class has, what every object of its type has.
pub(super) struct Object<C, T> {
    pub(super) common: CommonObjectAttributes,
    pub(super) class: C,
    pub(super) of_type: T,
}

impl<C, T> FixedTag for Object<C, T> {
    const TAG: Tag = Tag::Sequence;
}

impl<C: Encode, T: EncodeValue + Tagged> Object<C, T> {
    const fn of_type(&self) -> ContextSpecificRef<'_, T> {
        ContextSpecificRef { tag_number: TagNumber::N1, tag_mode: TagMode::Explicit, value: &self.of_type }
    }
}

impl<C: Encode, T: EncodeValue + Tagged> EncodeValue for Object<C, T> {
    fn value_len(&self) -> der::Result<Length> {
        self.common.encoded_len()? + self.class.encoded_len()? + self.of_type().encoded_len()?
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.common.encode(writer)?;
        self.class.encode(writer)?;
        self.of_type().encode(writer)
    }
}

/// `CommonObjectAttributes`. `auth_id` names the authentication object that guards the object.
#[derive(Sequence)]
pub(super) struct CommonObjectAttributes {
    pub(super) label: String,
    pub(super) flags: BitString,
    #[asn1(optional = "true")]
    pub(super) auth_id: Option<OctetString>,
}

/// `CommonKeyAttributes`. The same `id` says that keys belong together.
#[derive(Sequence)]
pub(super) struct CommonKeyAttributes {
    pub(super) id: OctetString,
    pub(super) usage: BitString,
    #[asn1(optional = "true")]
    pub(super) access_flags: Option<BitString>,
    #[asn1(optional = "true")]
    pub(super) key_reference: Option<u8>,
}

/// `PrivateECKeyAttributes`. `field_size`, in bits, is no part of the standard: OpenSC takes it from here.
#[derive(Sequence)]
pub(super) struct PrivateEcKeyAttributes {
    pub(super) value: Path,
    pub(super) field_size: u16,
}

/// `PublicECKeyAttributes`, its value in a file.
#[derive(Sequence)]
pub(super) struct PublicEcKeyAttributes {
    pub(super) value: Path,
}

/// `CommonAuthenticationObjectAttributes`.
#[derive(Sequence)]
pub(super) struct CommonAuthenticationAttributes {
    pub(super) auth_id: OctetString,
}

/// `PasswordAttributes`. Lengths in bytes; a stored length of 0 says that nothing is padded.
#[derive(Sequence)]
pub(super) struct PasswordAttributes {
    pub(super) flags: BitString,
    pub(super) kind: PasswordType,
    pub(super) min_length: u8,
    pub(super) stored_length: u8,
    pub(super) max_length: u8,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    pub(super) reference: u8,
}

/// `PasswordType`, the one that takes any characters.
#[derive(Clone, Copy, Enumerated)]
#[repr(u32)]
pub(super) enum PasswordType {
    Utf8 = 2,
}

/// `Path`: a file's identifier, or nothing where the object is in no file.
#[derive(Sequence)]
pub(super) struct Path {
    pub(super) file: OctetString,
}

/// `CardInfo`, the content of EF.CIAInfo (TokenInfo).
#[derive(Sequence)]
pub(super) struct CardInfo {
    pub(super) version: u8,
    pub(super) serial_number: OctetString,
    pub(super) manufacturer: String,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    pub(super) label: String,
    pub(super) flags: BitString,
}

/// A bit string with these bits, the first one 0, as short as it can be.
pub(super) fn bits(set: &[usize]) -> Result<BitString> {
    let count = set.iter().max().map_or(0, |last| last + 1);
    let mut bytes = vec![0_u8; count.div_ceil(8)];
    for bit in set {
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte |= 0x80 >> (bit % 8);
        }
    }
    let unused = u8::try_from(bytes.len() * 8 - count)?;
    Ok(BitString::new(unused, bytes)?)
}

/// An alternative of a choice: its tag instead of its own, or around its own.
pub(super) fn alternative<T>(number: u8, mode: TagMode, value: T) -> Result<Vec<u8>>
where
    T: EncodeValue + Tagged,
{
    Ok(ContextSpecific { tag_number: TagNumber::new(number), tag_mode: mode, value }.to_der()?)
}
