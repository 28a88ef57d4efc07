//! The hand on the cards of a process, for other processes: a Unix domain socket that only its owner can use.
//!
//! A connection carries one request and one answer, a line of JSON each:
//!
//! ```text
//! {"card":0,"order":"remove","wait_ms":10000}
//! {"cards":[{"card":0,"image":"a.card","reader":"127.0.0.1:35963","inserted":false,"seen":"empty", ...}]}
//! ```
//!
//! An order that cannot be carried out is answered by `{"error":"..."}` and changes nothing. Where the reader has not
//! noticed in time what was done, `seen` says so.

mod client;
mod server;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hand::{Hand, Moment, Reader, Removal, State};
pub use client::{ControlError, ask};
pub use server::{listen, serve};

/// The longest request, in bytes.
pub const REQUEST_MAX: usize = 1024;
/// The longest answer, in bytes.
pub const ANSWER_MAX: u64 = 1 << 20;
/// How long a request may take to arrive, and an answer to be taken.
pub const LINE_TIME: Duration = Duration::from_secs(5);
/// The longest wait for a reader.
pub const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Requests under way at a time; more wait.
pub const REQUESTS_MAX: usize = 64;

/// A card that is controlled.
pub struct Controlled {
    /// The file that it is in.
    pub image: String,
    /// Its reader.
    pub reader: String,
    /// The hand on it.
    pub hand: Hand,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Of which card, counted from 0; of all of them if of none.
    pub card: Option<usize>,
    /// What is to be done.
    pub order: Order,
    /// How long the answer waits until the reader has noticed.
    pub wait_ms: u64,
}

/// What is to be done with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", rename_all_fields = "lowercase")]
pub enum Order {
    /// Nothing.
    Status,
    /// It is put in. No removal is planned any more.
    Insert,
    /// It is taken out. No removal is planned any more.
    Remove,
    /// It will be taken out at the command with this number from now, 1 being the next.
    Plan {
        /// See [`Removal::command`].
        command: u32,
        /// See [`Removal::moment`].
        moment: Moment,
    },
    /// Its button is held.
    Press,
    /// Its button is let go.
    Release,
}

impl Order {
    /// Whether the reader has something to notice.
    #[must_use]
    pub const fn moves_the_card(self) -> bool {
        matches!(self, Self::Insert | Self::Remove)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The cards that the request was about.
    Cards(Vec<Report>),
    /// Why nothing was done.
    Error(String),
}

/// How things stand with a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its number.
    pub card: usize,
    /// The file that it is in.
    pub image: String,
    /// Its reader.
    pub reader: String,
    /// Whether it is meant to be in the reader.
    pub inserted: bool,
    /// What the reader knows.
    pub seen: Reader,
    /// The removal that is planned.
    pub removal: Option<Removal>,
    /// How often it was taken out.
    pub removals: u64,
    /// Commands that have come so far.
    pub commands: u64,
    /// Whether its button is held.
    pub pressed: bool,
}

impl Report {
    fn new(number: usize, card: &Controlled) -> Self {
        let State { inserted, removal, reader: seen, removals, commands, pressed, .. } = card.hand.state();
        let (image, reader) = (card.image.clone(), card.reader.clone());
        Self { card: number, image, reader, inserted, seen, removal, removals, commands, pressed }
    }

    /// Whether the reader knows where the card is.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.seen.knows(self.inserted)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { card, image, reader, .. } = self;
        let place = match (self.inserted, self.seen) {
            (true, Reader::Holding) => format!("in the reader at {reader}"),
            (true, Reader::Empty) => format!("about to be noticed by the reader at {reader}"),
            (true, Reader::Silent) => format!("not yet heard by the reader at {reader}; is another card in its slot?"),
            (true, Reader::Absent) => {
                format!("waiting for a reader at {reader}, where nobody listens; is pcscd running?")
            }
            (false, Reader::Empty | Reader::Absent) => format!("out of the reader at {reader}"),
            (false, Reader::Silent | Reader::Holding) => {
                format!("out of the reader at {reader}, which has not noticed")
            }
        };
        write!(out, "card {card} ({image}): {place}; {} commands", self.commands)?;
        if let Some(Removal { command, moment }) = self.removal {
            write!(out, "; taken out at command {command} from now, {moment}")?;
        }
        if self.pressed { write!(out, "; button held") } else { Ok(()) }
    }
}
