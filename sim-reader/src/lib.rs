//! The virtual card and its reader: the card OS inside a process, with its flash in a file or in memory.

pub mod flash;
pub mod image;
pub mod passphrase;
