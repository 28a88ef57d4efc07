//! A transaction as the store sees it: opened, decided, ended.

use crate::ledger::{AccountId, Transfer};
use crate::time::Timestamp;
use protocol::provider::Answer;
use protocol::types::{Digest, Ending, GroupId, ReasonCode, TransactionId, TransactionKind};

/// Which of a transaction's requests; it has one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// The key exchange.
    KeyExchange = 0,
    /// The transaction request.
    Transaction = 1,
    /// The acknowledgment, answered by the final notice.
    Acknowledgment = 2,
}

/// A request: what an answer is kept under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A key exchange, by the digest of its root and that of its whole message.
    KeyExchange(Digest, Digest),
    /// A transaction request, by its header's transaction and the digest of its whole message.
    Transaction(TransactionId, Digest),
    /// An acknowledgment, likewise.
    Acknowledgment(TransactionId, Digest),
}

/// A key exchange that was verified, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The transaction, drawn by [`crate::id::draw`].
    pub transaction: TransactionId,
    /// The group.
    pub group: GroupId,
    /// The digest of the whole request message.
    pub request: Digest,
    /// The digest of every node in pre-order, the root's first.
    pub nodes: Vec<Digest>,
    /// The group's sessions, sealed by the caller.
    pub sessions: Vec<u8>,
    /// Until when its transaction may come. `None`: the answer is a refusal, and no transaction may.
    pub until: Option<Timestamp>,
    /// The answer.
    pub answer: Answer,
}

/// A group of sessions, for the messages after the key exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The group.
    pub id: GroupId,
    /// How far its transaction is.
    pub phase: Phase,
    /// The root of the kept transaction response, which acknowledgments name.
    pub response: Option<Digest>,
    /// Its sessions, sealed; `None` once the final notice is kept.
    pub sessions: Option<Vec<u8>>,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its transaction request may come.
    Open {
        /// Until then.
        until: Timestamp,
    },
    /// No transaction request came in time, or the key exchange was refused.
    Closed,
    /// Approved; the money is held and the acknowledgment may come.
    Held {
        /// Until then.
        until: Timestamp,
    },
    /// Declined.
    Declined(ReasonCode),
    /// Approved, and ended.
    Ended(Ending),
}

/// What the members want, in the provider's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Move money.
    Transfer(Transfer),
    /// Release what is held for an earlier transaction.
    Cancellation {
        /// The earlier transaction.
        of: TransactionId,
        /// Who asks: one of the two that its money would move between.
        by: AccountId,
    },
    /// Nothing moves: a statement, an inquiry.
    Record,
    /// The provider declines for reasons of its own, whatever the accounts hold.
    Decline(ReasonCode),
}

/// A verified transaction request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The transaction.
    pub transaction: TransactionId,
    /// The digest of the whole request message.
    pub request: Digest,
    /// What it is for, as the members said.
    pub kind: TransactionKind,
    /// What they want.
    pub order: Order,
    /// Accounts that proved themselves and are not part of the order.
    pub participants: Vec<AccountId>,
    /// The time.
    pub now: Timestamp,
    /// Until when an approval holds.
    pub until: Timestamp,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes; money is held where the order moves any.
    Approved,
    /// No, and why.
    Declined(ReasonCode),
}

/// A verified acknowledgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The transaction.
    pub transaction: TransactionId,
    /// The digest of the whole acknowledgment message.
    pub request: Digest,
    /// Whether all members accept.
    pub accepted: bool,
    /// The time.
    pub now: Timestamp,
}

/// What became of a transaction, for who asks later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far it is, or how it ended.
    pub phase: Phase,
    /// What it was for; `None` before it was decided.
    pub kind: Option<TransactionKind>,
    /// What it moves or moved.
    pub transfer: Option<Transfer>,
    /// Every account that took part, in ascending order.
    pub participants: Vec<AccountId>,
}

impl Request {
    /// Which of its transaction's requests.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::KeyExchange(..) => Stage::KeyExchange,
            Self::Transaction(..) => Stage::Transaction,
            Self::Acknowledgment(..) => Stage::Acknowledgment,
        }
    }

    /// The digest of its whole message.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        match self {
            Self::KeyExchange(_, digest) | Self::Transaction(_, digest) | Self::Acknowledgment(_, digest) => *digest,
        }
    }
}

impl Phase {
    /// When it ends by itself.
    #[must_use]
    pub const fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Open { until } | Self::Held { until } => Some(until),
            Self::Closed | Self::Declined(_) | Self::Ended(_) => None,
        }
    }

    /// What was decided; `None` where nothing was.
    #[must_use]
    pub const fn decision(self) -> Option<Decision> {
        match self {
            Self::Open { .. } | Self::Closed => None,
            Self::Declined(reason) => Some(Decision::Declined(reason)),
            Self::Held { .. } | Self::Ended(_) => Some(Decision::Approved),
        }
    }

    /// How a decided transaction ended; `None` where it did not.
    #[must_use]
    pub const fn ending(self) -> Option<Ending> {
        match self {
            Self::Open { .. } | Self::Closed | Self::Held { .. } => None,
            Self::Declined(_) => Some(Ending::Released),
            Self::Ended(ending) => Some(ending),
        }
    }
}
