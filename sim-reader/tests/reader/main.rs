//! The virtual card: its image, its process, its connection, its slot.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is a test's verdict")]

mod card;
mod control;
mod driver;
mod image;
mod kill;
mod tcp;
mod vpcd;
