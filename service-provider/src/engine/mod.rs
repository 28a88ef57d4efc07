//! The engine: from a request's bytes to its answer's, in the order that the protocol fixes.
//!
//! ```text
//! structure and limits -> key identification -> kept answer? -> HPKE, signatures, seals, proofs
//!   -> decide (durable) -> answer -> keep (durable) -> out
//! ```
//!
//! Cheap checks come first, and what does not verify changes nothing. Everything the engine changes goes through
//! [`Store`], whose operations are idempotent: when a crash separates deciding from answering, the same bytes mend it.

mod acknowledgment;
mod agreement;
mod key_exchange;
mod key_ring;
mod reason;
mod transaction;

pub use key_ring::KeyRing;

use std::time::Duration;

use protocol::crypto::{AwsLc, Secret};
use protocol::error::{Malformed, Rejected};
use protocol::message::request::Tree;
use protocol::message::{self, Kind};
use protocol::provider::{AccountClaim, Group, ProviderKeys, Requests, descriptor_message, message_digest};
use protocol::types::{Digest, TransactionId};
use rand_core::CryptoRngCore;

use crate::storage_key::StorageKeys;
use crate::store::account::{Account, AccountNumber};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// The back end behind every provider.
pub type Backend = AwsLc;

/// How long members have from a key exchange to their transaction, and from an approval to their acknowledgment.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// From key exchange to transaction request.
    pub session: Duration,
    /// From approval to acknowledgment.
    pub hold: Duration,
    /// Whether a member's key must be registered or endorsed. Where it need not be, account number and account secret
    /// together are all that it takes to be that member.
    pub registered_keys_only: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { session: Duration::from_secs(120), hold: Duration::from_secs(60), registered_keys_only: true }
    }
}

/// Why a request has no answer but the uniform refusal. For the provider's own eyes: nothing of it goes out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The message does not verify.
    #[error("{0}")]
    Rejected(#[from] Rejected),
    /// The store refused, or failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The stored sessions cannot be opened any more.
    #[error("the sessions' storage key is gone")]
    SessionsGone,
    /// A kind of message that a provider does not answer.
    #[error("a message of kind {0:?} is not for a provider")]
    NotARequest(Kind),
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Rejected(malformed.into())
    }
}

/// A provider: its keys, its policy and its store.
pub struct Engine<S> {
    store: S,
    keys: KeyRing,
    storage_keys: StorageKeys,
    policy: Policy,
}

impl<S: Store> Engine<S> {
    /// Puts a provider together.
    pub const fn new(store: S, keys: KeyRing, storage_keys: StorageKeys, policy: Policy) -> Self {
        Self { store, keys, storage_keys, policy }
    }

    /// Answers one message.
    ///
    /// # Errors
    /// [`Refusal`]: nobody is verified, so the answer is [`message::bare`] of [`Kind::Refused`].
    pub async fn answer(
        &self,
        message: &[u8],
        now: Timestamp,
        random: &mut (impl CryptoRngCore + Send),
    ) -> Result<Vec<u8>, Refusal> {
        let (kind, body) = message::split(message)?;
        match kind {
            Kind::DescriptorRequest if body.is_empty() => {
                Ok(descriptor_message(self.keys.current(now).ok_or(Rejected::UnknownKey)?))
            }
            Kind::DescriptorRequest => Err(Malformed::TrailingBytes.into()),
            Kind::KeyExchangeRequest => self.key_exchange(message, now, random).await,
            Kind::TransactionRequest => self.transaction(message, now, random).await,
            Kind::Acknowledgment => self.acknowledgment(message, now, random).await,
            Kind::KeyExchangeResponse
            | Kind::TransactionResponse
            | Kind::FinalNotice
            | Kind::Refused
            | Kind::Descriptor => Err(Refusal::NotARequest(kind)),
        }
    }

    /// Ends what is past its time; returns how much there was.
    ///
    /// # Errors
    /// The store's.
    pub async fn expire(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.store.expire(now).await
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The keys under which a transaction began, which answer all its messages.
    fn keys_of(&self, key: &protocol::types::KeyId) -> Result<&ProviderKeys<Backend>, Refusal> {
        Ok(self.keys.find(key).ok_or(Rejected::UnknownKey)?)
    }

    /// The sessions of a transaction.
    async fn group(&self, transaction: TransactionId) -> Result<Group, Refusal> {
        let row = self.store.group(transaction).await?.ok_or(StoreError::UnknownTransaction)?;
        let sealed = row.sessions.ok_or(StoreError::OutOfOrder)?;
        let plain = self.storage_keys.sessions.open(&transaction.0, &sealed).map_err(|_| Refusal::SessionsGone)?;
        let mut sessions = Group::from_bytes(&plain)?;
        sessions.response = row.response;
        Ok(sessions)
    }

    /// The account that a member names, with its secret, when the member proves it.
    async fn proved_account(&self, claim: &AccountClaim) -> Result<Option<Account>, Refusal> {
        let number = std::str::from_utf8(&claim.information).ok().and_then(|text| AccountNumber::new(text).ok());
        let Some(number) = number else { return Ok(None) };
        let Some(account) = self.store.account_by_number(&number).await? else { return Ok(None) };
        let Some(secret) = self.account_secret(&account) else { return Ok(None) };
        Ok(claim.is_proved_by::<Backend>(&secret).then_some(account))
    }

    fn account_secret(&self, account: &Account) -> Option<Secret<16>> {
        let plain = self.storage_keys.accounts.open(account.number.as_str().as_bytes(), &account.sealed_secret).ok()?;
        <[u8; 16]>::try_from(plain.as_slice()).ok().map(Secret::from)
    }
}

/// A later message of a transaction, its structure checked.
struct Later<'m> {
    requests: Requests<'m>,
    transaction: TransactionId,
    digest: Digest,
}

impl<'m> Later<'m> {
    fn parse(message: &'m [u8]) -> Result<Self, Refusal> {
        let requests = parse(message)?;
        let transaction = requests.transaction()?;
        Ok(Self { requests, transaction, digest: message_digest::<Backend>(message) })
    }
}

/// A request as a tree with the digest of each node.
fn parse(message: &[u8]) -> Result<Requests<'_>, Refusal> {
    Ok(Requests::new::<Backend>(Tree::parse(message)?)?)
}
