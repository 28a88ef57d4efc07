//! What a member costs a provider in a group of 1, 2, 8, 64 and 256: processor time, bytes on the wire, memory.
//!
//! Each group goes through one transaction of its own, all three rounds: a purchase, in which those beyond payer and
//! payee take part without moving money; one member alone cancels a purchase that is held. The store is in memory, and
//! the members' work is outside of all figures. All sizes are measured in turn, several times over, so that a machine
//! whose speed drifts shows it in all of them alike. And what a router adds to the way of a message.

mod router;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peak_alloc::PeakAlloc;
use protocol::crypto::AwsLc;
use protocol::limits::CHILDREN_MAX;
use protocol::message::acknowledgment::Decision;
use protocol::message::transaction::Terms;
use protocol::types::{Ending, Role, TransactionId, TransactionKind};
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_provider::store::memory::MemoryStore;
use service_provider::time::Timestamp;
use symbolon_tests::bench::{Row, Target, publish, stay_on_one_processor, thread_time};
use symbolon_tests::member::{Group, Member, terms};
use symbolon_tests::world::{OPENING, World, debit};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The sizes of groups.
const SIZES: [usize; 5] = [1, 2, 8, 64, 256];

/// How often all sizes are measured; the figures are means.
const BLOCKS: usize = 8;

/// Of a block: at least so many members in all for each size.
const MEMBERS: usize = 256;

/// One signature for all is worth this much at n = 64, where the limit is 0.84.
const AT_64: f64 = 0.88;

/// How far a figure that should be constant may be off.
const CONSTANT: f64 = 1.1;

/// A router adds less than this, milliseconds.
const ROUTER_ADDS: f64 = 1.0;

fn main() -> Result<()> {
    let routed = router::adds()?;
    stay_on_one_processor()?;
    let mut random = StdRng::from_entropy();
    let world = futures_executor::block_on(World::new(|_| Ok(MemoryStore::new()), &mut random))?;
    let groups: Result<Vec<_>> = SIZES.iter().map(|&count| Measured::new(&world, count, &mut random)).collect();
    let mut groups = groups?;
    for _ in 0..BLOCKS {
        for group in &mut groups {
            group.measure(&world, &mut random)?;
        }
    }
    ensure!(futures_executor::block_on(world.balances())?.iter().sum::<i64>() >= 0, "the books do not add up");

    let [alone, .., sixty_four, most] = groups.as_slice() else { anyhow::bail!("too few sizes") };
    let mut rows = Vec::new();
    for group in &groups {
        rows.push(Row::new(format!("n = {}: provider, a member", group.count), group.micros(), "µs"));
    }
    for group in groups.iter().skip(1) {
        let row = Row::new(format!("n = {}: a member / alone", group.count), group.micros() / alone.micros(), "ratio");
        rows.push(if group.count == 64 { row.with_target(Target::AtMost(AT_64)) } else { row });
    }
    let constant = |name: &str, figure: fn(&Measured) -> f64| {
        Row::new(format!("n = 256 / n = 64: {name} a member"), figure(most) / figure(sixty_four), "ratio")
            .with_target(Target::AtMost(CONSTANT))
    };
    rows.push(constant("provider", Measured::micros));
    for group in &groups {
        rows.push(Row::new(format!("n = {}: on the wire, a member", group.count), group.a_member(group.wire), "bytes"));
    }
    for group in &groups {
        rows.push(Row::new(format!("n = {}: memory, a member", group.count), group.a_member(group.memory), "bytes"));
    }
    rows.push(constant("memory", |group| group.a_member(group.memory)));
    let row = Row::new("a router on the way adds to a round trip", routed.as_secs_f64() * 1e3, "ms");
    rows.push(row.with_target(Target::AtMost(ROUTER_ADDS)));
    publish("groups", &rows)
}

/// A group and what it has cost.
struct Measured {
    count: usize,
    /// Who is alone needs somebody to have bought from, who comes first.
    members: Vec<Member>,
    transactions: u32,
    spent: Duration,
    /// The bytes of all messages of a transaction.
    wire: f64,
    /// The most that answering one of them took from the heap beyond what it kept. Of several transactions the least:
    /// now and then a map of the store grows.
    memory: f64,
}

impl Measured {
    fn new(world: &World<MemoryStore>, count: usize, random: &mut StdRng) -> Result<Self> {
        let members = futures_executor::block_on(enrol(world, count, random))?;
        let mut measured =
            Self { count, members, transactions: 0, spent: Duration::ZERO, wire: 0.0, memory: f64::INFINITY };
        measured.transaction(world, random)?;
        Ok(Self { transactions: 0, spent: Duration::ZERO, ..measured })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn a_member(&self, sum: f64) -> f64 {
        sum / self.count as f64
    }

    fn micros(&self) -> f64 {
        self.a_member(self.spent.as_secs_f64() * 1e6 / f64::from(self.transactions))
    }

    fn measure(&mut self, world: &World<MemoryStore>, random: &mut StdRng) -> Result<()> {
        (0..MEMBERS.div_ceil(self.count)).try_for_each(|_| self.transaction(world, random))
    }

    fn transaction(&mut self, world: &World<MemoryStore>, random: &mut StdRng) -> Result<()> {
        let group = self.group(world, random)?;
        let mut costs = Costs::default();
        let (request, awaiting) = group.key_exchange::<AwsLc>(random)?;
        let established = group.establish::<AwsLc>(&awaiting, &costs.of(world, &request)?)?;
        let (request, awaiting) = group.request::<AwsLc>(established, random)?;
        let decided = group.approved::<AwsLc>(&awaiting, &costs.of(world, &request)?)?;
        let (request, awaiting) = group.acknowledge::<AwsLc>(decided, Decision::Accept, random)?;
        let ending = group.ending::<AwsLc>(&awaiting, &costs.of(world, &request)?)?;
        ensure!(ending == Ending::Posted, "{} members: not posted", self.count);
        self.transactions += 1;
        self.spent += costs.spent;
        let (wire, memory) = costs.bytes();
        (self.wire, self.memory) = (wire, self.memory.min(memory));
        Ok(())
    }

    /// The group with what its members want.
    fn group(&self, world: &World<MemoryStore>, random: &mut StdRng) -> Result<Group<'_>> {
        if self.count == 1 {
            let cancellation = cancellation(held(world, &self.members, random)?);
            return Ok(Group::new(self.members.get(1..).unwrap_or_default(), vec![cancellation]));
        }
        Ok(Group::tree(&self.members, purchase(self.count), series(self.count)))
    }
}

/// What the answers to the messages of one transaction cost.
#[derive(Default)]
struct Costs {
    spent: Duration,
    wire: usize,
    memory: usize,
}

impl Costs {
    fn of(&mut self, world: &World<MemoryStore>, request: &[u8]) -> Result<Vec<u8>> {
        let mut random = StdRng::from_rng(rand::thread_rng())?;
        HEAP.reset_peak_usage();
        let start = thread_time();
        let answer = futures_executor::block_on(world.engine.answer(request, Timestamp::now(), &mut random))?;
        self.spent += thread_time() - start;
        self.memory = self.memory.max(HEAP.peak_usage().saturating_sub(HEAP.current_usage()));
        self.wire += request.len() + answer.len();
        Ok(answer)
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    const fn bytes(&self) -> (f64, f64) {
        (self.wire as f64, self.memory as f64)
    }
}

/// A payee, a payer and as many witnesses as make `count` members; two at least.
async fn enrol(world: &World<MemoryStore>, count: usize, random: &mut StdRng) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    for index in 0..count.max(2) {
        let opening = if index == 1 { OPENING } else { 0 };
        let enrolment = debit(&format!("GROUP{count}MEMBER{index}"), opening)?;
        members.push(world.enrol(enrolment, index == 0, random).await?.0);
    }
    Ok(members)
}

/// How many others each of `count` members combines, in pre-order: the first as many series of the others as a node
/// may have children, of equal length where that goes up.
fn series(count: usize) -> Vec<usize> {
    let length = (count - 1).div_ceil(CHILDREN_MAX).max(1);
    let is_followed = |number: usize| usize::from(number + 1 < count && !number.is_multiple_of(length));
    [(count - 1).div_ceil(length)].into_iter().chain((1..count).map(is_followed)).collect()
}

/// What payee, payer and those want who take part without moving money.
fn purchase(count: usize) -> Vec<Terms> {
    let two = [terms(Role::PAYEE, 1, &[1]), terms(Role::PAYER, 1, &[0])];
    two.into_iter().chain((2..count).map(|_| terms(Role::WITNESS, 1, &[0, 1]))).collect()
}

/// A purchase that its two members have not accepted yet.
fn held(world: &World<MemoryStore>, pair: &[Member], random: &mut StdRng) -> Result<TransactionId> {
    let group = Group::new(pair, purchase(2));
    let mut costs = Costs::default();
    let (request, awaiting) = group.key_exchange::<AwsLc>(random)?;
    let established = group.establish::<AwsLc>(&awaiting, &costs.of(world, &request)?)?;
    let (request, awaiting) = group.request::<AwsLc>(established, random)?;
    let decided = group.approved::<AwsLc>(&awaiting, &costs.of(world, &request)?)?;
    Ok(*decided.first().context("no members")?.transaction())
}

fn cancellation(of: TransactionId) -> Terms {
    let kind = TransactionKind::CANCELLATION;
    Terms { kind, reference: Some(of), ..terms(Role::INQUIRER, 1, &[]) }
}
