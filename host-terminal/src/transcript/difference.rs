//! A response that is not as written, and where it differs.

use std::fmt;
use std::ops::Range;

use apdu_spec::{Response, Status};

use super::{Command, Expected, Place};
use crate::decode;

/// A response that is not as the transcript has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where the command is written.
    pub place: Place,
    /// The command.
    pub command: Command,
    /// What it must be answered.
    pub expected: Expected,
    /// What it was answered.
    pub got: Vec<u8>,
}

/// Bytes of data that are shown: those around the first that differs.
const WINDOW: usize = 24;
/// How many of them stand before it.
const BEFORE: usize = 8;
/// Characters of a command that are shown.
const COMMAND: usize = 80;

impl Difference {
    /// The command in words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.command.words()
    }

    /// The first byte of the data that differs, from 0, where the transcript has all of them.
    #[must_use]
    pub fn first_byte(&self) -> Option<usize> {
        let (expected, got) = (parts(self.expected.exact()?).0, parts(&self.got).0);
        let differing = expected.iter().zip(got).position(|(expected, got)| expected != got);
        differing.or_else(|| (expected.len() != got.len()).then(|| expected.len().min(got.len())))
    }

    /// The status word that the transcript has, where it has one.
    #[must_use]
    pub fn expected_status(&self) -> Option<Status> {
        let [_, end] = self.expected.ends();
        parts(end).1
    }

    /// The status word that came.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        parts(&self.got).1
    }

    /// Both responses, one above the other, with marks under the bytes that differ.
    fn rows(&self, out: &mut fmt::Formatter<'_>, expected: &[u8]) -> fmt::Result {
        let first = self.first_byte();
        let start = first.map_or(0, |first| first.saturating_sub(BEFORE));
        let window = start..start + WINDOW;
        let rows = [expected, &self.got].map(|response| row(response, &window));
        let [expected, got] = &rows;
        writeln!(out, "  expected  {expected}\n  got       {got}")?;
        let marks = marks(expected, got);
        if !marks.is_empty() {
            writeln!(out, "            {marks}")?;
        }
        match first {
            Some(first) => writeln!(out, "  from byte {} on the data differ", first + 1),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = shortened(&self.command.to_string());
        writeln!(out, "{}: {}", self.place, self.words().first().map_or("", String::as_str))?;
        writeln!(out, "  command   {command}")?;
        match self.expected.exact() {
            Some(expected) => self.rows(out, expected)?,
            None => {
                let got = row(&self.got, &(0..WINDOW));
                writeln!(out, "  expected  {}\n  got       {got}", shortened(&self.expected.to_string()))?;
            }
        }
        let said = |status: Option<Status>| status.map(|status| format!("{status}: {}", decode::status(status)));
        match (said(self.expected_status()), said(self.status())) {
            (Some(expected), Some(got)) if expected != got => write!(out, "  {got}\n  instead of {expected}"),
            (_, Some(got)) => write!(out, "  {got}"),
            (_, None) => write!(out, "  no status word"),
        }
    }
}

/// Data and status word.
fn parts(response: &[u8]) -> (&[u8], Option<Status>) {
    match Response::parse(response) {
        Ok(response) => (response.data, Some(response.status)),
        Err(_) => (response, None),
    }
}

/// The bytes of the data in the window, and the status word.
fn row(response: &[u8], window: &Range<usize>) -> String {
    let (data, status) = parts(response);
    let shown = data.get(window.start..window.end.min(data.len())).unwrap_or_default();
    let mut row = String::new();
    if window.start > 0 {
        row.push('…');
    }
    row.push_str(&hex::encode_upper(shown));
    if window.end < data.len() {
        row.push('…');
    }
    if let Some(status) = status {
        let space = if row.is_empty() { "" } else { " " };
        row.push_str(&format!("{space}{status}"));
    }
    row
}

/// A mark under each character that differs.
fn marks(expected: &str, got: &str) -> String {
    let other = expected.chars().map(Some).chain(std::iter::repeat(None));
    let marks: String = got.chars().zip(other).map(|(got, other)| if Some(got) == other { ' ' } else { '^' }).collect();
    marks.trim_end().to_owned()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(COMMAND) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text.to_owned(),
    }
}
