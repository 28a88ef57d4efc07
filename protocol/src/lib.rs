//! The Symbolon transaction protocol: members combine their signed requests into one message to a provider, who
//! validates each of them and answers all in one signed response, and nobody on the way can read or change anything.
//!
//! `PROTOCOL.md` beside this crate is the byte-level specification. The crate does no I/O and reads no clock: a machine
//! takes a message and gives a message, and randomness is an argument.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`crypto`], [`hpke`] | the standards everything is built from, behind one trait |
//! | [`message`] | the bytes: one file a kind, the same names as the behaviour |
//! | [`member`] | the card's side; needs no allocator |
//! | `provider` | the provider's side (feature `alloc`) |
//! | [`label`], [`limits`] | every domain-separation label, every limit |

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod amount;
pub mod batch;
pub mod calendar;
pub mod codec;
pub mod crypto;
pub mod error;
pub mod frame;
mod group;
pub mod hpke;
mod keys;
pub mod label;
pub mod limits;
pub mod member;
pub mod message;
#[cfg(feature = "alloc")]
pub mod provider;
mod seal;
pub mod statement;
mod transcript;
pub mod types;
