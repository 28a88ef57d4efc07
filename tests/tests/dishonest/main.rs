//! Parties that do not keep to the protocol, each against real cards and a real provider. What they try is refused or
//! changes nothing, and what is right still works.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a test's verdict"
)]

mod member;
mod property;
mod providers;
mod router;
mod scene;
mod terminal;
