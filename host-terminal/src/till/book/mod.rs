//! The day book: a file to which what happens to sales is appended, durably, before what it guards happens.
//!
//! | state | written before | what settles it |
//! | --- | --- | --- |
//! | opened | the request is built | nothing has left: nothing moved |
//! | requested | the request leaves | it is called off |
//! | acknowledged | the acknowledgment leaves | the same bytes are sent again; refused, it is called off |
//! | ended | | |
//!
//! One process writes it at a time. A line that a crash has torn is the last one, and never guarded anything: it is cut
//! off when the book is opened.

mod file;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use protocol::amount::Amount;
use protocol::types::TransactionId;
use serde::{Deserialize, Serialize};

use self::file::Journal;
use self::record::{Record, What};
use crate::card::Reason;
use crate::receipt::{Conclusion, Receipt};

/// Sales in one file; then those that are over, but for the last day's, go to a file of their own.
pub const SALES_MAX: usize = 10_000;

/// Bytes of a file that is read: what [`SALES_MAX`] sales take, many times over.
pub const BOOK_MAX: u64 = 256 << 20;

/// Why a day book does not take a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// Another process has it.
    #[error("another till is open with the day book in {}: close it first", .0.display())]
    Locked(PathBuf),
    /// There is none to be read.
    #[error("there is no day book in {}: a till that is started there makes one", .0.display())]
    Missing(PathBuf),
    /// The system says no.
    #[error("the day book {} cannot be kept: {cause}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Something in it is not what was written.
    #[error("line {line} of the day book {} is damaged: put the file aside and begin a new one", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// It is another program's file, or a later version's.
    #[error("{} is no day book of this version", .0.display())]
    Foreign(PathBuf),
    /// It is longer than [`BOOK_MAX`], or has too many sales of one day.
    #[error("the day book {} is full: put the file aside and begin a new one", .0.display())]
    Full(PathBuf),
    /// What was to be written does not follow from what is there.
    #[error("the day book has transaction {0} in another state")]
    OutOfOrder(TransactionId),
}

/// How a sale ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The money moved.
    Posted,
    /// The provider said no.
    Declined,
    /// It was called off after the provider had approved.
    Released,
    /// It ended before the provider was asked.
    NotDone,
}

/// The end of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When it was known.
    pub at: Timestamp,
    /// How it ended.
    pub how: How,
    /// Why the provider said no.
    pub reason: Option<Reason>,
    /// The verified names.
    pub parties: Vec<String>,
    /// The provider's line, often empty.
    pub line: String,
}

impl End {
    /// Nothing has left this terminal.
    #[must_use]
    pub fn not_done() -> Self {
        Self { at: Timestamp::now(), how: How::NotDone, reason: None, parties: Vec::new(), line: String::new() }
    }

    /// What the provider says; `None` where it has not ended.
    #[must_use]
    pub fn of(receipt: &Receipt) -> Option<Self> {
        let (how, reason) = match &receipt.conclusion {
            Conclusion::Posted => (How::Posted, None),
            Conclusion::Released => (How::Released, None),
            Conclusion::Declined(reason) | Conclusion::Refused(reason) => (How::Declined, Some(reason.clone())),
            Conclusion::Open => return None,
        };
        let parties = receipt.parties.iter().map(|party| party.name.clone()).collect();
        Some(Self { at: Timestamp::now(), how, reason, parties, line: receipt.line.clone() })
    }
}

/// How far a sale got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The provider has named it.
    Opened,
    /// The request may have left.
    Requested,
    /// This acknowledgment may have left.
    Acknowledged(Vec<u8>),
    /// It is over.
    Ended(End),
}

/// A sale of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was opened.
    pub at: Timestamp,
    /// The transaction.
    pub transaction: TransactionId,
    /// What was asked for.
    pub amount: Amount,
    /// How far it got.
    pub state: State,
}

impl Entry {
    /// Its end, if it has ended.
    #[must_use]
    pub const fn end(&self) -> Option<&End> {
        match &self.state {
            State::Ended(end) => Some(end),
            State::Opened | State::Requested | State::Acknowledged(_) => None,
        }
    }
}

/// The day book, open for writing.
#[derive(Debug)]
pub struct Book {
    journal: Journal,
    entries: Vec<Entry>,
}

impl Book {
    /// Opens the book in `folder`, which is made if need be.
    ///
    /// # Errors
    /// [`BookError`].
    pub fn open(folder: &Path) -> Result<Self, BookError> {
        let (journal, records) = Journal::open(folder)?;
        let entries = replay(records).map_err(|line| journal.damaged(line))?;
        let mut book = Self { journal, entries };
        book.make_room()?;
        Ok(book)
    }

    /// The sales that `wanted` picks out of the book of `folder` and of the files that were put aside before it, the
    /// oldest first, also while another process keeps it. Changes nothing.
    ///
    /// # Errors
    /// [`BookError`].
    pub fn read(folder: &Path, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, BookError> {
        let mut found: BTreeMap<TransactionId, Entry> = BTreeMap::new();
        for path in file::all(folder)? {
            let entries = replay(file::records(&path)?);
            let entries = entries.map_err(|line| BookError::Damaged { path: path.clone(), line })?;
            // What was not over went on in the next file.
            found.extend(entries.into_iter().filter(&wanted).map(|entry| (entry.transaction, entry)));
        }
        let mut found: Vec<Entry> = found.into_values().collect();
        found.sort_by_key(|entry| entry.at);
        Ok(found)
    }

    /// The folder that it is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.journal.folder()
    }

    /// The provider has named a transaction for a sale.
    ///
    /// # Errors
    /// [`BookError`]: then it is not in the book.
    pub fn opened(&mut self, transaction: TransactionId, amount: Amount) -> Result<(), BookError> {
        self.make_room()?;
        self.append(transaction, What::Opened(amount))
    }

    /// The request is about to leave.
    ///
    /// # Errors
    /// [`BookError`]: then it must not.
    pub fn requested(&mut self, transaction: TransactionId) -> Result<(), BookError> {
        self.append(transaction, What::Requested)
    }

    /// This acknowledgment is about to leave.
    ///
    /// # Errors
    /// [`BookError`]: then it must not.
    pub fn acknowledged(&mut self, transaction: TransactionId, message: &[u8]) -> Result<(), BookError> {
        self.append(transaction, What::Acknowledged(message.to_vec()))
    }

    /// How it ended is known.
    ///
    /// # Errors
    /// [`BookError`]: then the book does not know.
    pub fn ended(&mut self, transaction: TransactionId, end: End) -> Result<(), BookError> {
        self.append(transaction, What::Ended(end))
    }

    /// All sales of this file, the oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The sale of a transaction.
    #[must_use]
    pub fn entry(&self, transaction: TransactionId) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.transaction == transaction)
    }

    /// Those whose end is not known: what must still be sent.
    pub fn open_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.end().is_none())
    }

    fn append(&mut self, transaction: TransactionId, what: What) -> Result<(), BookError> {
        let record = Record { at: Timestamp::now(), transaction, what };
        let next = next(&self.entries, &record).ok_or(BookError::OutOfOrder(transaction))?;
        self.journal.append(&record)?;
        next.put(&mut self.entries);
        Ok(())
    }

    fn make_room(&mut self) -> Result<(), BookError> {
        if self.entries.len() < SALES_MAX {
            return Ok(());
        }
        let last = self.entries.last().map_or(Timestamp::MIN, |entry| entry.at);
        let today = |entry: &Entry| last.duration_since(entry.at).as_hours() < 24;
        let stays = |entry: &Entry| entry.end().is_none() || today(entry);
        let kept: Vec<Entry> = self.entries.iter().filter(|entry| stays(entry)).cloned().collect();
        if kept.len() >= SALES_MAX {
            return Err(self.journal.full());
        }
        let is_kept = |id: TransactionId| kept.iter().any(|entry| entry.transaction == id);
        self.journal.turn_over(last, is_kept)?;
        self.entries = kept;
        Ok(())
    }
}

/// What a record makes of the entries: a new one, or another state of one.
enum Next {
    New(Entry),
    Changed(usize, State),
}

impl Next {
    fn put(self, entries: &mut Vec<Entry>) {
        match self {
            Self::New(entry) => entries.push(entry),
            Self::Changed(place, state) => {
                if let Some(entry) = entries.get_mut(place) {
                    entry.state = state;
                }
            }
        }
    }
}

/// What the record leads to; `None` where it does not follow. The same record again does not: no sale counts twice.
fn next(entries: &[Entry], record: &Record) -> Option<Next> {
    let known = entries.iter().enumerate().rev().find(|(_, entry)| entry.transaction == record.transaction);
    let Some((place, entry)) = known else {
        let What::Opened(amount) = &record.what else { return None };
        let (at, transaction) = (record.at, record.transaction);
        return Some(Next::New(Entry { at, transaction, amount: *amount, state: State::Opened }));
    };
    let state = match (&entry.state, &record.what) {
        (State::Opened, What::Requested) => State::Requested,
        (State::Requested, What::Acknowledged(message)) => State::Acknowledged(message.clone()),
        (State::Opened | State::Requested | State::Acknowledged(_), What::Ended(end)) => State::Ended(end.clone()),
        (State::Ended(_), _)
        | (_, What::Opened(_))
        | (State::Requested | State::Acknowledged(_), What::Requested)
        | (State::Opened | State::Acknowledged(_), What::Acknowledged(_)) => return None,
    };
    Some(Next::Changed(place, state))
}

/// The entries that records make; or which line does not follow from those before.
fn replay(records: Vec<Record>) -> Result<Vec<Entry>, usize> {
    let mut entries = Vec::new();
    for (record, line) in records.into_iter().zip(file::FIRST_RECORD..) {
        next(&entries, &record).ok_or(line)?.put(&mut entries);
    }
    Ok(entries)
}
