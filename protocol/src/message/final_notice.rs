//! Final notice: the provider's part for one member. Goods are handed over on this, not on the response.

use serde::{Deserialize, Serialize};

use super::{Header, at_most};
use crate::codec;
use crate::error::Malformed;
use crate::limits;
use crate::types::{Digest, Ending};

/// What anybody may read of the provider's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outer<'a> {
    /// Transaction, group and member.
    pub header: Header,
    /// The member's acknowledgment that this answers.
    pub request: Digest,
    /// How it ended.
    pub ending: Ending,
    /// Plain text, at most [`limits::PLAIN_TEXT_MAX`] bytes.
    pub plain_text: &'a [u8],
}

/// The sealed fields of the provider's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seals<'a> {
    /// A line for the receipt, which the card hands to its terminal; at most [`limits::LINE_MAX`] bytes before sealing.
    /// Empty or not, it is there: the session as well as the signature vouches for the ending.
    pub receipt: &'a [u8],
}

/// The provider's part for one member: `outer`, then the seals.
#[derive(Clone, Copy, Debug)]
pub struct FinalNotice<'a> {
    /// The bytes of `outer`: the associated data of every seal.
    pub outer_bytes: &'a [u8],
    /// What anybody may read.
    pub outer: Outer<'a>,
    /// The sealed fields.
    pub seals: Seals<'a>,
}

impl<'a> FinalNotice<'a> {
    /// Reads the provider's part for one member.
    pub fn parse(item: &'a [u8]) -> Result<Self, Malformed> {
        let (outer, rest) = codec::decode_first::<Outer<'_>>(item)?;
        at_most(outer.plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        Ok(Self { outer_bytes: codec::before(item, rest), outer, seals: codec::decode(rest)? })
    }
}
