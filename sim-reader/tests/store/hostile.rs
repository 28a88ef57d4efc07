//! Flash that no store wrote: it is refused or started, and a started store works, but nothing panics.

use card_os::store::{Fault, ObjectId, Store};
use proptest::prelude::*;
use sim_reader::flash::RamFlash;

use crate::checksums::{BODY, mend};
use crate::model::objects;

type Flash = RamFlash<4, 2048>;
const PAGES: usize = 4;
const PAGE: usize = 2048;

/// Mounts, and if that works, uses the store.
fn try_out(bytes: Vec<u8>) -> bool {
    let Ok(mut store) = Store::<_, 32>::mount(Flash::from_bytes(bytes)) else { return false };
    let ids: Vec<ObjectId> = store.ids(ObjectId(0)..=ObjectId(u32::MAX)).take(100).collect();
    for id in ids {
        let mut content = vec![0; store.length(id).unwrap_or(0)];
        store.read(id, 0, &mut content).unwrap();
        let _ = store.patch(id, 0, &content);
    }
    let _ = (store.free(), store.commit());
    for round in 0..40u8 {
        let outcome = store.write(ObjectId(3), &[round; 40]).and_then(|()| store.commit());
        if outcome.is_err() {
            store.rollback();
        }
    }
    let _ = store.purge(8);
    true
}

/// A store with a long history.
fn valid_image() -> Vec<u8> {
    let mut store = Store::<_, 32>::format(Flash::new(PAGES)).map_err(|fault| format!("{fault:?}")).unwrap();
    for round in 0..60u8 {
        store.write(ObjectId(1), &[round; 4]).unwrap();
        store.write(ObjectId(2 + u32::from(round % 3)), &vec![round; 300 - usize::from(round)]).unwrap();
        if round % 5 == 4 {
            store.delete(ObjectId(2)).unwrap();
        }
        store.commit().unwrap();
    }
    assert!(!objects(&mut store).is_empty());
    store.into_flash().bytes().to_vec()
}

#[test]
fn mending_a_valid_image_changes_nothing() {
    let image = valid_image();
    let mut mended = image.clone();
    mend(&mut mended, PAGE);
    let start = |bytes: Vec<u8>| {
        let mut store = Store::<_, 32>::mount(Flash::from_bytes(bytes)).map_err(|fault| format!("{fault:?}")).unwrap();
        objects(&mut store)
    };
    assert_eq!(start(image), start(mended));
}

#[test]
fn every_changed_byte_is_noticed_or_harmless() {
    let image = valid_image();
    let expected = {
        let mut store =
            Store::<_, 32>::mount(Flash::from_bytes(image.clone())).map_err(|fault| format!("{fault:?}")).unwrap();
        objects(&mut store)
    };
    let (mut refused, mut same, mut older) = (0, 0, 0);
    for offset in 0..image.len() {
        let mut bytes = image.clone();
        bytes[offset] ^= 0x10;
        let shown = Store::<_, 32>::mount(Flash::from_bytes(bytes)).map(|mut store| objects(&mut store));
        match shown {
            Err(fault) => {
                assert!(matches!(fault, Fault::Corrupt | Fault::Unformatted), "{fault:?}");
                refused += 1;
            }
            Ok(shown) if shown == expected => same += 1,
            // Damage in the newest page cannot be told from a torn transaction.
            Ok(_) => older += 1,
        }
    }
    println!("one bit of each byte: {refused} refused, {same} harmless, {older} taken for a torn end of the log");
    assert!(refused > image.len() / 4 && older < PAGE);
}

#[test]
fn erased_flash_is_unformatted() {
    assert!(matches!(Store::<_>::mount(Flash::new(8)), Err(Fault::Unformatted)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(seed in any::<u64>()) {
        let mut state = seed;
        let bytes = (0..PAGES * PAGE).map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        });
        try_out(bytes.collect());
    }

    #[test]
    fn mutated_images_with_right_checksums(
        changes in prop::collection::vec((0..PAGES * PAGE, any::<u8>()), 1..30),
        heads in prop::collection::vec((0..PAGES, 0..24usize, 0..8u8), 0..4),
        fields in prop::collection::vec((0..PAGES, 0..200usize, 0..8usize, any::<u8>()), 0..8),
    ) {
        let mut bytes = valid_image();
        for (offset, value) in changes {
            bytes[offset] = value;
        }
        for (page, offset, value) in heads {
            bytes[page * PAGE + offset] = value;
        }
        for (page, number, field, value) in fields {
            // The header of the record at that position of the page, if there is one.
            let mut offset = BODY;
            for _ in 0..number {
                if offset + 12 > PAGE || bytes[page * PAGE + offset] == 0xFF {
                    break;
                }
                offset += (12 + usize::from(bytes[page * PAGE + offset + 1])).next_multiple_of(4);
            }
            if offset + 12 <= PAGE {
                bytes[page * PAGE + offset + field] = value;
            }
        }
        mend(&mut bytes, PAGE);
        try_out(bytes);
    }

    #[test]
    fn swapped_and_repeated_pages(from in 0..PAGES, to in 0..PAGES, sequence in any::<u32>(), fix in any::<bool>()) {
        let mut bytes = valid_image();
        bytes.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
        if fix {
            let right = sequence / PAGES as u32 * PAGES as u32 + to as u32;
            bytes[to * PAGE + 4..to * PAGE + 8].copy_from_slice(&right.to_le_bytes());
            bytes[to * PAGE + 8..to * PAGE + 12].copy_from_slice(&right.saturating_sub(1).to_le_bytes());
        }
        mend(&mut bytes, PAGE);
        try_out(bytes);
    }
}
