//! Transcripts: written and read again, without what nobody may know, played, and refused where they are none.

#![expect(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, reason = "a panic is a test's verdict")]

mod format;
mod played;
mod property;
mod secrets;
mod support;
