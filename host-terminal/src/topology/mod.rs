//! Who takes part in a group's transactions, and by which ways: one file in TOML, from which every participant starts.
//!
//! ```toml
//! provider = "127.0.0.1:7816"
//! patience = 20                       # seconds that a member waits for those below it, and for a way up that is not
//!                                     # there or broke; 20 if left out
//!
//! [transaction]
//! kind = "purchase"                   # or refund, cancellation, inquiry, statement, or a number
//! amount = "12.50"
//! currency = "EUR"
//! reference = "0123..."               # the earlier transaction, where the kind refers to one
//! times = 3                           # how many, one after the other; 1 if left out
//! at_once = 2                         # how many of them may be under way; 1 if left out
//!
//! [[member]]
//! name = "shop"
//! listen = "127.0.0.1:7001"           # where others come in, if others do
//! next = "provider"                   # or the name of a member or a router
//! card = "tcp://127.0.0.1:7101"       # or "pcsc:NAME", or "image:FILE"; or cards = ["tcp://...", ...], of which
//!                                     # transaction k takes card k modulo their count
//! pin_file = "shop.pin"               # its first line; without it `join` asks, and `group` does not start
//! account = "First Bank"              # which of the card's accounts with the provider; its first, if left out
//! role = "payee"                      # or payer, inquirer, witness, holder, verifier, or a number
//! counterparties = ["ada"]            # those whom it names in its request
//! prove_account = true                # lets the others be given its name; false if left out
//! options = ["answer inside"]         # hidden key, answer inside, transaction inside, shared key, peer keys,
//!                                     # reveal to peers
//! fresh_key = "no"                    # or unendorsed, endorsed
//! decision = "accept"                 # or reject: what it says to an approval
//! plain_text = { transaction = "a text that anybody may read" }
//! sensitive = { key_exchange = "for the provider", acknowledgment = { hex = "00ff" } }
//! data = "for the provider, in the acknowledgment; where the group shares a key, for the group"
//!
//! [[router]]
//! name = "r1"
//! listen = "127.0.0.1:7002"
//! next = "shop"
//!
//! [[member]]
//! name = "ada"
//! next = "r1"
//! card = "tcp://127.0.0.1:7102"
//! role = "payer"
//! counterparties = ["shop"]
//! ```
//!
//! `plain_text` and `sensitive` take `key_exchange`, `transaction` and `acknowledgment`. Members are numbered in
//! pre-order, those below one member in the order of the file, as the protocol numbers them. Whether options go
//! together is for cards and providers to say. Paths are relative to the file's folder. Whoever reaches the place where
//! a member listens can disturb a transaction, as whoever is on the line can; to take part takes a card.

mod error;
mod resolve;
#[cfg(test)]
mod tests;
mod ways;
mod written;

use std::path::{Path, PathBuf};
use std::time::Duration;

use apdu_spec::transaction::{Decision, FreshKey};
use protocol::amount::Amount;
use protocol::types::{Number, Options, Role, TransactionId, TransactionKind};

use crate::reader::Place;

pub use error::Mistake;

/// How many transactions one start of a topology makes at most.
pub const TIMES_MAX: u32 = 100_000;

/// How many of them may be under way at once: with [`protocol::limits::CHILDREN_MAX`] members below one, their requests
/// have places at its door.
pub const AT_ONCE_MAX: u32 = 8;

/// Routers in a topology.
pub const ROUTERS_MAX: usize = 256;

/// Cards of one member.
pub const CARDS_MAX: usize = 64;

/// Seconds that a member waits where the file does not say.
pub const PATIENCE: u64 = 20;

/// And the most that it may say: whoever waits for an answer has less than [`crate::hop::ANSWER_TIME`].
pub const PATIENCE_MAX: u64 = 25;

/// A topology that holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// What all members do together.
    pub transaction: Transaction,
    /// How long a member waits for those below it, and for a way up that is not there or broke.
    pub patience: Duration,
    /// In the order of the file.
    pub routers: Vec<Router>,
    /// In the order of their numbers.
    pub members: Vec<Member>,
}

/// What all members do together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The kind.
    pub kind: TransactionKind,
    /// The amount.
    pub amount: Amount,
    /// The earlier transaction that it is about.
    pub reference: Option<TransactionId>,
    /// How many of them.
    pub times: u32,
    /// How many at once.
    pub at_once: u32,
}

/// A router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: String,
    /// The way up.
    pub next: Next,
}

/// The next hop up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its name; [`crate::PROVIDER`] for the provider.
    pub name: String,
    /// Where it listens.
    pub address: String,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its number in the group.
    pub number: Number,
    /// Where those below it come in.
    pub listen: Option<String>,
    /// The way up.
    pub next: Next,
    /// The member that combines its messages; `None` for the one whose messages go to the provider.
    pub parent: Option<Number>,
    /// The members whose messages it combines, in this order.
    pub children: Vec<Number>,
    /// Where its cards are.
    pub cards: Vec<Place>,
    /// A file with their PIN.
    pub pin_file: Option<PathBuf>,
    /// What the card calls the account to use; the first with the provider, where nothing is said.
    pub account: Option<String>,
    /// What it says.
    pub script: Script,
}

/// What a member says in each round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What it asks for.
    pub options: Options,
    /// Which key signs.
    pub fresh_key: FreshKey,
    /// Whether the others may be given its name.
    pub prove_account: bool,
    /// Its part in the transaction.
    pub role: Role,
    /// With whom.
    pub counterparties: Vec<Number>,
    /// What it says to an approval.
    pub decision: Decision,
    /// For whoever is on the way.
    pub plain_text: Texts,
    /// For the provider alone.
    pub sensitive: Texts,
    /// The acknowledgment's data.
    pub data: Vec<u8>,
}

/// A text for each round, mostly empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// In the key exchange request.
    pub key_exchange: Vec<u8>,
    /// In the transaction request.
    pub transaction: Vec<u8>,
    /// In the acknowledgment.
    pub acknowledgment: Vec<u8>,
}

/// One participant.
#[derive(Clone, Copy, Debug)]
pub enum Participant<'a> {
    /// A member.
    Member(&'a Member),
    /// A router.
    Router(&'a Router),
}

impl Topology {
    /// Reads a topology from its file.
    ///
    /// # Errors
    /// [`Mistake`]: what is wrong, where, and what to do about it.
    pub fn read(path: &Path) -> Result<Self, Mistake> {
        let text = std::fs::read_to_string(path).map_err(Mistake::Unreadable)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(".")))
    }

    /// Reads a topology; `folder` is what its paths are relative to.
    ///
    /// # Errors
    /// [`Mistake`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Mistake> {
        resolve::topology(written::parse(text)?, folder)
    }

    /// The participant of this name.
    #[must_use]
    pub fn participant(&self, name: &str) -> Option<Participant<'_>> {
        let router = self.routers.iter().find(|router| router.name == name).map(Participant::Router);
        router.or_else(|| self.members.iter().find(|member| member.name == name).map(Participant::Member))
    }

    /// The names of those whose messages a member combines, in this order.
    #[must_use]
    pub fn names_below(&self, member: &Member) -> Vec<String> {
        let children = member.children.iter().filter_map(|number| self.members.get(usize::from(*number)));
        children.map(|child| child.name.clone()).collect()
    }
}
