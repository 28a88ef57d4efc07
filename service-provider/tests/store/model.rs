//! Random operations against both stores and a plain model: all three give the same results, and the same money.
//! The database alone says the same as the store with all that it remembers, much or next to nothing.
//!
//! The model knows amounts, holds, bounds and phases, and no rows; what it does not know (identifications, bytes) the
//! test makes up from numbers.

use crate::coherence;
use crate::world::{EUR, HOLD, SESSION, START, World, answer};
use proptest::prelude::*;
use protocol::crypto::PublicKey;
use protocol::types::{Currency, Ending, ReasonCode};
use service_provider::ledger::{AccountId, Bounds, Funds, Transfer};
use service_provider::store::account::{AccountNumber, NewAccount};
use service_provider::store::instrument::Instrument;
use service_provider::store::limits::RETENTION;
use service_provider::store::memory::MemoryStore;
use service_provider::store::sqlite::{Remembered, SqliteStore, SqliteView};
use service_provider::store::transaction::{Authorization, Decision, Opening, Order, Phase, Request, Settlement};
use service_provider::store::{Store, StoreError};
use service_provider::time::Timestamp;
use std::time::Duration;

const POINTS: Currency = Currency(*b"QPT");

/// Instrument, currency, balance at the start and bounds of each account.
const ACCOUNTS: [(Instrument, Currency, u64, Bounds); 8] = [
    (Instrument::Debit, EUR, 100, Bounds::credit_limit(0)),
    (Instrument::Credit, EUR, 20, Bounds::credit_limit(50)),
    (Instrument::Debit, EUR, 1, Bounds::credit_limit(0)),
    (Instrument::Debit, EUR, 60, Bounds { payment_max: Some(30), ..Bounds::credit_limit(10) }),
    (Instrument::StoredValue, EUR, 40, Bounds { ceiling: Some(90), ..Bounds::credit_limit(0) }),
    (Instrument::ChequeBook, EUR, 200, Bounds { payments: Some(2), payment_max: Some(50), ..Bounds::credit_limit(0) }),
    (Instrument::Loyalty, POINTS, 70, Bounds::credit_limit(0)),
    (Instrument::Loyalty, POINTS, 0, Bounds { ceiling: Some(50), payments: Some(1), ..Bounds::credit_limit(0) }),
];

/// What happens. Places of transactions and accounts are taken modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Open,
    Pay { transaction: usize, debit: usize, credit: usize, amount: u64 },
    Refund { transaction: usize, of: usize, amount: u64 },
    Cancel { transaction: usize, of: usize, by: usize },
    AuthorizeAgain { transaction: usize },
    Settle { transaction: usize, accepted: bool },
    SettleAgain { transaction: usize },
    Keep { transaction: usize, acknowledgment: bool, byte: u8 },
    Pass { seconds: u64 },
    Block { account: usize, blocked: bool },
    Register { account: usize },
    WriteAndFail { transaction: usize, account: usize, writes: usize },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let transaction = 0..8_usize;
    let account = 0..ACCOUNTS.len();
    prop_oneof![
        5 => Just(Step::Open),
        6 => (transaction.clone(), account.clone(), account.clone(), 0..80_u64)
            .prop_map(|(transaction, debit, credit, amount)| Step::Pay { transaction, debit, credit, amount }),
        3 => (transaction.clone(), transaction.clone(), 1..60_u64)
            .prop_map(|(transaction, of, amount)| Step::Refund { transaction, of, amount }),
        2 => (transaction.clone(), transaction.clone(), account.clone())
            .prop_map(|(transaction, of, by)| Step::Cancel { transaction, of, by }),
        2 => transaction.clone().prop_map(|transaction| Step::AuthorizeAgain { transaction }),
        6 => (transaction.clone(), prop::bool::weighted(0.8))
            .prop_map(|(transaction, accepted)| Step::Settle { transaction, accepted }),
        2 => transaction.clone().prop_map(|transaction| Step::SettleAgain { transaction }),
        3 => (transaction, any::<bool>(), any::<u8>())
            .prop_map(|(transaction, acknowledgment, byte)| Step::Keep { transaction, acknowledgment, byte }),
        3 => prop_oneof![0..90_u64, Just(300), Just(RETENTION.as_secs())].prop_map(|seconds| Step::Pass { seconds }),
        3 => (account.clone(), any::<bool>()).prop_map(|(account, blocked)| Step::Block { account, blocked }),
        1 => account.clone().prop_map(|account| Step::Register { account }),
        3 => (0..8_usize, account, 0..=coherence::WRITES)
            .prop_map(|(transaction, account, writes)| Step::WriteAndFail { transaction, account, writes }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stores_and_model_agree(
        steps in prop::collection::vec(step(), 1..60),
        remembered in prop::sample::select(coherence::REMEMBERED.to_vec()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps, remembered));
    }
}

async fn run(steps: Vec<Step>, remembered: Remembered) {
    let mut trial = Trial::new(remembered).await;
    for step in steps {
        trial.take(&step).await;
        trial.compare(&step).await;
    }
}

/// A transaction as the test made it up, and as the model sees it.
struct Sale {
    opening: Opening,
    authorization: Option<Authorization>,
    settlement: Option<Settlement>,
    kept: [Option<u8>; 2],
    /// `None`: forgotten.
    phase: Option<Phase>,
    /// The entry's transfer, once posted; remembered for ever.
    posted: Option<Transfer>,
}

/// What the model knows of an account, whether the store counts it or not.
#[derive(Clone, Copy, Debug)]
struct Purse {
    currency: Currency,
    bounds: Bounds,
    balance: i64,
    held: i64,
    coming: i64,
    payments: u64,
    blocked: bool,
}

impl Purse {
    /// As the store has it.
    fn funds(&self) -> Funds {
        Funds {
            currency: self.currency,
            bounds: self.bounds,
            balance: self.balance,
            held: self.held.cast_unsigned(),
            coming: if self.bounds.ceiling.is_some() { self.coming.cast_unsigned() } else { 0 },
            payments: if self.bounds.payments.is_some() { self.payments } else { 0 },
        }
    }

    fn limit(&self) -> i64 {
        self.bounds.overdraft.amount().cast_signed()
    }
}

struct Trial {
    memory: MemoryStore,
    sqlite: Option<SqliteStore>,
    view: SqliteView,
    remembered: Remembered,
    directory: tempfile::TempDir,
    /// Draws identifications and makes requests; its own store is not asked.
    world: World<MemoryStore>,
    now: Timestamp,
    accounts: Vec<AccountId>,
    numbers: Vec<AccountNumber>,
    keys: Vec<PublicKey>,
    purses: Vec<Purse>,
    sales: Vec<Sale>,
}

impl Trial {
    async fn new(remembered: Remembered) -> Self {
        let (memory, directory) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        let sqlite = SqliteStore::remembering(directory.path(), remembered).unwrap();
        let view = SqliteView::open(directory.path()).unwrap();
        let world = World::new(MemoryStore::new());
        let (mut accounts, mut purses) = (Vec::new(), Vec::new());
        let (mut numbers, mut keys) = (Vec::new(), Vec::new());
        for (instrument, currency, balance, bounds) in ACCOUNTS {
            let new = NewAccount { instrument, currency, bounds, ..world.new_account(balance, 0) };
            numbers.push(new.number.clone());
            keys.extend(&new.keys);
            let account = memory.create_account(new.clone()).await.unwrap();
            assert_eq!(sqlite.create_account(new).await, Ok(account));
            accounts.push(account);
            let balance = balance.cast_signed();
            purses.push(Purse { currency, bounds, balance, held: 0, coming: 0, payments: 0, blocked: false });
        }
        let (sqlite, sales) = (Some(sqlite), Vec::new());
        Self { memory, sqlite, view, remembered, directory, world, now: START, accounts, numbers, keys, purses, sales }
    }

    async fn take(&mut self, step: &Step) {
        let Some(last) = self.sales.len().checked_sub(1) else { return self.open().await };
        // The youngest transactions are those that something is left to do with.
        let place = |transaction: usize| last - transaction.min(last);
        match *step {
            Step::Open => self.open().await,
            Step::Pay { transaction, debit, credit, amount } => {
                self.authorize(place(transaction), self.pay(debit, credit, amount)).await;
            }
            Step::Refund { transaction, of, amount } => {
                self.authorize(place(transaction), self.refund(place(of), amount)).await;
            }
            Step::Cancel { transaction, of, by } => {
                let of = self.sales[place(of)].opening.transaction;
                self.authorize(place(transaction), Order::Cancellation { of, by: self.accounts[by] }).await;
            }
            Step::AuthorizeAgain { transaction } => {
                if let Some(first) = self.sales[place(transaction)].authorization.clone() {
                    self.authorize_as(place(transaction), first).await;
                }
            }
            Step::Settle { transaction, accepted } => {
                let transaction = place(transaction);
                let id = self.sales[transaction].opening.transaction;
                self.settle(transaction, self.world.settlement(id, accepted, self.now)).await;
            }
            Step::SettleAgain { transaction } => {
                if let Some(first) = self.sales[place(transaction)].settlement {
                    self.settle(place(transaction), Settlement { now: self.now, ..first }).await;
                }
            }
            Step::Keep { transaction, acknowledgment, byte } => {
                self.keep(place(transaction), acknowledgment, byte).await;
            }
            Step::Pass { seconds } => self.pass(Duration::from_secs(seconds)).await,
            Step::Block { account, blocked } => {
                self.purses[account].blocked = blocked;
                self.memory.set_blocked(self.accounts[account], blocked).await.unwrap();
                self.sqlite().set_blocked(self.accounts[account], blocked).await.unwrap();
            }
            Step::Register { account } => {
                let key = self.world.new_account(0, 0).keys[0];
                let expected = self.memory.register_key(self.accounts[account], key).await;
                assert_eq!(self.sqlite().register_key(self.accounts[account], key).await, expected);
                self.keys.push(key);
            }
            Step::WriteAndFail { transaction, account, writes } => {
                let sale = self.sales[place(transaction)].opening.transaction;
                coherence::write_and_fail(self.sqlite(), sale, self.accounts[account], writes).await;
            }
            Step::Restart => {
                self.sqlite = None;
                self.sqlite = Some(SqliteStore::remembering(self.directory.path(), self.remembered).unwrap());
            }
        }
    }

    fn sqlite(&self) -> &SqliteStore {
        self.sqlite.as_ref().unwrap()
    }

    async fn open(&mut self) {
        let opening = self.world.opening(self.now);
        let expected = Ok(opening.answer.message.clone());
        assert_eq!(self.memory.open(opening.clone()).await, expected);
        assert_eq!(self.sqlite().open(opening.clone()).await, expected);
        let phase = Some(Phase::Open { until: self.now.after(SESSION) });
        self.sales.push(Sale { opening, authorization: None, settlement: None, kept: [None; 2], phase, posted: None });
    }

    fn pay(&self, debit: usize, credit: usize, amount: u64) -> Order {
        let currency = ACCOUNTS[debit].1;
        let (debit, credit) = (self.accounts[debit], self.accounts[credit]);
        Order::Transfer(Transfer { debit, credit, amount, currency, refund_of: None })
    }

    /// The way of a posted transfer back; between the first two accounts where there is none.
    fn refund(&self, of: usize, amount: u64) -> Order {
        let sale = &self.sales[of];
        let (debit, credit, currency) = sale
            .posted
            .map_or((self.accounts[0], self.accounts[1], EUR), |posted| (posted.credit, posted.debit, posted.currency));
        let refund_of = Some(sale.opening.transaction);
        Order::Transfer(Transfer { debit, credit, amount, currency, refund_of })
    }

    async fn authorize(&mut self, sale: usize, order: Order) {
        let id = self.sales[sale].opening.transaction;
        self.authorize_as(sale, self.world.authorization(id, order, self.now)).await;
    }

    async fn authorize_as(&mut self, sale: usize, authorization: Authorization) {
        let expected = self.model_authorize(sale, &authorization);
        assert_eq!(self.memory.authorize(authorization.clone()).await, expected, "memory, {authorization:?}");
        assert_eq!(self.sqlite().authorize(authorization.clone()).await, expected, "SQLite, {authorization:?}");
    }

    fn model_authorize(&mut self, sale: usize, wanted: &Authorization) -> Result<Decision, StoreError> {
        let phase = self.sales[sale].phase.ok_or(StoreError::UnknownTransaction)?;
        if let Some(first) = &self.sales[sale].authorization {
            let same = first.request == wanted.request;
            return if same { Ok(phase.decision().unwrap()) } else { Err(StoreError::AlreadyUsed) };
        }
        if !matches!(phase, Phase::Open { until } if wanted.now < until) {
            return Err(StoreError::OutOfOrder);
        }
        let decision = match self.model_judge(&wanted.order) {
            None => Decision::Approved,
            Some(reason) => Decision::Declined(reason),
        };
        if let (Decision::Approved, Order::Transfer(transfer)) = (decision, wanted.order) {
            self.take_note(&transfer, 1);
        }
        let sale = &mut self.sales[sale];
        sale.authorization = Some(wanted.clone());
        sale.phase = Some(match decision {
            Decision::Approved => Phase::Held { until: self.now.after(HOLD) },
            Decision::Declined(reason) => Phase::Declined(reason),
        });
        Ok(decision)
    }

    /// Why not; `None` approves.
    fn model_judge(&mut self, order: &Order) -> Option<ReasonCode> {
        match *order {
            Order::Transfer(transfer) => self.model_judge_transfer(&transfer),
            Order::Cancellation { of, by } => {
                let held = self.sales.iter().find(|sale| sale.opening.transaction == of).and_then(held);
                let may = held.is_some_and(|transfer| transfer.debit == by || transfer.credit == by);
                (!may).then_some(ReasonCode::REFERENCE)
            }
            Order::Record | Order::Decline(_) => None,
        }
    }

    fn model_judge_transfer(&mut self, transfer: &Transfer) -> Option<ReasonCode> {
        let (debit, credit) = (*self.purse(transfer.debit), *self.purse(transfer.credit));
        let amount = transfer.amount.cast_signed();
        if amount == 0 {
            Some(ReasonCode::AMOUNT)
        } else if transfer.debit == transfer.credit {
            Some(ReasonCode::ACCOUNT)
        } else if debit.blocked || credit.blocked {
            Some(ReasonCode::ACCOUNT_CLOSED)
        } else if debit.currency != credit.currency {
            Some(ReasonCode::CURRENCY)
        } else if transfer.refund_of.is_some() && !self.may_refund(transfer) {
            Some(ReasonCode::REFERENCE)
        } else if transfer.refund_of.is_none() && debit.bounds.payment_max.is_some_and(|most| transfer.amount > most)
            || credit.bounds.ceiling.is_some_and(|most| credit.balance + credit.coming + amount > most.cast_signed())
        {
            Some(ReasonCode::AMOUNT)
        } else if transfer.refund_of.is_none() && debit.bounds.payments == Some(debit.payments) {
            Some(ReasonCode::USED_UP)
        } else if debit.balance - debit.held + debit.limit() < amount {
            Some(ReasonCode::INSUFFICIENT_FUNDS)
        } else {
            None
        }
    }

    fn may_refund(&self, refund: &Transfer) -> bool {
        let original = self.sales.iter().find(|sale| Some(sale.opening.transaction) == refund.refund_of);
        let Some(original) = original.and_then(|sale| sale.posted) else { return false };
        let earlier = self.sales.iter().filter_map(|sale| sale.posted.or_else(|| held(sale)));
        let refunded: u64 =
            earlier.filter(|earlier| earlier.refund_of == refund.refund_of).map(|earlier| earlier.amount).sum();
        original.refund_of.is_none() && refunded + refund.amount <= original.amount
    }

    async fn settle(&mut self, sale: usize, settlement: Settlement) {
        let expected = self.model_settle(sale, &settlement);
        assert_eq!(self.memory.settle(settlement).await, expected, "memory, {settlement:?}");
        assert_eq!(self.sqlite().settle(settlement).await, expected, "SQLite, {settlement:?}");
    }

    fn model_settle(&mut self, place: usize, wanted: &Settlement) -> Result<Ending, StoreError> {
        let sale = &self.sales[place];
        let phase = sale.phase.ok_or(StoreError::UnknownTransaction)?;
        let Some(authorization) = &sale.authorization else { return Err(StoreError::OutOfOrder) };
        if sale.settlement.is_some_and(|first| first.request != wanted.request) {
            return Err(StoreError::AlreadyUsed);
        }
        let ending = match (phase, authorization.order) {
            (Phase::Held { until }, _) if !wanted.accepted || wanted.now >= until => self.release(place),
            (Phase::Held { .. }, Order::Cancellation { of, .. }) => {
                let other = self.sales.iter().position(|sale| sale.opening.transaction == of && held(sale).is_some());
                other.map(|other| self.release(other));
                self.end(place, if other.is_some() { Ending::Posted } else { Ending::Released })
            }
            (Phase::Held { .. }, _) => self.post(place),
            _ => phase.ending().unwrap(),
        };
        self.sales[place].settlement = Some(*wanted);
        Ok(ending)
    }

    fn release(&mut self, place: usize) -> Ending {
        if let Some(transfer) = held(&self.sales[place]) {
            self.take_note(&transfer, -1);
        }
        self.end(place, Ending::Released)
    }

    fn post(&mut self, place: usize) -> Ending {
        let transfer = held(&self.sales[place]).unwrap();
        let amount = transfer.amount.cast_signed();
        self.take_note(&transfer, -1);
        let debit = self.purse(transfer.debit);
        debit.balance -= amount;
        debit.payments += u64::from(transfer.refund_of.is_none());
        self.purse(transfer.credit).balance += amount;
        self.sales[place].posted = Some(transfer);
        self.end(place, Ending::Posted)
    }

    /// A transfer is held, or is not any more.
    fn take_note(&mut self, transfer: &Transfer, sign: i64) {
        let amount = sign * transfer.amount.cast_signed();
        let debit = self.purse(transfer.debit);
        debit.held += amount;
        let payment = if transfer.refund_of.is_none() { sign } else { 0 };
        debit.payments = debit.payments.checked_add_signed(payment).unwrap();
        self.purse(transfer.credit).coming += amount;
    }

    fn end(&mut self, place: usize, ending: Ending) -> Ending {
        self.sales[place].phase = Some(Phase::Ended(ending));
        ending
    }

    async fn keep(&mut self, place: usize, acknowledgment: bool, byte: u8) {
        let sale = &self.sales[place];
        let id = sale.opening.transaction;
        let decided = if acknowledgment {
            sale.settlement.map(|first| first.request)
        } else {
            sale.authorization.as_ref().map(|first| first.request)
        };
        let digest = decided.unwrap_or_else(|| self.world.digest());
        let request =
            if acknowledgment { Request::Acknowledgment(id, digest) } else { Request::Transaction(id, digest) };
        let kept = usize::from(acknowledgment);
        let expected = match (sale.phase, decided) {
            (None, _) => Err(StoreError::UnknownTransaction),
            (Some(_), None) => Err(StoreError::OutOfOrder),
            (Some(_), Some(_)) => Ok(vec![*self.sales[place].kept[kept].get_or_insert(byte)]),
        };
        assert_eq!(self.memory.keep(request, answer(byte)).await, expected);
        assert_eq!(self.sqlite().keep(request, answer(byte)).await, expected);
        assert_eq!(self.memory.answer(&request).await, Ok(expected.clone().ok()));
        assert_eq!(self.sqlite().answer(&request).await, Ok(expected.ok()));
    }

    async fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        let mut ended = 0;
        for place in 0..self.sales.len() {
            let phase = self.sales[place].phase;
            if phase.and_then(Phase::deadline).is_some_and(|until| until <= self.now) {
                ended += 1;
                if matches!(phase, Some(Phase::Open { .. })) {
                    self.sales[place].phase = Some(Phase::Closed);
                } else {
                    self.release(place);
                }
            }
        }
        for sale in &mut self.sales {
            let old = id_time(sale) < self.now.before(RETENTION);
            if old && sale.phase.is_some_and(|phase| phase.deadline().is_none()) {
                sale.phase = None;
                ended += 1;
            }
        }
        assert_eq!(self.memory.expire(self.now).await, Ok(ended));
        assert_eq!(self.sqlite().expire(self.now).await, Ok(ended));
    }

    fn purse(&mut self, account: AccountId) -> &mut Purse {
        let place = self.accounts.iter().position(|known| *known == account).unwrap();
        &mut self.purses[place]
    }

    /// All three say the same of every account and every transaction, and the books balance.
    async fn compare(&self, step: &Step) {
        let (memory, sqlite) = (&self.memory, self.sqlite());
        let balances = memory.balances(None, 100).await.unwrap();
        assert_eq!(sqlite.balances(None, 100).await.unwrap(), balances, "{step:?}");
        for (account, purse) in self.accounts.iter().zip(&self.purses) {
            let balance = balances.iter().find(|balance| balance.account.id == *account).unwrap();
            assert_eq!((balance.funds, balance.account.blocked), (purse.funds(), purse.blocked), "{step:?}");
            let statement = memory.statement(*account, None, 1000).await.unwrap();
            assert_eq!(sqlite.statement(*account, None, 1000).await.unwrap(), statement);
        }
        for sale in &self.sales {
            let id = sale.opening.transaction;
            let group = memory.group(id).await.unwrap();
            assert_eq!(sqlite.group(id).await.unwrap(), group);
            assert_eq!(group.as_ref().map(|group| group.phase), sale.phase, "{step:?}");
            let ended = sale.kept[1].is_some() || sale.phase == Some(Phase::Closed);
            assert_eq!(group.is_some_and(|group| group.sessions.is_none()), ended && sale.phase.is_some());
            let outcome = memory.outcome(id).await.unwrap();
            assert_eq!(sqlite.outcome(id).await.unwrap(), outcome);
            assert_eq!(outcome.is_some(), sale.phase.is_some() || sale.posted.is_some());
            let request = Request::KeyExchange(sale.opening.nodes[0], sale.opening.request);
            let answer = memory.answer(&request).await.unwrap();
            assert_eq!(sqlite.answer(&request).await.unwrap(), answer);
            assert_eq!(answer, sale.phase.map(|_| sale.opening.answer.message.clone()));
        }
        self.compare_with_database(step).await;
        let audit = memory.verify().await.unwrap();
        assert_eq!(audit.flaws, [], "{step:?}");
        assert_eq!(sqlite.verify().await.unwrap(), audit, "{step:?}");
    }

    /// What the store remembers, and what its writer does, is what the database holds.
    async fn compare_with_database(&self, step: &Step) {
        let (sqlite, view) = (self.sqlite(), &self.view);
        for sale in &self.sales {
            let id = sale.opening.transaction;
            assert_eq!(sqlite.group(id).await, view.group(id).await, "{step:?}");
            let requests = [
                sale.authorization.as_ref().map(|first| Request::Transaction(id, first.request)),
                sale.settlement.map(|first| Request::Acknowledgment(id, first.request)),
                Some(Request::Transaction(id, sale.opening.request)),
            ];
            for request in requests.into_iter().flatten() {
                assert_eq!(sqlite.answer(&request).await, view.answer(&request).await, "{step:?}");
            }
            coherence::writer_knows_the_transaction(sqlite, id).await;
        }
        for (number, account) in self.numbers.iter().zip(&self.accounts) {
            assert_eq!(sqlite.account_by_number(number).await, view.account_by_number(number).await, "{step:?}");
            coherence::writer_knows_the_money(sqlite, *account).await;
        }
        for key in &self.keys {
            assert_eq!(sqlite.account_by_key(key).await, view.account_by_key(key).await, "{step:?}");
        }
    }
}

fn held(sale: &Sale) -> Option<Transfer> {
    match (sale.phase, sale.authorization.as_ref().map(|authorization| authorization.order)) {
        (Some(Phase::Held { .. }), Some(Order::Transfer(transfer))) => Some(transfer),
        _ => None,
    }
}

fn id_time(sale: &Sale) -> Timestamp {
    service_provider::id::drawn_at(sale.opening.transaction)
}
