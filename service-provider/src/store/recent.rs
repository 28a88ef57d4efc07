//! What is looked up again and again while a transaction is in flight, remembered as it is committed.
//!
//! The one who commits [applies](Recent::apply) each commit's [`Change`]s, in order and before anybody is told of it.
//! So a look-up here is one at an instant after every operation that has returned, as one in the database is; and what
//! is not here, the database knows.

use crate::ledger::AccountId;
use crate::store::account::{Account, AccountNumber};
use crate::store::tables::{AnswerRow, TransactionRow};
use crate::store::transaction::{Group, Stage};
use protocol::crypto::PublicKey;
use protocol::types::{Digest, TransactionId};
use std::collections::{BTreeMap, HashMap};
use std::mem::size_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a commit changed, as far as it is remembered.
#[derive(Clone, Debug)]
pub enum Change {
    /// A transaction was added, with its sessions.
    Opened(TransactionId, TransactionRow, Vec<u8>),
    /// A transaction was changed.
    Updated(TransactionId, TransactionRow),
    /// A transaction got an answer.
    Answered(TransactionId, Stage, AnswerRow),
    /// A transaction has no sessions any more, or is no more: what is left of it is for the database to say.
    Over(TransactionId),
    /// An account or a key was added or changed.
    Account,
}

/// How an account is found.
#[derive(Clone, Copy, Debug)]
pub enum Name<'a> {
    /// By its number.
    Number(&'a AccountNumber),
    /// By a key that is registered for it.
    Key(&'a PublicKey),
}

/// How many changes of accounts were made before something was looked up in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

/// See the module.
pub struct Recent {
    transaction_bytes_max: usize,
    accounts_max: usize,
    transactions: Mutex<Transactions>,
    accounts: Mutex<Accounts>,
}

impl Recent {
    /// Nothing yet, and never more than so many bytes of transactions, roughly, and so many accounts and keys, of each.
    #[must_use]
    pub fn new(transaction_bytes_max: usize, accounts_max: usize) -> Self {
        Self { transaction_bytes_max, accounts_max, transactions: Mutex::default(), accounts: Mutex::default() }
    }

    /// Takes over what a commit changed.
    pub fn apply(&self, changes: impl Iterator<Item = Change>) {
        let mut transactions = locked(&self.transactions);
        for change in changes {
            match change {
                Change::Opened(id, row, sessions) => transactions.insert(id, InFlight::new(row, sessions)),
                Change::Updated(id, row) => transactions.change(id, |transaction| transaction.row = row),
                Change::Answered(id, stage, answer) => transactions.change(id, |transaction| match stage {
                    Stage::KeyExchange => {}
                    Stage::Transaction => transaction.answer = Some(answer),
                    Stage::Acknowledgment => transaction.notice = Some(answer),
                }),
                Change::Over(id) => drop(transactions.remove(id)),
                Change::Account => locked(&self.accounts).forget(),
            }
        }
        transactions.shrink(self.transaction_bytes_max);
    }

    /// The group of a transaction, where it is remembered.
    pub fn group(&self, id: TransactionId) -> Option<Group> {
        locked(&self.transactions).by_id.get(&id).map(InFlight::group)
    }

    /// The answer to a transaction request or an acknowledgment, or that there is none, where that is remembered.
    pub fn answer(&self, id: TransactionId, stage: Stage, request: Digest) -> Option<Option<Vec<u8>>> {
        let transactions = locked(&self.transactions);
        let transaction = transactions.by_id.get(&id)?;
        let answer = match stage {
            Stage::KeyExchange => return None,
            Stage::Transaction => &transaction.answer,
            Stage::Acknowledgment => &transaction.notice,
        };
        Some(answer.as_ref().filter(|row| row.request == request).map(|row| row.answer.message.clone()))
    }

    /// An account, where it is remembered; where not, what [`Recent::remember`] wants to know.
    pub fn account(&self, name: Name<'_>) -> Result<Account, Generation> {
        let accounts = locked(&self.accounts);
        let id = match name {
            Name::Number(number) => accounts.numbers.get(number),
            Name::Key(key) => accounts.keys.get(key),
        };
        id.and_then(|id| accounts.by_id.get(id)).cloned().ok_or(Generation(accounts.changes))
    }

    /// Remembers an account that was then looked up in the database, unless one has changed since.
    pub fn remember(&self, name: Name<'_>, account: &Account, looked_up: Generation) {
        let mut accounts = locked(&self.accounts);
        if accounts.changes != looked_up.0 {
            return;
        }
        if accounts.by_id.len().max(accounts.keys.len()) >= self.accounts_max {
            accounts.empty();
        }
        match name {
            Name::Number(number) => drop(accounts.numbers.insert(number.clone(), account.id)),
            Name::Key(key) => drop(accounts.keys.insert(*key, account.id)),
        }
        accounts.by_id.insert(account.id, account.clone());
    }
}

/// Each of these is changed as a whole, whatever became of who held it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transaction from its opening to its final notice.
struct InFlight {
    row: TransactionRow,
    sessions: Vec<u8>,
    answer: Option<AnswerRow>,
    notice: Option<AnswerRow>,
}

impl InFlight {
    const fn new(row: TransactionRow, sessions: Vec<u8>) -> Self {
        Self { row, sessions, answer: None, notice: None }
    }

    fn group(&self) -> Group {
        Group {
            id: self.row.group,
            phase: self.row.phase,
            response: self.answer.as_ref().map(|row| row.answer.root),
            sessions: Some(self.sessions.clone()),
        }
    }

    fn bytes(&self) -> usize {
        let answers = [&self.answer, &self.notice].into_iter().flatten();
        size_of::<Self>() + self.sessions.len() + answers.map(|row| row.answer.message.len()).sum::<usize>()
    }
}

#[derive(Default)]
struct Transactions {
    by_id: BTreeMap<TransactionId, InFlight>,
    bytes: usize,
}

impl Transactions {
    fn insert(&mut self, id: TransactionId, transaction: InFlight) {
        self.bytes += transaction.bytes();
        self.by_id.insert(id, transaction);
    }

    fn change(&mut self, id: TransactionId, change: impl FnOnce(&mut InFlight)) {
        if let Some(mut transaction) = self.remove(id) {
            change(&mut transaction);
            self.insert(id, transaction);
        }
    }

    fn remove(&mut self, id: TransactionId) -> Option<InFlight> {
        let transaction = self.by_id.remove(&id)?;
        self.bytes -= transaction.bytes();
        Some(transaction)
    }

    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max
            && let Some((_, oldest)) = self.by_id.pop_first()
        {
            self.bytes -= oldest.bytes();
        }
    }
}

#[derive(Default)]
struct Accounts {
    by_id: HashMap<AccountId, Account>,
    numbers: HashMap<AccountNumber, AccountId>,
    keys: HashMap<PublicKey, AccountId>,
    changes: u64,
}

impl Accounts {
    /// Accounts change seldom, and are looked up all the time.
    fn forget(&mut self) {
        self.changes += 1;
        self.empty();
    }

    fn empty(&mut self) {
        self.by_id.clear();
        self.numbers.clear();
        self.keys.clear();
    }
}
