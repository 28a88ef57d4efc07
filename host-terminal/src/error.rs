//! Why a terminal could not do what it was to do, and what to do about it.

use std::time::Duration;

use protocol::amount::Amount;
use protocol::error::Malformed;
use protocol::types::{ProviderId, ReasonCode, TransactionId};

use crate::card::CardError;
use crate::hop::HopError;
use crate::till::BookError;
use crate::{BELOW, CUSTOMER, NEXT, PROVIDER};

/// Why a terminal could not do what it was to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The card or its reader.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The customer's card in the shop's own reader, or that reader.
    #[error("the customer's card: {0}")]
    CustomerCard(CardError),
    /// The connection to another hop.
    #[error("{hop}: {source}")]
    Hop {
        /// Which.
        hop: &'static str,
        /// What happened.
        source: HopError,
    },
    /// Another hop sent what it should not have.
    #[error("{hop} does not keep to the protocol: {what}")]
    Misbehaved {
        /// Which.
        hop: &'static str,
        /// How.
        what: Misbehaviour,
    },
    /// The provider does not verify what was sent, and says no more: it was changed on the way, or is not for it.
    #[error(
        "the provider refuses the message without a signature: it or another member's was changed on the way, or \
        its keys are not in use any more; begin again"
    )]
    Refused,
    /// Another member's terminal says that it cannot go on.
    #[error("another member's terminal cannot go on: {0}")]
    Stopped(String),
    /// Members below did not come in time.
    #[error("{names} did not come within {} s", waited.as_secs())]
    Absent {
        /// Which.
        names: String,
        /// For how long they were waited for.
        waited: Duration,
    },
    /// The customer went away.
    #[error("the customer's terminal went away")]
    CustomerLeft,
    /// The card has no account with the provider.
    #[error("the card has no account with provider {0}")]
    NoAccount(ProviderId),
    /// The descriptor is not in force.
    #[error("the provider's descriptor is not in force today: check this terminal's clock")]
    NotInForce,
    /// The amount is more than the user allows.
    #[error("{amount} is more than the limit of {limit}")]
    AboveLimit {
        /// What is asked for.
        amount: Amount,
        /// What is allowed.
        limit: String,
    },
    /// The limit is no amount of the currency.
    #[error("the limit {limit} is no amount in {currency}")]
    LimitUnreadable {
        /// The limit as it was given.
        limit: String,
        /// The currency asked for.
        currency: String,
    },
    /// The shop did not prove who it is.
    #[error("the provider does not say whom the money is for; nothing was paid")]
    PayeeUnknown,
    /// The user said no before anything was asked for.
    #[error("called off; nothing was paid")]
    CalledOff,
    /// The provider does not answer the inquiry. The card has accepted, so that the money may have moved.
    #[error("the provider does not say how it ended: {line} (code {})", code.0)]
    NotTold {
        /// Why not, for a program.
        code: ReasonCode,
        /// Why not, for a person.
        line: String,
    },
    /// The journal has no such transaction.
    #[error("the card remembers no such transaction")]
    NotInJournal,
    /// What was to be kept in the day book was not, so that what it guards did not happen.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// What another hop did that it should not have done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// What it sent is no message.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The message is not the one that belongs here.
    #[error("{got} came where {expected} belongs")]
    Unexpected {
        /// What came.
        got: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// The response is not for the members that the request was from.
    #[error("the response is not for the members who asked")]
    OtherMembers,
    /// It tells of another amount than that of the transaction it is asked about.
    #[error("the amount in the answer is not the transaction's")]
    OtherAmount,
    /// The descriptor is of another provider.
    #[error("the descriptor is another provider's")]
    OtherProvider,
}

impl Error {
    pub(crate) fn hop(hop: &'static str) -> impl Fn(HopError) -> Self {
        move |source| Self::Hop { hop, source }
    }

    /// An error of a card, if it is one, as one of the customer's.
    #[must_use]
    pub fn of_customer(self) -> Self {
        if let Self::Card(error) = self { Self::CustomerCard(error) } else { self }
    }

    pub(crate) fn misbehaved<M: Into<Misbehaviour>>(hop: &'static str) -> impl Fn(M) -> Self {
        move |what| Self::Misbehaved { hop, what: what.into() }
    }
}

/// An error, and how far the transaction was when it happened.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", hint(*transaction, *requested))]
pub struct Failure {
    /// What went wrong.
    pub error: Error,
    /// The transaction, once the provider has named it.
    pub transaction: Option<TransactionId>,
    /// Whether the card has given out a request: then only the provider knows how the transaction ends.
    pub requested: bool,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), transaction: None, requested: false }
    }
}

fn hint(transaction: Option<TransactionId>, requested: bool) -> String {
    match transaction {
        Some(transaction) if requested => {
            format!("; how transaction {transaction} ended is not known here: ask with `status`")
        }
        Some(transaction) => format!("; nothing moves in transaction {transaction}"),
        None => String::new(),
    }
}

/// What other terminals are told of an error: enough to know whom to ask, nothing about this one.
pub(crate) fn farewell(error: &Error) -> &'static str {
    match error {
        Error::Hop { hop: PROVIDER, .. } => "its provider cannot be reached",
        Error::Hop { hop: NEXT, .. } => "its next hop cannot be reached",
        Error::Misbehaved { hop: CUSTOMER | BELOW, .. } => "it does not understand this terminal",
        Error::Card(_) => "its own card does not go on",
        Error::Absent { .. } => "a member below it did not come in time",
        Error::Refused
        | Error::Hop { .. }
        | Error::Misbehaved { .. }
        | Error::Stopped(_)
        | Error::CustomerLeft
        | Error::NoAccount(_)
        | Error::NotInForce
        | Error::AboveLimit { .. }
        | Error::LimitUnreadable { .. }
        | Error::PayeeUnknown
        | Error::CalledOff
        | Error::NotTold { .. }
        | Error::NotInJournal
        | Error::CustomerCard(_)
        | Error::Book(_) => "it gives no reason",
    }
}
