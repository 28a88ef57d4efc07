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
    /// A sum of what is to come is not that of the transactions under way.
    #[error("account {}: {coming} to come, transactions bring {transactions}", .account.0)]
    Coming {
        /// The account.
        account: AccountId,
        /// What its row says.
        coming: u64,
        /// What the transactions say.
        transactions: u64,
    },
    /// A count of payments is not that of the entries and of the transactions that hold.
    #[error("account {}: {payments} payments, there are {found}", .account.0)]
    Payments {
        /// The account.
        account: AccountId,
        /// What its row says.
        payments: u64,
        /// What entries and transactions say.
        found: u64,
    },
    /// An account is beyond what it is held to.
    #[error("account {}: out of bounds", .0.0)]
    OutOfBounds(AccountId),
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
    let mut pending = auditor.pending()?;
    let mut after = None;
    loop {
        let page = tables.accounts_after(after, PAGE)?;
        for account in &page {
            auditor.account(*account, pending.remove(account).unwrap_or_default())?;
        }
        after = page.last().copied();
        if page.is_empty() || auditor.audit.flaws.len() >= FLAWS_MAX {
            break;
        }
    }
    auditor.finish(pending)
}

/// What transactions under way will change of an account.
#[derive(Clone, Copy, Default)]
struct Pending {
    held: u64,
    coming: u64,
    payments: u64,
}

/// What an account's entries sum to.
#[derive(Default)]
struct Postings {
    sum: i128,
    payments: u64,
    listed: u64,
}

struct Auditor<'t, T> {
    tables: &'t T,
    audit: Audit,
    entries: u64,
    listed: u64,
    sums: BTreeMap<Currency, i128>,
}

impl<T: Tables> Auditor<'_, T> {
    /// What the transactions under way will change of each account.
    fn pending(&mut self) -> Result<BTreeMap<AccountId, Pending>, StoreError> {
        let mut pending = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.tables.pending_after(after, PAGE)?;
            for id in &page {
                self.under_way(*id, &mut pending)?;
            }
            after = page.last().copied();
            if page.is_empty() {
                return Ok(pending);
            }
        }
    }

    fn under_way(&mut self, id: TransactionId, pending: &mut BTreeMap<AccountId, Pending>) -> Result<(), StoreError> {
        let row = self.tables.transaction(id)?.ok_or(StoreError::Damaged("a deadline without its transaction"))?;
        match (row.phase, row.authorized.map(|authorized| authorized.effect)) {
            (Phase::Held { .. }, Some(Effect::Transfer(transfer))) => {
                self.audit.holds += 1;
                let debit = pending.entry(transfer.debit).or_default();
                debit.held = debit.held.saturating_add(transfer.amount);
                debit.payments += u64::from(transfer.is_payment());
                let credit = pending.entry(transfer.credit).or_default();
                credit.coming = credit.coming.saturating_add(transfer.amount);
            }
            (Phase::Held { .. }, Some(Effect::None | Effect::Cancellation(_))) | (Phase::Open { .. }, None) => {}
            (Phase::Held { .. }, None)
            | (Phase::Open { .. }, Some(_))
            | (Phase::Closed | Phase::Declined(_) | Phase::Ended(_), _) => self.flaw(Flaw::IdleDeadline(id)),
        }
        Ok(())
    }

    fn account(&mut self, id: AccountId, pending: Pending) -> Result<(), StoreError> {
        let funds = self.tables.funds(id)?.ok_or(StoreError::Damaged("an account's funds are missing"))?;
        self.audit.accounts += 1;
        let postings = self.postings(id, &funds)?;
        self.listed += postings.listed;
        if postings.sum != i128::from(funds.balance) {
            self.flaw(Flaw::Balance { account: id, balance: funds.balance, postings: postings.sum });
        }
        if pending.held != funds.held {
            self.flaw(Flaw::Held { account: id, held: funds.held, transactions: pending.held });
        }
        let coming = if funds.bounds.ceiling.is_some() { pending.coming } else { 0 };
        if coming != funds.coming {
            self.flaw(Flaw::Coming { account: id, coming: funds.coming, transactions: coming });
        }
        let found = if funds.bounds.payments.is_some() { postings.payments + pending.payments } else { 0 };
        if found != funds.payments {
            self.flaw(Flaw::Payments { account: id, payments: funds.payments, found });
        }
        if !funds.within_bounds() {
            self.flaw(Flaw::OutOfBounds(id));
        }
        *self.sums.entry(funds.currency).or_default() += i128::from(funds.balance);
        Ok(())
    }

    fn postings(&mut self, account: AccountId, funds: &Funds) -> Result<Postings, StoreError> {
        let mut postings = Postings::default();
        let mut before = None;
        loop {
            let page = self.tables.entries_before(account, before, PAGE)?;
            for entry in &page {
                postings.sum += i128::from(self.posting(account, entry, funds)?);
                postings.payments += u64::from(account == entry.transfer.debit && entry.transfer.is_payment());
            }
            postings.listed += page.len() as u64;
            before = page.last().map(|entry| entry.transaction);
            // More than all there are: the entries of a damaged statement lead back to one another.
            if page.is_empty() || postings.listed > self.entries {
                return Ok(postings);
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

    /// What only shows when all accounts were seen. `pending` is that of no account.
    fn finish(mut self, pending: BTreeMap<AccountId, Pending>) -> Result<Audit, StoreError> {
        self.audit.entries = self.entries;
        if self.audit.flaws.len() >= FLAWS_MAX {
            return Ok(self.audit);
        }
        for (account, Pending { held, coming, .. }) in pending {
            if held != 0 {
                self.flaw(Flaw::Held { account, held: 0, transactions: held });
            }
            if coming != 0 {
                self.flaw(Flaw::Coming { account, coming: 0, transactions: coming });
            }
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
