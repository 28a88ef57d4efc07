//! Transcripts: what goes to a card and what comes back, as text that a card engineer reads without knowing Rust. They
//! are written by hand, recorded by `--trace`, and played to cards by `replay` and by the project's tests.
//!
//! ```text
//! # a comment, to the end of the line
//! needs a card that nobody has used    what the transcript needs of its card, for people; else: a new card
//! include personalised.apdu            plays another transcript first, from the same folder
//! card Ada's card                      the card that what follows is about, where there are several
//! reset                                power off and on
//! > 00A4 0000 02 3F00                  a command
//! < 6F .. 9000                         the response it must have; `..` stands for any bytes, also none
//! > 0020 0001 06 ????????????          `??` stands for a byte that was left out: of a PIN, a key or a plain text
//! < 9000
//! > 0020 0001 ??                       one that was typed on the reader, which does not tell how long it is
//! < 9000
//! ```
//!
//! Digits are hexadecimal, two a byte; spaces between bytes say nothing. After each command comes its response. Bytes
//! left out of a command are all in one place. In a Markdown file, the lines of all blocks fenced as `apdu` are one
//! transcript.
//!
//! A transcript begins with a card that was just reset. One that was recorded is true of the same card as it was then,
//! or of an equal one, as far as cards can be equal: `..` stands for data that are random on every card, and for those
//! that a key opened. A transaction is therefore true up to the provider's first answer, which fits one session only.
//!
//! | module | what it is |
//! | --- | --- |
//! | `command`, `response` | one line each, read, written and compared |
//! | `parse` | files into steps |
//! | `random` | which responses are random |
//! | `trace` | what travels, written as a transcript |
//! | `capture`, `pcapng` | what travels, written for Wireshark |
//! | `replay`, `difference` | a transcript, played to a card |

mod capture;
mod command;
mod difference;
mod error;
mod parse;
mod pcapng;
mod random;
mod replay;
mod response;
mod trace;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use capture::Capture;
pub use command::Command;
pub use difference::Difference;
pub use error::{Mistake, TranscriptError};
pub use replay::{Replay, ReplayError};
pub use response::Expected;
pub use trace::Trace;

use crate::observe::{Observer, private_file};

/// The longest line, bytes. The longest APDU there is takes half of it.
pub const LINE_MAX: usize = 1 << 18;
/// The longest transcript, its files together, bytes.
pub const TEXT_MAX: usize = 1 << 26;
/// Transcripts include one another at most this deep.
pub const INCLUDE_DEPTH_MAX: usize = 4;
/// Files that make up one transcript, each counted as often as it is included.
pub const FILES_MAX: usize = 64;
/// Steps of one transcript, those that it includes among them.
pub const STEPS_MAX: usize = 200_000;

/// The ending of the name of a file that is written for Wireshark.
const CAPTURE: &str = "pcapng";

/// What goes to cards and what they must answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// What it needs of its card; empty where this is a new one.
    pub needs: String,
    /// What is done, in order.
    pub lines: Vec<Line>,
}

/// One step, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where the step is written: a command's line.
    pub place: Place,
    /// The card, where the transcript says which.
    pub card: Option<Arc<str>>,
    /// What is done.
    pub step: Step,
}

/// What is done with a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Power off and on.
    Reset,
    /// A command, and the response that it must have.
    Exchange(Command, Expected),
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file.display(), self.line)
    }
}

/// As it stands in a transcript.
impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => write!(out, "reset"),
            Self::Exchange(command, expected) => write!(out, "> {command}\n< {expected}"),
        }
    }
}

impl Transcript {
    /// What it needs of its card, in words.
    #[must_use]
    pub fn needs(&self) -> &str {
        if self.needs.is_empty() { "a new card" } else { &self.needs }
    }

    /// The cards that it names, each once.
    #[must_use]
    pub fn cards(&self) -> Vec<&str> {
        let mut cards = Vec::new();
        for card in self.lines.iter().filter_map(|line| line.card.as_deref()) {
            if !cards.contains(&card) {
                cards.push(card);
            }
        }
        cards
    }
}

/// An observer that writes what travels between `program` and its cards to a file: for Wireshark where the file's name
/// ends with `.pcapng`, otherwise a transcript. What cards tell after a PIN is in it, so that a new one is its owner's.
///
/// # Errors
/// The file cannot be written.
pub fn record(path: &Path, program: &str) -> io::Result<Arc<dyn Observer>> {
    let file = private_file(path)?;
    let is_capture = path.extension().is_some_and(|extension| extension == CAPTURE);
    Ok(if is_capture { Arc::new(Capture::new(file, program)?) } else { Arc::new(Trace::new(file, program)?) })
}
