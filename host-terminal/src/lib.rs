//! The member's terminal: the way to a card and what is done with it.

pub mod reader;
