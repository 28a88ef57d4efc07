//! What durable operations cost: whole purchases against the SQLite store, 64 at a time.
//!
//! `cargo bench -p service-provider --bench store [purchases] [accounts]` prints operations a second, and the CPU time
//! of the writer's thread an operation and a purchase.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that fails has no result")]

use protocol::crypto::PublicKey;
use protocol::provider::Answer;
use protocol::types::{Currency, Digest, Ending, GroupId, TransactionKind};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use service_provider::id;
use service_provider::ledger::{AccountId, Transfer};
use service_provider::store::Store;
use service_provider::store::account::{AccountNumber, Funding, Instrument, NewAccount};
use service_provider::store::sqlite::SqliteStore;
use service_provider::store::transaction::{Authorization, Decision, Opening, Order, Request, Settlement};
use service_provider::time::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

const IN_FLIGHT: usize = 64;
const MEMBERS: usize = 2;
/// open, authorize, keep, settle, keep.
const OPERATIONS: usize = 5;
const ANSWER_BYTES: usize = 900 * MEMBERS;
const SESSION_BYTES: usize = 350 * MEMBERS;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let purchases = numbers.first().copied().unwrap_or(40_000);
    let accounts = numbers.get(1).copied().unwrap_or(20_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(purchases, accounts));
}

async fn run(purchases: usize, accounts: usize) {
    let directory = tempfile::tempdir_in(".").unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let began = Instant::now();
    let ids = Arc::new(create_accounts(&store, accounts).await);
    println!("{accounts} accounts created in {:.1?}", began.elapsed());

    let (began, cpu) = (Instant::now(), writer_cpu());
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..IN_FLIGHT as u64 {
        let (store, ids) = (store.clone(), ids.clone());
        tasks.spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            for _ in 0..purchases / IN_FLIGHT {
                purchase(&store, &ids, &mut random).await;
            }
        });
    }
    tasks.join_all().await;
    report(purchases / IN_FLIGHT * IN_FLIGHT, began.elapsed(), writer_cpu() - cpu);
    let audit = store.verify().await.unwrap();
    assert_eq!(audit.flaws, []);
    println!("{} entries audited, no flaw", audit.entries);
}

fn report(purchases: usize, elapsed: Duration, cpu: Duration) {
    let operations = purchases * OPERATIONS;
    println!(
        "{purchases} purchases, {operations} durable operations, {IN_FLIGHT} in flight, in {elapsed:.2?}\n\
         {:.0} operations/s, {:.0} purchases/s\n\
         writer thread: {:.1} us CPU an operation, {:.1} us a purchase",
        operations as f64 / elapsed.as_secs_f64(),
        purchases as f64 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / operations as f64,
        cpu.as_secs_f64() * 1e6 / purchases as f64,
    );
}

async fn create_accounts(store: &Arc<SqliteStore>, count: usize) -> Vec<AccountId> {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let store = store.clone();
        tasks.spawn(async move {
            let mut random = StdRng::seed_from_u64(number as u64 + 1_000_000);
            let mut key = [4; 65];
            random.fill_bytes(&mut key[1..]);
            let now = Timestamp::now();
            let account = NewAccount {
                number: AccountNumber::new(&format!("{number:020}")).unwrap(),
                holder: format!("Holder {number}"),
                currency: Currency(*b"EUR"),
                instrument: Instrument::Debit,
                credit_limit: 0,
                funding: Some(Funding { transaction: id::draw(now, &mut random), amount: 1_000_000_000, at: now }),
                sealed_secret: vec![0; 48],
                keys: vec![PublicKey(key)],
            };
            store.create_account(account).await.unwrap()
        });
    }
    tasks.join_all().await
}

/// The store's side of one purchase, as the engine has it done.
async fn purchase(store: &SqliteStore, accounts: &[AccountId], random: &mut StdRng) {
    let now = Timestamp::now();
    let transaction = id::draw(now, random);
    let nodes: Vec<Digest> = (0..MEMBERS).map(|_| Digest(random.r#gen())).collect();
    let message = Digest(random.r#gen());
    let exchange = Request::KeyExchange(nodes[0], message);
    assert_eq!(store.answer(&exchange).await.unwrap(), None);
    let opening = Opening {
        transaction,
        group: GroupId(random.r#gen()),
        request: message,
        nodes,
        sessions: vec![1; SESSION_BYTES],
        until: Some(now.after(Duration::from_secs(60))),
        answer: answer(2),
    };
    store.open(opening).await.unwrap();

    let debit = accounts[random.gen_range(0..accounts.len() / 2)];
    let credit = accounts[random.gen_range(accounts.len() / 2..accounts.len())];
    let request = Digest(random.r#gen());
    let kept = Request::Transaction(transaction, request);
    assert_eq!(store.answer(&kept).await.unwrap(), None);
    assert!(store.group(transaction).await.unwrap().is_some());
    let order = Order::Transfer(Transfer { debit, credit, amount: 1, currency: Currency(*b"EUR"), refund_of: None });
    let authorization = Authorization {
        transaction,
        request,
        kind: TransactionKind::PURCHASE,
        order,
        participants: vec![debit, credit],
        now,
        until: now.after(Duration::from_secs(60)),
    };
    assert_eq!(store.authorize(authorization).await, Ok(Decision::Approved));
    store.keep(kept, answer(3)).await.unwrap();

    let request = Digest(random.r#gen());
    let kept = Request::Acknowledgment(transaction, request);
    assert_eq!(store.answer(&kept).await.unwrap(), None);
    assert!(store.group(transaction).await.unwrap().is_some());
    let settlement = Settlement { transaction, request, accepted: true, now };
    assert_eq!(store.settle(settlement).await, Ok(Ending::Posted));
    store.keep(kept, answer(4)).await.unwrap();
}

fn answer(byte: u8) -> Answer {
    Answer { message: vec![byte; ANSWER_BYTES], root: Digest([byte; 32]) }
}

/// CPU time that the writer's thread has used: user and system, from the thread's scheduler statistics (Linux).
fn writer_cpu() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|thread| thread.path());
    let is_writer = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "store-writer")
    };
    let writer = threads.into_iter().find(is_writer).unwrap();
    let statistics = std::fs::read_to_string(writer.join("schedstat")).unwrap();
    Duration::from_nanos(statistics.split_whitespace().next().unwrap().parse().unwrap())
}
