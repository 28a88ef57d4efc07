//! Typed rows, and the two ways to get at them.
//!
//! The store's rules are written once, over [`Tables`]. A [`Database`] lends them out: for reading, as they were at one
//! instant; for writing, one operation at a time.

use crate::ledger::{AccountId, Entry, Funds, Transfer};
use crate::store::StoreError;
use crate::store::account::{Account, AccountNumber, NewAccount};
use crate::store::attribute::Attribute;
use crate::store::instrument::Instrument;
use crate::store::recent::Recent;
use crate::store::transaction::{Phase, Stage};
use crate::time::Timestamp;
use protocol::crypto::PublicKey;
use protocol::provider::Answer;
use protocol::types::{Digest, GroupId, TransactionId, TransactionKind};
use std::future::Future;

/// What of an account decides whether its money may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purse {
    /// The money.
    pub funds: Funds,
    /// What it stands behind.
    pub instrument: Instrument,
    /// Whether it is blocked.
    pub blocked: bool,
}

/// A transaction's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionRow {
    /// The group.
    pub group: GroupId,
    /// How far it is.
    pub phase: Phase,
    /// The request that decided it.
    pub authorized: Option<Authorized>,
    /// The digest of the acknowledgment that ended it, or was told that it had ended.
    pub acknowledgment: Option<Digest>,
}

/// What a transaction request brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorized {
    /// Its digest.
    pub request: Digest,
    /// What it is for.
    pub kind: TransactionKind,
    /// What happens on acceptance.
    pub effect: Effect,
}

/// What accepting an approved transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Posts a transfer, which is held.
    Transfer(Transfer),
    /// Releases what is held for another transaction.
    Cancellation(TransactionId),
}

/// A used-up node of a key exchange request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// The transaction it opened.
    pub transaction: TransactionId,
    /// Whether it is the request's root.
    pub root: bool,
}

/// A kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// The digest of the request's message.
    pub request: Digest,
    /// The answer.
    pub answer: Answer,
}

/// The rows of a store, to look at.
pub trait Tables {
    /// An account.
    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError>;
    /// The account of a number.
    fn account_by_number(&self, number: &AccountNumber) -> Result<Option<AccountId>, StoreError>;
    /// The account of a key.
    fn account_by_key(&self, key: &PublicKey) -> Result<Option<AccountId>, StoreError>;
    /// How many keys an account has.
    fn key_count(&self, account: AccountId) -> Result<usize, StoreError>;
    /// Accounts after one, ascending.
    fn accounts_after(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<AccountId>, StoreError>;
    /// An account's attributes, ascending.
    fn attributes(&self, account: AccountId) -> Result<Vec<Attribute>, StoreError>;
    /// An account's money, and whether it may be moved.
    fn purse(&self, account: AccountId) -> Result<Option<Purse>, StoreError>;
    /// An account's money.
    fn funds(&self, account: AccountId) -> Result<Option<Funds>, StoreError>;
    /// The entry of a transaction.
    fn entry(&self, transaction: TransactionId) -> Result<Option<Entry>, StoreError>;
    /// What refunds of a transaction have moved or hold.
    fn refunded(&self, transaction: TransactionId) -> Result<u64, StoreError>;
    /// Entries of an account before one of them, the last one first.
    fn entries_before(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;
    /// How many entries there are.
    fn entry_count(&self) -> Result<u64, StoreError>;
    /// How many rows refer to a row that is not there.
    fn orphans(&self) -> Result<u64, StoreError>;
    /// A transaction.
    fn transaction(&self, id: TransactionId) -> Result<Option<TransactionRow>, StoreError>;
    /// A transaction's sessions.
    fn sessions(&self, id: TransactionId) -> Result<Option<Vec<u8>>, StoreError>;
    /// The further participants of a transaction, ascending.
    fn participants(&self, id: TransactionId) -> Result<Vec<AccountId>, StoreError>;
    /// Transactions whose deadline is `now` or earlier, the earliest first.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<TransactionId>, StoreError>;
    /// Transactions without a deadline and below `bound`, ascending.
    fn finished_below(&self, bound: TransactionId, limit: usize) -> Result<Vec<TransactionId>, StoreError>;
    /// Transactions after one that wait for their deadline, ascending.
    fn pending_after(&self, after: Option<TransactionId>, limit: usize) -> Result<Vec<TransactionId>, StoreError>;
    /// A used-up node.
    fn node(&self, digest: &Digest) -> Result<Option<NodeRow>, StoreError>;
    /// The root of an answer.
    fn answer_root(&self, id: TransactionId, stage: Stage) -> Result<Option<Digest>, StoreError>;
    /// An answer.
    fn answer(&self, id: TransactionId, stage: Stage) -> Result<Option<AnswerRow>, StoreError>;
}

/// The rows of a store, to change them. Methods expect what their documentation says and change nothing else.
pub trait TablesMut: Tables {
    /// Adds an account, its funds empty, its attributes, and its keys, all of which are new.
    fn insert_account(&mut self, account: &NewAccount, funds: &Funds) -> Result<AccountId, StoreError>;
    /// Adds a key, which is new, to an account, which exists.
    fn insert_key(&mut self, account: AccountId, key: &PublicKey) -> Result<(), StoreError>;
    /// Blocks or unblocks an account, which exists.
    fn set_blocked(&mut self, account: AccountId, blocked: bool) -> Result<(), StoreError>;
    /// Changes what of an account's funds changes: all but currency and bounds. The account exists.
    fn set_funds(&mut self, account: AccountId, funds: &Funds) -> Result<(), StoreError>;
    /// Adds an entry, whose transaction is new here, as the last one of its two accounts, debit first, which then have
    /// these funds.
    fn insert_entry(&mut self, entry: &Entry, funds: [&Funds; 2]) -> Result<(), StoreError>;
    /// Adds a transaction, which is new, its sessions, and its nodes, which are new, the root first.
    fn insert_transaction(
        &mut self,
        id: TransactionId,
        row: &TransactionRow,
        sessions: &[u8],
        nodes: &[Digest],
    ) -> Result<(), StoreError>;
    /// Changes a transaction, which exists: all but its group.
    fn update_transaction(&mut self, id: TransactionId, row: &TransactionRow) -> Result<(), StoreError>;
    /// Deletes a transaction's sessions, if they are there.
    fn delete_sessions(&mut self, id: TransactionId) -> Result<(), StoreError>;
    /// Adds the further participants of a transaction, which had none.
    fn insert_participants(&mut self, id: TransactionId, accounts: &[AccountId]) -> Result<(), StoreError>;
    /// Deletes a transaction with its sessions, participants, nodes and answers; its entry stays.
    fn delete_transaction(&mut self, id: TransactionId) -> Result<(), StoreError>;
    /// Adds an answer; `false` where its transaction and stage have one, which stays.
    fn insert_answer(&mut self, id: TransactionId, stage: Stage, answer: &AnswerRow) -> Result<bool, StoreError>;
}

/// Who lends out tables.
pub trait Database: Send + Sync + 'static {
    /// The tables lent.
    type Tables: TablesMut;

    /// Runs one operation, which passes on every error of its tables, and makes its changes durable. One that fails has
    /// changed nothing. It may run more than once; what counts, and is returned, is the last time.
    fn write<T, F>(&self, operation: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(&mut Self::Tables) -> Result<T, StoreError> + Send + 'static;

    /// Runs one operation likewise. While a request is [under way](Self::under_way), its result may come before its
    /// changes are durable: they are so when any later `write` of the same caller returns, and nobody else may be told
    /// before.
    fn decide<T, F>(&self, operation: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(&mut Self::Tables) -> Result<T, StoreError> + Send + 'static,
    {
        self.write(operation)
    }

    /// Looks something up, at one instant after every operation that has returned.
    fn read<T>(&self, look_up: impl FnOnce(&Self::Tables) -> Result<T, StoreError>) -> Result<T, StoreError>;

    /// What a process that alone writes remembers of what is committed, if it does.
    fn recent(&self) -> Option<&Recent> {
        None
    }

    /// See [`Store::under_way`](crate::store::Store::under_way).
    fn under_way(&self) -> impl Send {}
}
