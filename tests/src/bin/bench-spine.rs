//! What a purchase and a key exchange cost a provider, against what their cryptography alone costs and against TLS.
//!
//! Every ratio is of figures of one run. The floor of a two-member purchase is the time of its P-256 operations alone:
//! six verifications, four agreements, two key pairs, three signatures. A provider's time is processor time, in the
//! store's threads too; the members' work is outside of it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::crypto::{AwsLc, Crypto, random_scalar};
use protocol::message::acknowledgment::Decision;
use protocol::types::Ending;
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_provider::engine::Engine;
use service_provider::store::Store;
use service_provider::store::memory::MemoryStore;
use service_provider::store::sqlite::SqliteStore;
use service_provider::time::Timestamp;
use symbolon_tests::bench::{Row, Target, process_time, publish, stay_on_one_processor, thread_time};
use symbolon_tests::member::Group;
use symbolon_tests::tls;
use symbolon_tests::world::World;
use tokio::task::JoinSet;

/// Purchases and handshakes of a measurement without a store.
const PURCHASES: usize = 1000;

/// Purchases of the measurement with SQLite, and how many are under way at a time.
const STORED_PURCHASES: usize = 4096;
const IN_FLIGHT: usize = 64;

/// Each of the floor's operations.
const OPERATIONS: u32 = 2000;

fn main() -> Result<()> {
    stay_on_one_processor()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut random = StdRng::from_entropy();
    let before = Operations::measure(&mut random)?;
    let in_memory = runtime.block_on(in_memory(&mut random))?;
    let exchanges = runtime.block_on(key_exchanges(&mut random))?;
    let handshakes = tls::handshakes(PURCHASES)?;
    let stored = runtime.block_on(stored(&mut random))?;
    // Before and after: a machine whose speed drifts shows it in the floor as in what is held against it.
    let floor = Operations::measure(&mut random)?.mean(&before);

    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let ratio = |least: Duration, time: Duration| least.as_secs_f64() / time.as_secs_f64();
    let rate = |time: Duration| 1.0 / time.as_secs_f64();
    publish(
        "spine",
        &[
            Row::new("P-256 verification", micros(floor.verify), "µs"),
            Row::new("P-256 agreement", micros(floor.agree), "µs"),
            Row::new("P-256 key pair", micros(floor.key_pair), "µs"),
            Row::new("P-256 signature", micros(floor.sign), "µs"),
            Row::new("purchase: P-256 operations alone, the floor", micros(floor.purchase()), "µs"),
            Row::new("purchase: provider, without the store", micros(in_memory), "µs"),
            Row::new("purchase: floor / provider, without the store", ratio(floor.purchase(), in_memory), "ratio")
                .with_target(Target::AtLeast(0.80)),
            Row::new("purchase: provider, SQLite, 64 in flight", micros(stored), "µs"),
            Row::new("purchase: floor / provider, SQLite, 64 in flight", ratio(floor.purchase(), stored), "ratio")
                .with_target(Target::AtLeast(0.70)),
            Row::new("key exchanges a core-second", rate(exchanges), "1/s"),
            Row::new("mutual TLS 1.3 handshakes a core-second, rustls", rate(handshakes), "1/s"),
            Row::new("key exchanges / TLS handshakes", ratio(handshakes, exchanges), "ratio")
                .with_target(Target::AtLeast(0.9)),
        ],
    )
}

/// One P-256 operation of each kind.
struct Operations {
    verify: Duration,
    agree: Duration,
    key_pair: Duration,
    sign: Duration,
}

impl Operations {
    fn measure(random: &mut StdRng) -> Result<Self> {
        let signing = AwsLc::signing_key(&random_scalar::<AwsLc>(random))?;
        let public = AwsLc::verification_key(&signing);
        let agreement = AwsLc::agreement_key(&random_scalar::<AwsLc>(random))?;
        let peer = AwsLc::agreement_public_key(&AwsLc::generate_agreement_key(random));
        let signature = AwsLc::sign(&signing, b"message", &[]);
        Ok(Self {
            verify: time(|| black_box(AwsLc::verify(&public, black_box(b"message"), &signature)).is_ok()),
            agree: time(|| black_box(AwsLc::agree(&agreement, black_box(&peer))).is_ok()),
            key_pair: time(|| black_box(AwsLc::agreement_public_key(&AwsLc::generate_agreement_key(random))).0[0] == 4),
            sign: time(|| black_box(AwsLc::sign(&signing, black_box(b"message"), &[])).0.len() == 64),
        })
    }

    fn mean(&self, other: &Self) -> Self {
        Self {
            verify: (self.verify + other.verify) / 2,
            agree: (self.agree + other.agree) / 2,
            key_pair: (self.key_pair + other.key_pair) / 2,
            sign: (self.sign + other.sign) / 2,
        }
    }

    /// What a two-member purchase needs at least.
    fn purchase(&self) -> Duration {
        self.verify * 6 + self.agree * 4 + self.key_pair * 2 + self.sign * 3
    }
}

fn time(mut operation: impl FnMut() -> bool) -> Duration {
    for _ in 0..OPERATIONS / 10 {
        assert!(operation());
    }
    let start = thread_time();
    for _ in 0..OPERATIONS {
        assert!(operation());
    }
    (thread_time() - start) / OPERATIONS
}

/// One purchase after the other; the provider's steps are timed on the thread that runs them.
async fn in_memory(random: &mut StdRng) -> Result<Duration> {
    let world = World::new(|_| Ok(MemoryStore::new()), random).await?;
    let mut spent = Duration::ZERO;
    for round in 0..PURCHASES + PURCHASES / 10 {
        if round == PURCHASES / 10 {
            spent = Duration::ZERO;
        }
        let purchase = Group::purchase(&world.members, 1);
        let (request, awaiting) = purchase.key_exchange::<AwsLc>(random)?;
        let answer = timed(&world.engine, &request, &mut spent)?;
        let established = purchase.establish::<AwsLc>(&awaiting, &answer)?;
        let (request, awaiting) = purchase.request::<AwsLc>(established, random)?;
        let answer = timed(&world.engine, &request, &mut spent)?;
        let decided = purchase.approved::<AwsLc>(&awaiting, &answer)?;
        let (request, awaiting) = purchase.acknowledge::<AwsLc>(decided, Decision::Accept, random)?;
        let answer = timed(&world.engine, &request, &mut spent)?;
        ensure!(purchase.ending::<AwsLc>(&awaiting, &answer)? == Ending::Posted, "not posted");
    }
    Ok(spent / u32::try_from(PURCHASES)?)
}

/// One member's key exchanges, one after the other.
async fn key_exchanges(random: &mut StdRng) -> Result<Duration> {
    let world = World::new(|_| Ok(MemoryStore::new()), random).await?;
    let mut spent = Duration::ZERO;
    for round in 0..PURCHASES + PURCHASES / 10 {
        if round == PURCHASES / 10 {
            spent = Duration::ZERO;
        }
        let alone = Group::new(world.members.get(1..).context("two members")?, Vec::new());
        let (request, awaiting) = alone.key_exchange::<AwsLc>(random)?;
        let answer = timed(&world.engine, &request, &mut spent)?;
        alone.establish::<AwsLc>(&awaiting, &answer)?;
    }
    Ok(spent / u32::try_from(PURCHASES)?)
}

/// Answers on this very thread: the store in memory never waits.
fn timed<S: Store>(engine: &Engine<S>, request: &[u8], spent: &mut Duration) -> Result<Vec<u8>> {
    let mut random = StdRng::from_rng(rand::thread_rng())?;
    let start = thread_time();
    let answer = futures_executor::block_on(engine.answer(request, Timestamp::now(), &mut random));
    *spent += thread_time() - start;
    Ok(answer?)
}

/// Rounds of one message of every purchase, 64 at a time; between the rounds the members do their part.
async fn stored(random: &mut StdRng) -> Result<Duration> {
    let world = World::new(|path| Ok(SqliteStore::open(path)?), random).await?;
    let World { engine, members, .. } = &world;
    let purchase = Group::purchase(members, 1);
    let mut spent = Duration::ZERO;

    let mut requests = Vec::new();
    let mut awaiting = Vec::new();
    for _ in 0..STORED_PURCHASES {
        let (request, state) = purchase.key_exchange::<AwsLc>(random)?;
        requests.push(request);
        awaiting.push(state);
    }
    let answers = round(engine, requests, &mut spent).await?;
    let mut requests = Vec::new();
    let mut waiting = Vec::new();
    for (state, answer) in awaiting.iter().zip(&answers) {
        let (request, state) = purchase.request::<AwsLc>(purchase.establish::<AwsLc>(state, answer)?, random)?;
        requests.push(request);
        waiting.push(state);
    }
    let answers = round(engine, requests, &mut spent).await?;
    let mut requests = Vec::new();
    let mut last = Vec::new();
    for (state, answer) in waiting.iter().zip(&answers) {
        let decided = purchase.approved::<AwsLc>(state, answer)?;
        let (request, state) = purchase.acknowledge::<AwsLc>(decided, Decision::Accept, random)?;
        requests.push(request);
        last.push(state);
    }
    let answers = round(engine, requests, &mut spent).await?;
    for (state, answer) in last.iter().zip(&answers) {
        ensure!(purchase.ending::<AwsLc>(state, answer)? == Ending::Posted, "not posted");
    }
    ensure!(engine.store().verify().await?.flaws.is_empty(), "the books do not add up");
    Ok(spent / u32::try_from(STORED_PURCHASES)?)
}

/// Answers to all requests in their order, [`IN_FLIGHT`] under way at a time.
async fn round<S: Store>(
    engine: &Arc<Engine<S>>,
    requests: Vec<Vec<u8>>,
    spent: &mut Duration,
) -> Result<Vec<Vec<u8>>> {
    let count = requests.len();
    let mut answers = vec![Vec::new(); count];
    let mut waiting = requests.into_iter().enumerate();
    let mut tasks = JoinSet::new();
    let start = process_time();
    loop {
        while tasks.len() < IN_FLIGHT {
            let Some((index, request)) = waiting.next() else { break };
            let engine = Arc::clone(engine);
            tasks.spawn(async move {
                let mut random = StdRng::from_rng(rand::thread_rng())?;
                anyhow::Ok((index, engine.answer(&request, Timestamp::now(), &mut random).await?))
            });
        }
        let Some(done) = tasks.join_next().await else { break };
        let (index, answer) = done??;
        *answers.get_mut(index).context("an answer to no request")? = answer;
    }
    *spent += process_time() - start;
    Ok(answers)
}
