//! Why a card did not do what it was told.

use apdu_spec::{ParseError, Status};

use crate::reader::ReaderError;

/// Why a card did not do what it was told, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The card cannot be reached.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The PIN is wrong.
    #[error("wrong PIN, {left} {} left", if *left == 1 { "try" } else { "tries" })]
    WrongPin {
        /// How many wrong PINs more until it blocks.
        left: u8,
    },
    /// No PIN was typed on the reader.
    #[error("no PIN was typed on the reader: {0}")]
    PinNotTyped(&'static str),
    /// The PIN was wrong before. A PIN from a file is not tried twice: each wrong one costs a try.
    #[error("the PIN was wrong before, and is not tried again")]
    NotTriedAgain,
    /// The PIN has no tries left.
    #[error("the PIN is blocked: the card's issuer can help")]
    PinBlocked,
    /// The card refused.
    #[error("the card refused {command}: {} ({status})", meaning(command, *status))]
    Refused {
        /// Which command.
        command: String,
        /// The status word.
        status: Status,
    },
    /// The card's answer means nothing.
    #[error("the card's answer to {command} is not one: this is another card, or one of another version")]
    Answer {
        /// To which command.
        command: String,
    },
    /// What was to be sent does not fit a command.
    #[error("{0} is longer than a command can be")]
    TooLong(&'static str),
}

impl CardError {
    pub(super) fn refused(command: &str, status: Status) -> Self {
        match (status, status.tries()) {
            (Status::PIN_BLOCKED, _) | (_, Some(0)) => Self::PinBlocked,
            (_, Some(left)) => Self::WrongPin { left },
            (_, None) => Self::Refused { command: command.to_owned(), status },
        }
    }

    pub(super) fn answer(command: &str) -> impl Fn(ParseError) -> Self {
        move |_| Self::Answer { command: command.to_owned() }
    }
}

/// What a status word means after this command, and what to do.
fn meaning(command: &str, status: Status) -> &'static str {
    match status {
        Status::SECURITY_NOT_SATISFIED if command.starts_with("RECEIVE") => {
            "the answer does not verify: it was changed on the way, or is another's"
        }
        Status::SECURITY_NOT_SATISFIED if command == "LOAD DESCRIPTOR" => {
            "the descriptor is not signed by the account's provider"
        }
        Status::SECURITY_NOT_SATISFIED => "the PIN is needed first",
        Status::CONDITIONS_NOT_SATISFIED if command == "LOAD DESCRIPTOR" => {
            "it has seen a newer descriptor of this provider"
        }
        Status::CONDITIONS_NOT_SATISFIED => "not at this moment; begin again",
        Status::FUNCTION_NOT_SUPPORTED if command.starts_with("BUILD") => {
            "the amount is above the card's own limit for the account"
        }
        Status::MEMORY_FAILURE => "its memory fails; the card must be replaced",
        Status::WRONG_DATA => "it does not understand the data, which was damaged on the way",
        Status::FILE_NOT_FOUND => "it has no transaction application",
        Status::REFERENCE_NOT_FOUND => "it has no such account or PIN",
        Status::NOT_ENOUGH_SPACE => "it has no space left",
        Status::FILE_EXISTS => "it has a file with this identifier or short identifier already",
        Status::AID_EXISTS => "it has an application with this name already",
        Status::INSTRUCTION_NOT_SUPPORTED | Status::CLASS_NOT_SUPPORTED | Status::FUNCTION_NOT_SUPPORTED => {
            "it has no such command; this is another card, or one of another version"
        }
        Status::FAILURE => "it failed itself; nothing of the command was kept",
        _ => "it gives no reason that this terminal knows",
    }
}
