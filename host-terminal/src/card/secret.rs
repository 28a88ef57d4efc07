//! What of commands and responses nobody is told who looks on: PINs, keys, and what keys open.
//!
//! | command | of the command | of its response |
//! | --- | --- | --- |
//! | VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER | data | |
//! | STORE DATA, PUT KEY | data | |
//! | PERFORM SECURITY OPERATION: ENCIPHER | data | |
//! | PERFORM SECURITY OPERATION: DECIPHER | | data, also what GET RESPONSE brings of them |
//!
//! Whatever its class: in parts, on any logical channel, in a secure channel, which may only authenticate. What is no
//! command is left out but for its header where it would be one of these, for it may be one that was mistyped.

use apdu_spec::Command;
use apdu_spec::command::Header;
use apdu_spec::instruction::{
    ChangeReferenceData, GetResponse, PerformSecurityOperation, PutKey, ResetRetryCounter, StoreData, Verify, Wire,
};

use crate::observe::LeftOut;

/// Bytes of CLA, INS, P1 and P2.
const HEADER: usize = 4;
/// Bytes of a status word.
const STATUS: usize = 2;

/// What of a VERIFY nobody is told where the PIN is typed on the reader: not even how long it is. One byte stands for
/// `Lc` and the PIN.
pub const TYPED_ON_READER: LeftOut = LeftOut { start: HEADER, length: 1 };

/// P1 and P2 of PERFORM SECURITY OPERATION (ISO/IEC 7816-8, 5.3).
const ENCIPHER: (u8, u8) = (0x86, 0x80);
const DECIPHER: (u8, u8) = (0x80, 0x86);

/// VERIFY and its neighbours have a form with data objects, with the next instruction byte (ISO/IEC 7816-4, 5.5).
const DATA_OBJECTS: u8 = 1;

/// What is secret in one card's commands and responses, told one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secrets {
    /// The card answers, or goes on answering, what a key opened.
    is_answered: bool,
}

impl Secrets {
    /// What of a command is left out.
    pub fn of_command(&mut self, command: &[u8]) -> LeftOut {
        let Some((header, _)) = header(command) else { return LeftOut::NOTHING };
        if header.instruction != GetResponse::INSTRUCTION {
            self.is_answered = is_answered(header);
        }
        if is_brought(header) { data_of(command) } else { LeftOut::NOTHING }
    }

    /// What of the response to that command is left out.
    #[must_use]
    pub fn of_response(&self, response: &[u8]) -> LeftOut {
        let length = response.len().saturating_sub(STATUS);
        if self.is_answered { LeftOut { start: 0, length } } else { LeftOut::NOTHING }
    }
}

fn header(command: &[u8]) -> Option<(Header, &[u8])> {
    let (&[class, instruction, p1, p2], body) = command.split_first_chunk::<HEADER>()?;
    Some((Header { class, instruction, p1, p2 }, body))
}

/// Whether a command with this header brings something secret.
fn is_brought(header: Header) -> bool {
    let is_proprietary = header.class & 0x80 != 0;
    let pins = [Verify::INSTRUCTION, ChangeReferenceData::INSTRUCTION, ResetRetryCounter::INSTRUCTION];
    match header.instruction {
        instruction if pins.contains(&(instruction & !DATA_OBJECTS)) => true,
        PerformSecurityOperation::INSTRUCTION => (header.p1, header.p2) == ENCIPHER,
        PutKey::INSTRUCTION | StoreData::INSTRUCTION => is_proprietary,
        _ => false,
    }
}

/// Whether a command with this header is answered with something secret.
fn is_answered(header: Header) -> bool {
    header.instruction == PerformSecurityOperation::INSTRUCTION && (header.p1, header.p2) == DECIPHER
}

/// The data field; of what is no command all behind the header.
fn data_of(command: &[u8]) -> LeftOut {
    let all = LeftOut { start: HEADER, length: command.len().saturating_sub(HEADER) };
    let Ok(parsed) = Command::parse(command) else { return all };
    let length = parsed.data.len();
    let is_extended = command.get(HEADER) == Some(&0);
    match (length, is_extended) {
        (0, _) => LeftOut::NOTHING,
        (_, false) => LeftOut { start: HEADER + 1, length },
        (_, true) => LeftOut { start: HEADER + 3, length },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str) -> (usize, usize) {
        let LeftOut { start, length } = Secrets::default().of_command(&hex::decode(command).unwrap());
        (start, length)
    }

    #[test]
    fn the_data_alone_are_left_out_whatever_the_class_and_the_length() {
        for class in ["00", "01", "10", "13", "04", "0C", "80", "A0", "40"] {
            assert_eq!(of(&format!("{class}2000010431323334")).0, 5, "{class}");
        }
        assert_eq!(of("0020000100000431323334"), (7, 4));
        assert_eq!(of("002C00010831323334353637380000"), (4, 11), "no command");
        assert_eq!(of("80D800810301020300"), (5, 3));
        assert_eq!(of("00200001"), (0, 0));
        assert_eq!(of("0020000104"), (0, 0), "an expected length");
        assert_eq!(of("00200001313233"), (4, 3), "a length was forgotten");
        assert_eq!(of("00E2000003010203"), (0, 0), "APPEND RECORD");
        assert_eq!(of("0020"), (0, 0));
    }

    #[test]
    fn what_a_key_opened_is_left_out_until_another_command() {
        let mut secrets = Secrets::default();
        let mut left_out = |command: &str| {
            secrets.of_command(&hex::decode(command).unwrap());
            secrets.of_response(&[1, 2, 3, 0x90, 0]).length
        };
        assert_eq!(left_out("002A8086010000"), 3);
        assert_eq!(left_out("00C0000003"), 3);
        assert_eq!(left_out("012A808601000000C0"), 3, "on another channel, and no command");
        assert_eq!(left_out("0084000003"), 0);
        assert_eq!(left_out("00C0000003"), 0);
    }
}
