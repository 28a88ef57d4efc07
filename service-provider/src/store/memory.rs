//! A store in maps: for tests, and for a provider that may forget.

use crate::ledger::{AccountId, Entry, Funds};
use crate::store::StoreError;
use crate::store::account::{Account, AccountNumber, NewAccount};
use crate::store::attribute::Attribute;
use crate::store::tables::{AnswerRow, Database, Effect, NodeRow, Purse, Tables, TablesMut, TransactionRow};
use crate::store::transaction::{Phase, Stage};
use crate::time::Timestamp;
use protocol::crypto::PublicKey;
use protocol::types::{Digest, TransactionId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

/// A store that is gone with its process.
#[derive(Default)]
pub struct MemoryStore {
    maps: Mutex<Maps>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Database for MemoryStore {
    type Tables = Maps;

    async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Maps) -> Result<T, StoreError> + Send + 'static,
    {
        // A panic inside an operation leaves maps that nothing more may be promised about.
        operation(&mut *self.maps.lock().map_err(|_poisoned| StoreError::Stopped)?)
    }

    fn read<T>(&self, look_up: impl FnOnce(&Maps) -> Result<T, StoreError>) -> Result<T, StoreError> {
        look_up(&self.maps.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The rows of a [`MemoryStore`].
#[derive(Default)]
pub struct Maps {
    accounts: BTreeMap<AccountId, Account>,
    numbers: HashMap<AccountNumber, AccountId>,
    keys: HashMap<PublicKey, AccountId>,
    attributes: BTreeMap<AccountId, Vec<Attribute>>,
    funds: BTreeMap<AccountId, Funds>,
    entries: BTreeMap<TransactionId, Entry>,
    /// Entries of each account in the order in which they were posted.
    statements: BTreeMap<AccountId, Vec<TransactionId>>,
    refunds: BTreeMap<TransactionId, BTreeSet<TransactionId>>,
    transactions: BTreeMap<TransactionId, TransactionRow>,
    sessions: BTreeMap<TransactionId, Vec<u8>>,
    participants: BTreeMap<TransactionId, Vec<AccountId>>,
    deadlines: BTreeSet<(Timestamp, TransactionId)>,
    nodes: HashMap<Digest, NodeRow>,
    nodes_of: BTreeMap<TransactionId, Vec<Digest>>,
    answers: BTreeMap<(TransactionId, Stage), AnswerRow>,
}

const NO_ACCOUNT: StoreError = StoreError::Damaged("an account is missing");

/// Rows after a key, at most `limit`.
fn after<K: Ord + Copy, V>(map: &BTreeMap<K, V>, key: Option<K>, limit: usize) -> impl Iterator<Item = (&K, &V)> {
    let from = key.map_or(Bound::Unbounded, Bound::Excluded);
    map.range((from, Bound::Unbounded)).take(limit)
}

impl Tables for Maps {
    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts.get(&id).cloned())
    }

    fn account_by_number(&self, number: &AccountNumber) -> Result<Option<AccountId>, StoreError> {
        Ok(self.numbers.get(number).copied())
    }

    fn account_by_key(&self, key: &PublicKey) -> Result<Option<AccountId>, StoreError> {
        Ok(self.keys.get(key).copied())
    }

    fn key_count(&self, account: AccountId) -> Result<usize, StoreError> {
        Ok(self.keys.values().filter(|owner| **owner == account).count())
    }

    fn accounts_after(&self, id: Option<AccountId>, limit: usize) -> Result<Vec<AccountId>, StoreError> {
        Ok(after(&self.accounts, id, limit).map(|(id, _)| *id).collect())
    }

    fn attributes(&self, account: AccountId) -> Result<Vec<Attribute>, StoreError> {
        Ok(self.attributes.get(&account).cloned().unwrap_or_default())
    }

    fn purse(&self, id: AccountId) -> Result<Option<Purse>, StoreError> {
        let Some((account, funds)) = self.accounts.get(&id).zip(self.funds.get(&id)) else { return Ok(None) };
        Ok(Some(Purse { funds: *funds, instrument: account.instrument, blocked: account.blocked }))
    }

    fn funds(&self, account: AccountId) -> Result<Option<Funds>, StoreError> {
        Ok(self.funds.get(&account).copied())
    }

    fn entry(&self, transaction: TransactionId) -> Result<Option<Entry>, StoreError> {
        Ok(self.entries.get(&transaction).copied())
    }

    fn refunded(&self, original: TransactionId) -> Result<u64, StoreError> {
        let refunds = self.refunds.get(&original).into_iter().flatten();
        Ok(refunds.map(|id| self.moved_or_held(*id)).fold(0, u64::saturating_add))
    }

    fn orphans(&self) -> Result<u64, StoreError> {
        let of_transactions = self.sessions.keys().chain(self.participants.keys()).chain(self.nodes_of.keys());
        let of_answers = self.answers.keys().map(|(id, _)| id);
        let owned = of_transactions.chain(of_answers).map(|id| self.transactions.contains_key(id));
        let keys = self.keys.values().map(|id| self.accounts.contains_key(id));
        Ok(owned.chain(keys).filter(|is_owned| !is_owned).count() as u64)
    }

    fn entries_before(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut statement = self.statements.get(&account).into_iter().flatten().rev();
        if let Some(before) = before {
            statement.by_ref().find(|id| **id == before);
        }
        Ok(statement.filter_map(|id| self.entries.get(id)).take(limit).copied().collect())
    }

    fn entry_count(&self) -> Result<u64, StoreError> {
        Ok(self.entries.len() as u64)
    }

    fn transaction(&self, id: TransactionId) -> Result<Option<TransactionRow>, StoreError> {
        Ok(self.transactions.get(&id).copied())
    }

    fn sessions(&self, id: TransactionId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.sessions.get(&id).cloned())
    }

    fn participants(&self, id: TransactionId) -> Result<Vec<AccountId>, StoreError> {
        Ok(self.participants.get(&id).cloned().unwrap_or_default())
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<TransactionId>, StoreError> {
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        Ok(due.take(limit).map(|(_, id)| *id).collect())
    }

    fn finished_below(&self, bound: TransactionId, limit: usize) -> Result<Vec<TransactionId>, StoreError> {
        let finished = self.transactions.range(..bound).filter(|(_, row)| row.phase.deadline().is_none());
        Ok(finished.take(limit).map(|(id, _)| *id).collect())
    }

    fn pending_after(&self, id: Option<TransactionId>, limit: usize) -> Result<Vec<TransactionId>, StoreError> {
        let pending = after(&self.transactions, id, usize::MAX).filter(|(_, row)| row.phase.deadline().is_some());
        Ok(pending.take(limit).map(|(id, _)| *id).collect())
    }

    fn node(&self, digest: &Digest) -> Result<Option<NodeRow>, StoreError> {
        Ok(self.nodes.get(digest).copied())
    }

    fn answer_root(&self, id: TransactionId, stage: Stage) -> Result<Option<Digest>, StoreError> {
        Ok(self.answers.get(&(id, stage)).map(|row| row.answer.root))
    }

    fn answer(&self, id: TransactionId, stage: Stage) -> Result<Option<AnswerRow>, StoreError> {
        Ok(self.answers.get(&(id, stage)).cloned())
    }
}

impl TablesMut for Maps {
    fn insert_account(&mut self, new: &NewAccount, funds: &Funds) -> Result<AccountId, StoreError> {
        let id = AccountId(self.accounts.last_key_value().map_or(1, |(last, _)| last.0.saturating_add(1)));
        let account = Account {
            id,
            number: new.number.clone(),
            holder: new.holder.clone(),
            instrument: new.instrument,
            blocked: false,
            sealed_secret: new.sealed_secret.clone(),
        };
        self.numbers.insert(new.number.clone(), id);
        self.keys.extend(new.keys.iter().map(|key| (*key, id)));
        self.accounts.insert(id, account);
        self.attributes.insert(id, new.attributes.clone());
        self.funds.insert(id, *funds);
        Ok(id)
    }

    fn insert_key(&mut self, account: AccountId, key: &PublicKey) -> Result<(), StoreError> {
        self.keys.insert(*key, account);
        Ok(())
    }

    fn set_blocked(&mut self, account: AccountId, blocked: bool) -> Result<(), StoreError> {
        self.accounts.get_mut(&account).ok_or(NO_ACCOUNT)?.blocked = blocked;
        Ok(())
    }

    fn set_funds(&mut self, account: AccountId, funds: &Funds) -> Result<(), StoreError> {
        *self.funds.get_mut(&account).ok_or(NO_ACCOUNT)? = *funds;
        Ok(())
    }

    fn insert_entry(&mut self, entry: &Entry, funds: [&Funds; 2]) -> Result<(), StoreError> {
        self.entries.insert(entry.transaction, *entry);
        for (posting, funds) in entry.postings().iter().zip(funds) {
            self.set_funds(posting.account, funds)?;
            self.statements.entry(posting.account).or_default().push(entry.transaction);
        }
        if let Some(original) = entry.transfer.refund_of {
            self.refunds.entry(original).or_default().insert(entry.transaction);
        }
        Ok(())
    }

    fn insert_transaction(
        &mut self,
        id: TransactionId,
        row: &TransactionRow,
        sessions: &[u8],
        nodes: &[Digest],
    ) -> Result<(), StoreError> {
        self.deadlines.extend(row.phase.deadline().map(|at| (at, id)));
        self.transactions.insert(id, *row);
        self.sessions.insert(id, sessions.to_vec());
        let rows = nodes.iter().enumerate();
        self.nodes.extend(rows.map(|(number, digest)| (*digest, NodeRow { transaction: id, root: number == 0 })));
        self.nodes_of.insert(id, nodes.to_vec());
        Ok(())
    }

    fn update_transaction(&mut self, id: TransactionId, row: &TransactionRow) -> Result<(), StoreError> {
        let stored = self.transactions.get_mut(&id).ok_or(StoreError::Damaged("a transaction is missing"))?;
        if let Some(at) = stored.phase.deadline() {
            self.deadlines.remove(&(at, id));
        }
        *stored = *row;
        self.deadlines.extend(row.phase.deadline().map(|at| (at, id)));
        if let Some(original) = row.authorized.and_then(|authorized| refund_of(authorized.effect)) {
            self.refunds.entry(original).or_default().insert(id);
        }
        Ok(())
    }

    fn delete_sessions(&mut self, id: TransactionId) -> Result<(), StoreError> {
        self.sessions.remove(&id);
        Ok(())
    }

    fn insert_participants(&mut self, id: TransactionId, accounts: &[AccountId]) -> Result<(), StoreError> {
        self.participants.insert(id, accounts.to_vec());
        Ok(())
    }

    fn delete_transaction(&mut self, id: TransactionId) -> Result<(), StoreError> {
        if let Some(row) = self.transactions.remove(&id)
            && let Some(at) = row.phase.deadline()
        {
            self.deadlines.remove(&(at, id));
        }
        self.sessions.remove(&id);
        self.participants.remove(&id);
        for digest in self.nodes_of.remove(&id).unwrap_or_default() {
            self.nodes.remove(&digest);
        }
        for stage in [Stage::KeyExchange, Stage::Transaction, Stage::Acknowledgment] {
            self.answers.remove(&(id, stage));
        }
        Ok(())
    }

    fn insert_answer(&mut self, id: TransactionId, stage: Stage, answer: &AnswerRow) -> Result<bool, StoreError> {
        if self.answers.contains_key(&(id, stage)) {
            return Ok(false);
        }
        self.answers.insert((id, stage), answer.clone());
        Ok(true)
    }
}

impl Maps {
    /// What a refund moved, or holds to move.
    fn moved_or_held(&self, id: TransactionId) -> u64 {
        if let Some(entry) = self.entries.get(&id) {
            return entry.transfer.amount;
        }
        match self.transactions.get(&id).map(|row| (row.phase, row.authorized)) {
            Some((Phase::Held { .. }, Some(authorized))) => match authorized.effect {
                Effect::Transfer(transfer) => transfer.amount,
                Effect::None | Effect::Cancellation(_) => 0,
            },
            Some(_) | None => 0,
        }
    }
}

fn refund_of(effect: Effect) -> Option<TransactionId> {
    match effect {
        Effect::Transfer(transfer) => transfer.refund_of,
        Effect::None | Effect::Cancellation(_) => None,
    }
}
