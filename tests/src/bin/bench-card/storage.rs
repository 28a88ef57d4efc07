//! What purchases do to the payer's flash, on a card with little in it and on one without room for another file.

use anyhow::{Result, ensure};
use apdu_spec::file::{FileDescriptor, FileId, FileState};
use apdu_spec::instruction::{CreateFile, StoreData};
use apdu_spec::limits::JOURNAL_ENTRIES;
use apdu_spec::pin::PinRecord;
use apdu_spec::{Fcp, SecurityAttributes};
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use symbolon_tests::bench::Row;

use crate::card::{OK, PIN, TestCard, pin};
use crate::scene::{PAYER_ACCOUNT, PAYER_SECRET, STEPS, Scene};

/// Purchases of a measurement.
const PURCHASES: u32 = 1000;

/// Purchases before it: by then the card has gone round its flash more than once.
const EARLIER: u32 = 250;

/// Pages of the payer's card, of 4 KiB each.
const PAGES: usize = 16;

pub(crate) fn measure() -> Result<Vec<Row>> {
    let mut rows = wear("card with room", &mut scene(false)?)?;
    rows.extend(wear("full card", &mut scene(true)?)?);
    Ok(rows)
}

fn wear(name: &str, scene: &mut Scene) -> Result<Vec<Row>> {
    for _ in 0..EARLIER {
        buy(scene)?;
    }
    let before = scene.payer.slot.flash().erasures().to_vec();
    let mut worst = Work::default();
    for _ in 0..PURCHASES {
        worst = worst.max(buy(scene)?);
    }
    let flash = scene.payer.slot.flash();
    let erasures: Vec<u32> = flash.erasures().iter().zip(before).map(|(now, before)| now - before).collect();
    let total = f64::from(erasures.iter().sum::<u32>());
    let most = f64::from(erasures.iter().copied().max().unwrap_or_default());
    let row = |what: &str, value: f64, unit| Row::new(format!("flash, {name}: {what}"), value, unit);
    let count = |what: &str, value: u64, unit| row(what, value as f64, unit);
    Ok(vec![
        row("erasures in 1,000 purchases", total, "pages"),
        row("erasures of the most used page / of the mean", most * erasures.len() as f64 / total, "ratio"),
        count("most writes in a command", worst.writes, "writes"),
        count("most erasures in a command", worst.erasures, "pages"),
        count("most bytes written in a command", worst.bytes, "bytes"),
    ])
}

/// What one command did to the flash, or the most that any did.
#[derive(Clone, Copy, Default)]
struct Work {
    writes: u64,
    erasures: u64,
    bytes: u64,
}

impl Work {
    fn so_far(flash: &RamFlash) -> Self {
        let sum = |counts: &[u32]| counts.iter().copied().map(u64::from).sum();
        Self { writes: sum(flash.writes()), erasures: sum(flash.erasures()), bytes: flash.written_bytes() }
    }

    fn since(self, before: Self) -> Self {
        Self {
            writes: self.writes - before.writes,
            erasures: self.erasures - before.erasures,
            bytes: self.bytes - before.bytes,
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            writes: self.writes.max(other.writes),
            erasures: self.erasures.max(other.erasures),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

/// One purchase from the card's start on; gives the most that one of its commands did.
fn buy(scene: &mut Scene) -> Result<Work> {
    let mut worst = Work::default();
    scene.payer.restart();
    scene.payer.verify();
    for step in STEPS {
        let command = scene.command(step);
        let before = Work::so_far(&scene.payer.slot.flash());
        let (data, status) = scene.payer.transmit(&command)?;
        ensure!(status == OK, "{step:?} is answered {status:04X}");
        worst = worst.max(Work::so_far(&scene.payer.slot.flash()).since(before));
        scene.took(step, data);
    }
    [&mut scene.payer, &mut scene.payee].into_iter().for_each(|card| card.said.clear());
    Ok(worst)
}

/// The tests' purchase, the payer's card in flash of [`PAGES`] pages. It is not SECURED, so that it can be filled.
fn scene(is_full: bool) -> Result<Scene> {
    let mut scene = Scene::new();
    let mut slot = SoftwareCard::format(RamFlash::new(PAGES), Noise::seeded(4))?;
    slot.power_on()?;
    let mut payer = TestCard { slot, said: Vec::new(), channel: 0 };
    payer.personalise(1, &scene.bank, PAYER_ACCOUNT, PAYER_SECRET, None);
    payer.done(&StoreData::Pin(PinRecord::new(pin(), 3, PIN)));
    scene.payer = payer;
    for _ in 0..=JOURNAL_ENTRIES {
        buy(&mut scene)?;
    }
    if is_full {
        fill(&mut scene.payer)?;
    }
    Ok(scene)
}

/// Creates files until there is no room for one of a byte.
fn fill(card: &mut TestCard) -> Result<()> {
    let mut size = 4096;
    for id in 0x1000.. {
        let parameters = Fcp {
            descriptor: FileDescriptor::Transparent { size },
            id: FileId(id),
            name: None,
            short_id: None,
            state: FileState::Activated,
            security: SecurityAttributes::NOTHING,
        };
        match card.send(&CreateFile { parameters }).1 {
            OK => {}
            _ if size == 1 => break,
            _ => size /= 2,
        }
    }
    ensure!(size == 1, "the card does not fill up");
    Ok(())
}
