//! The virtual card and its reader: the card OS inside a process, with its flash in a file or in memory.
//!
//! [`card::SoftwareCard`] is the card in this process; [`tcp`] lets another process drive it; [`vpcd`] puts it into a
//! PC/SC reader, and a [`hand`] takes it out and puts it in, which [`control`] lends to other processes; [`image`]
//! keeps its flash in a file, [`flash`] in memory that loses power where a test says so; [`fault`] does to messages
//! what bad cables do.

pub mod atr;
pub mod card;
pub mod control;
pub mod fault;
pub mod flash;
pub mod hand;
pub mod image;
pub mod passphrase;
pub mod tcp;
pub mod vpcd;
