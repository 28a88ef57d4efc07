//! Random commands to a card, to several of its channels, with resets and losses of power: the card answers as a model
//! of it does, which was written without a look at the card's code.
//!
//! After a loss of power there are several worlds in which the card may be; every answer rules out those that would
//! have answered otherwise, and one must remain.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "a panic fails the test")]

mod model;

use std::cell::Cell;

use model::{ALWAYS, Act, PINS, TRIES, World};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use sim_reader::card::{CardError, Noise, SoftwareCard};
use sim_reader::flash::{Moment, RamFlash};
use symbolon_tests::covered::covered;

/// Few pages, so that the card comes round.
const PAGES: usize = 5;

#[derive(Clone, Debug)]
enum Step {
    Do(Act),
    Reset,
    /// Power goes in one of the flash operations to come.
    Cut(u64, Moment, u64),
}

fn act() -> impl Strategy<Value = Act> {
    let id = || 1..5_u16;
    let channel = || prop_oneof![3 => Just(0_u8), 2 => 1..4_u8];
    let condition = || select(vec![ALWAYS, 0x11, 0x12]);
    let pin = || select(PINS.map(|(pin, _)| pin).to_vec());
    prop_oneof![
        3 => (id(), 1..200_u8, condition(), condition())
            .prop_map(|(id, size, read, update)| Act::Create { id, size, read, update }),
        1 => id().prop_map(|id| Act::Delete { id }),
        6 => (channel(), id()).prop_map(|(channel, id)| Act::Select { channel, id }),
        6 => (channel(), 0..220_u8, 1..=255_u8)
            .prop_map(|(channel, offset, length)| Act::Read { channel, offset, length }),
        6 => (channel(), 0..220_u8, vec(any::<u8>(), 1..80))
            .prop_map(|(channel, offset, data)| Act::Update { channel, offset, data }),
        4 => (channel(), pin(), prop::bool::weighted(0.8))
            .prop_map(|(channel, pin, right)| Act::Verify { channel, pin, right }),
        2 => (channel(), pin()).prop_map(|(channel, pin)| Act::Ask { channel, pin }),
        1 => Just(Act::Secure),
        2 => Just(Act::Open),
        1 => (1..4_u8).prop_map(|channel| Act::Close { channel }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let moment = select(vec![Moment::Before, Moment::Torn, Moment::Unstable, Moment::After]);
    prop_oneof![
        20 => act().prop_map(Step::Do),
        1 => Just(Step::Reset),
        3 => (0..8_u64, moment, any::<u64>()).prop_map(|(operation, moment, seed)| Step::Cut(operation, moment, seed)),
    ]
}

/// The command's bytes.
fn bytes(act: &Act) -> Vec<u8> {
    let command = |header: [u8; 4], data: &[u8]| {
        let length = u8::try_from(data.len()).unwrap();
        [&header[..], &[length], data].concat()
    };
    match act {
        Act::Create { id, size, read, update } => {
            let [high, low] = id.to_be_bytes();
            let parameters =
                [0x62, 16, 0x80, 2, 0, *size, 0x82, 1, 0x01, 0x83, 2, high, low, 0x8C, 3, 0x03, *update, *read];
            command([0x00, 0xE0, 0, 0], &parameters)
        }
        Act::Delete { id } => command([0x00, 0xE4, 0, 0], &id.to_be_bytes()),
        Act::Select { channel, id } => command([*channel, 0xA4, 0x02, 0x0C], &id.to_be_bytes()),
        Act::Read { channel, offset, length } => vec![*channel, 0xB0, 0, *offset, *length],
        Act::Update { channel, offset, data } => command([*channel, 0xD6, 0, *offset], data),
        Act::Verify { channel, pin, right } => {
            let value = PINS.iter().find(|(number, _)| number == pin).unwrap().1;
            command([*channel, 0x20, 0, *pin], if *right { value } else { b"000000" })
        }
        Act::Ask { channel, pin } => vec![*channel, 0x20, 0, *pin],
        Act::Secure => vec![0x80, 0xF0, 0x80, 0x0F],
        Act::Open => vec![0x00, 0x70, 0, 0, 1],
        Act::Close { channel } => vec![0x00, 0x70, 0x80, *channel],
    }
}

fn new_card() -> SoftwareCard<RamFlash> {
    let mut card = SoftwareCard::format(RamFlash::new(PAGES), Noise::seeded(1)).unwrap();
    card.power_on().unwrap();
    for (pin, value) in PINS {
        let length = u8::try_from(value.len()).unwrap();
        let head = [0x80, 0xE2, 0x90, 0, length + 10, 0xA1, length + 8, 0x80, 1, pin, 0x81, 1, TRIES, 0x82, length];
        assert_eq!(card.transmit(&[&head[..], value].concat()).unwrap(), [0x90, 0x00]);
    }
    card
}

/// Follows the steps in the card and in all worlds that are left; gives the losses of power that came.
fn follow(steps: &[Step]) -> u64 {
    let mut card = new_card();
    let mut worlds = vec![World::new()];
    let mut cuts = 0;
    for step in steps {
        match step {
            Step::Reset => {
                // Forgets a cut that was planned and did not come.
                card.flash().power_on();
                card.power_on().unwrap();
                worlds.iter_mut().for_each(World::reset);
            }
            Step::Cut(operation, moment, seed) => card.flash().cut_at(*operation, *moment, *seed),
            Step::Do(act) => match card.transmit(&bytes(act)) {
                Ok(response) => {
                    let (data, status) = response.split_last_chunk::<2>().unwrap();
                    let answer = (data.to_vec(), u16::from_be_bytes(*status));
                    let expected: Vec<_> = worlds.iter_mut().map(|world| world.answer(act)).collect();
                    let mut matches = expected.iter().map(|expected| *expected == answer);
                    worlds.retain(|_| matches.next().unwrap());
                    assert!(!worlds.is_empty(), "{act:?} is answered {answer:02X?}, expected {expected:02X?}");
                }
                Err(CardError::Mute) => {
                    cuts += 1;
                    card.power_on().unwrap();
                    let possible = worlds.iter().flat_map(|world| world.after_cut(act));
                    worlds = possible.fold(Vec::new(), |mut worlds, world| {
                        worlds.extend((!worlds.contains(&world)).then_some(world));
                        worlds
                    });
                }
                Err(error) => panic!("{error}"),
            },
        }
    }
    cuts
}

#[test]
fn the_card_does_what_the_model_does() {
    let (steps, cuts) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&vec(step(), 1..200), |list| {
        cuts.set(cuts.get() + follow(&list));
        steps.set(steps.get() + list.len());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(steps.get() > 5000 && cuts.get() > 200, "{} steps, {} cuts", steps.get(), cuts.get());
    covered(steps.get(), "random steps as the model's");
    covered(cuts.get(), "cut points");
}
