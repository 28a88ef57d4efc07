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

impl Transfer {
    /// Whether it pays for something; giving money back does not.
    #[must_use]
    pub const fn is_payment(&self) -> bool {
        self.refund_of.is_none()
    }
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

/// What an account's money is held to. These four are all that makes one financial instrument another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How far the balance less the holds may go below zero.
    pub overdraft: Overdraft,
    /// How far the balance and what is to come may rise; `None`: to [`BALANCE_MAX`], whatever is to come.
    pub ceiling: Option<u64>,
    /// The most of one payment; `None`: [`AMOUNT_MAX`].
    pub payment_max: Option<u64>,
    /// How many payments there are in all, such as cheques in a book; `None`: as many as anybody likes.
    pub payments: Option<u64>,
}

impl Bounds {
    /// The provider's own account.
    pub const FLOAT: Self = Self::overdraft(Overdraft::Float);

    /// No bound but a credit limit, in minor units.
    #[must_use]
    pub const fn credit_limit(limit: u64) -> Self {
        Self::overdraft(Overdraft::UpTo(limit))
    }

    /// Whether nothing is permitted below zero, and nothing else is said.
    #[must_use]
    pub fn are_usual(&self) -> bool {
        *self == Self::credit_limit(0)
    }

    const fn overdraft(overdraft: Overdraft) -> Self {
        Self { overdraft, ceiling: None, payment_max: None, payments: None }
    }
}

/// The money of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// The currency of every amount here.
    pub currency: Currency,
    /// The sum of the account's postings.
    pub balance: i64,
    /// The sum of what is approved to go and neither posted nor released yet.
    pub held: u64,
    /// The sum of what is approved to come, likewise. Counted where there is a ceiling, else 0.
    pub coming: u64,
    /// How many payments were made or are held. Counted where they are limited in number, else 0.
    pub payments: u64,
    /// What all of this is held to.
    pub bounds: Bounds,
}

/// The books cannot be as they are; nobody's request explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the books do not add up: {0}")]
pub struct Imbalance(pub &'static str);

const WRAPS: Imbalance = Imbalance("a sum overflows");
const NOT_TAKEN: Imbalance = Imbalance("a hold that was not taken");

impl Funds {
    /// An account with nothing in it.
    #[must_use]
    pub const fn empty(currency: Currency, bounds: Bounds) -> Self {
        Self { currency, balance: 0, held: 0, coming: 0, payments: 0, bounds }
    }

    /// What the account can still spend: balance, less holds, plus overdraft.
    #[must_use]
    pub fn available(&self) -> u64 {
        let most = i128::from(self.balance) - i128::from(self.held) + i128::from(self.bounds.overdraft.amount());
        u64::try_from(most.max(0)).unwrap_or(u64::MAX)
    }

    /// How many payments are left, where they are limited in number.
    #[must_use]
    pub fn payments_left(&self) -> Option<u64> {
        self.bounds.payments.map(|payments| payments.saturating_sub(self.payments))
    }

    /// Whether a balance `amount` higher is still one that the account can have.
    #[must_use]
    pub fn has_room_for(&self, amount: u64) -> bool {
        i128::from(self.balance) + i128::from(self.coming) + i128::from(amount) <= i128::from(self.ceiling())
    }

    /// Whether everything is within its bounds, holds included.
    #[must_use]
    pub fn within_bounds(&self) -> bool {
        let floor = -i128::from(self.bounds.overdraft.amount());
        i128::from(self.balance) - i128::from(self.held) >= floor
            && self.has_room_for(0)
            && self.bounds.payments.is_none_or(|payments| self.payments <= payments)
    }

    /// These funds with a transfer out of them held.
    pub fn hold(self, transfer: &Transfer) -> Result<Self, Imbalance> {
        let held = self.held.checked_add(transfer.amount).ok_or(WRAPS)?;
        let payments = self.payments.checked_add(self.counted(transfer)).ok_or(WRAPS)?;
        Self { held, payments, ..self }.checked()
    }

    /// These funds with a transfer into them on its way.
    pub fn announce(self, transfer: &Transfer) -> Result<Self, Imbalance> {
        let coming = self.coming.checked_add(self.awaited(transfer)).ok_or(WRAPS)?;
        Self { coming, ..self }.checked()
    }

    /// These funds when a transfer that they hold does not happen.
    pub fn release(self, transfer: &Transfer) -> Result<Self, Imbalance> {
        let held = self.held.checked_sub(transfer.amount).ok_or(NOT_TAKEN)?;
        let payments = self.payments.checked_sub(self.counted(transfer)).ok_or(NOT_TAKEN)?;
        Ok(Self { held, payments, ..self })
    }

    /// These funds when a transfer on its way does not come.
    pub fn forgo(self, transfer: &Transfer) -> Result<Self, Imbalance> {
        let coming = self.coming.checked_sub(self.awaited(transfer)).ok_or(NOT_TAKEN)?;
        Ok(Self { coming, ..self })
    }

    /// These funds after a transfer out of them that they held.
    pub fn pay(self, transfer: &Transfer) -> Result<Self, Imbalance> {
        let held = self.held.checked_sub(transfer.amount).ok_or(NOT_TAKEN)?;
        let balance = self.balance.checked_sub_unsigned(transfer.amount).ok_or(WRAPS)?;
        Ok(Self { held, balance, ..self })
    }

    /// These funds after a transfer into them that was on its way.
    pub fn receive(self, transfer: &Transfer) -> Result<Self, Imbalance> {
        let balance = self.balance.checked_add_unsigned(transfer.amount).ok_or(WRAPS)?;
        Ok(Self { balance, ..self.forgo(transfer)? })
    }

    /// How many of the account's payments a transfer out of it is.
    #[must_use]
    pub const fn counted(&self, transfer: &Transfer) -> u64 {
        if self.bounds.payments.is_some() && transfer.is_payment() { 1 } else { 0 }
    }

    /// What a transfer into the account counts while it is on its way.
    #[must_use]
    pub const fn awaited(&self, transfer: &Transfer) -> u64 {
        if self.bounds.ceiling.is_some() { transfer.amount } else { 0 }
    }

    fn ceiling(&self) -> u64 {
        self.bounds.ceiling.unwrap_or(BALANCE_MAX)
    }

    fn checked(self) -> Result<Self, Imbalance> {
        if self.within_bounds() { Ok(self) } else { Err(Imbalance("a hold beyond the account's bounds")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Funds = Funds::empty(Currency(*b"EUR"), Bounds::credit_limit(50));

    fn transfer(amount: u64) -> Transfer {
        Transfer { debit: AccountId(1), credit: AccountId(2), amount, currency: EMPTY.currency, refund_of: None }
    }

    fn full(funds: Funds, amount: u64) -> Funds {
        funds.announce(&transfer(amount)).unwrap().receive(&transfer(amount)).unwrap()
    }

    #[test]
    fn what_is_held_can_not_be_spent_again() {
        let funds = full(EMPTY, 100).hold(&transfer(120)).unwrap();
        assert_eq!(funds.available(), 30);
        assert!(funds.hold(&transfer(31)).is_err());
        assert!(funds.release(&transfer(121)).is_err());
        let spent = funds.pay(&transfer(120)).unwrap();
        assert_eq!((spent.balance, spent.available()), (-20, 30));
        assert!(spent.pay(&transfer(1)).is_err(), "not held");
    }

    #[test]
    fn what_is_to_come_counts_against_the_ceiling() {
        let capped = Funds::empty(EMPTY.currency, Bounds { ceiling: Some(100), ..Bounds::credit_limit(0) });
        let funds = full(capped, 40).announce(&transfer(50)).unwrap();
        assert!(funds.has_room_for(10) && !funds.has_room_for(11));
        assert!(funds.announce(&transfer(11)).is_err());
        assert!(funds.forgo(&transfer(51)).is_err());
        assert!(funds.forgo(&transfer(50)).unwrap().has_room_for(60));
        assert_eq!(funds.receive(&transfer(50)).unwrap().balance, 90);
    }

    #[test]
    fn payments_are_counted_and_refunds_are_not() {
        let book = Bounds { payments: Some(2), ..Bounds::credit_limit(100) };
        let funds = Funds::empty(EMPTY.currency, book);
        let refund = Transfer { refund_of: Some(TransactionId([1; 16])), ..transfer(1) };
        let used = funds.hold(&transfer(1)).unwrap().hold(&transfer(1)).unwrap();
        assert_eq!(used.payments_left(), Some(0));
        assert!(used.hold(&transfer(1)).is_err());
        assert_eq!(used.hold(&refund).unwrap().release(&refund).unwrap(), used);
        assert_eq!(used.release(&transfer(1)).unwrap().payments_left(), Some(1));
        assert_eq!(used.pay(&transfer(1)).unwrap().payments_left(), Some(0));
        assert_eq!(EMPTY.hold(&transfer(1)).unwrap().payments_left(), None);
    }

    #[test]
    fn an_entry_sums_to_zero() {
        let transfer = transfer(AMOUNT_MAX);
        let entry = Entry { transaction: TransactionId([1; 16]), kind: FUNDING, transfer, posted: Timestamp(0) };
        let [paid, received] = entry.postings();
        assert_eq!((paid.account, received.account), (AccountId(1), AccountId(2)));
        assert_eq!(received.amount, 1_000_000_000_000_000);
        assert_eq!(paid.amount + received.amount, 0);
    }
}
