//! The transaction application: the card's side of the transaction protocol.
//!
//! ```text
//! CHOOSE PROVIDER -> Chosen -> LOAD DESCRIPTOR -> Ready
//!   -> BUILD 1 -> SIGN ... -> RECEIVE 2 -> Established
//!   -> BUILD 3 -> SIGN ... -> RECEIVE 4 -> Decided
//!   -> BUILD 5 -> SIGN ... -> RECEIVE 6 -> the end
//! ```
//!
//! A stage is a value that its step consumes. What the card gave out before is in the journal, whatever happens to the
//! session.

mod build;
mod choose;
pub(crate) mod descriptor;
pub(crate) mod journal;
mod policy;
mod receive;
mod sign;

use apdu_spec::provider::ProviderReference;
use protocol::crypto::RustCrypto;
use protocol::member::{
    AcknowledgmentSent, Awaiting, Combining, Decided, Established, KeyExchangeSent, TransactionSent, Unsigned,
};
use protocol::types::TransactionId;

use crate::refusal::Refusal;

/// The transaction session, gone at a reset. There is one; the channel that chose a provider has it.
#[derive(Default)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and no heap to put the stage on")]
pub(crate) enum Session {
    /// None.
    #[default]
    Idle,
    /// A provider record was chosen.
    Open(Owner, Stage),
}

/// Whose session it is.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    /// The channel that chose the record; no other may go on.
    channel: u8,
    /// The record.
    provider: ProviderReference,
}

/// How far the session got.
pub(crate) enum Stage {
    /// Not further than the choice.
    Chosen,
    /// The provider's descriptor is known to be the one in use.
    Ready,
    /// The key exchange is under way.
    KeyExchange(Round<KeyExchangeSent>),
    /// The session's keys are there.
    Established(Established),
    /// The transaction request is under way. The response says how the journal's entry of this transaction goes on.
    Transaction(Round<TransactionSent>, TransactionId),
    /// The provider approved.
    Decided(Decided),
    /// The acknowledgment is under way; likewise.
    Acknowledgment(Round<AcknowledgmentSent>, TransactionId),
}

/// One message of the member's and the answer to it.
pub(crate) enum Round<Next> {
    /// What the member says is written.
    Unsigned(Unsigned<RustCrypto, Next>),
    /// Some commands of SIGN have come, each of which announced this count of children.
    Combining(Combining<RustCrypto, Next>, u8),
    /// The node is signed.
    Awaiting(Awaiting<Next>),
}

impl Session {
    /// Ends the session if this channel has it.
    pub(crate) fn close(&mut self, number: u8) {
        match self {
            Self::Open(owner, _) if owner.channel == number => *self = Self::Idle,
            Self::Idle | Self::Open(..) => {}
        }
    }

    /// Ends the session if it is with this record, which changes.
    pub(crate) fn end_with(&mut self, provider: ProviderReference) {
        match self {
            Self::Open(owner, _) if owner.provider == provider => *self = Self::Idle,
            Self::Idle | Self::Open(..) => {}
        }
    }

    /// Ends the session if a node is half-made: whatever is not the next SIGN comes between.
    pub(crate) fn interrupt(&mut self) {
        match self {
            Self::Open(_, stage) if stage.is_combining() => *self = Self::Idle,
            Self::Idle | Self::Open(..) => {}
        }
    }

    /// The session as its channel sees it.
    fn of(&self, number: u8) -> Result<(Owner, &Stage), Refusal> {
        match self {
            Self::Open(owner, stage) if owner.channel == number => Ok((*owner, stage)),
            Self::Idle | Self::Open(..) => Err(Refusal::OutOfOrder),
        }
    }

    /// Takes the stage out. Until the step puts the next one in, there is no session: what fails on the way ends it.
    fn take(&mut self) -> Result<Stage, Refusal> {
        match core::mem::take(self) {
            Self::Open(_, stage) => Ok(stage),
            Self::Idle => Err(Refusal::OutOfOrder),
        }
    }
}

impl Stage {
    fn is_combining(&self) -> bool {
        matches!(
            self,
            Self::KeyExchange(Round::Combining(..))
                | Self::Transaction(Round::Combining(..), _)
                | Self::Acknowledgment(Round::Combining(..), _)
        )
    }

    /// Whether SIGN is next.
    fn is_unsigned(&self) -> bool {
        self.is_combining()
            || matches!(
                self,
                Self::KeyExchange(Round::Unsigned(_))
                    | Self::Transaction(Round::Unsigned(_), _)
                    | Self::Acknowledgment(Round::Unsigned(_), _)
            )
    }
}
