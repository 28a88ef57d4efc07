#![no_std]

pub mod crypto;
pub mod hpke;
