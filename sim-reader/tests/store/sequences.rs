//! Random sequences of operations, commits, rollbacks and losses of power.

use card_os::store::{Fault, Store};
use proptest::prelude::*;
use sim_reader::flash::{Moment, RamFlash};

use crate::model::{Model, Step, objects, run};

/// Steps, and losses of power that hit one of the flash operations to come.
#[derive(Clone, Debug)]
enum Act {
    Step(Step),
    Remount,
    Cut(u64, Moment, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 1..7u32;
    let length = prop_oneof![0..20usize, 0..300usize, 230..250usize, 470..490usize, 0..900usize];
    prop_oneof![
        4 => (id.clone(), length.clone(), any::<u8>())
            .prop_map(|(id, length, seed)| Step::Write(id, content(length, seed))),
        4 => (id.clone(), 0..500usize, 0..300usize, any::<u8>())
            .prop_map(|(id, offset, length, seed)| Step::Patch(id, offset, content(length, seed))),
        4 => (id.clone(), 0..20usize, any::<u8>()).prop_map(|(id, offset, byte)| Step::Patch(id, offset, vec![byte])),
        1 => (id.clone(), length).prop_map(|(id, length)| Step::Resize(id, length)),
        2 => id.prop_map(Step::Delete),
        6 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => (0..5usize).prop_map(Step::Purge),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let moment = prop_oneof![Just(Moment::Before), Just(Moment::Torn), Just(Moment::Unstable), Just(Moment::After)];
    prop_oneof![
        12 => step().prop_map(Act::Step),
        1 => Just(Act::Remount),
        2 => (0..30u64, moment, any::<u64>()).prop_map(|(operation, moment, seed)| Act::Cut(operation, moment, seed)),
    ]
}

fn content(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|index| seed.wrapping_add((index / 7) as u8)).collect()
}

/// Does everything to a store and to the model; every refusal must be the model's or a full store.
fn follow<const WRITE: usize, const PAGE: usize>(pages: usize, acts: &[Act]) {
    let mut flash = RamFlash::<WRITE, PAGE>::new(pages);
    Store::<_, 40>::format(&mut flash).map(drop).unwrap();
    let mut model = Model::default();
    let mut acts = acts.iter();
    let mut done = false;
    while !done {
        flash.power_on();
        let mut store = Store::<_, 40>::mount(&mut flash).map_err(|fault| format!("{fault:?}")).unwrap();
        assert_eq!(objects(&mut store), model.durable);
        model.pending = model.durable.clone();
        let mut cut = None;
        done = true;
        for act in acts.by_ref() {
            match act {
                Act::Step(step) => compare(&mut store, &mut model, step),
                Act::Remount => {
                    done = false;
                    break;
                }
                Act::Cut(operation, moment, seed) => {
                    cut = Some((*operation, *moment, *seed));
                    done = false;
                    break;
                }
            }
        }
        drop(store);
        if let Some((operation, moment, seed)) = cut {
            flash.power_on();
            flash.cut_at(operation, moment, seed);
            until_cut(&mut flash, &mut model, acts.by_ref());
        }
    }
}

fn compare<const WRITE: usize, const PAGE: usize>(
    store: &mut Store<&mut RamFlash<WRITE, PAGE>, 40>,
    model: &mut Model,
    step: &Step,
) {
    let before = model.clone();
    let expected = model.apply(step);
    match run(store, step) {
        Err(Fault::Full) => {
            *model = before;
            store.rollback();
            model.apply(&Step::Rollback).unwrap();
        }
        outcome => assert_eq!(outcome.map_err(|fault| format!("{fault:?}")), expected.map_err(str::to_owned)),
    }
    assert_eq!(objects(store), model.pending);
}

/// Goes on until power goes, then takes over what is durable, which must be what was committed or was being committed.
fn until_cut<'a, const WRITE: usize, const PAGE: usize>(
    flash: &mut RamFlash<WRITE, PAGE>,
    model: &mut Model,
    acts: impl Iterator<Item = &'a Act>,
) {
    let mut committing = model.durable.clone();
    if let Ok(mut store) = Store::<_, 40>::mount(&mut *flash) {
        model.pending = model.durable.clone();
        for act in acts {
            let Act::Step(step) = act else { continue };
            let before = model.clone();
            let expected = model.apply(step);
            match run(&mut store, step) {
                Err(Fault::Flash(_)) => {
                    if matches!(step, Step::Commit) {
                        committing = model.durable.clone();
                    } else {
                        committing = before.durable.clone();
                    }
                    *model = before;
                    break;
                }
                Err(Fault::Full) => {
                    *model = before;
                    store.rollback();
                    model.apply(&Step::Rollback).unwrap();
                }
                outcome => assert_eq!(outcome.is_ok(), expected.is_ok(), "{step:?}: {outcome:?}"),
            }
            committing = model.durable.clone();
        }
    }
    flash.power_on();
    let mut store = Store::<_, 40>::mount(&mut *flash).map_err(|fault| format!("{fault:?}")).unwrap();
    let shown = objects(&mut store);
    assert!(shown == model.durable || shown == committing, "neither the old nor the new state");
    *model = Model::of(shown);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn units_of_4_bytes(acts in prop::collection::vec(act(), 1..120)) {
        follow::<4, 2048>(5, &acts);
    }

    #[test]
    fn units_of_8_bytes_in_a_small_ring(acts in prop::collection::vec(act(), 1..120)) {
        follow::<8, 2048>(4, &acts);
    }

    #[test]
    fn units_of_1_byte_in_large_pages(acts in prop::collection::vec(act(), 1..120)) {
        follow::<1, 4096>(4, &acts);
    }
}
