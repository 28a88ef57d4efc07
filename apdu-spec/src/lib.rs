//! The card's interface: what travels between a card and whoever drives it, as values and as bytes.
//!
//! Both ends use these types: a terminal encodes an [`Instruction`] and the card parses it,
//! so that neither has a second idea of the format. `CARD.md` beside this crate is the reference manual.
//!
//! No allocation, no input or output, no keys. Every parser takes a slice, refuses what it does not understand, and
//! leaves nothing over; every encoder writes into a [`Writer`] and reports when the space ends.
#![no_std]

pub mod access;
pub mod aid;
pub mod card_capabilities;
pub mod command;
pub mod file;
pub mod instruction;
pub mod journal;
pub mod key;
pub mod life_cycle;
pub mod limits;
pub mod link;
pub mod pin;
pub mod provider;
pub mod reader;
pub mod response;
pub mod status;
pub mod tlv;
pub mod transaction;
pub mod writer;

pub use access::{Access, Condition, Operation, SecurityAttributes};
pub use aid::Aid;
pub use command::{Class, Command};
pub use file::{Fcp, FileDescriptor, FileId, FileState, ShortFileId};
pub use instruction::{Instruction, Malformed, Wire};
pub use key::KeyReference;
pub use life_cycle::LifeCycle;
pub use reader::{ParseError, Reader};
pub use response::Response;
pub use status::Status;
pub use tlv::Tag;
pub use writer::{Full, Writer};
