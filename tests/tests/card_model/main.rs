//! Random commands to a card, to several of its channels and through its secure channel, with resets and losses of
//! power: the card answers as a model of it does, which is plain maps and lists.
//!
//! After a loss of power there are several worlds in which the card may be; every answer rules out those that would
//! have answered otherwise, and one must remain.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "a panic fails the test")]

mod act;
mod apdu;
mod binary;
mod domains;
mod files;
mod keys;
mod objects;
mod pins;
mod providers;
mod records;
mod rights;
mod steps;
mod terminal;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;

use act::Act;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sim_reader::card::{CardError, Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use steps::{Step, beginning};
use symbolon_tests::covered::covered;
use terminal::Terminal;
use world::{Answer, World};

/// Few pages, so that the card comes round.
const PAGES: usize = 6;

/// How often commands of a kind were answered as the model answers, and how often they were executed.
#[derive(Clone, Copy, Default)]
struct Count {
    answered: u32,
    executed: u32,
}

#[derive(Default)]
struct Tally {
    kinds: BTreeMap<String, Count>,
    cuts: u32,
}

/// A card, and all worlds in which it may be.
struct Pursuit {
    terminal: Terminal,
    worlds: Vec<World>,
}

impl Pursuit {
    fn new() -> Self {
        let mut card = SoftwareCard::format(RamFlash::new(PAGES), Noise::seeded(1)).unwrap();
        card.power_on().unwrap();
        Self { terminal: Terminal::new(card), worlds: vec![World::new()] }
    }

    fn follow(&mut self, step: &Step, tally: &mut Tally) {
        match step {
            Step::Reset => {
                // Forgets a cut that was planned and did not come.
                self.terminal.card.flash().power_on();
                self.terminal.reset();
                self.worlds.iter_mut().for_each(World::reset);
            }
            Step::Cut(operation, moment, seed) => self.terminal.card.flash().cut_at(*operation, *moment, *seed),
            Step::Do(act) => {
                let act = self.terminal.settle(act);
                match self.terminal.send(&act) {
                    Ok(answer) => self.compare(&act, &answer, tally),
                    Err(CardError::Mute) => {
                        tally.cuts += 1;
                        self.terminal.reset();
                        self.split(&act);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// Goes on with the worlds that answer as the card did.
    fn compare(&mut self, act: &Act, answer: &Answer, tally: &mut Tally) {
        let expected: Vec<_> = self.worlds.iter_mut().map(|world| world.answer(act, &answer.0)).collect();
        let mut matches = expected.iter().map(|expected| expected == answer);
        self.worlds.retain(|_| matches.next().unwrap());
        assert!(!self.worlds.is_empty(), "{act:?} is answered {answer:02X?}, not {expected:02X?}");
        let count = tally.kinds.entry(act.kind()).or_default();
        count.answered += 1;
        count.executed += u32::from(matches!(answer.1 >> 8, 0x90 | 0x62));
    }

    /// Power went during the act.
    fn split(&mut self, act: &Act) {
        let possible = self.worlds.iter().flat_map(|world| world.after_cut(act));
        self.worlds = possible.fold(Vec::new(), |mut worlds, world| {
            worlds.extend((!worlds.contains(&world)).then_some(world));
            worlds
        });
    }
}

#[test]
fn the_card_does_what_the_model_does() {
    let tally = RefCell::new(Tally::default());
    let config = ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&steps::steps(), |steps| {
        let mut pursuit = Pursuit::new();
        beginning().iter().chain(&steps).for_each(|step| pursuit.follow(step, &mut tally.borrow_mut()));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let Tally { kinds, cuts } = tally.into_inner();
    for (kind, Count { answered, executed }) in &kinds {
        println!("{kind}: {answered} answered as by the model, {executed} of them executed");
        assert!(*executed > 3, "{kind} is hardly executed");
    }
    let answered: u32 = kinds.values().map(|count| count.answered).sum();
    assert!(answered > 40_000 && cuts > 500, "{answered} commands, {cuts} cuts");
    covered(answered, "random steps as the model's");
    covered(kinds.len(), "kinds of random steps");
    covered(cuts, "cut points");
}
