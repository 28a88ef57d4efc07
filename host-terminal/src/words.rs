//! What things are called in front of people.

use std::error::Error;
use std::iter::successors;

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

/// `text` without what could steer the screen that it is shown on, or show it in another order.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if steers(character) { char::REPLACEMENT_CHARACTER } else { character }).collect()
}

/// Controls, the ends of lines and paragraphs, and what turns the direction of writing around (Unicode, UAX #9, 2).
fn steers(character: char) -> bool {
    let turns =
        matches!(character, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || turns
}

/// An error and its causes in one sentence, each said once: many errors say their cause themselves. Lines stay lines.
#[must_use]
pub fn explained(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    for cause in successors(error.source(), |&cause| cause.source()).map(ToString::to_string) {
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words.lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Caused {
        said: &'static str,
        source: io::Error,
    }

    #[test]
    fn what_steers_a_screen_or_turns_text_around_is_not_printed() {
        assert_eq!(printable("Caf\u{e9} \u{1F950}\u{200D}"), "Caf\u{e9} \u{1F950}\u{200D}");
        for character in ['\x1b', '\u{9b}', '\n', '\u{202E}', '\u{2066}', '\u{200F}', '\u{2028}'] {
            assert_eq!(printable(&format!("a{character}b")), "a\u{FFFD}b", "{character:?}");
        }
    }

    #[test]
    fn a_cause_is_said_once() {
        for (said, words) in
            [("there: gone", "there: gone"), ("not there", "not there: gone"), ("a\nb\x1b", "a\nb\u{FFFD}: gone")]
        {
            assert_eq!(explained(&Caused { said, source: io::Error::other("gone") }), words);
        }
    }
}
