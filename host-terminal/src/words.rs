//! What things are called in front of people.

use protocol::message::{Kind, SUITE_1};
use protocol::types::{Options, Role, TransactionKind};

use crate::offer::{self, Joined};

/// Kinds of transaction by their numbers.
pub const KINDS: &[(u8, &str)] = &[
    (TransactionKind::PURCHASE.0, "purchase"),
    (TransactionKind::REFUND.0, "refund"),
    (TransactionKind::CANCELLATION.0, "cancellation"),
    (TransactionKind::INQUIRY.0, "inquiry"),
    (TransactionKind::STATEMENT.0, "statement"),
];

/// Roles by their numbers.
pub const ROLES: &[(u8, &str)] = &[
    (Role::PAYER.0, "payer"),
    (Role::PAYEE.0, "payee"),
    (Role::INQUIRER.0, "inquirer"),
    (Role::WITNESS.0, "witness"),
    (Role::HOLDER.0, "holder"),
    (Role::VERIFIER.0, "verifier"),
];

/// What a member may ask for.
pub const OPTIONS: [(Options, &str); 6] = [
    (Options::HIDDEN_KEY, "hidden key"),
    (Options::ANSWER_INSIDE, "answer inside"),
    (Options::TRANSACTION_INSIDE, "transaction inside"),
    (Options::SHARED_KEY, "shared key"),
    (Options::PEER_KEYS, "peer keys"),
    (Options::REVEAL_TO_PEERS, "reveal to peers"),
];

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

/// A message between hops, by its first bytes; a member's message to the next one by what is in it.
pub(crate) fn message(message: &[u8]) -> &'static str {
    let inner = Joined::parse(message).map_or(message, |joined| joined.message);
    match inner {
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
