//! What travels, as lines of JSON in a file.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use host_terminal::observe::{Event, Kind, LeftOut, Observer, private_file};
use serde_json::json;

/// A file of events. `at_micros` counts from 1970-01-01 UTC, so that files of several terminals can be laid together.
/// Where a PIN or a key was left out, `left_out` says behind how many of the bytes how many zeros stand for it.
pub(crate) struct EventFile(Mutex<File>);

impl EventFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = private_file(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(Mutex::new(file)))
    }
}

impl Observer for EventFile {
    fn observe(&self, event: &Event<'_>) {
        if event.kind == Kind::Reset {
            return;
        }
        let at = event.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let LeftOut { start, length } = event.left_out;
        let line = json!({
            "at_micros": at.as_micros(),
            "from": event.from,
            "to": event.to,
            "what": event.what,
            "bytes": hex::encode(event.bytes),
            "left_out": (length > 0).then_some([start, length]),
            "micros": event.took.map(|took| took.as_micros()),
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A line that cannot be written must not end a payment.
        drop(writeln!(file, "{line}"));
    }
}
