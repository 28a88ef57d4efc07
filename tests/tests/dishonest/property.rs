//! Any tree of members, any permitted options, any faults on the way: after every run the books are in order, what a
//! card was told is true, and nobody holds plaintext that is not theirs.

use std::cell::Cell;
use std::time::Duration;

use apdu_spec::journal::Step;
use apdu_spec::transaction::{AcknowledgmentInput, Decision, Ending, FinalAnswer, KeyExchangeAnswer, TransactionInput};
use host_terminal::card::Part;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use protocol::message::Kind;
use protocol::types::{Currency, Role, TransactionId};
use symbolon_tests::canary::Canary;
use symbolon_tests::company::{AMOUNT, Choice, Company, OPENING, account, holder, said, words};
use symbolon_tests::issuer::LONGEST_WAIT;
use symbolon_tests::round::{Shape, Way, Wires, up};
use symbolon_tests::seat::Seat;

use crate::scene::KINDS;

const MEMBERS_MAX: usize = 8;

/// Cases of the property; each makes up to [`RUNS_MAX`] purchases.
const CASES: u32 = 60;
const RUNS_MAX: usize = 4;

/// What happens to a message on a hop.
#[derive(Clone, Debug)]
enum What {
    Drop,
    /// It comes twice.
    Repeat,
    /// Its end is missing.
    Cut(Index),
    Flip(Index),
    /// One that passed before comes instead.
    Swap(Index),
    /// It comes late.
    Late(Duration),
}

/// A fault: in which round, on the way up or down, on which hop.
#[derive(Clone, Debug)]
struct Fault {
    round: usize,
    down: bool,
    hop: Index,
    what: What,
}

/// One purchase.
#[derive(Clone, Debug)]
struct Run {
    payee: Index,
    payer: Index,
    /// Who rejects it in the end, if anybody.
    rejects: Option<Index>,
    faults: Vec<Fault>,
}

/// Members, and what becomes of them.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    shape: Vec<Option<usize>>,
    choices: Vec<Choice>,
    runs: Vec<Run>,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        Just(What::Drop),
        Just(What::Repeat),
        any::<Index>().prop_map(What::Cut),
        any::<Index>().prop_map(What::Flip),
        any::<Index>().prop_map(What::Swap),
        (1..200_u64).prop_map(|seconds| What::Late(Duration::from_secs(seconds))),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    (0..3_usize, any::<bool>(), any::<Index>(), what()).prop_map(|(round, down, hop, what)| Fault {
        round,
        down,
        hop,
        what,
    })
}

fn run() -> impl Strategy<Value = Run> {
    let rejects = prop_oneof![3 => Just(None), 1 => any::<Index>().prop_map(Some)];
    (any::<Index>(), any::<Index>(), rejects, prop::collection::vec(fault(), 0..3))
        .prop_map(|(payee, payer, rejects, faults)| Run { payee, payer, rejects, faults })
}

/// Each member hangs on one of those on the way from the root to the one before it: every tree can come of it.
fn shape(draws: &[Index]) -> Vec<Option<usize>> {
    let mut path = vec![0];
    let mut shape = vec![None];
    for (member, draw) in (1..).zip(draws) {
        path.truncate(draw.index(path.len()) + 1);
        shape.push(path.last().copied());
        path.push(member);
    }
    shape
}

fn plan() -> impl Strategy<Value = Plan> {
    let members = prop::collection::vec((any::<Index>(), any::<Index>()), 2..=MEMBERS_MAX);
    let runs = prop::collection::vec(run(), 1..=RUNS_MAX);
    (any::<u64>(), any::<bool>(), members, runs).prop_map(|(seed, shared, members, runs)| {
        let all = Choice::all(shared);
        let (draws, choices): (Vec<Index>, Vec<Index>) = members.into_iter().unzip();
        let choices = choices.iter().map(|choice| all[choice.index(all.len())]).collect();
        Plan { seed, shape: shape(&draws[1..]), choices, runs }
    })
}

/// Hops that do to messages what the faults say, and remember all that they saw.
struct Faulty<'a> {
    wires: Wires,
    /// All that passed before, in any run.
    history: &'a mut Vec<Vec<u8>>,
    faults: &'a [Fault],
    round: usize,
}

impl Faulty<'_> {
    fn pass(&mut self, down: bool, hop: usize, mut message: Vec<u8>) -> Vec<u8> {
        self.history.push(message.clone());
        let hops = self.wires.seen.len();
        let here = |fault: &&Fault| (fault.round, fault.down, fault.hop.index(hops)) == (self.round, down, hop);
        for fault in self.faults.iter().filter(here) {
            match &fault.what {
                What::Drop => message.clear(),
                What::Cut(length) if !message.is_empty() => message.truncate(length.index(message.len())),
                What::Flip(bit) if !message.is_empty() => {
                    let bit = bit.index(message.len() * 8);
                    message[bit / 8] ^= 1 << (bit % 8);
                }
                What::Swap(other) => message = self.history[other.index(self.history.len())].clone(),
                // The one end of the hop does these.
                What::Cut(_) | What::Flip(_) | What::Repeat | What::Late(_) => {}
            }
        }
        message
    }

    fn repeats(&self, down: bool, hop: usize) -> bool {
        let hops = self.wires.seen.len();
        let here = |fault: &Fault| (fault.round, fault.down, fault.hop.index(hops)) == (self.round, down, hop);
        self.faults.iter().any(|fault| here(fault) && matches!(fault.what, What::Repeat))
    }

    fn delay(&self) -> Duration {
        let here = self.faults.iter().filter(|fault| fault.round == self.round);
        here.map(|fault| if let What::Late(time) = fault.what { time } else { Duration::ZERO }).sum()
    }
}

impl Way for Faulty<'_> {
    fn up(&mut self, from: usize, message: Vec<u8>) -> Vec<u8> {
        let message = self.wires.up(from, message);
        self.pass(false, from, message)
    }

    fn down(&mut self, to: usize, message: Vec<u8>) -> Vec<u8> {
        let message = self.wires.down(to, message);
        self.pass(true, to, message)
    }
}

/// What became of a run.
struct Outcome {
    transaction: Option<TransactionId>,
    /// What each card was told in the end, if it was.
    endings: Vec<Option<Ending>>,
    roles: Vec<Role>,
    amount: u64,
    wires: Wires,
    /// What each terminal saw of its card.
    terminals: Vec<Vec<Vec<u8>>>,
}

/// A company on its way through a plan.
struct World {
    company: Company,
    plan: Plan,
    history: Vec<Vec<u8>>,
    moved: Vec<i64>,
}

impl World {
    fn new(plan: Plan) -> Self {
        let members = plan.shape.len();
        Self { company: Company::lenient(members, plan.seed), plan, history: Vec::new(), moved: vec![0; members] }
    }

    /// The payee is one who is named, if there is any.
    fn roles(&self, run: &Run) -> Vec<Role> {
        let members = self.plan.choices.len();
        let named: Vec<usize> = (0..members).filter(|member| self.plan.choices[*member].is_named()).collect();
        let payee = if named.is_empty() { run.payee.index(members) } else { named[run.payee.index(named.len())] };
        let payer = (payee + 1 + run.payer.index(members - 1)) % members;
        let role = |member| match member {
            _ if member == payee => Role::PAYEE,
            _ if member == payer => Role::PAYER,
            _ => Role::WITNESS,
        };
        (0..members).map(role).collect()
    }

    fn run(&mut self, run: &Run, number: usize) -> Outcome {
        let members = self.plan.shape.len();
        let (roles, amount) = (self.roles(run), AMOUNT + number as u64);
        let mut way = Faulty { wires: Wires::new(members), history: &mut self.history, faults: &run.faults, round: 0 };
        let mut transaction = None;
        let mut endings = vec![None; members];
        for seat in &mut self.company.seats {
            seat.prepare(1, self.company.issuer.descriptor()).unwrap();
            drop(seat.take_seen());
        }
        for (round, kind) in KINDS.into_iter().enumerate() {
            way.round = round;
            let parts = parts(kind, &self.plan.choices, &roles, amount, run.rejects);
            let shown = go_round(&mut self.company, &self.plan.shape, &parts, &mut way);
            if kind == Kind::KeyExchangeRequest {
                let told = shown.iter().flatten().next();
                transaction = told.map(|told| TransactionId(*KeyExchangeAnswer::parse(told).unwrap().transaction));
            }
            if kind == Kind::Acknowledgment {
                let ending = |told: &Vec<u8>| FinalAnswer::parse(told).unwrap().ending;
                endings = shown.iter().map(|told| told.as_ref().map(ending)).collect();
            }
        }
        let terminals = self.company.seats.iter().map(Seat::take_seen).collect();
        Outcome { transaction, endings, roles, amount, wires: way.wires, terminals }
    }

    /// The books, the cards' journals and what the cards were told agree. Gives whether the money moved.
    fn check(&mut self, run: &Run, outcome: &Outcome) -> bool {
        self.company.issuer.wait(LONGEST_WAIT).unwrap();
        assert_eq!(self.company.issuer.audit().unwrap(), 0, "nothing is held for ever");
        let posted = outcome.transaction.is_some_and(|id| self.company.issuer.has_posted(id).unwrap());
        if posted {
            for (moved, role) in self.moved.iter_mut().zip(&outcome.roles) {
                let amount = i64::try_from(outcome.amount).unwrap();
                *moved += match *role {
                    Role::PAYEE => amount,
                    Role::PAYER => -amount,
                    _ => 0,
                };
            }
        }
        for (member, moved) in self.moved.iter().enumerate() {
            let balance = self.company.issuer.balance(self.company.enrolled[member].account).unwrap();
            assert_eq!(balance, i64::try_from(OPENING).unwrap() + moved, "member {member}");
        }
        for (member, seat) in self.company.seats.iter_mut().enumerate() {
            let told = outcome.endings[member];
            assert!(told.is_none_or(|told| (told == Ending::Posted) == posted), "member {member} was told {told:?}");
            let journal = seat.journal().unwrap();
            let entry = outcome.transaction.and_then(|id| journal.iter().find(|entry| entry.transaction == id.0));
            let said = entry.map(|entry| entry.step);
            assert!(said != Some(Step::Posted) || posted, "member {member} remembers what was not");
            assert!(said != Some(Step::Released) || !posted, "member {member} remembers what was not");
        }
        // Where nothing goes wrong, it goes right.
        let payee = outcome.roles.iter().position(|role| *role == Role::PAYEE).unwrap();
        if run.faults.is_empty() {
            let expected = run.rejects.is_none() && self.plan.choices[payee].is_named();
            assert_eq!(posted, expected, "without a fault");
        }
        posted
    }
}

/// One round; what each card showed, where it took its part.
fn go_round(company: &mut Company, shape: &Shape, parts: &[Part<'_>], way: &mut Faulty<'_>) -> Vec<Option<Vec<u8>>> {
    let kind = parts[0].kind().answer().unwrap();
    let Ok(asked) = up(&mut company.seats, shape, parts, way) else { return vec![None; shape.len()] };
    company.issuer.wait(way.delay()).unwrap();
    let response = company.issuer.answer(&asked.message);
    if way.repeats(false, 0) {
        assert_eq!(company.issuer.answer(&asked.message), response, "the same again");
    }
    let own = asked.down(shape, response, way);
    let members = company.seats.iter_mut().zip(own).enumerate();
    let shown = members.map(|(member, (seat, own))| {
        let own = own.ok()?;
        let shown = seat.receive(kind, &own).ok()?;
        if way.repeats(true, member) {
            assert!(seat.receive(kind, &own).is_err(), "taken once");
        }
        Some(shown)
    });
    shown.collect()
}

fn parts(kind: Kind, choices: &[Choice], roles: &[Role], amount: u64, rejects: Option<Index>) -> Vec<Part<'static>> {
    let rejects = rejects.map(|member| member.index(choices.len()));
    let change = |(member, part)| match part {
        Part::Transaction(input) => Part::Transaction(TransactionInput { amount, ..input }),
        Part::Acknowledgment(input) if rejects == Some(member) => {
            Part::Acknowledgment(AcknowledgmentInput { decision: Decision::Reject, ..input })
        }
        part => part,
    };
    said(kind, choices, roles).into_iter().enumerate().map(change).collect()
}

/// The first value that somebody sees who must not: on a hop everything of everybody, in a terminal what is another's.
fn leak(company: &Company, outcome: &Outcome) -> Option<String> {
    let members = outcome.terminals.len();
    let wires = || outcome.wires.seen.iter().flatten();
    let found = |canary: &Canary, form: &str, place: String| format!("{} in {form}, {place}", canary.name);
    let amount = Canary::amount("the amount", outcome.amount, Currency(*b"EUR"));
    if let Some(form) = amount.find(wires()) {
        return Some(found(&amount, form, "between members".to_owned()));
    }
    for member in 0..members {
        let nobodys = [
            Canary::bytes("an account", account(member).as_bytes()),
            Canary::bytes("an account's secret", company.enrolled[member].secret.as_bytes()),
        ];
        let own = [1, 3, 5].map(|kind| Canary::bytes("sensitive data", &words("Sensitive", kind, member)));
        let group = Canary::bytes("data for the group", &words("Group", 5, member));
        let name = Canary::bytes("a name", holder(member).as_bytes());
        for canary in nobodys.iter().chain(&own).chain([&group, &name]) {
            if let Some(form) = canary.find(wires()) {
                return Some(found(canary, form, "between members".to_owned()));
            }
        }
        for (other, seen) in outcome.terminals.iter().enumerate() {
            let others = own.iter().chain([&group]).filter(|_| other != member);
            for canary in nobodys.iter().chain(others) {
                if let Some(form) = canary.find(seen) {
                    return Some(found(canary, form, format!("in the terminal of member {other}")));
                }
            }
        }
    }
    None
}

#[test]
fn whatever_happens_the_books_are_in_order_what_is_said_is_true_and_secrets_stay() {
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let counts = [const { Cell::new(0_u32) }; 4];
    let mut runner = TestRunner::new(config);
    let tried = runner.run(&plan(), |plan| {
        let runs = plan.runs.clone();
        let mut world = World::new(plan);
        for (number, run) in runs.iter().enumerate() {
            let outcome = world.run(run, number);
            let posted = world.check(run, &outcome);
            prop_assert_eq!(leak(&world.company, &outcome), None);
            let told = outcome.endings.iter().any(Option::is_some);
            for (count, holds) in counts.iter().zip([true, posted, posted && !run.faults.is_empty(), told && !posted]) {
                count.set(count.get() + u32::from(holds));
            }
        }
        Ok(())
    });
    tried.unwrap();
    let [all, posted, in_spite, released] = counts.map(|count| count.get());
    println!("{all} purchases: {posted} posted, {in_spite} of them in spite of a fault; {released} told of a release");
    assert!(in_spite > 0 && posted > in_spite && released > 0 && all > posted + released, "every way to end is there");
}

/// A run without a fault, and what each place saw of it.
fn honest() -> (World, Outcome) {
    let choices = vec![Choice::PLAIN; 3];
    let run = Run { payee: index(), payer: index(), rejects: None, faults: Vec::new() };
    let plan = Plan { seed: 81, shape: vec![None, Some(0), Some(1)], choices, runs: vec![run.clone()] };
    let mut world = World::new(plan);
    let outcome = world.run(&run, 0);
    assert!(world.check(&run, &outcome), "it is posted");
    (world, outcome)
}

/// Some index; a run without faults works whichever it is.
fn index() -> Index {
    any::<Index>().new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

/// What shows that the search would find a leak: the same run, with one value more in one place that it must not be in.
#[test]
fn a_leak_in_any_form_and_any_place_is_found() {
    let (world, honest) = honest();
    assert_eq!(leak(&world.company, &honest), None);
    let digits = account(2);
    let packed: Vec<u8> = digits.as_bytes().chunks(2).map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0')).collect();
    let secret = words("Sensitive", 3, 1);
    let leaks: [Vec<u8>; 8] = [
        digits.clone().into_bytes(),
        hex::encode(&digits).into_bytes(),
        packed,
        // base64 of one byte and "9876543210123002".
        b"eDk4NzY1NDMyMTAxMjMwMDI=".to_vec(),
        secret.clone(),
        hex::encode_upper(&secret).into_bytes(),
        world.company.enrolled[0].secret.as_bytes().to_vec(),
        words("Group", 5, 1),
    ];
    for leaked in leaks {
        for place in 0..5 {
            let mut outcome = Outcome {
                transaction: honest.transaction,
                endings: honest.endings.clone(),
                roles: honest.roles.clone(),
                amount: honest.amount,
                wires: honest.wires.clone(),
                terminals: honest.terminals.clone(),
            };
            // Among other bytes of a message, on either hop between members, at the provider's, or in a terminal.
            let seen = if place < 3 { &mut outcome.wires.seen[place] } else { &mut outcome.terminals[2 * (place - 3)] };
            let message = seen.last_mut().unwrap();
            let middle = message.len() / 2;
            message.splice(middle..middle, leaked.clone());
            assert!(leak(&world.company, &outcome).is_some(), "{leaked:02x?} in place {place}");
        }
    }
}

/// A terminal that puts into the plain text what was to be sealed is seen through.
#[test]
fn a_terminal_that_says_openly_what_was_to_be_sealed_is_found() {
    let (mut world, mut outcome) = honest();
    let mut exchange = world.company.key_exchange(&world.plan.shape, &world.plan.choices);
    let parts = said(Kind::TransactionRequest, &world.plan.choices, &outcome.roles);
    let leaky = parts.into_iter().map(|part| match part {
        Part::Transaction(input) => Part::Transaction(TransactionInput { plain_text: input.sensitive, ..input }),
        part => part,
    });
    world.company.round(&mut exchange, &world.plan.shape, &leaky.collect::<Vec<_>>());
    outcome.wires = exchange.wires;
    assert!(leak(&world.company, &outcome).is_some());
}
