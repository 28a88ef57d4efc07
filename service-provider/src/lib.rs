//! The provider: what it knows of accounts and transactions, durably, and how it decides.

#![forbid(unsafe_code)]

pub mod admin;
pub mod engine;
pub mod id;
pub mod keys;
pub mod ledger;
pub mod server;
pub mod store;
pub mod time;

/// The back end behind every provider.
pub type Backend = protocol::crypto::AwsLc;
