//! The audit: everything that the books claim, recomputed from the postings up.

use super::{AccountId, Entry, Funds};
use crate::store::StoreError;
use crate::store::tables::{Effect, Tables};
use crate::store::transaction::Phase;
use protocol::types::{Currency, TransactionId};
use std::collections::BTreeMap;

/// Rows read at a time.
const PAGE: usize = 1000;

/// Flaws listed; more are not looked for.
const FLAWS_MAX: usize = 100;

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Accounts, floats included.
    pub accounts: u64,
    /// Entries in the books.
    pub entries: u64,
    /// Transactions that hold money.
    pub holds: u64,
    /// What does not add up; at most 100 are listed.
    pub flaws: Vec<Flaw>,
}

/// Something in the books that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An account's statement lists an entry that is not about the account.
    #[error("account {}: its statement lists transaction {transaction}, which is another's", .account.0)]
    StrayEntry {
        /// The account.
        account: AccountId,
        /// The entry's transaction.
        transaction: TransactionId,
    },
    /// Not every entry is in the statements of its two accounts, once.
    #[error("{entries} entries are listed {listed} times in statements")]
    ListedCount {
        /// Entries there are.
        entries: u64,
        /// Lines of all statements.
        listed: u64,
    },
    /// A balance is not the sum of its postings.
    #[error("account {}: balance {balance}, postings sum to {postings}", .account.0)]
    Balance {
        /// The account.
        account: AccountId,
        /// What its row says.
        balance: i64,
        /// What its postings say.
        postings: i128,
    },
    /// A sum of holds is not that of the transactions that hold.
    #[error("account {}: {held} held, transactions hold {transactions}", .account.0)]
    Held {
        /// The account.
        account: AccountId,
        /// What its row says.
        held: u64,
        /// What the transactions say.
        transactions: u64,
    },
    /// An account is further below zero than it may be.
    #[error("account {}: beyond its limit", .0.0)]
    BeyondLimit(AccountId),
    /// An entry is between accounts of different currencies.
    #[error("transaction {}: entry in another currency than its account's", .0)]
    ForeignCurrency(TransactionId),
    /// More of a transaction was refunded than it moved.
    #[error("transaction {}: more refunded than paid", .0)]
    OverRefunded(TransactionId),
    /// The balances of a currency do not sum to zero.
    #[error("{0:?}: balances sum to {1}")]
    Sum(Currency, i128),
    /// Rows refer to accounts or transactions that are not there.
    #[error("{0} rows belong to nothing")]
    Orphans(u64),
    /// A waiting transaction is in a phase that waits for nothing.
    #[error("transaction {}: waits, and is finished", .0)]
    IdleDeadline(TransactionId),
}

/// Audits the tables at one instant.
pub fn audit(tables: &impl Tables) -> Result<Audit, StoreError> {
    let mut auditor =
        Auditor { tables, audit: Audit::default(), entries: tables.entry_count()?, listed: 0, sums: BTreeMap::new() };
    let mut holds = auditor.holds()?;
    let mut after = None;
    loop {
        let page = tables.accounts_after(after, PAGE)?;
        for account in &page {
            auditor.account(*account, holds.remove(account).unwrap_or(0))?;
        }
        after = page.last().copied();
        if page.is_empty() || auditor.audit.flaws.len() >= FLAWS_MAX {
            break;
        }
    }
    auditor.finish(holds)
}

struct Auditor<'t, T> {
    tables: &'t T,
    audit: Audit,
    entries: u64,
    listed: u64,
    sums: BTreeMap<Currency, i128>,
}

impl<T: Tables> Auditor<'_, T> {
    /// What the transactions hold of each account.
    fn holds(&mut self) -> Result<BTreeMap<AccountId, u64>, StoreError> {
        let mut holds = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.tables.pending_after(after, PAGE)?;
            for id in &page {
                self.pending(*id, &mut holds)?;
            }
            after = page.last().copied();
            if page.is_empty() {
                return Ok(holds);
            }
        }
    }

    fn pending(&mut self, id: TransactionId, holds: &mut BTreeMap<AccountId, u64>) -> Result<(), StoreError> {
        let row = self.tables.transaction(id)?.ok_or(StoreError::Damaged("a deadline without its transaction"))?;
        match (row.phase, row.authorized.map(|authorized| authorized.effect)) {
            (Phase::Held { .. }, Some(Effect::Transfer(transfer))) => {
                self.audit.holds += 1;
                let held = holds.entry(transfer.debit).or_default();
                *held = held.saturating_add(transfer.amount);
            }
            (Phase::Held { .. }, Some(Effect::None | Effect::Cancellation(_))) | (Phase::Open { .. }, None) => {}
            (Phase::Held { .. }, None)
            | (Phase::Open { .. }, Some(_))
            | (Phase::Closed | Phase::Declined(_) | Phase::Ended(_), _) => self.flaw(Flaw::IdleDeadline(id)),
        }
        Ok(())
    }

    fn account(&mut self, id: AccountId, transactions: u64) -> Result<(), StoreError> {
        let funds = self.tables.funds(id)?.ok_or(StoreError::Damaged("an account's funds are missing"))?;
        self.audit.accounts += 1;
        let postings = self.sum_of_postings(id, &funds)?;
        if postings != i128::from(funds.balance) {
            self.flaw(Flaw::Balance { account: id, balance: funds.balance, postings });
        }
        if transactions != funds.held {
            self.flaw(Flaw::Held { account: id, held: funds.held, transactions });
        }
        if !funds.within_limits() {
            self.flaw(Flaw::BeyondLimit(id));
        }
        *self.sums.entry(funds.currency).or_default() += i128::from(funds.balance);
        Ok(())
    }

    fn sum_of_postings(&mut self, account: AccountId, funds: &Funds) -> Result<i128, StoreError> {
        let mut sum = 0;
        let mut before = None;
        let mut listed = 0;
        loop {
            let page = self.tables.entries_before(account, before, PAGE)?;
            for entry in &page {
                sum += i128::from(self.posting(account, entry, funds)?);
            }
            listed += page.len() as u64;
            before = page.last().map(|entry| entry.transaction);
            // More than all there are: the entries of a damaged statement lead back to one another.
            if page.is_empty() || listed > self.entries {
                self.listed += listed;
                return Ok(sum);
            }
        }
    }

    /// Checks an entry of an account's statement, and returns what it changed the balance by.
    fn posting(&mut self, account: AccountId, entry: &Entry, funds: &Funds) -> Result<i64, StoreError> {
        let Some(posting) = entry.postings().into_iter().find(|posting| posting.account == account) else {
            self.flaw(Flaw::StrayEntry { account, transaction: entry.transaction });
            return Ok(0);
        };
        if entry.transfer.currency != funds.currency {
            self.flaw(Flaw::ForeignCurrency(entry.transaction));
        }
        if account == entry.transfer.debit {
            self.refunds(entry)?;
        }
        Ok(posting.amount)
    }

    fn refunds(&mut self, entry: &Entry) -> Result<(), StoreError> {
        if self.tables.refunded(entry.transaction)? > entry.transfer.amount {
            self.flaw(Flaw::OverRefunded(entry.transaction));
        }
        Ok(())
    }

    /// What only shows when all accounts were seen. `holds` are those of no account.
    fn finish(mut self, holds: BTreeMap<AccountId, u64>) -> Result<Audit, StoreError> {
        self.audit.entries = self.entries;
        if self.audit.flaws.len() >= FLAWS_MAX {
            return Ok(self.audit);
        }
        for (account, transactions) in holds {
            self.flaw(Flaw::Held { account, held: 0, transactions });
        }
        let orphans = self.tables.orphans()?;
        if orphans != 0 {
            self.flaw(Flaw::Orphans(orphans));
        }
        let (entries, listed) = (self.entries, self.listed);
        if entries.checked_mul(2) != Some(listed) {
            self.flaw(Flaw::ListedCount { entries, listed });
        }
        for (currency, sum) in std::mem::take(&mut self.sums) {
            if sum != 0 {
                self.flaw(Flaw::Sum(currency, sum));
            }
        }
        Ok(self.audit)
    }

    fn flaw(&mut self, flaw: Flaw) {
        if self.audit.flaws.len() < FLAWS_MAX {
            self.audit.flaws.push(flaw);
        }
    }
}
