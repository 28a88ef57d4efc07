//! The provider: what it knows of accounts and transactions, durably, and how it decides.

#![forbid(unsafe_code)]

pub mod id;
pub mod ledger;
pub mod store;
pub mod time;
