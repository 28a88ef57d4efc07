//! The member's terminal: the way to a card and what is done with it.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`reader`] | whatever a card can be reached through |
//! | [`card`] | the card's transaction application, its commands as functions |
//! | [`hop`] | messages between hops, in frames over TCP |
//! | [`member`] | one member's part in a round: combining and separating |
//! | [`offer`] | what terminals say to each other alone |
//! | [`purse`] | a card with its account chosen and its provider's descriptor loaded |
//! | [`transact`] | the rounds of a transaction, one after the other |
//! | [`pay`], [`sell`], [`status`], [`cancel`] | what a terminal is for |
//! | [`attached`] | a customer's card in the shop's own reader |
//! | [`till`] | the point of sale: day book, receipts, screens |
//! | [`topology`], [`join`] | groups of any shape, and a member of one |
//! | [`decode`] | what travelled, in words |
//! | [`secret_file`] | PINs in files |
//! | [`transcript`] | what goes to a card and what comes back: written, recorded, played again |
//!
//! A terminal holds no session key and no account number: what it sees is what the cards and the provider let it see.

pub mod attached;
pub mod cancel;
pub mod card;
pub mod decode;
pub mod error;
pub mod hop;
pub mod join;
pub mod member;
pub mod observe;
pub mod offer;
pub mod pay;
pub mod purse;
pub mod reader;
pub mod receipt;
pub mod secret_file;
pub mod sell;
pub mod status;
pub mod till;
pub mod topology;
pub mod transact;
pub mod transcript;
pub mod words;

pub use error::{Error, Failure, Misbehaviour};

/// What the other places are called in errors and events.
pub const PROVIDER: &str = "provider";
/// See [`PROVIDER`].
pub const SHOP: &str = "merchant's terminal";
/// See [`PROVIDER`].
pub const SHOP_CARD: &str = "merchant's card";
/// See [`PROVIDER`].
pub const CUSTOMER: &str = "cardholder's terminal";
/// See [`PROVIDER`].
pub const CUSTOMER_CARD: &str = "cardholder's card";
/// See [`PROVIDER`].
pub const NEXT: &str = "next hop";
/// See [`PROVIDER`].
pub const BELOW: &str = "member below";
