//! Transaction: a member's part of the request, and the provider's part of the response for it.

use serde::{Deserialize, Serialize};

use super::{Header, at_most};
use crate::codec;
use crate::error::Malformed;
use crate::limits;
use crate::types::{Currency, Digest, Ending, Numbers, Parties, Reason, Role, TransactionId, TransactionKind};

/// What anybody may read of a member's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestOuter<'a> {
    /// Transaction, group and member.
    pub header: Header,
    /// Plain text, at most [`limits::PLAIN_TEXT_MAX`] bytes.
    pub plain_text: &'a [u8],
}

/// A member's part of a transaction request: `outer`, then the sealed fields.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The bytes of `outer`: the associated data of every seal.
    pub outer_bytes: &'a [u8],
    /// What anybody may read.
    pub outer: RequestOuter<'a>,
    /// Cryptogram 3: the answer to the provider challenge, 32 bytes, sealed.
    pub cryptogram_3: &'a [u8],
    /// [`Terms`], sealed under the group's key where it shares one.
    pub terms: &'a [u8],
    /// [`Private`], sealed.
    pub private: &'a [u8],
    /// All bytes in front of `private`, which the account proof covers.
    pub before_private: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a member's part.
    pub fn parse(own: &'a [u8]) -> Result<Self, Malformed> {
        let (outer, sealed) = codec::decode_first::<RequestOuter<'_>>(own)?;
        at_most(outer.plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        let (cryptogram_3, rest) = codec::decode_first(sealed)?;
        let (terms, rest) = codec::decode_first(rest)?;
        Ok(Self {
            outer_bytes: codec::before(own, sealed),
            outer,
            cryptogram_3,
            terms,
            private: codec::decode(rest)?,
            before_private: codec::before(own, rest),
        })
    }
}

/// What a member wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The kind of transaction.
    pub kind: TransactionKind,
    /// The member's part in it.
    pub role: Role,
    /// The amount, in the currency's minor units.
    pub amount: u64,
    /// The currency.
    pub currency: Currency,
    /// With whom, by their numbers in the group, in ascending order.
    pub counterparties: Numbers,
    /// The earlier transaction that this one is about.
    pub reference: Option<TransactionId>,
}

impl Terms {
    /// Reads the plain text of the terms field.
    pub fn parse(plain: &[u8]) -> Result<Self, Malformed> {
        let value: Self = codec::decode(plain)?;
        if value.is_in_order() { Ok(value) } else { Err(Malformed::Structure) }
    }

    /// Whether the counterparties stand in ascending order, none of them twice.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.counterparties.is_sorted_by(|one, next| one < next)
    }
}

/// What the member says to the provider alone. The account proof, 16 bytes, follows as the last of the plain text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private<'a> {
    /// Account information, at most [`limits::ACCOUNT_MAX`] bytes.
    pub account: &'a [u8],
    /// Sensitive data, at most [`limits::SENSITIVE_MAX`] bytes.
    pub sensitive: &'a [u8],
}

impl<'a> Private<'a> {
    /// Reads the plain text of the private field. Gives the bytes that the account proof covers, and the proof.
    pub fn parse(plain: &'a [u8]) -> Result<(Self, &'a [u8], &'a [u8; 16]), Malformed> {
        let (value, rest) = codec::decode_first::<Self>(plain)?;
        at_most(value.account, limits::ACCOUNT_MAX, "account")?;
        at_most(value.sensitive, limits::SENSITIVE_MAX, "sensitive data")?;
        Ok((value, codec::before(plain, rest), rest.try_into().map_err(|_| Malformed::Undecodable)?))
    }
}

/// What anybody may read of the provider's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseOuter<'a> {
    /// Transaction, group and member.
    pub header: Header,
    /// The member's node that this answers.
    pub request: Digest,
    /// Plain text, at most [`limits::PLAIN_TEXT_MAX`] bytes.
    pub plain_text: &'a [u8],
}

/// The sealed fields of the provider's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseSeals<'a> {
    /// [`Display`], which the card hands to its terminal; sealed under the group's key where it shares one.
    pub display: &'a [u8],
    /// Response data for the card alone, at most [`limits::SENSITIVE_MAX`] bytes before sealing.
    pub private: &'a [u8],
}

/// The provider's part for one member: `outer`, then the seals.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The bytes of `outer`: the associated data of every seal.
    pub outer_bytes: &'a [u8],
    /// What anybody may read.
    pub outer: ResponseOuter<'a>,
    /// The sealed fields.
    pub seals: ResponseSeals<'a>,
}

impl<'a> Response<'a> {
    /// Reads the provider's part for one member.
    pub fn parse(item: &'a [u8]) -> Result<Self, Malformed> {
        let (outer, rest) = codec::decode_first::<ResponseOuter<'_>>(item)?;
        at_most(outer.plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        Ok(Self { outer_bytes: codec::before(item, rest), outer, seals: codec::decode(rest)? })
    }
}

/// What the provider decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome<'a> {
    /// It will be done when all have acknowledged.
    Approved,
    /// It will not be done.
    #[serde(borrow)]
    Declined(Reason<'a>),
    /// Answer to an inquiry: how the transaction that it refers to stands. `None`: it has not ended yet.
    Stands(Option<Ending>),
}

/// What the card hands to its terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display<'a> {
    /// The decision.
    #[serde(borrow)]
    pub outcome: Outcome<'a>,
    /// The amount, as the provider understood it.
    pub amount: u64,
    /// The currency, likewise.
    pub currency: Currency,
    /// The verified names: the same that the key exchange gave.
    pub parties: Parties<'a>,
    /// A line for the receipt, at most [`limits::LINE_MAX`] bytes.
    pub receipt: &'a str,
}

impl<'a> Display<'a> {
    /// Reads the plain text of the display field.
    pub fn parse(plain: &'a [u8]) -> Result<Self, Malformed> {
        let value: Self = codec::decode(plain)?;
        check_parties(&value.parties)?;
        at_most(value.receipt.as_bytes(), limits::LINE_MAX, "receipt")?;
        if let Outcome::Declined(reason) = &value.outcome {
            reason.check()?;
        }
        Ok(value)
    }
}

/// Names within their limit, numbers in ascending order.
pub(crate) fn check_parties(parties: &Parties<'_>) -> Result<(), Malformed> {
    for party in parties {
        at_most(party.name.as_bytes(), limits::NAME_MAX, "name")?;
    }
    if parties.is_sorted_by(|one, next| one.number < next.number) { Ok(()) } else { Err(Malformed::Structure) }
}
