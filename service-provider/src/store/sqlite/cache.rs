//! What the writer remembers of its own rows, uncommitted ones included, and what it has changed since its last commit.

use crate::ledger::{AccountId, Funds};
use crate::store::recent::Change;
use crate::store::tables::{Purse, TransactionRow};
use protocol::types::TransactionId;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Rows as the connection that writes would find them. A connection that reads remembers nothing, for others write.
pub(super) struct Cache {
    transactions_max: usize,
    purses_max: usize,
    transactions: RefCell<BTreeMap<TransactionId, TransactionRow>>,
    purses: RefCell<HashMap<AccountId, Purse>>,
    changes: Vec<Change>,
}

impl Cache {
    /// A cache of at most so many transactions, of which the oldest go first, and accounts.
    pub(super) fn new(transactions_max: usize, purses_max: usize) -> Self {
        let (transactions, purses) = (RefCell::default(), RefCell::default());
        Self { transactions_max, purses_max, transactions, purses, changes: Vec::new() }
    }

    pub(super) fn changed(&mut self, change: Change) {
        match &change {
            Change::Opened(id, row, _) | Change::Updated(id, row) => self.transaction_is(*id, row),
            Change::Over(id) => drop(self.transactions.borrow_mut().remove(id)),
            Change::Account => self.purses.borrow_mut().clear(),
            Change::Answered(..) => {}
        }
        self.changes.push(change);
    }

    /// What has changed since the last time this was asked.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Forgets everything: what was changed is undone.
    pub(super) fn undo(&mut self) {
        *self = Self::new(self.transactions_max, self.purses_max);
    }

    pub(super) fn transaction(&self, id: TransactionId) -> Option<TransactionRow> {
        self.transactions.borrow().get(&id).copied()
    }

    pub(super) fn transaction_is(&self, id: TransactionId, row: &TransactionRow) {
        if self.transactions_max == 0 {
            return;
        }
        let mut transactions = self.transactions.borrow_mut();
        transactions.insert(id, *row);
        if transactions.len() > self.transactions_max {
            transactions.pop_first();
        }
    }

    pub(super) fn purse(&self, account: AccountId) -> Option<Purse> {
        self.purses.borrow().get(&account).copied()
    }

    pub(super) fn purse_is(&self, account: AccountId, purse: Purse) {
        if self.purses_max == 0 {
            return;
        }
        let mut purses = self.purses.borrow_mut();
        if purses.len() >= self.purses_max {
            purses.clear();
        }
        purses.insert(account, purse);
    }

    pub(super) fn funds_are(&self, account: AccountId, funds: &Funds) {
        if let Some(purse) = self.purses.borrow_mut().get_mut(&account) {
            purse.funds = *funds;
        }
    }
}
