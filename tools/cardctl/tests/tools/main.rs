//! The program, with a real card that is served over TCP.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a test's verdict")]

mod batch;
mod desk;
mod issue;
mod manage;
mod personalise;
mod shell;
