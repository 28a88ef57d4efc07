//! Figures: how long commits, reads and starts take on flash in memory. Bounds are loose; the printed figures count.

use std::hint::black_box;
use std::time::Instant;

use card_os::store::{ObjectId, Store};
use sim_reader::flash::RamFlash;

fn nanoseconds(rounds: u32, mut work: impl FnMut(u32)) -> u128 {
    let start = Instant::now();
    (0..rounds).for_each(&mut work);
    start.elapsed().as_nanos() / u128::from(rounds)
}

#[test]
fn commits_and_reads_take_microseconds() {
    let mut store = Store::<_>::format(RamFlash::<4, 4096>::new(32)).map_err(|fault| format!("{fault:?}")).unwrap();
    for id in 100..300 {
        store.write(ObjectId(id), &[id as u8; 250]).unwrap();
        store.commit().unwrap();
    }
    let rounds = 200_000;
    let commit = nanoseconds(rounds, |round| {
        store.write(ObjectId(1), &u128::from(round).to_le_bytes()).unwrap();
        store.commit().unwrap();
    });
    let mut small = [0; 16];
    let read = nanoseconds(rounds, |_| store.read(ObjectId(1), 0, black_box(&mut small)).unwrap());
    let mut large = [0; 250];
    let read_large =
        nanoseconds(rounds, |round| store.read(ObjectId(100 + round % 200), 0, black_box(&mut large)).unwrap());
    let mut flash = store.into_flash();
    let before: u32 = flash.erasures().iter().sum();
    let mut store = Store::<_>::mount(&mut flash).map_err(|fault| format!("{fault:?}")).unwrap();
    (0..10_000u32).for_each(|round| {
        store.write(ObjectId(1), &round.to_le_bytes()).unwrap();
        store.commit().unwrap();
    });
    drop(store);
    let erasures = flash.erasures().iter().sum::<u32>() - before;
    let mount =
        nanoseconds(100, |_| drop(Store::<_>::mount(&mut flash).map_err(|fault| format!("{fault:?}")).unwrap()));
    println!(
        "commit of 16 bytes {commit} ns, read of 16 bytes {read} ns, of 250 bytes {read_large} ns, start {} us, \
         erasures per 1,000 counter updates {}.{}, store in RAM {} bytes",
        mount / 1000,
        erasures / 10,
        erasures % 10,
        size_of::<Store<()>>(),
    );
    assert!(commit < 50_000 && read < 10_000);
}
