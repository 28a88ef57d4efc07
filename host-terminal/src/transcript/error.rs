//! What is wrong with a transcript.

use std::io;
use std::path::PathBuf;

use super::{FILES_MAX, INCLUDE_DEPTH_MAX, LINE_MAX, Place, STEPS_MAX, TEXT_MAX};

/// Why a file is no transcript.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// With this file it is too long.
    #[error("with {} the transcript is longer than {TEXT_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    /// A line is not one.
    #[error("{place}:{column}: {mistake}")]
    Mistaken {
        /// Which.
        place: Place,
        /// The character in it, from 1.
        column: usize,
        /// What is wrong there.
        mistake: Mistake,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// Nothing begins so.
    #[error("a line begins with `>`, `<`, `reset`, `card`, `needs`, `include` or `#`")]
    Unknown,
    /// There is more, or less, behind the first word than belongs there.
    #[error("{0}")]
    Argument(&'static str),
    /// A response, and no command.
    #[error("a response without a command before it")]
    NoCommand,
    /// A command, and no response.
    #[error("the command here has no response; `< ..` takes any")]
    NoResponse,
    /// No digit.
    #[error("{0:?} is no hexadecimal digit")]
    NoDigit(char),
    /// A byte has two digits.
    #[error("half a byte: each takes two digits")]
    HalfByte,
    /// `..` in a command.
    #[error("a command is known in full: `..` has no place in it, and `??` stands for a byte that was left out")]
    AnyInCommand,
    /// `??` in a response.
    #[error("`..` stands for what was left out of a response")]
    LeftOutOfResponse,
    /// `??` in two places.
    #[error("what was left out of a command is all in one place")]
    LeftOutTwice,
    /// No text.
    #[error("not text in UTF-8")]
    NoText,
    /// Too long.
    #[error("a line has at most {LINE_MAX} bytes")]
    LineTooLong,
    /// Includes too deep.
    #[error("transcripts include one another at most {INCLUDE_DEPTH_MAX} deep")]
    TooDeep,
    /// Includes too many.
    #[error("a transcript is made up of at most {FILES_MAX} files")]
    TooManyFiles,
    /// Too many steps.
    #[error("a transcript has at most {STEPS_MAX} steps")]
    TooManySteps,
}
