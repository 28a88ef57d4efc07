//! What travelled, in words: every command, response and message with its fields, sealed ones with their length alone.
//!
//! Whoever has recorded bytes can read this much of them; nobody without keys can read more.

mod command;
mod message;
mod response;

use std::collections::HashMap;

use protocol::types::Options;

pub use command::command;
pub use message::message;
pub use response::{response, status};

use crate::card::TYPED_ON_READER;
use crate::observe::{Event, Kind, LeftOut};
use crate::words::{self, printable};

/// Tells events in words: a response by the command that it answers.
#[derive(Default)]
pub struct Teller {
    /// What each card was asked last.
    asked: HashMap<String, Vec<u8>>,
}

impl Teller {
    /// The event in words, which no control characters are in.
    pub fn tell(&mut self, event: &Event<'_>) -> Vec<String> {
        let words = match event.kind {
            Kind::Reset => vec![format!("answer to reset {}", hex::encode_upper(event.bytes))],
            Kind::Command => {
                self.asked.insert(event.to.to_owned(), event.bytes.to_vec());
                recorded(event.bytes, event.left_out)
            }
            Kind::Response => self.response(event),
            Kind::Message => message(event.bytes),
        };
        words.iter().map(|line| printable(line)).collect()
    }

    fn response(&mut self, event: &Event<'_>) -> Vec<String> {
        let asked = self.asked.remove(event.from).unwrap_or_default();
        if event.left_out.is_nothing() {
            return response(&asked, event.bytes);
        }
        let mut words = response(&asked, event.left_out.around(event.bytes).concat().as_slice());
        words.push(format!("{} bytes, not shown", event.left_out.length));
        words
    }
}

/// Bytes of an identification or a key that are shown: enough to tell two apart.
const SHOWN: usize = 8;

/// A command with zeros where something was left out.
pub(crate) fn recorded(bytes: &[u8], left_out: LeftOut) -> Vec<String> {
    match *bytes {
        [_, _, _, number, _] if left_out == TYPED_ON_READER => {
            vec![format!("VERIFY: PIN {number}, typed on the reader")]
        }
        _ => command(bytes),
    }
}

/// The beginning of `bytes` in hexadecimal, and how many there are where that is not all.
fn short(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(shown) if bytes.len() > SHOWN => format!("{}… ({} bytes)", hex::encode(shown), bytes.len()),
        Some(_) | None => hex::encode(bytes),
    }
}

/// Plain text that members put beside the sealed fields; mostly there is none.
fn plain_text(bytes: &[u8]) -> String {
    match (bytes, std::str::from_utf8(bytes)) {
        ([], _) => "no plain text".to_owned(),
        (_, Ok(text)) => format!("plain text {text:?}"),
        (_, Err(_)) => format!("plain text {}", short(bytes)),
    }
}

/// What a member asks for.
fn options(options: Options) -> String {
    let chosen = words::OPTIONS.iter().filter(|(option, _)| options.has(*option));
    let chosen: Vec<&str> = chosen.map(|(_, name)| *name).collect();
    if chosen.is_empty() { "no options".to_owned() } else { chosen.join(", ") }
}

/// What to say of bytes that are not what they should be.
fn unreadable(what: &str, bytes: &[u8]) -> Vec<String> {
    vec![format!("no {what}: {}", short(bytes))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_every_kind_are_told_and_none_is_a_panic() {
        assert_eq!(command(&[0x80, 0x10, 0x01, 0x00]), ["CHOOSE PROVIDER: record 1"]);
        assert_eq!(command(b"\x00\x20\x00\x01\x041234"), ["VERIFY: PIN 1, which is not shown"]);
        assert_eq!(command(b"\x00\x20\x00\x011234"), ["no command: 0020000100000000"]);
        assert_eq!(command(b"\x94\xD8\x00\x81\x04keys"), ["PUT KEY: not shown"]);
        let deciphered = response(&[0x00, 0x2A, 0x80, 0x86], b"plain text\x90\x00");
        assert_eq!(deciphered, ["9000: done", "10 bytes, not shown"]);
        assert_eq!(response(&[], &[0x63, 0xC2]), ["63C2: wrong or not verified, 2 tries left"]);
        assert_eq!(message(&[0x01, 0x07]), ["refusal: unsigned, and the same for whatever does not verify"]);
        assert_eq!(message(&[0x01, 0x01, 0xFF]), ["no key exchange request: 0101ff"]);
        for length in 0..40 {
            for first in [0x00, 0x01, 0x80, 0xFF] {
                let bytes = vec![first; length];
                assert!(!message(&bytes).is_empty() && !command(&bytes).is_empty());
                assert!(!response(&bytes, &bytes).is_empty());
            }
        }
    }
}
