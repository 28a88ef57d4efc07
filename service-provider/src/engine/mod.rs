//! The engine: from a request's bytes to its answer's, in the order that the protocol fixes.
//!
//! ```text
//! structure and limits -> key identification -> kept answer? -> HPKE, signatures, seals, proofs
//!   -> decide -> answer -> keep (both durable) -> out
//! ```
//!
//! Cheap checks come first, and what does not verify changes nothing. Everything the engine changes goes through
//! [`Store`], whose operations are idempotent: when a crash separates deciding from answering, the same bytes mend it.

mod acknowledgment;
mod agreement;
mod key_exchange;
pub mod notices;
mod operator;
mod reason;
mod rules;
mod statement;
mod transaction;

use std::time::Duration;

use protocol::crypto::Secret;
use protocol::error::{Malformed, Rejected};
use protocol::message::request::Tree;
use protocol::message::{self, Kind};
use protocol::provider::{AccountClaim, Group, ProviderKeys, Requests, descriptor_message, message_digest};
use protocol::types::{Digest, TransactionId};
use rand_core::CryptoRngCore;

pub use operator::{Heard, Operator, Silent, TooLong, Words};

use crate::Backend;
use crate::keys::KeyRing;
use crate::keys::storage::StorageKeys;
use crate::store::account::{Account, AccountNumber};
use crate::store::transaction::{Phase, Request, Stage};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// How long members have from a key exchange to their transaction, and from an approval to their acknowledgment.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// From key exchange to transaction request.
    pub session: Duration,
    /// From approval to acknowledgment.
    pub hold: Duration,
    /// Whether a member's key must be registered or endorsed. Where it need not be, account number and account secret
    /// together are all that it takes to be that member, and anybody can have the store remember sessions.
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
    operator: Box<dyn Operator>,
}

impl<S: Store> Engine<S> {
    /// Puts a provider together, whose operator has nothing to say.
    pub fn new(store: S, keys: KeyRing, storage_keys: StorageKeys, policy: Policy) -> Self {
        Self { store, keys, storage_keys, policy, operator: Box::new(Silent) }
    }

    /// The same provider with another operator.
    #[must_use]
    pub fn with_operator(self, operator: impl Operator) -> Self {
        Self { operator: Box::new(operator), ..self }
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
        let _under_way = self.store.under_way();
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

    /// The sessions for a later message of a transaction, or the answer that was kept when these very bytes came
    /// before.
    async fn begin(&self, request: &Request, transaction: TransactionId) -> Result<Begun, Refusal> {
        let row = self.store.group(transaction).await?.ok_or(StoreError::UnknownTransaction)?;
        if !awaits(row.phase, request.stage())
            && let Some(kept) = self.store.answer(request).await?
        {
            return Ok(Begun::Answered(kept));
        }
        let sealed = row.sessions.ok_or(StoreError::OutOfOrder)?;
        let plain = self.storage_keys.sessions.open(&transaction.0, &sealed).map_err(|_| Refusal::SessionsGone)?;
        let mut group = Group::from_bytes(&plain)?;
        group.response = row.response;
        Ok(Begun::Awaited(group))
    }

    /// The account that a member proves, where it may use it: a registered key is for its own account only, and stands
    /// for no other than the one that the member names.
    async fn proved(&self, registered: Option<Account>, claim: &AccountClaim) -> Result<Option<Account>, Refusal> {
        let number = std::str::from_utf8(&claim.information).ok().and_then(|text| AccountNumber::new(text).ok());
        let account = match (registered, number) {
            (Some(registered), Some(number)) => Some(registered).filter(|account| account.number == number),
            (None, Some(number)) if !self.policy.registered_keys_only => self.store.account_by_number(&number).await?,
            (None, Some(_)) | (_, None) => None,
        };
        let proves = |account: &Account| {
            self.account_secret(account).is_some_and(|secret| claim.is_proved_by::<Backend>(&secret))
        };
        Ok(account.filter(proves))
    }

    fn account_secret(&self, account: &Account) -> Option<Secret<16>> {
        let plain = self.storage_keys.accounts.open(account.number.as_str().as_bytes(), &account.sealed_secret).ok()?;
        <[u8; 16]>::try_from(plain.as_slice()).ok().map(Secret::from)
    }
}

/// Where a later message of a transaction finds it.
enum Begun {
    /// The message was answered before.
    Answered(Vec<u8>),
    /// It is to be verified.
    Awaited(Group),
}

/// Whether a transaction in this phase has no answer yet to its request of this stage.
const fn awaits(phase: Phase, stage: Stage) -> bool {
    matches!((phase, stage), (Phase::Open { .. }, Stage::Transaction) | (Phase::Held { .. }, Stage::Acknowledgment))
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
