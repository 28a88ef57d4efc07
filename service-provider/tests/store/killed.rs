//! A process that buys on many tasks is killed (SIGKILL) at random moments, again and again on one data directory. What
//! it was told is durable is there afterwards, the books balance, and the same requests finish what was cut short.
//!
//! This program is both: started by `cargo test` it kills; with [`WORK`] as its argument it is what is killed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a panic is a test's verdict")]

use protocol::provider::Answer;
use protocol::types::{Currency, Digest, Ending, GroupId, TransactionId, TransactionKind};
use rand::{Rng, SeedableRng, rngs::StdRng};
use service_provider::id;
use service_provider::ledger::{AccountId, Bounds, Transfer};
use service_provider::store::account::{AccountNumber, Funding, NewAccount};
use service_provider::store::instrument::Instrument;
use service_provider::store::sqlite::{SqliteStore, SqliteView};
use service_provider::store::transaction::{Authorization, Decision, Opening, Order, Request, Settlement};
use service_provider::store::{Store, StoreError};
use service_provider::time::Timestamp;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The argument that makes this program the one that is killed; the data directory and the round follow it.
const WORK: &str = "buy-until-killed";

const ROUNDS: u64 = 24;
/// Enough that a commit serves many, and a kill cuts many short at once.
const TASKS: u64 = 64;
const ACCOUNTS: u64 = 6;
const START: Timestamp = Timestamp(1_790_000_000_000);
const EUR: Currency = Currency(*b"EUR");

/// Who answered: of two answers to one request the store keeps the first.
const KILLED: u8 = b'k';
const FINISHER: u8 = b'f';

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    match arguments.as_slice() {
        [_, work, directory, round] if work == WORK => {
            runtime.block_on(buy_for_ever(directory, round.parse().unwrap()))
        }
        _ => runtime.block_on(kill_often()),
    }
}

/// One purchase, all of which follows from its number.
#[derive(Clone, Copy)]
struct Sale(u64);

impl Sale {
    fn digest(self, what: u64) -> Digest {
        let mut random = StdRng::seed_from_u64(self.0 ^ (what << 56));
        Digest(random.r#gen())
    }

    fn transaction(self) -> TransactionId {
        id::draw(START.after(Duration::from_millis(self.0 & 0xff)), &mut rand::rngs::mock::StepRng::new(self.0, 0))
    }

    fn key_exchange(self) -> Request {
        Request::KeyExchange(self.digest(0), self.digest(2))
    }

    fn opening(self, by: u8) -> Opening {
        Opening {
            transaction: self.transaction(),
            group: GroupId(self.digest(6).0),
            request: self.digest(2),
            nodes: vec![self.digest(0), self.digest(1)],
            sessions: vec![9; 700],
            until: Some(START.after(Duration::from_secs(60))),
            answer: answer(by),
        }
    }

    fn authorization(self, accounts: &[AccountId]) -> Authorization {
        let mut random = StdRng::seed_from_u64(self.0);
        let debit = accounts[random.gen_range(0..accounts.len())];
        let credit = accounts[random.gen_range(0..accounts.len())];
        let amount = random.gen_range(1..60);
        Authorization {
            transaction: self.transaction(),
            request: self.digest(3),
            kind: TransactionKind::PURCHASE,
            order: Order::Transfer(Transfer { debit, credit, amount, currency: EUR, refund_of: None }),
            participants: vec![debit, credit],
            now: START,
            until: START.after(Duration::from_secs(60)),
        }
    }

    fn settlement(self) -> Settlement {
        let accepted = !self.0.is_multiple_of(5);
        Settlement { transaction: self.transaction(), request: self.digest(4), accepted, now: START }
    }
}

/// What a caller was told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Opened(u8),
    Decided(Decision),
    Answered(u8),
    Ended(Ending),
    Noticed(u8),
}

/// Takes a purchase through all its operations, telling each result as soon as it is durable: a decision is with its
/// answer.
async fn buy(store: &SqliteStore, accounts: &[AccountId], sale: Sale, by: u8, mut tell: impl FnMut(Told)) {
    let _under_way = Store::under_way(store);
    tell(Told::Opened(author(&store.open(sale.opening(by)).await.unwrap())));
    let decision = store.authorize(sale.authorization(accounts)).await.unwrap();
    let request = Request::Transaction(sale.transaction(), sale.digest(3));
    let answered = author(&store.keep(request, answer(by)).await.unwrap());
    tell(Told::Decided(decision));
    tell(Told::Answered(answered));
    let ending = store.settle(sale.settlement()).await.unwrap();
    let request = Request::Acknowledgment(sale.transaction(), sale.digest(4));
    let noticed = author(&store.keep(request, answer(by)).await.unwrap());
    tell(Told::Ended(ending));
    tell(Told::Noticed(noticed));
}

async fn buy_for_ever(directory: &str, round: u64) {
    let store = Arc::new(SqliteStore::open(Path::new(directory)).unwrap());
    let accounts = Arc::new(accounts(&*store).await);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (store, accounts) = (store.clone(), accounts.clone());
        tasks.spawn(async move {
            for number in 0.. {
                let sale = Sale((round << 32) | (task << 24) | number);
                buy(&store, &accounts, sale, KILLED, |told| say(sale, told)).await;
            }
        });
    }
    tasks.join_all().await;
}

/// Writes a line at once, so that what was said before the end is in the pipe.
fn say(sale: Sale, told: Told) {
    let line = format!("{} {}\n", sale.0, encode(told));
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

async fn kill_often() {
    let directory = tempfile::tempdir().unwrap();
    create_accounts(directory.path()).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut heard = 0;
    for round in 0..ROUNDS {
        let told = kill_once(directory.path(), round, Duration::from_millis(random.gen_range(5..150))).await;
        assert!(!told.is_empty(), "round {round}: killed before anything happened");
        heard += told.len();
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        assert_eq!(store.verify().await.unwrap().flaws, [], "round {round}");
        let accounts = Arc::new(accounts(&*store).await);
        let mut tasks = tokio::task::JoinSet::new();
        for (sale, told) in told {
            let (store, accounts) = (store.clone(), accounts.clone());
            tasks.spawn(async move { finish(&store, &accounts, Sale(sale), &told).await });
        }
        tasks.join_all().await;
        let audit = store.verify().await.unwrap();
        assert_eq!((audit.flaws.as_slice(), audit.holds), ([].as_slice(), 0), "round {round}");
    }
    println!("{ROUNDS} kills, {heard} purchases begun, nothing lost");
}

/// Starts a buyer, kills it, and returns what it said, by purchase.
async fn kill_once(directory: &Path, round: u64, after: Duration) -> BTreeMap<u64, Vec<Told>> {
    let program = std::env::current_exe().unwrap();
    let mut buyer = Command::new(program)
        .args([WORK, directory.to_str().unwrap(), &round.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(buyer.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let listener = std::thread::spawn(move || lines(first, output));

    let began = Instant::now();
    look_on(directory).await;
    std::thread::sleep(after.saturating_sub(began.elapsed()));
    buyer.kill().unwrap();
    buyer.wait().unwrap();
    listener.join().unwrap()
}

/// Beside a running provider: a second one is refused, a look is not.
async fn look_on(directory: &Path) {
    let refused = SqliteStore::open(directory).err().unwrap();
    assert_eq!(refused, StoreError::Invalid("another provider runs on this data directory"));
    let view = SqliteView::open(directory).unwrap();
    assert_eq!(view.verify().await.unwrap().flaws, []);
    let account = *accounts(&view).await.first().unwrap();
    let refused = view.set_blocked(account, true).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
}

/// Whole lines; the last one may have been cut off.
fn lines(first: String, output: impl BufRead) -> BTreeMap<u64, Vec<Told>> {
    let mut told = BTreeMap::<u64, Vec<Told>>::new();
    let rest = output.split(b'\n').map(|line| String::from_utf8(line.unwrap()).unwrap());
    for line in std::iter::once(first).chain(rest) {
        let Some((sale, told_now)) = line.trim_end().split_once(' ') else { continue };
        if let Some(told_now) = decode(told_now) {
            told.entry(sale.parse().unwrap()).or_default().push(told_now);
        }
    }
    told
}

/// What was told before the kill holds after it, and the same requests lead on from there.
async fn finish(store: &SqliteStore, accounts: &[AccountId], sale: Sale, told: &[Told]) {
    let transaction = sale.transaction();
    let status = store.outcome(transaction).await.unwrap().unwrap();
    for told in told {
        match *told {
            Told::Opened(by) => assert_eq!(store.answer(&sale.key_exchange()).await.unwrap().unwrap(), [by]),
            Told::Decided(decision) => assert_eq!(status.phase.decision(), Some(decision)),
            Told::Ended(ending) => assert_eq!(status.phase.ending(), Some(ending)),
            Told::Answered(by) => {
                let request = Request::Transaction(transaction, sale.digest(3));
                assert_eq!(store.answer(&request).await.unwrap().unwrap(), [by]);
            }
            Told::Noticed(by) => {
                let request = Request::Acknowledgment(transaction, sale.digest(4));
                assert_eq!(store.answer(&request).await.unwrap().unwrap(), [by]);
            }
        }
    }
    let mut again = Vec::new();
    buy(store, accounts, sale, FINISHER, |told| again.push(told)).await;
    assert_eq!(&again[..told.len()], told, "the same requests, the same results");
}

async fn create_accounts(directory: &Path) {
    let store = SqliteStore::open(directory).unwrap();
    for number in 0..ACCOUNTS {
        let transaction = Sale(u64::MAX >> 8 << 8 | number).transaction();
        let account = NewAccount {
            number: AccountNumber::new(&format!("DE{number:020}")).unwrap(),
            holder: format!("Holder {number}"),
            currency: EUR,
            instrument: Instrument::Debit,
            bounds: Bounds::credit_limit(20),
            attributes: Vec::new(),
            funding: Some(Funding { transaction, amount: 100, at: START }),
            sealed_secret: vec![7; 48],
            keys: Vec::new(),
        };
        store.create_account(account).await.unwrap();
    }
}

async fn accounts(store: &impl Store) -> Vec<AccountId> {
    let balances = store.balances(None, 100).await.unwrap();
    let members = balances.iter().filter(|balance| balance.account.instrument == Instrument::Debit);
    members.map(|balance| balance.account.id).collect()
}

fn answer(by: u8) -> Answer {
    Answer { message: vec![by], root: Digest([by; 32]) }
}

fn author(answer: &[u8]) -> u8 {
    *answer.first().unwrap()
}

fn encode(told: Told) -> String {
    match told {
        Told::Opened(by) => format!("opened {by}."),
        Told::Decided(Decision::Approved) => "approved 0.".to_owned(),
        Told::Decided(Decision::Declined(reason)) => format!("declined {}.", reason.0),
        Told::Answered(by) => format!("answered {by}."),
        Told::Ended(Ending::Posted) => "posted 0.".to_owned(),
        Told::Ended(Ending::Released) => "released 0.".to_owned(),
        Told::Noticed(by) => format!("noticed {by}."),
    }
}

/// `None` where the full stop is missing: the line was cut off.
fn decode(text: &str) -> Option<Told> {
    let (what, value) = text.strip_suffix('.')?.split_once(' ').unwrap();
    let value: u16 = value.parse().unwrap();
    let by = u8::try_from(value).unwrap();
    Some(match what {
        "opened" => Told::Opened(by),
        "approved" => Told::Decided(Decision::Approved),
        "declined" => Told::Decided(Decision::Declined(protocol::types::ReasonCode(value))),
        "answered" => Told::Answered(by),
        "posted" => Told::Ended(Ending::Posted),
        "released" => Told::Ended(Ending::Released),
        "noticed" => Told::Noticed(by),
        other => panic!("{other}"),
    })
}
