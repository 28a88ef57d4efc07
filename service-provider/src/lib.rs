//! The provider: what it knows of accounts and transactions, durably, and how it decides.

#![forbid(unsafe_code)]

pub mod admin;
pub mod engine;
pub mod id;
pub mod key_files;
pub mod ledger;
pub mod server;
pub mod storage_key;
pub mod store;
pub mod time;
