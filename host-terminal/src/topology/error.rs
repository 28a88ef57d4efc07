//! What can be wrong with a topology, where, and what to do about it.

use std::io;

/// What is wrong with a topology.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// It is no TOML, or says something that a topology does not have.
    #[error("line {line}: {what}")]
    Line {
        /// Where.
        line: usize,
        /// What.
        what: String,
    },
    /// Nobody takes part.
    #[error("there is no member: each is a [[member]] with a name, next, and a card")]
    NoMembers,
    /// A name that cannot be one.
    #[error("{0:?} is no name: it takes 1 to 32 letters, digits, spaces, dots, hyphens and underscores")]
    Name(String),
    /// A name that two have, or that is the provider's.
    #[error("the name {0} is taken: give every member and router one of its own, and none of them \"provider\"")]
    NameTaken(String),
    /// A way up to nobody.
    #[error("{who}: next = {next:?} is neither a member nor a router nor \"provider\"")]
    UnknownNext {
        /// Whose way.
        who: String,
        /// What it says.
        next: String,
    },
    /// A way up to somebody who does not listen.
    #[error("{who} leads to {next}, which does not listen: give {next} listen = \"HOST:PORT\"")]
    NotListening {
        /// Whose way.
        who: String,
        /// Where to.
        next: String,
    },
    /// Two listen in one place.
    #[error("{one} and {other} listen at {address}: give each an address of its own")]
    AddressTaken {
        /// One of them.
        one: String,
        /// The other.
        other: String,
        /// Where.
        address: String,
    },
    /// Ways that lead nowhere but round.
    #[error("the way up from {0} leads round in a circle and never to the provider: give one of its hops another next")]
    Circle(String),
    /// More than one member at the top.
    #[error(
        "{one} and {other} both lead to the provider: one member combines all of a group; let the others lead to it"
    )]
    TwoRoots {
        /// One of them.
        one: String,
        /// The other.
        other: String,
    },
    /// Too many of something.
    #[error("{who}: {found} {what}, and there may be {most} at most")]
    TooMany {
        /// Where.
        who: String,
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A value that means nothing.
    #[error("{who}: {key} = {value:?} {expected}")]
    Value {
        /// Where.
        who: String,
        /// Which key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it, or what it takes.
        expected: String,
    },
}

impl Mistake {
    pub(super) fn value(who: &str, key: &'static str, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Value { who: who.to_owned(), key, value: value.to_string(), expected: expected.into() }
    }

    /// Refuses more than `most`.
    pub(super) fn at_most(who: &str, what: &'static str, found: usize, most: usize) -> Result<(), Self> {
        if found <= most { Ok(()) } else { Err(Self::TooMany { who: who.to_owned(), what, found, most }) }
    }
}
