#![no_std]
//! The card operating system: files, access conditions, keys, storage and the transaction application.

pub mod limits;
pub mod store;
