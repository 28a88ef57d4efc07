//! What durable operations cost: whole purchases against the SQLite store, 64 at a time.
//!
//! `cargo bench -p service-provider --bench store [purchases] [accounts]` prints operations a second, and the CPU time
//! a purchase of the writer's thread and of all threads, which includes what this program does itself. On a busy
//! machine the same work takes more CPU time: the time of a fixed loop, taken before and after, says how much.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that fails has no result")]

use protocol::crypto::PublicKey;
use protocol::provider::Answer;
use protocol::types::{Currency, Digest, Ending, GroupId, TransactionKind};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use service_provider::id;
use service_provider::ledger::{Bounds, Transfer};
use service_provider::store::Store;
use service_provider::store::account::{AccountNumber, Funding, NewAccount};
use service_provider::store::instrument::Instrument;
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
    create_accounts(&store, accounts).await;
    println!("{accounts} accounts created in {:.1?}", began.elapsed());

    let loop_before = fixed_loop();
    let (began, before) = (Instant::now(), Cpu::now());
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..IN_FLIGHT as u64 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            for _ in 0..purchases / IN_FLIGHT {
                purchase(&store, accounts, &mut random).await;
            }
        });
    }
    tasks.join_all().await;
    report(purchases / IN_FLIGHT * IN_FLIGHT, began.elapsed(), before, Cpu::now());
    println!("fixed loop: {loop_before:.2?} before, {:.2?} after", fixed_loop());
    let audit = store.verify().await.unwrap();
    assert_eq!(audit.flaws, []);
    println!("{} entries audited, no flaw", audit.entries);
}

fn report(purchases: usize, elapsed: Duration, before: Cpu, after: Cpu) {
    let operations = purchases * OPERATIONS;
    println!(
        "{purchases} purchases, {operations} durable operations, {IN_FLIGHT} in flight, in {elapsed:.2?}\n\
         {:.0} operations/s, {:.0} purchases/s\n\
         CPU a purchase: writer {:.1} us, all threads {:.1} us",
        operations as f64 / elapsed.as_secs_f64(),
        purchases as f64 / elapsed.as_secs_f64(),
        (after.writer - before.writer).as_secs_f64() * 1e6 / purchases as f64,
        (after.all - before.all).as_secs_f64() * 1e6 / purchases as f64,
    );
}

async fn create_accounts(store: &Arc<SqliteStore>, count: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let store = store.clone();
        tasks.spawn(async move {
            let mut random = StdRng::seed_from_u64(number as u64 + 1_000_000);
            let now = Timestamp::now();
            let account = NewAccount {
                number: number_of(number),
                holder: format!("Holder {number}"),
                currency: Currency(*b"EUR"),
                instrument: Instrument::Debit,
                bounds: Bounds::credit_limit(0),
                attributes: Vec::new(),
                funding: Some(Funding { transaction: id::draw(now, &mut random), amount: 1_000_000_000, at: now }),
                sealed_secret: vec![0; 48],
                keys: vec![key_of(number)],
            };
            store.create_account(account).await.unwrap();
        });
    }
    tasks.join_all().await;
}

/// The store's side of one purchase, as the engine has it done.
async fn purchase(store: &SqliteStore, accounts: usize, random: &mut StdRng) {
    let _under_way = store.under_way();
    let now = Timestamp::now();
    let transaction = id::draw(now, random);
    let nodes: Vec<Digest> = (0..MEMBERS).map(|_| Digest(random.r#gen())).collect();
    let message = Digest(random.r#gen());
    let exchange = Request::KeyExchange(nodes[0], message);
    assert_eq!(store.answer(&exchange).await.unwrap(), None);
    let payer = random.gen_range(0..accounts / 2);
    let payee = random.gen_range(accounts / 2..accounts);
    for member in [payer, payee] {
        assert!(store.account_by_key(&key_of(member)).await.unwrap().is_some());
    }
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

    let request = Digest(random.r#gen());
    let kept = Request::Transaction(transaction, request);
    assert_eq!(store.answer(&kept).await.unwrap(), None);
    assert!(store.group(transaction).await.unwrap().is_some());
    let mut found = Vec::with_capacity(MEMBERS);
    for member in [payer, payee] {
        found.push(store.account_by_number(&number_of(member)).await.unwrap().unwrap().id);
        assert!(store.account_by_key(&key_of(member)).await.unwrap().is_some());
    }
    let (debit, credit) = (found[0], found[1]);
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

fn number_of(account: usize) -> AccountNumber {
    AccountNumber::new(&format!("{account:020}")).unwrap()
}

fn key_of(account: usize) -> PublicKey {
    let mut key = [4; 65];
    StdRng::seed_from_u64(account as u64).fill_bytes(&mut key[1..]);
    PublicKey(key)
}

/// CPU time used so far, user and system, from the threads' scheduler statistics (Linux).
#[derive(Clone, Copy, Default)]
struct Cpu {
    writer: Duration,
    all: Duration,
}

impl Cpu {
    fn now() -> Self {
        let mut cpu = Self::default();
        for thread in std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|thread| thread.path()) {
            let statistics = std::fs::read_to_string(thread.join("schedstat")).unwrap();
            let used = Duration::from_nanos(statistics.split_whitespace().next().unwrap().parse().unwrap());
            cpu.all += used;
            if std::fs::read_to_string(thread.join("comm")).unwrap().trim() == "store-writer" {
                cpu.writer += used;
            }
        }
        cpu
    }
}

/// How long this machine now takes for the same ten million steps, each of which waits for the one before (FNV-1a).
fn fixed_loop() -> Duration {
    let began = Instant::now();
    let hash = (0..10_000_000_u64)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ (byte & 0xff)).wrapping_mul(0x0000_0100_0000_01b3));
    std::hint::black_box(hash);
    began.elapsed()
}
