//! Double entry: money moves from one account to another and is never made.
//!
//! A [`Transfer`] becomes an [`Entry`] when it is posted; an entry is two [`Posting`]s that sum to zero. Entries are
//! only ever added. An account's money comes from the provider's own account of the currency, its float, so that all
//! balances of a currency sum to zero at any time.
//!
//! Amounts count minor units of their currency (ISO 4217).

pub mod audit;

use crate::time::Timestamp;
use protocol::types::{Currency, TransactionId, TransactionKind};

/// The largest amount of one transfer.
pub const AMOUNT_MAX: u64 = 1_000_000_000_000_000;

/// The largest balance, debt and overdraft of one account.
pub const BALANCE_MAX: u64 = 1_000_000_000_000_000_000;

/// The kind of an entry that funds an account out of the float; no member can ask for it.
pub const FUNDING: TransactionKind = TransactionKind(0);

const _: () = {
    assert!(AMOUNT_MAX < BALANCE_MAX);
    // A balance, an overdraft and one more amount fit an `i64`.
    assert!(BALANCE_MAX < i64::MAX as u64 / 4);
};

/// An account as the store numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// Money on its way, or asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Who pays.
    pub debit: AccountId,
    /// Who is paid.
    pub credit: AccountId,
    /// How much, in minor units: 1 to [`AMOUNT_MAX`].
    pub amount: u64,
    /// The currency, which both accounts are in.
    pub currency: Currency,
    /// The posted transaction that this one gives money of back.
    pub refund_of: Option<TransactionId>,
}

/// A transfer in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The transaction that made it; no transaction makes two.
    pub transaction: TransactionId,
    /// What the transaction was for.
    pub kind: TransactionKind,
    /// What moved.
    pub transfer: Transfer,
    /// When it was posted.
    pub posted: Timestamp,
}

/// One side of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Whose balance changes.
    pub account: AccountId,
    /// By which transaction.
    pub transaction: TransactionId,
    /// By how much: negative where the account pays.
    pub amount: i64,
}

impl Entry {
    /// The two sides; they sum to zero.
    #[must_use]
    pub fn postings(&self) -> [Posting; 2] {
        // AMOUNT_MAX is far below i64::MAX, and nothing larger is authorized or read from a store.
        let amount = i64::try_from(self.transfer.amount).unwrap_or(i64::MAX);
        let side = |account, amount| Posting { account, transaction: self.transaction, amount };
        [side(self.transfer.debit, -amount), side(self.transfer.credit, amount)]
    }
}

/// How far an account may go below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdraft {
    /// By so many minor units: a credit limit, or 0.
    UpTo(u64),
    /// As far as [`BALANCE_MAX`]: the provider's own float.
    Float,
}

impl Overdraft {
    /// The overdraft in minor units.
    #[must_use]
    pub const fn amount(self) -> u64 {
        match self {
            Self::UpTo(limit) => limit,
            Self::Float => BALANCE_MAX,
        }
    }
}

/// The money of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// The currency of every amount here.
    pub currency: Currency,
    /// The sum of the account's postings.
    pub balance: i64,
    /// The sum of what is approved and neither posted nor released yet.
    pub held: u64,
    /// How far the balance less the holds may go below zero.
    pub overdraft: Overdraft,
}

/// The books cannot be as they are; nobody's request explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the books do not add up: {0}")]
pub struct Imbalance(pub &'static str);

impl Funds {
    /// An account with nothing in it.
    #[must_use]
    pub const fn empty(currency: Currency, overdraft: Overdraft) -> Self {
        Self { currency, balance: 0, held: 0, overdraft }
    }

    /// What the account can still spend: balance, less holds, plus overdraft.
    #[must_use]
    pub fn available(&self) -> u64 {
        let most = i128::from(self.balance) - i128::from(self.held) + i128::from(self.overdraft.amount());
        u64::try_from(most.max(0)).unwrap_or(u64::MAX)
    }

    /// Whether a balance `amount` higher is still one that an account can have.
    #[must_use]
    pub fn has_room_for(&self, amount: u64) -> bool {
        i128::from(self.balance) + i128::from(amount) <= i128::from(BALANCE_MAX)
    }

    /// Whether the balance is within what the overdraft permits, holds included.
    #[must_use]
    pub fn within_limits(&self) -> bool {
        i128::from(self.balance) - i128::from(self.held) >= -i128::from(self.overdraft.amount())
    }

    /// These funds with `amount` more of them held.
    pub fn hold(self, amount: u64) -> Result<Self, Imbalance> {
        let held = self.held.checked_add(amount).ok_or(Imbalance("holds overflow"))?;
        let funds = Self { held, ..self };
        if funds.within_limits() { Ok(funds) } else { Err(Imbalance("a hold beyond the account's funds")) }
    }

    /// These funds with a hold of `amount` taken off.
    pub fn release(self, amount: u64) -> Result<Self, Imbalance> {
        let held = self.held.checked_sub(amount).ok_or(Imbalance("a hold that was not taken"))?;
        Ok(Self { held, ..self })
    }

    /// These funds after a posting of `amount`.
    pub fn post(self, amount: i64) -> Result<Self, Imbalance> {
        let balance = self.balance.checked_add(amount).ok_or(Imbalance("a balance overflows"))?;
        Ok(Self { balance, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Funds = Funds::empty(Currency(*b"EUR"), Overdraft::UpTo(50));

    #[test]
    fn what_is_held_can_not_be_spent_again() {
        let funds = EMPTY.post(100).unwrap().hold(120).unwrap();
        assert_eq!(funds.available(), 30);
        assert!(funds.hold(31).is_err());
        assert!(funds.release(121).is_err());
        let spent = funds.release(120).unwrap().post(-120).unwrap();
        assert_eq!((spent.balance, spent.available()), (-20, 30));
    }

    #[test]
    fn an_entry_sums_to_zero() {
        let transfer = Transfer {
            debit: AccountId(1),
            credit: AccountId(2),
            amount: AMOUNT_MAX,
            currency: EMPTY.currency,
            refund_of: None,
        };
        let entry = Entry { transaction: TransactionId([1; 16]), kind: FUNDING, transfer, posted: Timestamp(0) };
        let [paid, received] = entry.postings();
        assert_eq!((paid.account, received.account), (AccountId(1), AccountId(2)));
        assert_eq!(received.amount, 1_000_000_000_000_000);
        assert_eq!(paid.amount + received.amount, 0);
    }
}
