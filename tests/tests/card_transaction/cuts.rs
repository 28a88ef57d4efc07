//! Power goes at every flash operation of every command of a purchase, at every moment of the operation.

use std::collections::BTreeSet;

use apdu_spec::instruction::{Verify, VerifyPart};
use apdu_spec::journal::{JournalEntry, Step as JournalStep};
use apdu_spec::provider::Policy;
use sim_reader::flash::{Moment, RamFlash};
use symbolon_tests::covered::covered;
use symbolon_tests::writing::{IN_A_PURCHASE, name_of};

use crate::bank::Bank;
use crate::card::{NOT_SATISFIED, PAGES, PIN, TestCard, bytes, pin};
use crate::scene::{STEPS, Scene, Step};

const MOMENTS: [Moment; 4] = [Moment::Before, Moment::Torn, Moment::Unstable, Moment::After];
/// Torn operations leave something else for each seed.
const SEEDS: u64 = 4;

/// Two personalised cards as their flash holds them; every attempt starts from a copy.
struct Cards {
    payer: RamFlash,
    payee: RamFlash,
}

impl Cards {
    /// Cards that were used until every page was erased again.
    fn worn(policy: Option<Policy>) -> Self {
        let mut scene = Scene::with_policy(policy);
        scene.payer.verify();
        let begin = erasures(&scene.payer);
        while erasures(&scene.payer) < begin + 2 * u32::try_from(PAGES).unwrap() {
            scene.payer.verify();
        }
        let payer = scene.payer.slot.flash().clone();
        let payee = scene.payee.slot.flash().clone();
        Self { payer, payee }
    }

    /// The scene after the first steps of a purchase and some more commands that write, always the same.
    fn scene(&self, taken: usize, verifications: usize) -> Scene {
        let card = |flash: &RamFlash, seed| {
            let mut card = TestCard::on(flash.clone(), seed);
            card.select();
            card.verify();
            card
        };
        let mut scene = Scene::of(Bank::new(1), card(&self.payer, 5), card(&self.payee, 6));
        scene.run(&STEPS[..taken]);
        (0..verifications).for_each(|_| scene.payer.verify());
        scene
    }

    /// How many commands that write lead up to one that opens a page, from the end of these steps.
    fn until_erasure(&self, taken: usize) -> usize {
        let mut scene = self.scene(taken, 0);
        let begin = erasures(&scene.payer);
        (0..)
            .find(|_| {
                scene.payer.verify();
                erasures(&scene.payer) > begin
            })
            .unwrap()
    }
}

fn erasures(card: &TestCard) -> u32 {
    card.slot.flash().erasures().iter().sum()
}

/// The flash operations of `command` from `scene`, and the journal afterwards.
fn count(mut scene: Scene, command: &[u8]) -> (u64, Vec<JournalEntry>) {
    let before = scene.payer.slot.flash().operations();
    assert_eq!(scene.payer.transmit(command).unwrap().1, 0x9000);
    let operations = scene.payer.slot.flash().operations() - before;
    (operations, scene.payer.journal())
}

fn moments() -> impl Iterator<Item = (Moment, u64)> {
    MOMENTS.into_iter().flat_map(|moment| (0..SEEDS).map(move |seed| (moment, seed)))
}

#[test]
fn a_command_is_done_or_not_done_wherever_power_goes() {
    let cards = Cards::worn(None);
    let mut points = 0;
    let mut writing = BTreeSet::new();
    for (taken, step) in STEPS.into_iter().enumerate() {
        if matches!(step, Step::Sign(_)) {
            // Nothing may come between, so that there is no journal to compare with; nothing is written either.
            let mut scene = cards.scene(taken, 0);
            let command = scene.command(step);
            assert_eq!(count(scene, &command).0, 0);
            continue;
        }
        // Once somewhere in a page; and at the end of one, where a new page is opened and an old one emptied.
        let end = cards.until_erasure(taken);
        let mut most = 0;
        for verifications in [0, end - 1, end, end + 1] {
            let operations = cut_everywhere(&cards, taken, verifications, &mut points);
            most = most.max(operations);
        }
        println!("{step:?}: up to {most} flash operations");
        assert!(most == 0 || most > 2, "a page was opened");
        if most > 0 {
            writing.insert(name_of(&cards.scene(taken, 0).command(step)));
        }
    }
    assert_eq!(writing, IN_A_PURCHASE.iter().copied().collect());
    covered(points, "cut points");
    assert!(points > 400);
}

/// Gives the count of the command's flash operations.
fn cut_everywhere(cards: &Cards, taken: usize, verifications: usize, points: &mut u32) -> u64 {
    let step = STEPS[taken];
    let mut scene = cards.scene(taken, verifications);
    let command = scene.command(step);
    let before = scene.payer.journal();
    let (operations, after) = count(scene, &command);
    for operation in 0..operations {
        for (moment, seed) in moments() {
            let mut scene = cards.scene(taken, verifications);
            let command = scene.command(step);
            scene.payer.slot.flash().cut_at(operation, moment, seed);
            assert!(scene.payer.transmit(&command).is_err(), "no answer without power");
            scene.payer.restart();
            scene.payer.verify();
            let journal = scene.payer.journal();
            assert!(
                journal == before || journal == after,
                "{step:?}, operation {operation}, {moment:?}, seed {seed}: {journal:?}"
            );
            // The next attempt works, and goes into the journal beside what is there.
            scene.run_all();
            let next = scene.payer.journal();
            assert_eq!(next[0].step, JournalStep::Posted);
            assert_eq!(next[1..], journal[..], "the end of one transaction is not the end of another");
            *points += 1;
        }
    }
    operations
}

/// The count of transactions without the PIN and the journal are one: neither says more than the other.
#[test]
fn a_cut_gives_no_transaction_that_is_not_counted() {
    let policy = Policy { amount_max: 100_000, amount_without_pin: 100_000, times_without_pin: 1, pin: 1 };
    let cards = Cards::worn(Some(policy));
    let build = STEPS.iter().position(|step| *step == Step::Build(3)).unwrap();
    let scene = || {
        let mut scene = cards.scene(0, 0);
        scene.payer.done(&Verify { reference: pin(), part: VerifyPart::Forget });
        scene.run(&STEPS[..build]);
        scene
    };
    let mut first = scene();
    let command = first.command(Step::Build(3));
    let (operations, _) = count(first, &command);
    let mut done = 0;
    let mut points = 0;
    for operation in 0..operations {
        for (moment, seed) in moments() {
            let mut scene = scene();
            let command = scene.command(Step::Build(3));
            scene.payer.slot.flash().cut_at(operation, moment, seed);
            assert!(scene.payer.transmit(&command).is_err());
            scene.payer.restart();
            let counted = !scene.payer.journal().is_empty();
            scene.run(&STEPS[..build]);
            let command = scene.command(Step::Build(3));
            let status = scene.payer.transmit(&command).unwrap().1;
            assert_eq!(status, if counted { NOT_SATISFIED } else { 0x9000 }, "operation {operation}, {moment:?}");
            done += u32::from(counted);
            points += 1;
        }
    }
    covered(points, "cut points");
    println!("{points} cuts of BUILD 3 without the PIN, {done} after which it was done");
    assert!(done > 0 && done < points);
}

#[test]
fn a_cut_of_verify_costs_a_try_or_nothing_and_never_gives_one() {
    let cards = Cards::worn(None);
    let verify = bytes(&Verify { reference: pin(), part: VerifyPart::Compare(PIN) });
    let wrong = Verify { reference: pin(), part: VerifyPart::Compare(b"000000") };
    let ask = Verify { reference: pin(), part: VerifyPart::Ask };
    let (operations, _) = count(cards.scene(0, 0), &verify);
    let mut points = 0;
    for operation in 0..operations {
        for (moment, seed) in moments() {
            let mut card = TestCard::on(cards.payer.clone(), 5);
            card.refused(&wrong, 0x63C2);
            card.slot.flash().cut_at(operation, moment, seed);
            assert!(card.transmit(&verify).is_err());
            card.restart();
            let left = card.send(&ask).1;
            assert!([0x63C1, 0x63C2, 0x63C3].contains(&left), "{left:04X}");
            card.verify();
            points += 1;
        }
    }
    covered(points, "cut points");
}
