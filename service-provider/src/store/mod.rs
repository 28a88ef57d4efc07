//! What the provider remembers, and the few operations that change it.
//!
//! [`Store`] is all that the engine knows. Each operation happens as a whole or not at all, is durable when it returns,
//! and is idempotent: the same request gets the same result, however often and on however many tasks it comes, so
//! that a crash at any point is mended by the same bytes arriving again. A refused operation changes nothing.
//!
//! Where things are:
//!
//! - `rules`: what the operations do, once for all stores, in terms of
//! - [`tables`]: typed rows, which [`memory`] keeps in maps and [`sqlite`] in a database;
//! - [`recent`]: what of them is looked up again and again.

pub mod account;
pub mod attribute;
pub mod instrument;
pub mod limits;
pub mod memory;
pub mod recent;
mod rules;
pub mod sqlite;
pub mod tables;
pub mod transaction;

use crate::ledger::audit::Audit;
use crate::ledger::{AccountId, Entry, Imbalance};
use crate::time::Timestamp;
use account::{Account, AccountNumber, Balance, Funding, NewAccount};
use attribute::Attribute;
use protocol::crypto::PublicKey;
use protocol::provider::Answer;
use protocol::types::{Ending, TransactionId};
use std::future::Future;
use transaction::{Authorization, Decision, Group, Opening, Request, Settlement, Status};

/// Why an operation did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The transaction is not known, or forgotten.
    #[error("the transaction is not known")]
    UnknownTransaction,
    /// The account is not known.
    #[error("the account is not known")]
    UnknownAccount,
    /// A node of the request was part of another one, or the transaction has had a different request of this kind.
    #[error("a part of the request was used before")]
    AlreadyUsed,
    /// The transaction is not at the point where this request comes.
    #[error("the request comes out of order")]
    OutOfOrder,
    /// An account's number or key, or an entry's identification, is another's already.
    #[error("it exists already: {0}")]
    Exists(&'static str),
    /// A value that the caller should not have passed.
    #[error("invalid: {0}")]
    Invalid(&'static str),
    /// The store is stopped or failed; whether the operation happened is not known, so the request may come again.
    #[error("the store does not answer")]
    Stopped,
    /// The database failed.
    #[error("the database: {0}")]
    Database(String),
    /// A stored row is not one that this program wrote.
    #[error("a stored row is damaged: {0}")]
    Damaged(&'static str),
    /// Stored rows contradict one another.
    #[error(transparent)]
    Imbalance(#[from] Imbalance),
}

/// The provider's memory. See the module for what holds for every operation. While a request is under way, what
/// [`authorize`](Store::authorize) and [`settle`](Store::settle) decide is durable only once its answer is kept; so is
/// anything that depends on it.
pub trait Store: Send + Sync + 'static {
    /// Says that a request is under way, until what is returned is dropped. So a store that commits for many at once
    /// knows whether it is worth waiting for more of them.
    fn under_way(&self) -> impl Send;

    /// Creates an account and funds it from the float of its currency, which is created with the first one.
    fn create_account(&self, account: NewAccount) -> impl Future<Output = Result<AccountId, StoreError>> + Send;

    /// Moves money from the float into an account.
    fn fund(&self, account: AccountId, funding: Funding) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Registers one more key for an account.
    fn register_key(&self, account: AccountId, key: PublicKey) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Blocks an account, or unblocks it. What is held already still settles.
    fn set_blocked(&self, account: AccountId, blocked: bool) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// An account by its number.
    fn account_by_number(
        &self,
        number: &AccountNumber,
    ) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// An account by a key registered for it.
    fn account_by_key(&self, key: &PublicKey) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// What is known of an account's holder, by name and value in ascending order.
    fn attributes(&self, account: AccountId) -> impl Future<Output = Result<Vec<Attribute>, StoreError>> + Send;

    /// Accounts with their money, floats included, in the order of their creation: those after `after`, at most `limit`
    /// and [`limits::PAGE_MAX`].
    fn balances(
        &self,
        after: Option<AccountId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Balance>, StoreError>> + Send;

    /// An account's entries, the one posted last first: those before the entry of the transaction `before`, at most
    /// `limit` and [`limits::PAGE_MAX`].
    fn statement(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// The kept answer to a request; `None` where there is none, or it is forgotten ([`limits::RETENTION`]).
    fn answer(&self, request: &Request) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// Keeps a group of sessions and the answer to its key exchange, and returns the answer to give: the same request
    /// opened before keeps its first group and answer. Each node opens one request, for as long as the store remembers.
    fn open(&self, opening: Opening) -> impl Future<Output = Result<Vec<u8>, StoreError>> + Send;

    /// The group of a transaction, for verifying its later messages.
    fn group(&self, transaction: TransactionId) -> impl Future<Output = Result<Option<Group>, StoreError>> + Send;

    /// Decides a transaction and holds the money it moves. The same request again gets the same decision; a different
    /// one for the same transaction is refused.
    fn authorize(&self, authorization: Authorization) -> impl Future<Output = Result<Decision, StoreError>> + Send;

    /// Ends a transaction: posts what is held where all accept in time, releases it otherwise. The same acknowledgment
    /// again gets the same ending; a different one is refused.
    fn settle(&self, settlement: Settlement) -> impl Future<Output = Result<Ending, StoreError>> + Send;

    /// Keeps the answer to a transaction request or an acknowledgment that was decided, and returns the one to give:
    /// the first kept one. With the final notice kept, the group's sessions are no longer needed and are deleted.
    fn keep(&self, request: Request, answer: Answer) -> impl Future<Output = Result<Vec<u8>, StoreError>> + Send;

    /// Ends what is past its time and forgets what is past [`limits::RETENTION`], at most [`limits::EXPIRE_MAX`] of
    /// each; returns how many there were in all. Call again at once where it is that many or more.
    fn expire(&self, now: Timestamp) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// What became of a transaction; posted ones are known for ever, others until they are forgotten.
    fn outcome(&self, transaction: TransactionId) -> impl Future<Output = Result<Option<Status>, StoreError>> + Send;

    /// Recomputes everything from the postings up, and says what does not add up.
    fn verify(&self) -> impl Future<Output = Result<Audit, StoreError>> + Send;
}
