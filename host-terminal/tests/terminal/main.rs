//! The terminal with cards that are served, over TCP throughout: purchases, hops that fail, and the program itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is a test's verdict"
)]

mod hops;
mod members;
mod program;
mod purchase;
mod router;
mod support;
mod wireshark;
