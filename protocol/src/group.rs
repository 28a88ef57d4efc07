//! The group's identification, G: who takes part, in which order, with which keys and requests.
//!
//! ```text
//! G = digest(GROUP, txid, root request digest, mode, count, [number, parent, key commitment, request digest]...)
//! ```

use crate::crypto::{Crypto, PublicKey};
use crate::label;
use crate::message::key_exchange::{Peer, PeerKey};
use crate::transcript::{self, Transcript};
use crate::types::{Digest, GroupId, Number, Options, Salt, TransactionId};

/// What the parent of the root is written as.
const NO_PARENT: Number = Number::MAX;

/// Computes a group's identification, member by member in the order of their numbers.
pub(crate) struct GroupHasher<C: Crypto> {
    transcript: Transcript<C>,
    next: Number,
}

impl<C: Crypto> GroupHasher<C> {
    /// `options`: those of any member; all agree on whether they share a key.
    pub(crate) fn new(transaction: &TransactionId, root_request: &Digest, options: Options, count: Number) -> Self {
        let mut transcript = Transcript::new(label::GROUP);
        transcript.add(&transaction.0);
        transcript.add(&root_request.0);
        transcript.add(&[u8::from(options.has(Options::SHARED_KEY))]);
        transcript.add(&count.to_be_bytes());
        Self { transcript, next: 0 }
    }

    pub(crate) fn member(&mut self, peer: &Peer) {
        self.transcript.add(&self.next.to_be_bytes());
        self.transcript.add(&peer.parent.unwrap_or(NO_PARENT).to_be_bytes());
        self.transcript.add(&peer.key.commitment::<C>().0);
        self.transcript.add(&peer.request.0);
        self.next = self.next.saturating_add(1);
    }

    pub(crate) fn finish(self) -> GroupId {
        GroupId(self.transcript.finish().0)
    }
}

impl PeerKey {
    /// The commitment to this key that the group's identification contains.
    #[must_use]
    pub fn commitment<C: Crypto>(&self) -> Digest {
        match self {
            Self::Open(key) => commitment::<C>(key, None),
            Self::Revealed(key, salt) => commitment::<C>(key, Some(salt)),
            Self::Hidden(commitment) => *commitment,
        }
    }
}

/// The commitment to a verification key; salted where the key is hidden, since keys can be tried out.
pub(crate) fn commitment<C: Crypto>(key: &PublicKey, salt: Option<&Salt>) -> Digest {
    let salt = salt.map_or(&[] as &[u8], |salt| salt.as_bytes());
    transcript::digest::<C>(label::KEY_COMMITMENT, &[salt, &key.0])
}
