//! Full stores, wear and erasure of what was deleted.

use card_os::limits::STORE_RESERVE;
use card_os::store::{Fault, ObjectId, Store};
use sim_reader::flash::{RamFlash, RamFlashError};

use crate::model::objects;

type Flash = RamFlash<4, 4096>;

fn fresh(pages: usize) -> Store<Flash> {
    Store::format(Flash::new(pages)).map_err(|fault| format!("{fault:?}")).unwrap()
}

/// Fills the store with committed objects of one size; how many there are.
fn fill<const WRITE: usize, const PAGE: usize>(store: &mut Store<RamFlash<WRITE, PAGE>>, size: usize) -> u32 {
    for number in 0.. {
        match store.write(ObjectId(1000 + number), &vec![number as u8; size]).and_then(|()| store.commit()) {
            Ok(()) => {}
            Err(fault) => {
                assert_eq!(fault, Fault::Full);
                store.rollback();
                return number;
            }
        }
    }
    unreachable!()
}

#[test]
fn a_full_store_refuses_and_stays_as_it_was() {
    for size in [1, 60, 239, 240, 241, 1000, 3000] {
        let mut store = fresh(8);
        let count = fill(&mut store, size);
        let shown = objects(&mut store);
        assert_eq!(shown.len(), count as usize);
        assert_eq!(store.write(ObjectId(1), &vec![0; 4000]), Err(Fault::Full));
        assert_eq!(objects(&mut store), shown, "a refused write showed");
        store.rollback();
        let mut store = Store::<_>::mount(store.into_flash()).map_err(|fault| format!("{fault:?}")).unwrap();
        assert_eq!(objects(&mut store), shown);
    }
}

#[test]
fn a_full_store_still_counts_and_deletes() {
    for size in [1, 17, 240, 700, 2000] {
        let mut store = fresh(8);
        store.write(ObjectId(1), &[3]).unwrap();
        store.commit().unwrap();
        let count = fill(&mut store, size);
        for round in 0..2_000u32 {
            store.write(ObjectId(1), &[(round % 251) as u8]).unwrap();
            store.commit().unwrap();
            let id = ObjectId(1000 + round % count);
            store.patch(id, size / 2, &[(round % 253) as u8]).unwrap();
            store.commit().unwrap();
        }
        for number in 0..count {
            store.delete(ObjectId(1000 + number)).unwrap();
            store.commit().unwrap();
        }
        assert_eq!(objects(&mut store).len(), 1);
        assert!(fill(&mut store, size) >= count, "room was lost");
    }
}

#[test]
fn many_deletions_in_one_transaction_fit_into_the_reserve() {
    let mut store = fresh(8);
    let count = fill(&mut store, 60);
    for number in 0..count.min(100) {
        store.delete(ObjectId(1000 + number)).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(objects(&mut store).len() as u32, count - count.min(100));
}

#[test]
fn what_is_free_can_be_written() {
    let mut store = fresh(16);
    fill(&mut store, 700);
    store.delete(ObjectId(1003)).unwrap();
    store.delete(ObjectId(1009)).unwrap();
    store.commit().unwrap();
    let length = (0..4000).rev().find(|length| store.footprint(*length) <= store.free()).unwrap();
    assert!(length >= 1400);
    store.write(ObjectId(5), &vec![5; length]).unwrap();
    store.commit().unwrap();
    assert_eq!(store.write(ObjectId(6), &[0; 60]).and_then(|()| store.commit()), Err(Fault::Full));
}

#[test]
fn a_large_transaction_goes_round_the_ring() {
    let mut store = fresh(32);
    let size = store.free() / 4;
    store.write(ObjectId(1), &vec![1; size]).unwrap();
    store.commit().unwrap();
    for round in 0..20u8 {
        store.write(ObjectId(1), &vec![round; size]).unwrap();
        store.commit().unwrap();
        assert_eq!(objects(&mut store)[&1], vec![round; size]);
    }
}

#[test]
fn wear_is_spread_over_all_pages() {
    let mut store = fresh(16);
    let half = store.free() / 2;
    store.write(ObjectId(7), &vec![7; half]).unwrap();
    store.commit().unwrap();
    for round in 0..100_000u32 {
        store.write(ObjectId(1), &round.to_le_bytes()).unwrap();
        store.commit().unwrap();
    }
    let flash = store.into_flash();
    let (least, most) = (flash.erasures().iter().min().unwrap(), flash.erasures().iter().max().unwrap());
    println!("100,000 counter updates beside a half-full store: {least} to {most} erasures a page of 16");
    assert!(most - least <= 3);
}

/// Each page is erased once for each opening, starts or not, and moving fills pages to the end.
#[test]
fn the_work_in_a_nearly_full_store_is_bounded() {
    let mut store = fresh(32);
    store.write(ObjectId(1), &[0; 240]).unwrap();
    let mut length = 0;
    for number in 10.. {
        length = (length * 31 + 177) % 900;
        if store.write(ObjectId(number), &vec![1; length]).and_then(|()| store.commit()).is_err() {
            store.rollback();
            break;
        }
    }
    let (mut operations, mut erasures, mut most) = (0, 0, 0);
    let mut flash = store.into_flash();
    for round in 0..5_000u32 {
        let before = (flash.operations(), flash.erasures().iter().sum::<u32>());
        // A start writes nothing, so the difference is the commit's.
        let mut store = Store::<_>::mount(flash).map_err(|fault| format!("{fault:?}")).unwrap();
        store.write(ObjectId(1), &[(round % 251) as u8; 240]).unwrap();
        store.commit().unwrap();
        flash = store.into_flash();
        most = most.max(flash.operations() - before.0);
        operations += flash.operations() - before.0;
        erasures += flash.erasures().iter().sum::<u32>() - before.1;
    }
    println!(
        "240-byte updates of a full store: {operations} operations and {erasures} erasures for 5,000, at most {most} \
         for one"
    );
    assert!(most < 250 && erasures < 1_850);
}

/// Rewriting two objects by turns writes each time: a transaction that went all round the ring is refused.
#[test]
fn an_endless_transaction_is_refused() {
    let mut store = fresh(4);
    store.write(ObjectId(1), &[1; 200]).unwrap();
    store.write(ObjectId(2), &[2; 200]).unwrap();
    store.commit().unwrap();
    let shown = objects(&mut store);
    let refused = (0..1_000u32).find_map(|round| {
        let id = ObjectId(1 + round % 2);
        store.write(id, &[(round / 2 % 250) as u8 + 3; 200]).err()
    });
    assert_eq!(refused, Some(Fault::Full));
    store.rollback();
    assert_eq!(objects(&mut store), shown);
    let mut store = Store::<_>::mount(store.into_flash()).map_err(|fault| format!("{fault:?}")).unwrap();
    assert_eq!(objects(&mut store), shown);
}

#[test]
fn a_change_in_a_large_object_is_a_small_write() {
    let mut store = fresh(16);
    store.resize(ObjectId(1), 20_000).unwrap();
    store.commit().unwrap();
    let free = store.free();
    let before = store.into_flash();
    let operations = before.operations();
    let mut store = Store::<_>::mount(before).map_err(|fault| format!("{fault:?}")).unwrap();
    store.patch(ObjectId(1), 10_000, &[1, 2, 3]).unwrap();
    store.commit().unwrap();
    assert_eq!(store.free(), free);
    assert_eq!(store.into_flash().operations() - operations, 2, "one record and its seal");
}

#[test]
fn the_same_content_costs_nothing() {
    let mut store = fresh(4);
    store.write(ObjectId(1), &[1; 500]).unwrap();
    store.commit().unwrap();
    let flash = store.into_flash();
    let operations = flash.operations();
    let mut store = Store::<_>::mount(flash).map_err(|fault| format!("{fault:?}")).unwrap();
    store.write(ObjectId(1), &[1; 500]).unwrap();
    store.patch(ObjectId(1), 100, &[1; 300]).unwrap();
    store.commit().unwrap();
    assert_eq!(store.into_flash().operations(), operations);
}

#[test]
fn purging_leaves_no_trace_of_what_was_deleted() {
    let secret = b"a private key that must not stay";
    let holds = |flash: &Flash| flash.bytes().windows(secret.len()).any(|window| window == secret);
    for filling in [0, 100, 20_000] {
        let mut store = fresh(10);
        store.write(ObjectId(7), &vec![7; filling]).unwrap();
        store.write(ObjectId(1), secret).unwrap();
        store.commit().unwrap();
        store.delete(ObjectId(1)).unwrap();
        store.commit().unwrap();
        let flash = store.into_flash();
        assert!(holds(&flash));
        let mut store = Store::<_>::mount(flash).map_err(|fault| format!("{fault:?}")).unwrap();
        let mut steps = 1;
        while !store.purge(1).unwrap() {
            steps += 1;
        }
        assert!(steps <= 11);
        assert_eq!(objects(&mut store)[&7], vec![7; filling]);
        assert!(!holds(&store.into_flash()));
    }
}

#[test]
fn flash_of_an_impossible_shape_is_refused() {
    let refused = |outcome: Result<(), Fault<RamFlashError>>| assert_eq!(outcome, Err(Fault::Geometry));
    refused(Store::<_>::format(RamFlash::<4, 4096>::new(3)).map(drop));
    refused(Store::<_>::format(RamFlash::<4, 4096>::new(64)).map(drop));
    refused(Store::<_>::format(RamFlash::<4, 512>::new(8)).map(drop));
    assert!(Store::<_>::format(RamFlash::<4, 4096>::new(63)).is_ok());
}

#[test]
fn the_reserve_is_not_given_away() {
    let mut store = fresh(4);
    let free = store.free();
    assert_eq!(free, 2 * (4096 - 56 - 256) - STORE_RESERVE);
    store.write(ObjectId(1), &[0; 100]).unwrap();
    assert_eq!(store.free(), free - store.footprint(100));
}
