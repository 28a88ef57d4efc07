//! The card's storage against a plain map: the same operations must show the same objects, whatever happens to power.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is a test's verdict"
)]

mod checksums;
mod cuts;
mod hostile;
mod model;
mod sequences;
mod space;
