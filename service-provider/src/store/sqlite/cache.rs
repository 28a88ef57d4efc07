//! What the writer remembers of its own rows, uncommitted ones included, and what it has changed since its last commit.

use crate::ledger::{AccountId, Funds};
use crate::store::recent::Change;
use crate::store::tables::{Purse, TransactionRow};
use protocol::types::TransactionId;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Transactions remembered; the oldest go first.
const TRANSACTIONS_MAX: usize = 1 << 14;

/// Accounts remembered.
const PURSES_MAX: usize = 1 << 16;

/// Rows as the connection that writes would find them. A connection that reads remembers nothing, for others write.
pub(super) struct Cache {
    remembers: bool,
    transactions: RefCell<BTreeMap<TransactionId, TransactionRow>>,
    purses: RefCell<HashMap<AccountId, Purse>>,
    changes: Vec<Change>,
}

impl Cache {
    pub(super) fn new(remembers: bool) -> Self {
        Self { remembers, transactions: RefCell::default(), purses: RefCell::default(), changes: Vec::new() }
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
        *self = Self::new(self.remembers);
    }

    pub(super) fn transaction(&self, id: TransactionId) -> Option<TransactionRow> {
        self.transactions.borrow().get(&id).copied()
    }

    pub(super) fn transaction_is(&self, id: TransactionId, row: &TransactionRow) {
        if !self.remembers {
            return;
        }
        let mut transactions = self.transactions.borrow_mut();
        transactions.insert(id, *row);
        if transactions.len() > TRANSACTIONS_MAX {
            transactions.pop_first();
        }
    }

    pub(super) fn purse(&self, account: AccountId) -> Option<Purse> {
        self.purses.borrow().get(&account).copied()
    }

    pub(super) fn purse_is(&self, account: AccountId, purse: Purse) {
        if !self.remembers {
            return;
        }
        let mut purses = self.purses.borrow_mut();
        if purses.len() >= PURSES_MAX {
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
