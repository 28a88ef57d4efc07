//! What the store remembers against what its database holds, while many write and many look.
//!
//! A look-up is at an instant after every operation that has returned, and shows nothing that is not durable: what it
//! shows, the database shows from then on.

use crate::world::{START, World, answer, pay};
use protocol::types::{Digest, Ending, TransactionId};
use rand::{Rng, SeedableRng, rngs::StdRng};
use service_provider::ledger::{AccountId, Funds};
use service_provider::store::account::NewAccount;
use service_provider::store::recent::Recent;
use service_provider::store::sqlite::{COMMIT_DELAY_MAX, Remembered, SqliteStore, SqliteView};
use service_provider::store::tables::{AnswerRow, Database, Tables, TablesMut, TransactionRow};
use service_provider::store::transaction::{
    Authorization, Decision, Group, Opening, Phase, Request, Settlement, Stage,
};
use service_provider::store::{Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Nothing at all, next to nothing so that something is always forgotten, and more than there is.
pub(crate) const REMEMBERED: [Remembered; 4] = [
    Remembered { transaction_bytes: 0, accounts: 0, writer_transactions: 0, writer_accounts: 0 },
    Remembered { transaction_bytes: 2_500, accounts: 1, writer_transactions: 1, writer_accounts: 1 },
    Remembered { transaction_bytes: 6_000, accounts: 3, writer_transactions: 3, writer_accounts: 2 },
    Remembered {
        transaction_bytes: 1 << 26,
        accounts: 1 << 16,
        writer_transactions: 1 << 14,
        writer_accounts: 1 << 16,
    },
];

const SALES: usize = 160;
const BUYERS: usize = 8;
const LOOKERS: u64 = 3;

/// A purchase, and how many of its five operations are durable.
struct Sale {
    opening: Opening,
    authorization: Authorization,
    settlement: Settlement,
    done: AtomicU8,
}

impl Sale {
    fn id(&self) -> TransactionId {
        self.opening.transaction
    }

    /// The requests with kept answers, and how many operations are durable when there are some.
    fn answered(&self) -> [(u8, Request); 2] {
        let response = Request::Transaction(self.id(), self.authorization.request);
        [(3, response), (5, Request::Acknowledgment(self.id(), self.settlement.request))]
    }

    async fn buy(&self, store: &SqliteStore) {
        for step in 1..=5 {
            let _under_way = Store::under_way(store);
            match step {
                1 => assert_eq!(store.open(self.opening.clone()).await, Ok(self.opening.answer.message.clone())),
                2 => assert_eq!(store.authorize(self.authorization.clone()).await, Ok(Decision::Approved)),
                4 => assert_eq!(store.settle(self.settlement).await, Ok(Ending::Posted)),
                _ => {
                    let request = self.answered()[usize::from(step == 5)].1;
                    assert_eq!(store.keep(request, answer(step)).await, Ok(vec![step]));
                }
            }
            // A decision is durable once its answer is kept.
            if !matches!(step, 2 | 4) {
                self.done.store(step, Ordering::SeqCst);
            }
        }
    }
}

/// How many of a purchase's operations a look-up shows.
fn shown(group: Option<Group>) -> u8 {
    let Some(group) = group else { return 0 };
    let answered = group.response.is_some();
    let steps = match group.phase {
        Phase::Open { .. } if !answered => 1,
        Phase::Held { .. } => 2 + u8::from(answered),
        Phase::Ended(Ending::Posted) if answered => 4 + u8::from(group.sessions.is_none()),
        Phase::Open { .. } | Phase::Closed | Phase::Declined(_) | Phase::Ended(_) => u8::MAX,
    };
    assert!(group.sessions.is_none() == (steps == 5), "half an operation: {group:?}");
    steps
}

struct Shop {
    store: Arc<SqliteStore>,
    view: SqliteView,
    sales: Vec<Sale>,
    payer: NewAccount,
    /// An account that is blocked and unblocked all the time.
    other: NewAccount,
    closing: AtomicBool,
}

impl Shop {
    async fn look(&self, sale: &Sale) {
        let done = sale.done.load(Ordering::SeqCst);
        let remembered = shown(self.store.group(sale.id()).await.unwrap());
        let durable = shown(self.view.group(sale.id()).await.unwrap());
        assert!(done <= remembered && remembered <= durable, "{done} {remembered} {durable}");
        for (step, request) in sale.answered() {
            let done = sale.done.load(Ordering::SeqCst);
            let remembered = self.store.answer(&request).await.unwrap();
            let durable = self.view.answer(&request).await.unwrap();
            assert!(done < step || remembered == Some(vec![step]), "{done} {remembered:?}");
            assert!(remembered.is_none() || remembered == durable, "{remembered:?} {durable:?}");
        }
        let payer = self.store.account_by_key(&self.payer.keys[0]).await.unwrap().unwrap();
        assert_eq!((&payer.number, payer.blocked), (&self.payer.number, false));
        self.store.account_by_number(&self.other.number).await.unwrap().unwrap();
        self.store.account_by_key(&self.other.keys[0]).await.unwrap().unwrap();
    }

    async fn look_on(&self, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        while !self.closing.load(Ordering::Relaxed) {
            self.look(&self.sales[random.gen_range(0..SALES)]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Blocks and unblocks one account, and nearly changes another and a purchase of its.
    async fn disturb(&self, payer: AccountId, other: AccountId) {
        let mut random = StdRng::seed_from_u64(0);
        let mut blocked = false;
        while !self.closing.load(Ordering::Relaxed) {
            blocked = !blocked;
            self.store.set_blocked(other, blocked).await.unwrap();
            for _ in 0..5 {
                let account = self.store.account_by_number(&self.other.number).await.unwrap().unwrap();
                assert_eq!(account.blocked, blocked);
                let account = self.store.account_by_key(&self.other.keys[0]).await.unwrap().unwrap();
                assert_eq!(account.blocked, blocked);
                tokio::task::yield_now().await;
            }
            let sale = &self.sales[random.gen_range(0..SALES)];
            write_and_fail(&self.store, sale.id(), payer, random.gen_range(0..=WRITES)).await;
        }
    }

    async fn buy_all(&self, buyer: usize) {
        for sale in self.sales.iter().skip(buyer).step_by(BUYERS) {
            sale.buy(&self.store).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn look_ups_show_what_has_returned_and_nothing_that_is_not_durable() {
    for remembered in REMEMBERED {
        shop(remembered).await;
    }
}

async fn shop(remembered: Remembered) {
    let directory = tempfile::tempdir().unwrap();
    let world = World::new(SqliteStore::remembering(directory.path(), remembered).unwrap());
    let (payer, other) = (world.new_account(SALES as u64, 0), world.new_account(0, 0));
    let (payer_id, other_id) = (
        world.store.create_account(payer.clone()).await.unwrap(),
        world.store.create_account(other.clone()).await.unwrap(),
    );
    let payee = world.account(0, 0).await;
    let sale = |_| {
        let opening = world.opening(START);
        let authorization = world.authorization(opening.transaction, pay(payer_id, payee, 1), START);
        let settlement = world.settlement(opening.transaction, true, START);
        Sale { opening, authorization, settlement, done: AtomicU8::new(0) }
    };
    let shop = Arc::new(Shop {
        store: world.store.clone(),
        view: SqliteView::open(directory.path()).unwrap(),
        sales: (0..SALES).map(sale).collect(),
        payer,
        other,
        closing: AtomicBool::new(false),
    });
    let mut beside = tokio::task::JoinSet::new();
    for seed in 0..LOOKERS {
        let shop = shop.clone();
        beside.spawn(async move { shop.look_on(seed).await });
    }
    let disturber = shop.clone();
    beside.spawn(async move { disturber.disturb(payer_id, other_id).await });
    let mut buyers = tokio::task::JoinSet::new();
    for buyer in 0..BUYERS {
        let shop = shop.clone();
        buyers.spawn(async move { shop.buy_all(buyer).await });
    }
    buyers.join_all().await;
    shop.closing.store(true, Ordering::Relaxed);
    beside.join_all().await;

    for sale in &shop.sales {
        shop.look(sale).await;
        writer_knows_the_transaction(&world.store, sale.id()).await;
    }
    writer_knows_the_money(&world.store, payer_id).await;
    assert_eq!(world.money(payee).await, ((SALES as u64).cast_signed(), 0, SALES as u64));
    assert_eq!(world.money(payer_id).await, (0, 0, 0));
    world.books_balance().await;
}

/// A store whose accounts change whenever one has just been looked up in the database.
struct Meanwhile {
    store: SqliteStore,
    account: AccountId,
}

impl Database for Meanwhile {
    type Tables = <SqliteStore as Database>::Tables;

    async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Self::Tables) -> Result<T, StoreError> + Send + 'static,
    {
        self.store.write(operation).await
    }

    fn read<T>(&self, look_up: impl FnOnce(&Self::Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let found = self.store.read(look_up);
        let block = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(self.store.set_blocked(self.account, true)).unwrap();
        };
        std::thread::scope(|scope| scope.spawn(block).join().unwrap());
        found
    }

    fn recent(&self) -> Option<&Recent> {
        self.store.recent()
    }
}

/// What was looked up before a change is not remembered after it.
#[tokio::test]
async fn an_account_that_changes_while_it_is_looked_up_is_not_remembered() {
    let (store, _directory) = crate::world::sqlite();
    let world = World::new(store);
    let new = world.new_account(0, 0);
    let account = world.store.create_account(new.clone()).await.unwrap();
    let store = Arc::into_inner(world.store).unwrap();
    let meanwhile = Meanwhile { store, account };
    let found = meanwhile.account_by_number(&new.number).await.unwrap().unwrap();
    assert!(!found.blocked, "it was looked up first");
    assert!(meanwhile.store.account_by_number(&new.number).await.unwrap().unwrap().blocked);
    assert!(meanwhile.store.account_by_key(&new.keys[0]).await.unwrap().unwrap().blocked);
}

/// One purchase at a time, each request said to be under way as the engine says it, waits for nobody.
#[tokio::test]
async fn a_lone_request_is_committed_at_once() {
    let (store, _directory) = crate::world::sqlite();
    let world = World::new(store);
    let mut shortest = Duration::MAX;
    for _ in 0..50 {
        let opening = world.opening(START);
        let began = Instant::now();
        let _under_way = Store::under_way(world.store.as_ref());
        world.store.open(opening).await.unwrap();
        shortest = shortest.min(began.elapsed());
    }
    assert!(shortest < COMMIT_DELAY_MAX, "{shortest:?}");
}

/// What [`write_and_fail`] can write.
pub(crate) const WRITES: usize = 7;

/// An operation that fails after so many changes of a transaction and of an account.
pub(crate) async fn write_and_fail(store: &SqliteStore, id: TransactionId, account: AccountId, writes: usize) {
    let write = store.write(move |tables| {
        for number in 0..writes {
            write_something(tables, id, account, number)?;
        }
        Err::<(), _>(StoreError::Invalid("on purpose"))
    });
    assert_eq!(write.await, Err(StoreError::Invalid("on purpose")));
}

fn write_something(
    tables: &mut impl TablesMut,
    id: TransactionId,
    account: AccountId,
    number: usize,
) -> Result<(), StoreError> {
    let row = AnswerRow { request: Digest([99; 32]), answer: answer(99) };
    match (number, tables.transaction(id)?) {
        (0, _) => tables.set_blocked(account, true),
        (1, _) => {
            let funds = tables.funds(account)?.ok_or(StoreError::UnknownAccount)?;
            tables.set_funds(account, &Funds { balance: funds.balance + 1_000, payments: 9, coming: 9, ..funds })
        }
        (2, Some(row)) => tables.update_transaction(id, &TransactionRow { phase: Phase::Closed, ..row }),
        (3, Some(_)) => tables.insert_answer(id, Stage::Transaction, &row).map(drop),
        (4, Some(_)) => tables.insert_answer(id, Stage::Acknowledgment, &row).map(drop),
        (5, Some(_)) => tables.delete_sessions(id),
        (6, Some(_)) => tables.delete_transaction(id),
        (_, _) => Ok(()),
    }
}

/// The writer's own look-up of a transaction, against one of a connection that remembers nothing.
pub(crate) async fn writer_knows_the_transaction(store: &SqliteStore, id: TransactionId) {
    let known = store.write(move |tables| tables.transaction(id)).await;
    assert_eq!(known, store.read(|tables| tables.transaction(id)));
}

/// The same of an account's money.
pub(crate) async fn writer_knows_the_money(store: &SqliteStore, account: AccountId) {
    let known = store.write(move |tables| Ok((tables.purse(account)?, tables.funds(account)?))).await;
    assert_eq!(known, store.read(|tables| Ok((tables.purse(account)?, tables.funds(account)?))));
}
