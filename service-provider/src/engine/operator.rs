//! What a provider's operator hears from members and has them told, beside what the protocol and the books decide.

use protocol::limits::{PLAIN_TEXT_MAX, SENSITIVE_MAX};
use protocol::message::Kind;
use protocol::types::{Number, TransactionId};
use zeroize::Zeroizing;

/// Hears what members say, and says something to each.
pub trait Operator: Send + Sync + 'static {
    /// What a member is told in answer to its message, whose signature and seals hold. A key exchange that is refused
    /// is not heard. When a crash makes the same message come again, it is heard again; members are told what was kept
    /// first.
    fn answer(&self, heard: &Heard<'_>) -> Words;
}

/// What one member said in one message.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// Key exchange request, transaction request or acknowledgment.
    pub kind: Kind,
    /// The transaction.
    pub transaction: TransactionId,
    /// The member's number in its group.
    pub number: Number,
    /// What anybody could read.
    pub plain_text: &'a [u8],
    /// Data of an acknowledgment, which the group may read where it shares a key; else nothing.
    pub data: &'a [u8],
    /// What nobody else can read.
    pub sensitive: &'a [u8],
}

/// What one member is told.
#[derive(Clone, Default)]
pub struct Words {
    plain_text: Vec<u8>,
    sensitive: Zeroizing<Vec<u8>>,
}

/// Words are longer than a message has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {PLAIN_TEXT_MAX} bytes of plain text and {SENSITIVE_MAX} of sensitive data can be said")]
pub struct TooLong;

impl Words {
    /// Text that anybody may read, at most [`PLAIN_TEXT_MAX`] bytes, and data for the member's card alone, at most
    /// [`SENSITIVE_MAX`]. A final notice has room for the text only.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn new(plain_text: &[u8], sensitive: &[u8]) -> Result<Self, TooLong> {
        if plain_text.len() > PLAIN_TEXT_MAX || sensitive.len() > SENSITIVE_MAX {
            return Err(TooLong);
        }
        Ok(Self { plain_text: plain_text.to_vec(), sensitive: sensitive.to_vec().into() })
    }

    pub(super) fn plain_text(&self) -> &[u8] {
        &self.plain_text
    }

    pub(super) fn sensitive(&self) -> &[u8] {
        &self.sensitive
    }
}

/// Has nothing to say.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Operator for Silent {
    fn answer(&self, _: &Heard<'_>) -> Words {
        Words::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_long_as_a_message_has_room_for() {
        assert!(Words::new(&[0; PLAIN_TEXT_MAX], &[0; SENSITIVE_MAX]).is_ok());
        assert_eq!(Words::new(&[0; PLAIN_TEXT_MAX + 1], &[]).err(), Some(TooLong));
        assert_eq!(Words::new(&[], &[0; SENSITIVE_MAX + 1]).err(), Some(TooLong));
    }
}
