//! What a purchase and a key exchange cost a provider, against what their cryptography alone costs and against TLS.
//!
//! Every ratio is of figures of one run, which goes through all measurements several times over: a machine whose speed
//! drifts then shows it in what is held against each other alike. The floor of a two-member purchase is the time of its
//! P-256 operations alone: six verifications, four agreements, two key pairs, three signatures. A provider's time is
//! processor time, in the store's threads too; the members' work is outside of it.

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

/// How often all is measured; the figures are means.
const BLOCKS: u32 = 8;

/// Of a block: purchases, key exchanges and handshakes in memory.
const PURCHASES: usize = 125;

/// Of a block: purchases with SQLite, and how many are under way at a time.
const STORED_PURCHASES: usize = 512;
const IN_FLIGHT: usize = 64;

/// Of a block: each of the floor's operations.
const OPERATIONS: u32 = 400;

fn main() -> Result<()> {
    stay_on_one_processor()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut random = StdRng::from_entropy();
    let memory = runtime.block_on(World::new(|_| Ok(MemoryStore::new()), &mut random))?;
    let sqlite = runtime.block_on(World::new(|path| Ok(SqliteStore::open(path)?), &mut random))?;
    let mut blocks = Vec::new();
    for _ in 0..BLOCKS {
        blocks.push(Block {
            floor: Operations::measure(&mut random)?,
            in_memory: in_memory(&memory, &mut random)?,
            exchanges: key_exchanges(&memory, &mut random)?,
            handshakes: tls::handshakes(PURCHASES)?,
            stored: runtime.block_on(stored(&sqlite, &mut random))?,
        });
    }
    ensure!(runtime.block_on(sqlite.engine.store().verify())?.flaws.is_empty(), "the books do not add up");

    let mean = |time: fn(&Block) -> Duration| blocks.iter().map(time).sum::<Duration>() / BLOCKS;
    let floor = mean(|block| block.floor.purchase());
    let in_memory = mean(|block| block.in_memory);
    let stored = mean(|block| block.stored);
    let exchanges = mean(|block| block.exchanges);
    let handshakes = mean(|block| block.handshakes);
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let ratio = |least: Duration, time: Duration| least.as_secs_f64() / time.as_secs_f64();
    let rate = |time: Duration| 1.0 / time.as_secs_f64();
    publish(
        "spine",
        &[
            Row::new("P-256 verification", micros(mean(|block| block.floor.verify)), "µs"),
            Row::new("P-256 agreement", micros(mean(|block| block.floor.agree)), "µs"),
            Row::new("P-256 key pair", micros(mean(|block| block.floor.key_pair)), "µs"),
            Row::new("P-256 signature", micros(mean(|block| block.floor.sign)), "µs"),
            Row::new("purchase: P-256 operations alone, the floor", micros(floor), "µs"),
            Row::new("purchase: provider, without the store", micros(in_memory), "µs"),
            Row::new("purchase: floor / provider, without the store", ratio(floor, in_memory), "ratio")
                .with_target(Target::AtLeast(0.80)),
            Row::new("purchase: provider, SQLite, 64 in flight", micros(stored), "µs"),
            Row::new("purchase: floor / provider, SQLite, 64 in flight", ratio(floor, stored), "ratio")
                .with_target(Target::AtLeast(0.70)),
            Row::new("key exchanges a core-second", rate(exchanges), "1/s"),
            Row::new("mutual TLS 1.3 handshakes a core-second, rustls", rate(handshakes), "1/s"),
            Row::new("key exchanges / TLS handshakes", ratio(handshakes, exchanges), "ratio")
                .with_target(Target::AtLeast(0.9)),
        ],
    )
}

/// The times of one block.
struct Block {
    floor: Operations,
    in_memory: Duration,
    exchanges: Duration,
    handshakes: Duration,
    stored: Duration,
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
fn in_memory(world: &World<MemoryStore>, random: &mut StdRng) -> Result<Duration> {
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
fn key_exchanges(world: &World<MemoryStore>, random: &mut StdRng) -> Result<Duration> {
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
async fn stored(world: &World<SqliteStore>, random: &mut StdRng) -> Result<Duration> {
    let World { engine, members, .. } = world;
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
