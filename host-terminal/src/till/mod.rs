//! The point of sale: a shop whose customers' cards are in a reader of its own.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`book`] | the day book: what was sold, durable before it happens |
//! | [`day`] | a day of the book: its list and its totals |
//! | [`sale`] | a sale with both cards at this terminal |
//! | [`settle`] | what was left open is brought to its end |
//! | [`recall`] | until when a sale can be called off |
//! | [`advice`] | what every error means to a clerk |
//! | [`slip`] | receipts, as text and for receipt printers |
//! | [`screen`] | what the screen shows and what keys do, without a screen |
//!
//! Nothing here reads keys, draws, or looks for cards: the program does.

pub mod advice;
pub mod book;
pub mod day;
pub mod recall;
pub mod sale;
pub mod screen;
pub mod settle;
pub mod slip;

pub use book::{Book, BookError};
