//! The bytes of every message. What parties do with them is in [`crate::member`] and `crate::provider`.
//!
//! ```text
//! message   = suite (1 byte)  kind (1 byte)  body
//! request   = nodes of a signed tree, in pre-order           (`request`)
//! response  = parts of a Merkle batch under one signature    (`response`)
//! ```
//!
//! A node's `own` bytes and a part's `item` bytes have the same build for every kind: an *outer* value that anybody on
//! the way may read, then the sealed fields. The outer bytes are the associated data of every seal beside them.

pub mod acknowledgment;
pub mod descriptor;
pub mod final_notice;
pub mod key_exchange;
pub mod request;
pub mod response;
pub mod transaction;

use serde::{Deserialize, Serialize};

use crate::error::Malformed;
use crate::types::{GroupId, Number, TransactionId};

/// Suite 1: P-256, SHA-256, AES-128-GCM, AES-CMAC, HPKE with DHKEM(P-256, HKDF-SHA256).
pub const SUITE_1: u8 = 1;

/// What a message is; the second byte of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Members ask for sessions.
    KeyExchangeRequest = 1,
    /// The provider gives each its own.
    KeyExchangeResponse = 2,
    /// Members say what they want done.
    TransactionRequest = 3,
    /// The provider says whether it will be.
    TransactionResponse = 4,
    /// Members accept or reject.
    Acknowledgment = 5,
    /// The provider says how it ended.
    FinalNotice = 6,
    /// The one unsigned answer to whatever does not verify. It has no body.
    Refused = 7,
    /// Anybody asks for the provider's current descriptor. It has no body.
    DescriptorRequest = 8,
    /// The descriptor, signed by the provider's root key.
    Descriptor = 9,
}

impl Kind {
    /// The kind that a byte names.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::KeyExchangeRequest,
            2 => Self::KeyExchangeResponse,
            3 => Self::TransactionRequest,
            4 => Self::TransactionResponse,
            5 => Self::Acknowledgment,
            6 => Self::FinalNotice,
            7 => Self::Refused,
            8 => Self::DescriptorRequest,
            9 => Self::Descriptor,
            _ => return None,
        })
    }

    /// The byte that names this kind.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The kind that answers this one, where it is a request.
    #[must_use]
    pub const fn answer(self) -> Option<Self> {
        match self {
            Self::KeyExchangeRequest => Some(Self::KeyExchangeResponse),
            Self::TransactionRequest => Some(Self::TransactionResponse),
            Self::Acknowledgment => Some(Self::FinalNotice),
            Self::DescriptorRequest => Some(Self::Descriptor),
            Self::KeyExchangeResponse
            | Self::TransactionResponse
            | Self::FinalNotice
            | Self::Refused
            | Self::Descriptor => None,
        }
    }
}

/// The two bytes of a message without a body.
#[must_use]
pub const fn bare(kind: Kind) -> [u8; 2] {
    [SUITE_1, kind.byte()]
}

/// Takes the suite and kind off a message.
pub fn split(message: &[u8]) -> Result<(Kind, &[u8]), Malformed> {
    match message {
        [SUITE_1, kind, body @ ..] => Ok((Kind::from_byte(*kind).ok_or(Malformed::UnexpectedKind(*kind))?, body)),
        [suite, _, ..] => Err(Malformed::UnknownSuite(*suite)),
        [] | [_] => Err(Malformed::Undecodable),
    }
}

/// Takes the suite and kind off a message that must be of `kind`.
pub(crate) fn expect(message: &[u8], kind: Kind) -> Result<&[u8], Malformed> {
    let (found, body) = split(message)?;
    if found == kind { Ok(body) } else { Err(Malformed::UnexpectedKind(found.byte())) }
}

/// What every message after the key exchange begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The transaction.
    pub transaction: TransactionId,
    /// The group that takes part in it.
    pub group: GroupId,
    /// The member that the message comes from or goes to.
    pub number: Number,
}

/// Refuses a byte string above its limit.
pub(crate) const fn at_most(bytes: &[u8], limit: usize, what: &'static str) -> Result<(), Malformed> {
    if bytes.len() <= limit { Ok(()) } else { Err(Malformed::TooLarge(what)) }
}
