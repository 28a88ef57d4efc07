//! What travels, as lines of JSON in a file.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use host_terminal::observe::{Event, Observer};
use serde_json::json;

/// A file of events. `at_micros` counts from 1970-01-01 UTC, so that files of several terminals can be laid together.
pub(crate) struct EventFile(Mutex<File>);

impl EventFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(Mutex::new(file)))
    }
}

impl Observer for EventFile {
    fn observe(&self, event: &Event<'_>) {
        let at = event.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = json!({
            "at_micros": at.as_micros(),
            "from": event.from,
            "to": event.to,
            "what": event.what,
            "bytes": hex::encode(event.bytes),
            "micros": event.took.map(|took| took.as_micros()),
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A line that cannot be written must not end a payment.
        drop(writeln!(file, "{line}"));
    }
}
