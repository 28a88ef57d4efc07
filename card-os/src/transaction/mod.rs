//! The transaction application: the card's side of the transaction protocol.

mod choose;
pub(crate) mod journal;

use apdu_spec::provider::ProviderReference;

/// The transaction session, gone at a reset.
#[derive(Default)]
pub(crate) enum Session {
    /// None.
    #[default]
    Idle,
    /// A provider record was chosen.
    Chosen {
        /// The channel that chose it; no other may go on.
        channel: u8,
        #[expect(dead_code, reason = "for the transaction messages that are being wired in")]
        /// The record.
        provider: ProviderReference,
    },
}

impl Session {
    /// Ends the session if this channel has it.
    pub(crate) fn close(&mut self, number: u8) {
        match self {
            Self::Chosen { channel, .. } if *channel == number => *self = Self::Idle,
            Self::Idle | Self::Chosen { .. } => {}
        }
    }
}
