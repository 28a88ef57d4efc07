//! A small world around a store: accounts with money, and transactions drawn one after the other.

use protocol::crypto::PublicKey;
use protocol::provider::Answer;
use protocol::types::{Currency, Digest, Ending, GroupId, TransactionId, TransactionKind};
use service_provider::id;
use service_provider::ledger::{AccountId, Bounds, Transfer};
use service_provider::store::account::{AccountNumber, Funding, NewAccount};
use service_provider::store::instrument::Instrument;
use service_provider::store::sqlite::SqliteStore;
use service_provider::store::transaction::{Authorization, Decision, Opening, Order, Settlement};
use service_provider::store::{Store, StoreError};
use service_provider::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) const START: Timestamp = Timestamp(1_790_000_000_000);
pub(crate) const EUR: Currency = Currency(*b"EUR");
pub(crate) const SESSION: Duration = Duration::from_secs(120);
pub(crate) const HOLD: Duration = Duration::from_secs(300);

pub(crate) fn digest(seed: u64) -> Digest {
    let mut bytes = [0x5a; 32];
    // Spread, as digests are.
    bytes[..8].copy_from_slice(&seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..16].copy_from_slice(&seed.to_be_bytes());
    Digest(bytes)
}

pub(crate) struct World<S> {
    pub(crate) store: Arc<S>,
    drawn: AtomicU64,
}

impl<S: Store> World<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store: Arc::new(store), drawn: AtomicU64::new(1) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn digest(&self) -> Digest {
        digest(self.number())
    }

    pub(crate) fn transaction(&self, at: Timestamp) -> TransactionId {
        let mut random = rand::rngs::mock::StepRng::new(self.number(), 0);
        id::draw(at, &mut random)
    }

    pub(crate) fn new_account(&self, amount: u64, credit_limit: u64) -> NewAccount {
        let number = self.number();
        let mut key = [4; 65];
        key[1..9].copy_from_slice(&number.to_be_bytes());
        NewAccount {
            number: AccountNumber::new(&format!("DE{number:020}")).unwrap(),
            holder: format!("Holder {number}"),
            currency: EUR,
            instrument: Instrument::Debit,
            bounds: Bounds::credit_limit(credit_limit),
            attributes: Vec::new(),
            funding: (amount > 0).then(|| Funding { transaction: self.transaction(START), amount, at: START }),
            sealed_secret: vec![7; 48],
            keys: vec![PublicKey(key)],
        }
    }

    pub(crate) async fn account(&self, amount: u64, credit_limit: u64) -> AccountId {
        self.store.create_account(self.new_account(amount, credit_limit)).await.unwrap()
    }

    pub(crate) fn opening(&self, at: Timestamp) -> Opening {
        Opening {
            transaction: self.transaction(at),
            group: GroupId(self.digest().0),
            request: self.digest(),
            nodes: vec![self.digest(), self.digest()],
            sessions: vec![9; 700],
            until: Some(at.after(SESSION)),
            answer: Answer { message: self.number().to_be_bytes().to_vec(), root: self.digest() },
        }
    }

    pub(crate) async fn open(&self, at: Timestamp) -> TransactionId {
        let opening = self.opening(at);
        let answer = opening.answer.message.clone();
        let transaction = opening.transaction;
        assert_eq!(self.store.open(opening).await.unwrap(), answer);
        transaction
    }

    pub(crate) fn authorization(&self, transaction: TransactionId, order: Order, now: Timestamp) -> Authorization {
        Authorization {
            transaction,
            request: self.digest(),
            kind: TransactionKind::PURCHASE,
            order,
            participants: Vec::new(),
            now,
            until: now.after(HOLD),
        }
    }

    /// Opens a transaction and decides an order in it.
    pub(crate) async fn decide(&self, order: Order, now: Timestamp) -> (TransactionId, Decision) {
        let transaction = self.open(now).await;
        let decision = self.store.authorize(self.authorization(transaction, order, now)).await.unwrap();
        (transaction, decision)
    }

    /// The same, and it must be approved.
    pub(crate) async fn approved(&self, order: Order, now: Timestamp) -> TransactionId {
        let (transaction, decision) = self.decide(order, now).await;
        assert_eq!(decision, Decision::Approved);
        transaction
    }

    pub(crate) fn settlement(&self, transaction: TransactionId, accepted: bool, now: Timestamp) -> Settlement {
        Settlement { transaction, request: self.digest(), accepted, now }
    }

    pub(crate) async fn settle(
        &self,
        transaction: TransactionId,
        accepted: bool,
        now: Timestamp,
    ) -> Result<Ending, StoreError> {
        self.store.settle(self.settlement(transaction, accepted, now)).await
    }

    /// Balance, holds and what can be spent.
    pub(crate) async fn money(&self, account: AccountId) -> (i64, u64, u64) {
        let before = AccountId(account.0 - 1);
        let balances = self.store.balances(Some(before), 1).await.unwrap();
        let funds = balances[0].funds;
        assert_eq!(balances[0].account.id, account);
        (funds.balance, funds.held, funds.available())
    }

    pub(crate) async fn books_balance(&self) {
        let audit = self.store.verify().await.unwrap();
        assert_eq!(audit.flaws, []);
    }
}

pub(crate) fn pay(debit: AccountId, credit: AccountId, amount: u64) -> Order {
    Order::Transfer(Transfer { debit, credit, amount, currency: EUR, refund_of: None })
}

pub(crate) fn refund(of: TransactionId, debit: AccountId, credit: AccountId, amount: u64) -> Order {
    Order::Transfer(Transfer { debit, credit, amount, currency: EUR, refund_of: Some(of) })
}

/// A store in a directory of its own, which goes with the second value.
pub(crate) fn sqlite() -> (SqliteStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteStore::open(directory.path()).unwrap(), directory)
}

/// An answer of one byte.
pub(crate) fn answer(byte: u8) -> Answer {
    Answer { message: vec![byte], root: Digest([byte; 32]) }
}
