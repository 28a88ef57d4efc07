//! What the transaction application's commands carry: data objects in BER-TLV, integers with the most significant byte
//! first. What the values mean is the transaction protocol's; here they are bytes.
//!
//! | command | kind | data field | answer |
//! | --- | --- | --- | --- |
//! | BUILD | 1 | [`KeyExchangeInput`] | the member's part, as it travels |
//! | BUILD | 3 | [`TransactionInput`] | the same |
//! | BUILD | 5 | [`AcknowledgmentInput`] | the same |
//! | SIGN | | [`Child`] after [`Child`] | with the last: the signature, as it travels |
//! | RECEIVE | 2 | the response, cut down to the member's part | [`KeyExchangeAnswer`] |
//! | RECEIVE | 4 | the same | [`TransactionAnswer`] |
//! | RECEIVE | 6 | the same | [`FinalAnswer`] |
//!
//! A text or byte string that is empty is left out.

mod answer;
mod input;
mod list;

use crate::{Full, ParseError, Reader, Tag, Writer};

pub use answer::{Ending, FinalAnswer, KeyExchangeAnswer, Outcome, Party, PeerKey, Reason, TransactionAnswer};
pub use input::{AcknowledgmentInput, Child, Decision, FreshKey, KeyExchangeInput, TransactionInput};
pub use list::{Children, Numbers, Parties, PeerKeys};

/// Members whose numbers a transaction request can name.
pub const COUNTERPARTIES_MAX: usize = 16;

/// Children that one node combines.
pub const CHILDREN_MAX: u8 = 16;

/// Bytes of a digest.
pub const DIGEST_LENGTH: usize = 32;

/// Bytes of a signature in the clear, and of one that is sealed because its key is hidden.
pub const SIGNATURE_LENGTHS: [usize; 2] = [64, 80];

impl<'a> Reader<'a> {
    /// The value of the next data object if it has this tag; empty if it has not. An empty value is not written.
    fn optional_bytes(&mut self, tag: Tag) -> Result<&'a [u8], ParseError> {
        match self.optional_field(tag)? {
            Some([]) => Err(ParseError::Invalid),
            Some(bytes) => Ok(bytes),
            None => Ok(&[]),
        }
    }

    /// The same for a text.
    fn optional_text(&mut self, tag: Tag) -> Result<&'a str, ParseError> {
        text(self.optional_bytes(tag)?)
    }
}

impl Writer<'_> {
    /// Appends a data object unless its value is empty.
    fn optional_bytes(&mut self, tag: Tag, value: &[u8]) -> Result<(), Full> {
        if value.is_empty() { Ok(()) } else { self.field(tag, value) }
    }
}

fn text(bytes: &[u8]) -> Result<&str, ParseError> {
    core::str::from_utf8(bytes).map_err(|_| ParseError::Invalid)
}
