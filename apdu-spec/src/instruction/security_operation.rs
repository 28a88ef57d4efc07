//! PERFORM SECURITY OPERATION (ISO/IEC 7816-8, 5.3).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::{PLAIN_MAX, SHORT_EXPECTED_MAX};
use crate::{Full, ParseError, Reader, Tag, Writer};

/// Works with a key that the security environment names.
///
/// ```text
/// 00 2A  9E 9A  [20 hash]  Le                        computes a digital signature: r and s, 32 bytes each
/// 00 2A  00 A8  Lc  [90 20 hash]  9E 40 signature    verifies a digital signature
/// 00 2A  90 80  [Lc data]  [Le]                      hashes
/// 00 2A  90 A0  Lc  [90 28 state, bits]  80 L data  [Le]      hashes the rest of what was begun outside
/// 00 2A  86 80  [Lc data]  Le                        enciphers: 00, nonce (12), cryptogram, tag (16)
/// 00 2A  80 86  Lc  00, nonce (12), cryptogram, tag (16)  Le            deciphers
/// 00 2A  80 86  Lc  A6 46  7F49 43  86 41 P-256 point  Le      agrees on a secret
/// 00 2A  8E 80  [Lc data]  Le                        computes a cryptographic checksum (16)
/// 00 2A  00 A2  Lc  80 L data  8E 10 checksum        verifies a cryptographic checksum
/// ```
///
/// Where there is no hash, the one that was computed on this logical channel is meant. No `Debug`: some carry plain
/// text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PerformSecurityOperation<'a> {
    /// Signs a hash.
    ComputeSignature(Option<&'a [u8; 32]>),
    /// Verifies the signature on a hash.
    VerifySignature {
        /// What was signed.
        hash: Option<&'a [u8; 32]>,
        /// r and s.
        signature: &'a [u8; 64],
    },
    /// Hashes, and keeps the hash.
    Hash {
        /// What is hashed.
        input: HashInput<'a>,
        /// Tell the hash as well.
        tell: bool,
    },
    /// Enciphers; at most [`PLAIN_MAX`] bytes.
    Encipher(&'a [u8]),
    /// Deciphers.
    Decipher(Cryptogram<'a>),
    /// Agrees on a secret with the holder of the private key of this point.
    Agree(&'a [u8; 65]),
    /// Computes a checksum.
    ComputeChecksum(&'a [u8]),
    /// Verifies a checksum.
    VerifyChecksum {
        /// What it is of.
        data: &'a [u8],
        /// The checksum.
        checksum: &'a [u8; 16],
    },
}

/// What is hashed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashInput<'a> {
    /// What somebody else has hashed before.
    pub begun: Option<HashBegun<'a>>,
    /// What follows.
    pub data: &'a [u8],
}

/// SHA-256 after whole blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashBegun<'a> {
    /// The intermediate hash value.
    pub state: &'a [u8; 32],
    /// The bits it is of, a multiple of 512.
    pub bits: u64,
}

/// What AES-128-GCM made, without associated data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cryptogram<'a> {
    /// The nonce.
    pub nonce: &'a [u8; 12],
    /// As long as the plain text.
    pub ciphertext: &'a [u8],
    /// The authentication tag.
    pub tag: &'a [u8; 16],
}

impl<'a> Cryptogram<'a> {
    /// Behind the padding indicator.
    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (nonce, rest) = bytes.split_first_chunk().ok_or(ParseError::Truncated)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or(ParseError::Truncated)?;
        Ok(Self { nonce, ciphertext, tag })
    }
}

impl<'a> HashInput<'a> {
    const BLOCK_BITS: u64 = 512;

    fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let begun = input.optional_field(Tag::HASH)?.map(|begun| {
            let (state, bits) = begun.split_first_chunk().ok_or(ParseError::Truncated)?;
            let bits = u64::from_be_bytes(bits.try_into().map_err(|_| ParseError::Invalid)?);
            if bits % Self::BLOCK_BITS == 0 { Ok(HashBegun { state, bits }) } else { Err(ParseError::Invalid) }
        });
        Ok(Self { begun: begun.transpose()?, data: input.field(Tag::PLAIN)? })
    }

    fn encode(&self, begun: &HashBegun<'_>, out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(Tag::HASH, |out| {
            out.put(begun.state)?;
            out.put(&begun.bits.to_be_bytes())
        })?;
        out.field(Tag::PLAIN, self.data)
    }
}

/// The padding indicator: nothing is said about padding, and there is none.
const NO_PADDING: u8 = 0x00;

impl<'a> PerformSecurityOperation<'a> {
    fn parse_cipher(data: &'a [u8]) -> Result<Self, ParseError> {
        match data {
            [NO_PADDING, cryptogram @ ..] => Cryptogram::parse(cryptogram).map(Self::Decipher),
            _ => {
                let template = Reader::all(data, |input| input.field(Tag::KEY_AGREEMENT))?;
                let key = Reader::all(template, |input| input.field(Tag::PUBLIC_KEY))?;
                Reader::all(key, |input| input.field_array(Tag::POINT)).map(Self::Agree)
            }
        }
    }

    fn parse_signature(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let hash = input.optional_array(Tag::HASH)?;
        Ok(Self::VerifySignature { hash, signature: input.field_array(Tag::SIGNATURE)? })
    }

    fn parse_checksum(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(Self::VerifyChecksum { data: input.field(Tag::PLAIN)?, checksum: input.field_array(Tag::CHECKSUM)? })
    }

    /// P1, P2, and whether there is an answer.
    const fn form(&self) -> ([u8; 2], bool) {
        match self {
            Self::ComputeSignature(_) => ([0x9E, 0x9A], true),
            Self::VerifySignature { .. } => ([0x00, 0xA8], false),
            Self::Hash { input: HashInput { begun: None, .. }, tell } => ([0x90, 0x80], *tell),
            Self::Hash { input: HashInput { begun: Some(_), .. }, tell } => ([0x90, 0xA0], *tell),
            Self::Encipher(_) => ([0x86, 0x80], true),
            Self::Decipher(_) | Self::Agree(_) => ([0x80, 0x86], true),
            Self::ComputeChecksum(_) => ([0x8E, 0x80], true),
            Self::VerifyChecksum { .. } => ([0x00, 0xA2], false),
        }
    }

    fn encode_data(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::ComputeSignature(hash) => hash.map_or(Ok(()), |hash| out.put(hash)),
            Self::VerifySignature { hash, signature } => {
                hash.map_or(Ok(()), |hash| out.field(Tag::HASH, hash))?;
                out.field(Tag::SIGNATURE, *signature)
            }
            Self::Hash { input, .. } => match &input.begun {
                Some(begun) => input.encode(begun, out),
                None => out.put(input.data),
            },
            Self::Encipher(data) | Self::ComputeChecksum(data) => out.put(data),
            Self::Decipher(Cryptogram { nonce, ciphertext, tag }) => {
                let parts = [&[NO_PADDING][..], *nonce, ciphertext, *tag];
                parts.into_iter().try_for_each(|part| out.put(part))
            }
            Self::Agree(point) => out
                .template(Tag::KEY_AGREEMENT, |out| out.template(Tag::PUBLIC_KEY, |out| out.field(Tag::POINT, *point))),
            Self::VerifyChecksum { data, checksum } => {
                out.field(Tag::PLAIN, data)?;
                out.field(Tag::CHECKSUM, *checksum)
            }
        }
    }
}

impl<'a> Wire<'a> for PerformSecurityOperation<'a> {
    const INSTRUCTION: u8 = 0x2A;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let (data, tell) = (command.data, command.expected > 0);
        Ok(match (command.header.p1, command.header.p2) {
            (0x9E, 0x9A) if data.is_empty() => Self::ComputeSignature(None),
            (0x9E, 0x9A) => Self::ComputeSignature(Some(data.try_into().map_err(|_| Malformed::Length)?)),
            (0x00, 0xA8) => Reader::all(data, Self::parse_signature)?,
            (0x90, 0x80) => Self::Hash { input: HashInput { begun: None, data }, tell },
            (0x90, 0xA0) => Self::Hash { input: Reader::all(data, HashInput::parse)?, tell },
            (0x86, 0x80) if data.len() > PLAIN_MAX => return Err(Malformed::Length),
            (0x86, 0x80) => Self::Encipher(data),
            (0x80, 0x86) => Self::parse_cipher(data)?,
            (0x8E, 0x80) => Self::ComputeChecksum(data),
            (0x00, 0xA2) => Reader::all(data, Self::parse_checksum)?,
            _ => return Err(Malformed::Parameters),
        })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let ([p1, p2], is_answered) = self.form();
        let expected = if is_answered { SHORT_EXPECTED_MAX } else { 0 };
        out.command(Header::iso(Self::INSTRUCTION, p1, p2), expected, |out| self.encode_data(out))
    }
}

impl Tag {
    const HASH: Self = Self(0x90);
    const SIGNATURE: Self = Self(0x9E);
    const PLAIN: Self = Self(0x80);
    const CHECKSUM: Self = Self(0x8E);
    const KEY_AGREEMENT: Self = Self(0xA6);
    pub(super) const PUBLIC_KEY: Self = Self(0x7F49);
    pub(super) const POINT: Self = Self(0x86);
}
