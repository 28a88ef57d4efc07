//! What stands on a receipt, whatever it is printed on.

use jiff::tz::TimeZone;

use super::{COLUMNS, Copy, Slip};
use crate::till::book::{End, Entry, How};
use crate::words::printable;

/// Characters of a line of large letters, which are twice as wide.
pub(super) const LARGE_COLUMNS: usize = COLUMNS / 2;

/// How a row looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Normal,
    Centred,
    /// Centred, twice as high and wide.
    Large,
}

/// One line, which fits the width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) look: Look,
    pub(super) text: String,
}

/// The receipt, from the top down.
pub(super) fn rows(slip: &Slip<'_>, copy: Copy) -> Vec<Row> {
    let Slip { shop, entry, zone } = slip;
    let mut rows = Vec::new();
    put(&mut rows, Look::Centred, &shop.name);
    shop.address.iter().for_each(|line| put(&mut rows, Look::Centred, line));
    rule(&mut rows);
    put(&mut rows, Look::Normal, &when(entry, zone));
    pair(&mut rows, "Amount", &entry.amount.to_string());
    put(&mut rows, Look::Normal, "");
    put(&mut rows, Look::Large, outcome(entry));
    put(&mut rows, Look::Normal, "");
    if let Some(end) = entry.end() {
        said(&mut rows, end);
    }
    pair(&mut rows, "Transaction", &short(entry));
    put(&mut rows, Look::Normal, &entry.transaction.to_string());
    rule(&mut rows);
    put(&mut rows, Look::Centred, if copy == Copy::Merchant { "Merchant's copy" } else { "Customer's copy" });
    rows
}

/// Digits of a transaction's name that are enough to talk about it: the last ones, since the first ones are the time,
/// and the same for hours.
const SHORT: usize = 8;

/// A transaction's name as people say it.
pub(crate) fn short(entry: &Entry) -> String {
    let name = entry.transaction.to_string();
    name.chars().skip(name.len().saturating_sub(SHORT)).collect()
}

/// An outcome in three words at most.
#[must_use]
pub fn outcome(entry: &Entry) -> &'static str {
    match entry.end().map(|end| end.how) {
        Some(How::Posted) => "APPROVED",
        Some(How::Declined) => "DECLINED",
        Some(How::Released) => "CALLED OFF",
        Some(How::NotDone) => "NOT PAID",
        None => "NOT KNOWN YET",
    }
}

fn when(entry: &Entry, zone: &TimeZone) -> String {
    entry.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn said(rows: &mut Vec<Row>, end: &End) {
    for name in &end.parties {
        pair(rows, "Payee", name);
    }
    if let Some(reason) = &end.reason {
        put(rows, Look::Normal, &format!("{} (code {})", reason.line, reason.code.0));
    }
    if !end.line.is_empty() {
        put(rows, Look::Normal, &end.line);
    }
}

fn rule(rows: &mut Vec<Row>) {
    rows.push(Row { look: Look::Normal, text: "-".repeat(COLUMNS) });
}

/// What it is on the left, what it is worth on the right; below each other where they do not fit.
fn pair(rows: &mut Vec<Row>, name: &str, value: &str) {
    let value = printable(value);
    let width = COLUMNS.saturating_sub(name.chars().count() + 1);
    if value.chars().count() <= width {
        rows.push(Row { look: Look::Normal, text: format!("{name} {value:>width$}") });
    } else {
        put(rows, Look::Normal, name);
        put(rows, Look::Normal, &value);
    }
}

/// Text in as many rows as it takes, broken between words where it can be.
fn put(rows: &mut Vec<Row>, look: Look, text: &str) {
    let width = if look == Look::Large { LARGE_COLUMNS } else { COLUMNS };
    let lines = wrap(&printable(text), width);
    rows.extend(lines.into_iter().map(|text| Row { look, text }));
}

/// Lines of at most `width` characters, at least one.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if used > 0 {
            append(&mut lines, ' ');
            used += 1;
        }
        for character in word.chars() {
            if used == width {
                lines.push(String::new());
                used = 0;
            }
            append(&mut lines, character);
            used += 1;
        }
    }
    lines
}

fn append(lines: &mut [String], character: char) {
    if let Some(line) = lines.last_mut() {
        line.push(character);
    }
}
