//! What only a database can meet: batches that are undone, rows that are damaged, schemas of another version.

use crate::world::{START, World, answer, pay, sqlite};
use protocol::types::TransactionId;
use rusqlite::Connection;
use rusqlite::types::Value;
use service_provider::ledger::{AccountId, Bounds, Funds};
use service_provider::store::account::NewAccount;
use service_provider::store::attribute::Attribute;
use service_provider::store::instrument::Instrument;
use service_provider::store::sqlite::{DATABASE_FILE, SqliteStore, SqliteView};
use service_provider::store::tables::{Database, Tables, TablesMut};
use service_provider::store::transaction::{Order, Phase, Request, Settlement};
use service_provider::store::{Store, StoreError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// An operation that fails after it has written: its batch is undone and each operation runs again, alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_operation_that_fails_after_writing_changes_nothing_and_hurts_no_other() {
    const EACH: usize = 20;
    let (store, _directory) = sqlite();
    let world = World::new(store);
    let (payer, payee) = (world.account(1_000, 0).await, world.account(0, 0).await);
    let released = Arc::new(AtomicBool::new(false));
    let (store, wait) = (world.store.clone(), released.clone());
    let first = tokio::spawn(async move {
        store
            .write(move |_| {
                while !wait.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(())
            })
            .await
    });

    let runs = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..EACH {
        let order = world.authorization(world.transaction(START), pay(payer, payee, 1), START);
        let opening = world.opening(START);
        let (store, runs) = (world.store.clone(), runs.clone());
        tasks.spawn(async move {
            let write = store.write(move |tables| {
                runs.fetch_add(1, Ordering::Relaxed);
                let funds = tables.funds(payer)?.ok_or(StoreError::UnknownAccount)?;
                tables.set_funds(payer, &Funds { held: funds.held + 7, ..funds })?;
                Err::<(), _>(StoreError::Invalid("on purpose"))
            });
            let open = store.open(opening.clone());
            let unknown = store.authorize(order);
            let (failed, opened, refused) = tokio::join!(write, open, unknown);
            assert_eq!(failed, Err(StoreError::Invalid("on purpose")));
            assert_eq!(opened, Ok(opening.answer.message));
            assert_eq!(refused, Err(StoreError::UnknownTransaction));
            opening.transaction
        });
    }
    // All of them wait for the writer, so that they share its next batches.
    tokio::time::sleep(Duration::from_millis(200)).await;
    released.store(true, Ordering::Relaxed);
    first.await.unwrap().unwrap();
    for transaction in tasks.join_all().await {
        let group = world.store.group(transaction).await.unwrap().unwrap();
        assert_eq!((group.phase, group.response), (Phase::Open { until: START.after(crate::world::SESSION) }, None));
        let order = world.authorization(transaction, pay(payer, payee, 1), START);
        world.store.authorize(order).await.unwrap();
    }
    assert!(runs.load(Ordering::Relaxed) > EACH, "some ran in a batch first, and again alone");
    assert_eq!(world.money(payer).await, (1_000, EACH as u64, 1_000 - EACH as u64));
    world.books_balance().await;
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_refused_and_left_alone() {
    let (store, directory) = sqlite();
    World::new(store).account(5, 0).await;
    let database = || Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    database().execute("INSERT INTO schema_migration VALUES (99, 'tomorrow')", []).unwrap();
    let newer = Err(StoreError::Invalid("the database is of a newer version than this program"));
    assert_eq!(SqliteStore::open(directory.path()).map(|_| ()), newer);
    assert_eq!(SqliteView::open(directory.path()).map(|_| ()), newer);

    database().execute("UPDATE schema_migration SET version = -3 WHERE version = 99", []).unwrap();
    database().execute("DELETE FROM schema_migration WHERE version > 0", []).unwrap();
    assert_eq!(SqliteStore::open(directory.path()).map(|_| ()), Err(StoreError::Damaged("a version")));
    database().execute("UPDATE schema_migration SET version = 1", []).unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(store.balances(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(DATABASE_FILE), [0x55; 8192]).unwrap();
    assert!(matches!(SqliteStore::open(directory.path()), Err(StoreError::Database(_))));
    assert!(matches!(SqliteView::open(directory.path()), Err(StoreError::Database(_))));
    let missing = directory.path().join("missing");
    assert!(matches!(SqliteView::open(&missing), Err(StoreError::Database(_))));
    assert!(!missing.exists());
}

/// Every column of every table takes values that this program did not write, of its own type and of others: whatever is
/// asked then gets an answer or an error, never a panic, and no column is one that nobody looks at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_rows_are_errors() {
    let sample = Sample::new().await;
    let healthy = sample.ask(|_| {}).await;
    assert!(!healthy.iter().any(|answer| is_error(answer)), "{healthy:#?}");
    let columns = sample.columns();
    assert!(columns.len() > 30);
    let mut unseen = Vec::new();
    for (table, column) in &columns {
        let mut seen = false;
        for value in spoiled() {
            let spoil = |database: &Connection| {
                let sql = format!("UPDATE OR REPLACE {table} SET {column} = ?1");
                // A row number is an integer or the database refuses it.
                let _ = database.execute(&sql, [&value]);
            };
            let answers = sample.ask(spoil).await;
            assert!(
                !answers.iter().any(|answer| answer.contains("Stopped")),
                "{table}.{column} {value:?}: {answers:#?}"
            );
            seen |= answers != healthy;
        }
        if !seen {
            unseen.push(format!("{table}.{column}"));
        }
    }
    assert_eq!(unseen, [""; 0], "columns that nobody looks at");
}

/// A commit waits for others that are about to come, but not for long.
#[tokio::test]
async fn requests_that_never_write_hold_nobody_up() {
    let (store, _directory) = sqlite();
    let world = World::new(store);
    let idle: Vec<_> = (0..100).map(|_| Store::under_way(world.store.as_ref())).collect();
    let one = world.account(50, 0).await;
    drop(idle);
    assert_eq!(world.store.balances(None, 10).await.unwrap()[1].account.id, one);
}

/// References are not checked as rows are written, so the audit does.
#[tokio::test]
async fn rows_that_belong_to_nothing_are_found() {
    let sample = Sample::new().await;
    for table in ["transactions", "account"] {
        let spoil = |database: &Connection| {
            database.execute(&format!("DELETE FROM {table}"), []).unwrap();
        };
        let audit = sample.ask(spoil).await.remove(0);
        assert!(audit.contains("Orphans") || audit.starts_with("Err"), "{table}: {audit}");
    }
}

/// Values that fit no column, or not their column's meaning.
fn spoiled() -> Vec<Value> {
    vec![
        Value::Null,
        Value::Real(0.5),
        Value::Integer(-1),
        Value::Integer(99),
        Value::Integer(i64::MAX),
        Value::Integer(i64::MIN),
        Value::Text(String::new()),
        Value::Text("\u{e4}".repeat(40)),
        Value::Blob(Vec::new()),
        Value::Blob(vec![0xff; 16]),
        Value::Blob(vec![0xff; 33]),
    ]
}

fn is_error(answer: &str) -> bool {
    answer.starts_with("Err") || !answer.ends_with("flaws: [] })") && answer.starts_with("Ok(Audit")
}

/// A database with a row of every kind, to be copied and spoiled.
struct Sample {
    directory: tempfile::TempDir,
    account: AccountId,
    other: AccountId,
    licence: AccountId,
    number: service_provider::store::account::AccountNumber,
    key: protocol::crypto::PublicKey,
    open: service_provider::store::transaction::Opening,
    held: Settlement,
    ended: Settlement,
    cancellation: TransactionId,
}

impl Sample {
    async fn new() -> Self {
        let (store, directory) = sqlite();
        let world = World::new(store);
        // As no instrument has it: something in every column.
        let bounds =
            Bounds { ceiling: Some(500), payment_max: Some(400), payments: Some(9), ..Bounds::credit_limit(30) };
        let new = NewAccount { bounds, ..world.new_account(100, 30) };
        let account = world.store.create_account(new.clone()).await.unwrap();
        let other = world.account(50, 0).await;
        let licence = NewAccount {
            instrument: Instrument::Identity,
            attributes: vec![Attribute::parse("drives=B@2026-01-01..2033-05-01").unwrap()],
            ..world.new_account(0, 0)
        };
        let licence = world.store.create_account(licence).await.unwrap();
        let open = world.opening(START);
        world.store.open(open.clone()).await.unwrap();
        let sale = world.approved(pay(account, other, 9), START).await;
        let ended = world.settlement(sale, true, START);
        world.store.settle(ended).await.unwrap();
        world.store.keep(Request::Acknowledgment(sale, ended.request), answer(4)).await.unwrap();
        let back = world.approved(crate::world::refund(sale, other, account, 4), START).await;
        world.settle(back, true, START).await.unwrap();
        world.decide(pay(account, other, 1_000), START).await;
        let held = world.approved(pay(account, other, 3), START).await;
        let held = world.settlement(held, true, START);
        let cancellation = world.open(START).await;
        let mut order =
            world.authorization(cancellation, Order::Cancellation { of: held.transaction, by: other }, START);
        order.participants = vec![account, other];
        world.store.authorize(order).await.unwrap();
        let sample = Self {
            directory,
            account,
            other,
            licence,
            number: new.number,
            key: new.keys[0],
            open,
            held,
            ended,
            cancellation,
        };
        drop(world);
        sample.make_lax();
        sample
    }

    /// Takes the database's own checks of types and ranges away, as a damaged file does.
    fn make_lax(&self) {
        let database = Connection::open(self.directory.path().join(DATABASE_FILE)).unwrap();
        database.pragma_update(None, "writable_schema", true).unwrap();
        for (from, to) in [(" STRICT, WITHOUT", " WITHOUT"), (" STRICT", ""), (" NOT NULL", "")] {
            database
                .execute("UPDATE sqlite_schema SET sql = replace(sql, ?1, ?2) WHERE type = 'table'", [from, to])
                .unwrap();
        }
        database.pragma_update(None, "journal_mode", "DELETE").unwrap();
    }

    fn columns(&self) -> Vec<(String, String)> {
        let database = Connection::open(self.directory.path().join(DATABASE_FILE)).unwrap();
        let sql = "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
                   WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'schema_migration'";
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Everything that can be asked of a spoiled copy.
    async fn ask(&self, spoil: impl FnOnce(&Connection)) -> Vec<String> {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join(DATABASE_FILE);
        std::fs::copy(self.directory.path().join(DATABASE_FILE), &path).unwrap();
        let database = Connection::open(&path).unwrap();
        database.pragma_update(None, "synchronous", "OFF").unwrap();
        database.pragma_update(None, "ignore_check_constraints", true).unwrap();
        database.pragma_update(None, "foreign_keys", false).unwrap();
        spoil(&database);
        drop(database);
        self.answers(copy.path()).await
    }

    async fn answers(&self, directory: &Path) -> Vec<String> {
        let store = match SqliteStore::open(directory) {
            Ok(store) => store,
            Err(error) => return vec![format!("Err({error:?})")],
        };
        let world = World::new(store);
        let store = &world.store;
        let mut answers = vec![format!("{:?}", store.verify().await)];
        let mut note = |answer: String| answers.push(answer);
        note(format!("{:?}", store.balances(None, 10).await));
        let attributes = store.attributes(self.licence).await;
        let told = |it: &Attribute| format!("{} {} {:?} {:?}", it.name(), it.value(), it.from, it.until);
        note(format!("{:?}", attributes.map(|all| all.iter().map(told).collect::<Vec<_>>())));
        note(format!("{:?}", store.account_by_number(&self.number).await));
        note(format!("{:?}", store.account_by_key(&self.key).await));
        note(format!("{:?}", store.statement(self.account, None, 10).await));
        for request in [
            Request::KeyExchange(self.open.nodes[0], self.open.request),
            Request::Acknowledgment(self.ended.transaction, self.ended.request),
        ] {
            note(format!("{:?}", store.answer(&request).await));
        }
        for transaction in [self.open.transaction, self.held.transaction, self.ended.transaction, self.cancellation] {
            note(format!("{:?}", store.group(transaction).await));
            note(format!("{:?}", store.outcome(transaction).await));
        }
        note(format!("{:?}", store.open(self.open.clone()).await));
        note(format!("{:?}", store.settle(self.ended).await));
        note(format!("{:?}", store.settle(self.held).await));
        let refund = crate::world::refund(self.ended.transaction, self.other, self.account, 1);
        note(format!("{:?}", store.authorize(world.authorization(self.open.transaction, refund, START)).await));
        let keep = store.keep(Request::Acknowledgment(self.held.transaction, self.held.request), answer(4)).await;
        note(format!("{keep:?}"));
        note(format!("{:?}", store.set_blocked(self.account, true).await));
        note(format!("{:?}", store.expire(START.after(service_provider::store::limits::RETENTION)).await));
        answers
    }
}
