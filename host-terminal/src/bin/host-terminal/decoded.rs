//! Files of events, read by people.

use std::collections::HashSet;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use host_terminal::decode::Teller;
use host_terminal::observe::{Event, Kind, LeftOut};
use serde::Deserialize;

/// Columns that a line takes at most.
const WIDTH: usize = 96;
/// How far what an event carries is moved to the right.
const INDENT: usize = 6;

/// What every card's name has in it, and no other place's.
const CARD: &str = "'s card";

/// A line of such a file.
#[derive(Deserialize)]
struct Line {
    at_micros: u64,
    from: String,
    to: String,
    what: String,
    #[serde(with = "hex::serde")]
    bytes: Vec<u8>,
    left_out: Option<(usize, usize)>,
    micros: Option<u64>,
}

impl Line {
    fn event(&self) -> Event<'_> {
        let kind = if is_card(&self.to) {
            Kind::Command
        } else if is_card(&self.from) {
            Kind::Response
        } else {
            Kind::Message
        };
        Event {
            at: UNIX_EPOCH + Duration::from_micros(self.at_micros),
            from: &self.from,
            to: &self.to,
            kind,
            what: &self.what,
            bytes: &self.bytes,
            left_out: self.left_out.map_or(LeftOut::NOTHING, |(start, length)| LeftOut { start, length }),
            took: self.micros.map(Duration::from_micros),
        }
    }
}

/// Prints the events of all files in the order of time, each in words.
pub(crate) fn show(paths: &[PathBuf]) -> Result<()> {
    let lines = read_all(paths)?;
    let began = lines.first().map_or(0, |line| line.at_micros);
    let mut teller = Teller::default();
    let mut out = stdout().lock();
    for line in &lines {
        let at = line.at_micros.saturating_sub(began);
        let event = line.event();
        let (from, to, what, length, after) = (event.from, event.to, event.what, event.bytes.len(), event.after());
        writeln!(out, "{:>10}  {from} → {to}: {what}, {length} bytes{after}", millis(at))?;
        let words = teller.tell(&event);
        words.iter().try_for_each(|words| write_wrapped(&mut out, words))?;
    }
    Ok(())
}

/// All events, each once: what two terminals say to each other is in the files of both.
fn read_all(paths: &[PathBuf]) -> Result<Vec<Line>> {
    let mut known = HashSet::new();
    let mut all = Vec::new();
    for path in paths {
        let lines = read(path).with_context(|| format!("events in {}", path.display()))?;
        let key = |line: &Line| (line.from.clone(), line.to.clone(), line.bytes.clone());
        let keys: Vec<_> = lines.iter().map(key).collect();
        all.extend(lines.into_iter().filter(|line| !known.contains(&key(line))));
        known.extend(keys);
    }
    all.sort_by_key(|line| line.at_micros);
    Ok(all)
}

fn read(path: &Path) -> Result<Vec<Line>> {
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().zip(1..).map(|(line, number)| {
        let parsed = serde_json::from_str(line);
        parsed.with_context(|| format!("line {number}"))
    });
    lines.collect()
}

fn is_card(place: &str) -> bool {
    place.contains(CARD)
}

fn millis(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}

fn write_wrapped(out: &mut impl Write, words: &str) -> std::io::Result<()> {
    let own = words.len() - words.trim_start().len();
    let mut indent = INDENT + own;
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && indent + line.chars().count() + word.chars().count() >= WIDTH {
            writeln!(out, "{:indent$}{line}", "")?;
            indent = INDENT + own + 2;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{:indent$}{line}", "")
}
