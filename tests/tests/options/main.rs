//! Every option of the protocol, on real cards with a real provider: what travels where, and what is refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a test's verdict")]

mod forbidden;
mod permitted;
mod shared;
mod travels;
mod words;
