//! The card operating system.
//!
//! [`Card::answer`] and [`Card::reset`] are the card's only doors; [`Platform`] and a flash are all it asks of a board.
//! It never allocates. `apdu-spec` knows the form of the commands, this crate what they do.
#![no_std]

mod access;
mod application;
mod boot;
mod card;
mod command;
mod context;
mod file;
mod hash;
mod key;
mod life_cycle;
pub mod limits;
mod link;
mod objects;
mod pin;
mod platform;
mod provider;
mod random;
mod refusal;
mod secure_channel;
mod security_environment;
mod session;
pub mod store;
mod system;
mod transaction;

pub use boot::BootError;
pub use card::Card;
pub use platform::{NoiseFailure, Platform};
