//! Keys in the card's key store: how they are named, what each is for, and how personalisation brings them.
//!
//! A key has one purpose: a control reference template (ISO/IEC 7816-4, 10.3.2), in which a security environment names
//! it, and a usage qualifier, which says to what end of the operation it serves.
//!
//! | template | kind | usage | operation | algorithm |
//! | --- | --- | --- | --- | --- |
//! | B6 | pair | 40 | sign | ECDSA P-256 |
//! | B6 | public key | 80 | verify | ECDSA P-256 |
//! | B8 | pair | 40 | agree | ECDH P-256 |
//! | B8 | AES-128 | 80, 40, C0 | encipher, decipher, both | AES-128-GCM |
//! | B4 | AES-128 | 40, 80, C0 | compute a checksum, verify it, both | AES-128-CMAC |
//! | A4 | pair | 40 | internal authenticate | ECDSA P-256 |
//! | A4 | public key | 80 | external authenticate | ECDSA P-256 |
//! | A4 | AES-128 | 40, 80, C0 | internal, external, mutual authenticate | AES-128-CMAC |

use crate::limits::{KEY_AUTHENTICATION_TRIES_MAX, KEY_REFERENCE_MAX, KEY_REFERENCE_MIN};
use crate::{Condition, Full, ParseError, Reader, Tag, Writer};

/// Which key of the key store, [`KEY_REFERENCE_MIN`] to [`KEY_REFERENCE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyReference(u8);

impl KeyReference {
    /// A reference from its number.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a number outside [`KEY_REFERENCE_MIN`] to [`KEY_REFERENCE_MAX`].
    pub const fn parse(number: u8) -> Result<Self, ParseError> {
        match number {
            KEY_REFERENCE_MIN..=KEY_REFERENCE_MAX => Ok(Self(number)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<KeyReference> for u8 {
    fn from(reference: KeyReference) -> Self {
        reference.0
    }
}

/// What a key consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A P-256 private key and its public key.
    Pair,
    /// Somebody else's P-256 public key.
    Public,
    /// An AES-128 key.
    Aes,
}

impl KeyKind {
    /// The kind a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            1 => Self::Pair,
            2 => Self::Public,
            3 => Self::Aes,
            _ => return Err(ParseError::Invalid),
        })
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Pair => 1,
            Self::Public => 2,
            Self::Aes => 3,
        }
    }

    /// Bytes of a value that personalisation brings: the private scalar, the uncompressed point, the AES key.
    const fn value_length(self) -> usize {
        match self {
            Self::Pair => 32,
            Self::Public => 65,
            Self::Aes => 16,
        }
    }
}

/// A control reference template (ISO/IEC 7816-4, table 54): a part of a security environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A4, for authentication.
    Authentication,
    /// AA, for hash codes; needs no key.
    Hash,
    /// B4, for cryptographic checksums.
    Checksum,
    /// B6, for digital signatures.
    Signature,
    /// B8, for confidentiality.
    Confidentiality,
}

impl Template {
    /// The template a tag says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a tag that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            0xA4 => Self::Authentication,
            0xAA => Self::Hash,
            0xB4 => Self::Checksum,
            0xB6 => Self::Signature,
            0xB8 => Self::Confidentiality,
            _ => return Err(ParseError::Invalid),
        })
    }

    /// The tag.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Authentication => 0xA4,
            Self::Hash => 0xAA,
            Self::Checksum => 0xB4,
            Self::Signature => 0xB6,
            Self::Confidentiality => 0xB8,
        }
    }
}

/// To what end of an operation a key serves (usage qualifier, ISO/IEC 7816-4, table 55).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// 80: verifying, enciphering, external authentication.
    Verify,
    /// 40: computing, deciphering, internal authentication.
    Compute,
    /// C0: both, or mutual authentication.
    Both,
}

impl Usage {
    /// The usage a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            0x80 => Self::Verify,
            0x40 => Self::Compute,
            0xC0 => Self::Both,
            _ => return Err(ParseError::Invalid),
        })
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Verify => 0x80,
            Self::Compute => 0x40,
            Self::Both => 0xC0,
        }
    }
}

/// What is computed with a key. The algorithm reference of a security environment names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 (FIPS 186-5).
    Ecdsa,
    /// ECDH over P-256 (SP 800-56A, 5.7.1.2).
    Ecdh,
    /// AES-128-GCM (SP 800-38D).
    AesGcm,
    /// AES-128-CMAC (SP 800-38B).
    AesCmac,
    /// SHA-256 (FIPS 180-4).
    Sha256,
}

impl Algorithm {
    /// The algorithm a reference says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            1 => Self::Ecdsa,
            2 => Self::Ecdh,
            3 => Self::AesGcm,
            4 => Self::AesCmac,
            5 => Self::Sha256,
            _ => return Err(ParseError::Invalid),
        })
    }

    /// The reference.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Ecdsa => 1,
            Self::Ecdh => 2,
            Self::AesGcm => 3,
            Self::AesCmac => 4,
            Self::Sha256 => 5,
        }
    }
}

/// What a key is for: one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    kind: KeyKind,
    template: Template,
    usage: Usage,
    algorithm: Algorithm,
}

impl Purpose {
    /// The purpose that a kind of key has in a template and with a usage, if there is one.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] where a key of this kind cannot serve so.
    pub const fn new(kind: KeyKind, template: Template, usage: Usage) -> Result<Self, ParseError> {
        let algorithm = match (kind, template, usage) {
            (KeyKind::Pair, Template::Signature | Template::Authentication, Usage::Compute)
            | (KeyKind::Public, Template::Signature | Template::Authentication, Usage::Verify) => Algorithm::Ecdsa,
            (KeyKind::Pair, Template::Confidentiality, Usage::Compute) => Algorithm::Ecdh,
            (KeyKind::Aes, Template::Confidentiality, _) => Algorithm::AesGcm,
            (KeyKind::Aes, Template::Checksum | Template::Authentication, _) => Algorithm::AesCmac,
            _ => return Err(ParseError::Invalid),
        };
        Ok(Self { kind, template, usage, algorithm })
    }

    /// What the key consists of.
    #[must_use]
    pub const fn kind(self) -> KeyKind {
        self.kind
    }

    /// The template that names the key.
    #[must_use]
    pub const fn template(self) -> Template {
        self.template
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// Whether the key serves in this template to this end. A key for mutual authentication serves to no end alone.
    #[must_use]
    pub fn serves(self, template: Template, usage: Usage) -> bool {
        let is_both = self.usage == Usage::Both && template != Template::Authentication;
        self.template == template && (self.usage == usage || is_both)
    }

    /// Whether a host proves with it who it is, so that tries count.
    #[must_use]
    pub fn authenticates_host(self) -> bool {
        self.template == Template::Authentication && self.usage != Usage::Compute
    }

    fn parse(input: &mut Reader<'_>) -> Result<Self, ParseError> {
        let kind = KeyKind::parse(input.field_u8(Tag::KIND)?)?;
        let &[template, usage] = input.field_array(Tag::PURPOSE)?;
        Self::new(kind, Template::parse(template)?, Usage::parse(usage)?)
    }

    fn encode(self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(Tag::KIND, &[self.kind.to_byte()])?;
        out.field(Tag::PURPOSE, &[self.template.to_byte(), self.usage.to_byte()])
    }
}

/// What is said of a key beside its value.
///
/// ```text
/// 81 01 kind  82 02 template, usage  84 L access condition  [85 04 uses]  [86 01 tries]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAttributes {
    /// What it is for.
    pub purpose: Purpose,
    /// What has to be so before the card uses it.
    pub condition: Condition,
    /// How often it can be used, from 1; `None`: without limit.
    pub uses: Option<u32>,
    /// How many failed authentications in a row block it, 1 to [`KEY_AUTHENTICATION_TRIES_MAX`]; there exactly where a
    /// host authenticates with it.
    pub tries: Option<u8>,
}

impl KeyAttributes {
    /// From the data objects inside the template.
    ///
    /// # Errors
    /// [`ParseError`] when they are not a key's.
    pub fn parse(input: &mut Reader<'_>) -> Result<Self, ParseError> {
        let purpose = Purpose::parse(input)?;
        let condition = Condition::parse(input.field(Tag::KEY_CONDITION)?)?;
        let uses = input.optional_array(Tag::USES)?.map(|bytes| u32::from_be_bytes(*bytes));
        let tries = input.optional_array(Tag::TRIES)?.map(|[tries]| *tries);
        let is_counted = match tries {
            None => false,
            Some(1..=KEY_AUTHENTICATION_TRIES_MAX) => true,
            Some(_) => return Err(ParseError::Invalid),
        };
        if uses == Some(0) || is_counted != purpose.authenticates_host() {
            return Err(ParseError::Invalid);
        }
        Ok(Self { purpose, condition, uses, tries })
    }

    /// Appends the data objects.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.purpose.encode(out)?;
        out.field(Tag::KEY_CONDITION, self.condition.as_bytes())?;
        if let Some(uses) = self.uses {
            out.field(Tag::USES, &uses.to_be_bytes())?;
        }
        if let Some(tries) = self.tries {
            out.field(Tag::TRIES, &[tries])?;
        }
        Ok(())
    }
}

/// A key as personalisation brings it.
///
/// ```text
/// A3 L  80 01 reference  (the objects of KeyAttributes)  [87 L value]
/// ```
///
/// The value is a public key's uncompressed point (65), an AES key (16), or a pair's private scalar (32), which may be
/// left out: then the card makes the pair. No `Debug`: it may be secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyRecord<'a> {
    /// Which key.
    pub reference: KeyReference,
    /// What is said of it.
    pub attributes: KeyAttributes,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

impl<'a> KeyRecord<'a> {
    /// From the data objects inside the template, behind the reference.
    ///
    /// # Errors
    /// [`ParseError`] when they are not a key.
    pub(crate) fn parse(reference: KeyReference, input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let attributes = KeyAttributes::parse(input)?;
        let value = input.optional_field(Tag::VALUE)?;
        let kind = attributes.purpose.kind();
        let fits = match value {
            Some(value) => value.len() == kind.value_length(),
            None => kind == KeyKind::Pair,
        };
        if fits { Ok(Self { reference, attributes, value }) } else { Err(ParseError::Invalid) }
    }

    /// Appends the data objects.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(Tag::REFERENCE, &[self.reference.number()])?;
        self.attributes.encode(out)?;
        self.value.map_or(Ok(()), |value| out.field(Tag::VALUE, value))
    }
}

impl Tag {
    /// A key of the key store, in STORE DATA.
    pub const KEY: Self = Self(0xA3);

    const KIND: Self = Self(0x81);
    const PURPOSE: Self = Self(0x82);
    const KEY_CONDITION: Self = Self(0x84);
    const USES: Self = Self(0x85);
    const TRIES: Self = Self(0x86);
    const VALUE: Self = Self(0x87);
}
