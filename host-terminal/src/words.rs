//! What things are called in front of people.

use protocol::message::{Kind, SUITE_1};

use crate::offer;

/// A kind of message.
#[must_use]
pub const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::KeyExchangeRequest => "key exchange request",
        Kind::KeyExchangeResponse => "key exchange response",
        Kind::TransactionRequest => "transaction request",
        Kind::TransactionResponse => "transaction response",
        Kind::Acknowledgment => "acknowledgment",
        Kind::FinalNotice => "final notice",
        Kind::Refused => "refusal",
        Kind::DescriptorRequest => "descriptor request",
        Kind::Descriptor => "descriptor",
    }
}

/// A message between hops, by its first bytes.
pub(crate) fn message(message: &[u8]) -> &'static str {
    match message {
        [SUITE_1, offer::OFFER_REQUEST, ..] => "offer request",
        [SUITE_1, offer::OFFER, ..] => "offer",
        [SUITE_1, offer::STOPPED, ..] => "stop",
        [SUITE_1, byte, ..] => Kind::from_byte(*byte).map_or("unknown message", kind),
        _ => "unknown message",
    }
}

/// `text` without what could steer the screen that it is shown on.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{FFFD}' } else { character }).collect()
}
