//! The point of sale: `host-terminal pos` with real cards, a real provider and, for its screen, a real terminal.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is a test's verdict")]

mod crash;
mod lying;
mod pcsc;
mod plain;
mod removed;
mod screen;
mod scripted;
mod shop;
