//! Acknowledgment: a member's part. The provider answers it with a final notice.

use serde::{Deserialize, Serialize};

use super::{Header, at_most};
use crate::codec;
use crate::error::Malformed;
use crate::limits;
use crate::types::Digest;

/// What a member says to the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Do it.
    Accept,
    /// Do not.
    Reject,
}

/// What anybody may read of a member's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outer<'a> {
    /// Transaction, group and member.
    pub header: Header,
    /// The root of the response batch that this acknowledges.
    pub root: Digest,
    /// Accept or reject.
    pub decision: Decision,
    /// Plain text, at most [`limits::PLAIN_TEXT_MAX`] bytes.
    pub plain_text: &'a [u8],
}

/// The sealed fields of a member's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seals<'a> {
    /// Data, sealed under the group's key where it shares one; at most [`limits::SENSITIVE_MAX`] bytes before sealing.
    pub data: &'a [u8],
    /// Sensitive data for the provider alone, likewise.
    pub sensitive: &'a [u8],
}

/// A member's part of an acknowledgment: `outer`, then the seals.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgment<'a> {
    /// The bytes of `outer`: the associated data of every seal.
    pub outer_bytes: &'a [u8],
    /// What anybody may read.
    pub outer: Outer<'a>,
    /// The sealed fields.
    pub seals: Seals<'a>,
}

impl<'a> Acknowledgment<'a> {
    /// Reads a member's part.
    pub fn parse(own: &'a [u8]) -> Result<Self, Malformed> {
        let (outer, rest) = codec::decode_first::<Outer<'_>>(own)?;
        at_most(outer.plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        Ok(Self { outer_bytes: codec::before(own, rest), outer, seals: codec::decode(rest)? })
    }
}
