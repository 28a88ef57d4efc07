//! What only shows from inside: transactions that SQLite ends itself, commits that fail, callers that are gone.

use super::writer::QUEUE_MAX;
use super::{Rows, SqliteStore};
use crate::ledger::{AccountId, Bounds, Funds};
use crate::store::account::{AccountNumber, NewAccount};
use crate::store::instrument::Instrument;
use crate::store::tables::{Database, Tables, TablesMut, TransactionRow};
use crate::store::transaction::Phase;
use crate::store::{Store, StoreError};
use protocol::types::{Currency, Digest, GroupId, TransactionId};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};

const EUR: Currency = Currency(*b"EUR");
const ROW: TransactionRow =
    TransactionRow { group: GroupId([1; 32]), phase: Phase::Closed, authorized: None, acknowledgment: None };

fn store() -> (SqliteStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteStore::open(directory.path()).unwrap(), directory)
}

fn new_account() -> NewAccount {
    NewAccount {
        number: AccountNumber::new("DE1").unwrap(),
        holder: "Holder".to_owned(),
        currency: EUR,
        instrument: Instrument::Debit,
        bounds: Bounds::credit_limit(100),
        attributes: Vec::new(),
        funding: None,
        sealed_secret: Vec::new(),
        keys: Vec::new(),
    }
}

/// Holds a little more.
fn hold(rows: &mut Rows, account: AccountId) -> Result<u64, StoreError> {
    let funds = rows.funds(account)?.ok_or(StoreError::UnknownAccount)?;
    let funds = Funds { held: funds.held + 1, ..funds };
    rows.set_funds(account, &funds)?;
    Ok(funds.held)
}

fn insert(rows: &mut Rows, number: u8) -> Result<(), StoreError> {
    rows.insert_transaction(TransactionId([number; 16]), &ROW, &[number; 10], &[Digest([number; 32])])
}

/// Finds the disk full: the first statement fails, so that this operation itself has written nothing.
fn full(rows: &mut Rows) -> Result<(), StoreError> {
    rows.connection().pragma_update(None, "max_page_count", 1)?;
    let result = rows.insert_transaction(TransactionId([9; 16]), &ROW, &[], &[Digest([9; 32]); 10_000]);
    rows.connection().pragma_update(None, "max_page_count", 1_000_000)?;
    result
}

/// A future polled once: it is on its way, or waits for its place.
fn begun<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(matches!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    future
}

/// A job that keeps the writer busy until what is returned is dropped.
fn busy(store: &SqliteStore) -> (impl Future<Output = Result<(), StoreError>>, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel();
    let job = begun(store.write(move |_| {
        let _ = started.send(());
        let _ = released.recv();
        Ok(())
    }));
    running.recv().unwrap();
    (job, release)
}

/// A full disk makes SQLite undo a whole transaction in the middle of a batch. Nothing of the batch may then be left,
/// in the database or in memory, and those that fit happen.
#[tokio::test]
async fn a_transaction_that_sqlite_undoes_leaves_nothing_behind() {
    let (store, _directory) = store();
    let account = store.create_account(new_account()).await.unwrap();
    let (busy, release) = busy(&store);
    let first = begun(store.write(move |rows| hold(rows, account)));
    let second = begun(store.write(full));
    let third = begun(store.write(move |rows| hold(rows, account)));
    drop(release);
    let (busy, first, second, third) = tokio::join!(busy, first, second, third);
    assert_eq!((busy, first, third), (Ok(()), Ok(1), Ok(2)));
    assert!(matches!(second, Err(StoreError::Database(_))), "{second:?}");
    assert_eq!(store.read(|rows| rows.funds(account)).unwrap().unwrap().held, 2);
    assert_eq!(store.write(move |rows| hold(rows, account)).await, Ok(3));
    assert_eq!(store.group(TransactionId([9; 16])).await, Ok(None));
}

/// A decision that was told before its commit is made again where the batch is undone.
#[tokio::test]
async fn a_decision_that_was_told_survives_a_transaction_that_is_undone() {
    let (store, directory) = store();
    let account = store.create_account(new_account()).await.unwrap();
    let under_way = Database::under_way(&store);
    let (busy, release) = busy(&store);
    let decision = begun(store.decide(move |rows| hold(rows, account)));
    let undone = begun(store.write(full));
    drop(release);
    let (busy, decision, undone) = tokio::join!(busy, decision, undone);
    assert_eq!((busy, decision), (Ok(()), Ok(1)));
    assert!(matches!(undone, Err(StoreError::Database(_))), "{undone:?}");
    assert_eq!(store.write(move |rows| hold(rows, account)).await, Ok(2));
    drop(under_way);
    drop(store);
    let again = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(again.read(|rows| rows.funds(account)).unwrap().unwrap().held, 2);
}

/// Where what it rests on does not happen again, nothing is committed any more.
#[tokio::test]
async fn a_decision_that_cannot_be_made_again_stops_the_store() {
    let (store, directory) = store();
    let account = store.create_account(new_account()).await.unwrap();
    let under_way = Database::under_way(&store);
    let (busy, release) = busy(&store);
    let runs = AtomicU8::new(0);
    let once = begun(store.write(move |rows| match runs.fetch_add(1, Ordering::Relaxed) {
        0 => hold(rows, account),
        _ => Err(StoreError::OutOfOrder),
    }));
    let decision = begun(store.decide(move |rows| hold(rows, account)));
    let undone = begun(store.write(full));
    drop(release);
    let (_, once, decision, undone) = tokio::join!(busy, once, decision, undone);
    assert_eq!(decision, Ok(2));
    assert!(once.is_err() && undone.is_err(), "{once:?} {undone:?}");
    assert_eq!(store.write(move |rows| hold(rows, account)).await, Err(StoreError::Stopped));
    drop(under_way);
    drop(store);
    let again = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(again.read(|rows| rows.funds(account)).unwrap().unwrap().held, 0);
}

/// Nobody is told or shown what was not committed; after that nothing more is promised.
#[tokio::test]
async fn a_commit_that_fails_is_told_as_such_and_shown_to_nobody() {
    let (store, directory) = store();
    store.write(|rows| insert(rows, 1)).await.unwrap();
    let (busy, release) = busy(&store);
    let good = begun(store.write(|rows| insert(rows, 2)));
    // The batch's COMMIT has nothing left to commit.
    let bad = begun(store.write(|rows| rows.run("ROLLBACK")));
    drop(release);
    let (busy, good, bad) = tokio::join!(busy, good, bad);
    assert_eq!(busy, Ok(()));
    assert!(matches!((&good, &bad), (Err(StoreError::Database(_)), Err(StoreError::Database(_)))), "{good:?} {bad:?}");
    assert_eq!(store.group(TransactionId([2; 16])).await, Ok(None));
    assert!(store.group(TransactionId([1; 16])).await.unwrap().is_some());
    assert_eq!(store.write(|rows| insert(rows, 3)).await, Err(StoreError::Stopped));
    drop(store);
    let again = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(again.group(TransactionId([2; 16])).await, Ok(None));
    again.write(|rows| insert(rows, 2)).await.unwrap();
}

/// Callers that give up neither lengthen the queue beyond its limit nor keep others out of it.
#[tokio::test]
async fn callers_that_are_gone_do_not_lengthen_the_queue() {
    let (store, _directory) = store();
    let (busy, release) = busy(&store);
    let waiting = Arc::new(());
    for _ in 0..3 * QUEUE_MAX {
        let job = waiting.clone();
        drop(begun(store.write(move |_| {
            let _waits = &job;
            Ok(())
        })));
    }
    assert!(Arc::strong_count(&waiting) <= QUEUE_MAX + 1, "{}", Arc::strong_count(&waiting));
    drop(release);
    assert_eq!(busy.await, Ok(()));
    assert_eq!(store.write(|rows| insert(rows, 1)).await, Ok(()));
    assert_eq!(Arc::strong_count(&waiting), 1);
}

/// A writer that is told to end first does what waits for it.
#[tokio::test]
async fn what_waits_when_the_writer_ends_is_done_first() {
    let (store, directory) = store();
    let (busy, release) = busy(&store);
    for number in 1..=3 {
        drop(begun(store.write(move |rows| insert(rows, number))));
    }
    drop((busy, release));
    drop(store);
    let store = SqliteStore::open(directory.path()).unwrap();
    for number in 1..=3 {
        assert!(store.group(TransactionId([number; 16])).await.unwrap().is_some());
    }
}

/// An operation that panics takes the writer with it: everybody who waits is told, and nothing of its batch happened.
#[tokio::test]
async fn a_panic_stops_the_store_and_changes_nothing() {
    let (store, directory) = store();
    let (busy, release) = busy(&store);
    let first = begun(store.write(|rows| insert(rows, 1)));
    let second = begun(store.write(|_| -> Result<(), StoreError> { panic!("on purpose") }));
    let third = begun(store.write(|rows| insert(rows, 3)));
    drop(release);
    assert_eq!(tokio::join!(busy, first, second, third).1, Err(StoreError::Stopped));
    assert_eq!(store.write(|rows| insert(rows, 4)).await, Err(StoreError::Stopped));
    drop(store);
    let store = SqliteStore::open(directory.path()).unwrap();
    for number in [1, 3, 4] {
        assert_eq!(store.group(TransactionId([number; 16])).await, Ok(None));
    }
}
