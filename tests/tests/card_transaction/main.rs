//! The transaction application through the card's door: two cards personalised by commands, a provider made of the
//! protocol's steps, and whatever can go wrong between them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a test's verdict"
)]

mod bank;
mod card;
mod cuts;
mod descriptor;
mod full;
mod hostile;
mod order;
mod peers;
mod policy;
mod purchase;
mod scene;
