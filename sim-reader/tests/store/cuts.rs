//! Every flash operation of a set of transactions is cut, and so is every operation of the recovery that follows.

use card_os::store::{ObjectId, Store};
use sim_reader::flash::{Moment, RamFlash};

use crate::model::{Model, Objects, Step, objects, run};

type Flash = RamFlash<4, 2048>;
type Small<'a> = Store<&'a mut Flash, 64>;

const MOMENTS: [Moment; 4] = [Moment::Before, Moment::Torn, Moment::Unstable, Moment::After];

/// How far recoveries are cut as well: the first cut and three more.
const DEPTH: usize = 3;

struct Trial {
    points: u64,
    mounts: u64,
}

impl Trial {
    /// Cuts every operation of the steps in every way, with as many seeds as asked for each torn one.
    fn cut_everywhere(&mut self, base: &Flash, before: &Objects, steps: &[Step], seeds: u64) {
        for operation in 0.. {
            let mut reached = false;
            for moment in MOMENTS {
                let seeds = if matches!(moment, Moment::Before | Moment::After) { 1 } else { seeds };
                for seed in 0..seeds {
                    let mut flash = base.clone();
                    flash.cut_at(operation, moment, operation * 1_000 + seed);
                    let Some(allowed) = until_cut(&mut flash, before, steps) else { continue };
                    reached = true;
                    self.points += 1;
                    self.recover(&flash, &allowed, DEPTH, seed);
                }
            }
            if !reached {
                return;
            }
        }
    }

    /// Recovers, with further cuts in the recovery itself; what is shown once must be shown for ever.
    fn recover(&mut self, flash: &Flash, allowed: &[Objects; 2], depth: usize, seed: u64) {
        let mut whole = flash.clone();
        whole.power_on();
        let start = whole.operations();
        let shown = self.mount(&mut whole, allowed);
        let operations = whole.operations() - start;
        self.stays(whole, &shown);
        if depth == 0 {
            return;
        }
        // All operations at the first level; further down one of them, or the work would explode.
        let chosen = if depth == DEPTH {
            0..operations
        } else {
            seed % operations.max(1)..operations.min(seed % operations.max(1) + 1)
        };
        for operation in chosen {
            let moment = MOMENTS[((seed + operation) % 4) as usize];
            let mut again = flash.clone();
            again.power_on();
            again.cut_at(operation, moment, seed + 77);
            if Small::mount(&mut again).is_err() && again.is_off() {
                self.points += 1;
                self.recover(&again, allowed, depth - 1, seed.wrapping_mul(31) + operation);
            }
        }
    }

    fn mount(&mut self, flash: &mut Flash, allowed: &[Objects; 2]) -> Objects {
        self.mounts += 1;
        let mut store = Small::mount(flash).map_err(|fault| format!("{fault:?}")).unwrap();
        let shown = objects(&mut store);
        assert!(allowed.contains(&shown), "neither the old nor the new state: {shown:?}");
        shown
    }

    /// Idle losses of power, then more work, change nothing of what was shown.
    fn stays(&mut self, mut flash: Flash, shown: &Objects) {
        for _ in 0..3 {
            flash.power_on();
            self.mount(&mut flash, &[shown.clone(), shown.clone()]);
        }
        let mut expected = shown.clone();
        for round in 0..3u8 {
            flash.power_on();
            let mut store = Small::mount(&mut flash).map_err(|fault| format!("{fault:?}")).unwrap();
            store.write(ObjectId(99), &[round; 5]).unwrap();
            store.commit().unwrap();
            expected.insert(99, vec![round; 5]);
            drop(store);
            flash.power_on();
            self.mount(&mut flash, &[expected.clone(), expected.clone()]);
        }
    }
}

/// Runs the steps until power goes; what may be seen then, or `None` if power did not go.
fn until_cut(flash: &mut Flash, before: &Objects, steps: &[Step]) -> Option<[Objects; 2]> {
    let mut model = Model::of(before.clone());
    let Ok(mut store) = Small::mount(&mut *flash) else { return Some([before.clone(), before.clone()]) };
    for step in steps {
        let durable = model.durable.clone();
        model.apply(step).unwrap();
        if run(&mut store, step).is_err() {
            drop(store);
            assert!(flash.is_off(), "{step:?} was refused with power on");
            return Some([durable, model.durable]);
        }
    }
    None
}

fn prepared(pages: usize, steps: &[Step]) -> (Flash, Objects) {
    let mut flash = Flash::new(pages);
    let mut model = Model::default();
    let mut store = Small::format(&mut flash).map_err(|fault| format!("{fault:?}")).unwrap();
    for step in steps.iter().chain([&Step::Commit]) {
        model.apply(step).unwrap();
        run(&mut store, step).map_err(|fault| format!("{step:?}: {fault:?}")).unwrap();
    }
    drop(store);
    (flash, model.durable)
}

fn trial(name: &str, pages: usize, setup: &[Step], steps: &[Step], seeds: u64) {
    let (base, before) = prepared(pages, setup);
    let mut trial = Trial { points: 0, mounts: 0 };
    trial.cut_everywhere(&base, &before, steps, seeds);
    println!("{name}: {} cut points, {} recoveries checked", trial.points, trial.mounts);
    assert!(trial.points > 50, "the transactions were not cut");
}

fn counter(rounds: u8) -> Vec<Step> {
    (0..rounds).flat_map(|round| [Step::Write(1, vec![round; 3]), Step::Commit]).collect()
}

#[test]
fn a_counter() {
    trial("counter", 6, &[Step::Write(1, vec![9; 3]), Step::Write(2, vec![1; 300])], &counter(5), 60);
}

#[test]
fn many_objects_at_once() {
    let setup = [Step::Write(1, vec![1; 500]), Step::Write(2, vec![2; 100]), Step::Write(3, vec![3; 700])];
    let steps = [
        Step::Patch(1, 230, vec![7; 20]),
        Step::Delete(2),
        Step::Resize(3, 250),
        Step::Write(4, vec![4; 260]),
        Step::Commit,
        Step::Write(2, vec![8; 10]),
        Step::Delete(4),
        Step::Commit,
    ];
    trial("many objects", 6, &setup, &steps, 25);
}

#[test]
fn a_rollback_between_two_transactions() {
    let setup = [Step::Write(1, vec![1; 500]), Step::Write(2, vec![2; 100])];
    let steps = [
        Step::Delete(1),
        Step::Write(2, vec![3; 100]),
        Step::Write(5, vec![5; 600]),
        Step::Rollback,
        Step::Patch(1, 0, vec![6; 4]),
        Step::Write(3, vec![3; 30]),
        Step::Commit,
    ];
    trial("rollback", 6, &setup, &steps, 25);
}

/// A ring so full that every few updates move old records, also in the middle of transactions.
#[test]
fn moving_records_in_the_middle_of_a_transaction() {
    let mut setup: Vec<Step> = (10..14).map(|id| Step::Write(id, vec![id as u8; 230])).collect();
    setup.push(Step::Commit);
    setup.extend(counter(20));
    let mut steps = Vec::new();
    for round in 0..4u8 {
        steps.push(Step::Delete(10 + u32::from(round)));
        steps.extend((0..6).map(|part| Step::Write(20 + part, vec![round + 100; 60])));
        steps.push(Step::Write(10 + u32::from(round), vec![round; 200]));
        steps.push(Step::Commit);
    }
    trial("moving", 5, &setup, &steps, 4);
}

/// A transaction that removes an object and is long enough for the object's page to be emptied before the commit.
#[test]
fn a_removal_outlives_the_moving_of_what_it_removes() {
    let mut setup = vec![Step::Write(50, vec![5; 200]), Step::Write(51, vec![6; 500]), Step::Commit];
    setup.extend((0..500u32).flat_map(|round| [Step::Write(1, round.to_le_bytes().to_vec()), Step::Commit]));
    let mut steps = vec![Step::Delete(50), Step::Resize(51, 100)];
    for round in 0..25u8 {
        steps.extend([Step::Write(1, vec![round; 100]), Step::Write(2, vec![round; 150])]);
    }
    steps.push(Step::Commit);
    trial("removal and moving", 8, &setup, &steps, 3);
}

#[test]
fn purging_after_a_cut_leaves_no_trace() {
    let secret = b"a private key that must not stay";
    let setup = [Step::Write(1, secret.to_vec()), Step::Write(2, vec![1; 100])];
    let steps = [Step::Delete(1), Step::Commit, Step::Purge(9)];
    let (base, before) = prepared(5, &setup);
    let mut erased = 0;
    for operation in 0..40 {
        for moment in MOMENTS {
            let mut flash = base.clone();
            flash.cut_at(operation, moment, operation);
            let _ = until_cut(&mut flash, &before, &steps);
            flash.power_on();
            let mut store = Small::mount(&mut flash).map_err(|fault| format!("{fault:?}")).unwrap();
            let deleted = store.length(ObjectId(1)).is_none();
            assert!(store.purge(9).unwrap());
            drop(store);
            let traces = flash.bytes().windows(16).filter(|window| secret.starts_with(window)).count();
            assert_eq!(traces, usize::from(!deleted), "cut at {operation} {moment:?}");
            erased += u32::from(deleted);
        }
    }
    assert!(erased > 100);
}

#[test]
fn purging() {
    let setup = [Step::Write(1, vec![1; 500]), Step::Write(2, vec![2; 100])];
    trial("purge", 5, &setup, &[Step::Delete(1), Step::Commit, Step::Purge(9)], 20);
}
