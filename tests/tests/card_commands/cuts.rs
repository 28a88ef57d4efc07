//! Power goes at every flash operation of every command of the transcripts: what is in flash afterwards is what was
//! there before the command or what is there after it, never something between. Only the tries of a PIN and the uses
//! and tries of a key count on their own.

use std::collections::BTreeMap;

use card_os::store::{ObjectId, Store};
use sim_reader::card::CardError;
use sim_reader::flash::{Moment, RamFlash};
use symbolon_tests::covered::covered;

use crate::{TestCard, card_on, commands, empty_flash, play};

pub(crate) type Objects = BTreeMap<u32, Vec<u8>>;

pub(crate) const MOMENTS: [Moment; 4] = [Moment::Before, Moment::Torn, Moment::Unstable, Moment::After];

/// The kind of object that holds a PIN's tries.
pub(crate) const TRIES: u32 = 0x0600_0000;
/// The kind of object that holds a key's uses, and the one that holds its tries.
pub(crate) const KEY_USES: u32 = 0x2200_0000;
pub(crate) const KEY_TRIES: u32 = 0x2300_0000;

pub(crate) fn objects(flash: &RamFlash) -> Objects {
    let mut store: Store<RamFlash> = Store::mount(flash.clone()).unwrap();
    let ids: Vec<_> = store.ids(ObjectId(0)..=ObjectId(u32::MAX)).collect();
    let mut content = |id| {
        let mut bytes = vec![0; store.length(id).unwrap()];
        store.read(id, 0, &mut bytes).unwrap();
        bytes
    };
    ids.into_iter().map(|id| (id.0, content(id))).collect()
}

fn is_counter(id: u32) -> bool {
    [TRIES, KEY_USES, KEY_TRIES].contains(&(id & 0xFF00_0000))
}

fn without_counters(objects: &Objects) -> Objects {
    objects.iter().filter(|(id, _)| !is_counter(**id)).map(|(id, bytes)| (*id, bytes.clone())).collect()
}

pub(crate) fn counter(objects: &Objects, id: u32) -> Option<u32> {
    objects.get(&id).map(|bytes| bytes.iter().fold(0, |count, byte| count << 8 | u32::from(*byte)))
}

/// What is in flash before a command and after it.
struct Change {
    before: Objects,
    after: Objects,
}

impl Change {
    fn assert_whole(&self, found: &Objects, place: &str) {
        let rest = without_counters(found);
        let (before, after) = (without_counters(&self.before), without_counters(&self.after));
        assert!(rest == before || rest == after, "{place}: half a change");
        let ids = [&self.before, &self.after, found].into_iter().flat_map(BTreeMap::keys);
        for id in ids.copied().filter(|id| is_counter(*id)) {
            let (before, after) = (counter(&self.before, id), counter(&self.after, id));
            let found = counter(found, id);
            let counted = before.and_then(|before| before.checked_sub(1));
            assert!(found == before || found == after || found == counted, "{place}: {found:?} in counter {id:08X}");
        }
    }
}

/// The card after the first commands, always the same.
pub(crate) fn card_after(start: &RamFlash, commands: &[Option<Vec<u8>>]) -> TestCard {
    let mut card = card_on(start.clone());
    play(&mut card, commands);
    card
}

/// Cuts every command of a transcript everywhere; gives the number of cuts.
fn cut_everywhere(name: &str) -> u64 {
    let commands = commands(name);
    let start = empty_flash();
    let mut cuts = 0;
    for (taken, command) in commands.iter().enumerate() {
        let Some(command) = command else { continue };
        let place = format!("{name}, command {taken}");
        let mut card = card_after(&start, &commands[..taken]);
        let before = objects(&card.flash());
        let begun = card.flash().operations();
        card.transmit(command).unwrap();
        let operations = card.flash().operations() - begun;
        let change = Change { before, after: objects(&card.flash()) };
        for operation in 0..operations {
            for moment in MOMENTS {
                let mut card = card_after(&start, &commands[..taken]);
                card.flash().cut_at(operation, moment, operation + 7);
                assert!(matches!(card.transmit(command), Err(CardError::Mute)), "{place}: power is gone");
                card.power_on().unwrap();
                change.assert_whole(&objects(&card.flash()), &place);
                cuts += 1;
            }
        }
    }
    covered(cuts, "cut points");
    cuts
}

#[test]
fn personalisation_is_whole_whenever_power_goes() {
    let cuts = cut_everywhere("personalised.apdu");
    println!("{cuts} cuts");
    assert!(cuts > 100);
}

#[test]
fn key_sets_and_the_domains_of_providers_are_whole_whenever_power_goes() {
    assert!(cut_everywhere("key_sets.apdu") > 50);
    assert!(cut_everywhere("provider_locks.apdu") > 50);
    assert!(cut_everywhere("store_data.apdu") > 20);
    assert!(cut_everywhere("card_data.apdu") > 10);
}

#[test]
fn deleting_and_writing_files_is_whole_whenever_power_goes() {
    assert!(cut_everywhere("delete.apdu") > 50);
}

#[test]
fn records_and_bytes_are_whole_whenever_power_goes() {
    let cuts = cut_everywhere("records.apdu") + cut_everywhere("binary.apdu");
    println!("{cuts} cuts");
    assert!(cuts > 1000);
}

#[test]
fn data_objects_are_whole_whenever_power_goes() {
    let cuts = cut_everywhere("data_objects.apdu");
    println!("{cuts} cuts");
    assert!(cuts > 120);
}

#[test]
fn the_life_of_files_is_whole_whenever_power_goes() {
    assert!(cut_everywhere("file_life.apdu") > 50);
    assert!(cut_everywhere("whole_files.apdu") > 20);
}

#[test]
fn pins_and_contents_are_whole_whenever_power_goes() {
    assert!(cut_everywhere("pin.apdu") > 150);
    assert!(cut_everywhere("files.apdu") > 150);
}

#[test]
fn keys_are_whole_whenever_power_goes() {
    let cuts = cut_everywhere("keys.apdu") + cut_everywhere("key_deletion.apdu") + cut_everywhere("security.apdu");
    println!("{cuts} cuts");
    assert!(cuts > 100);
}

#[test]
fn unblocking_and_changing_pins_is_whole_whenever_power_goes() {
    let cuts = cut_everywhere("pin_reset.apdu");
    println!("{cuts} cuts");
    assert!(cuts > 300);
}

#[test]
fn changing_access_rules_is_whole_whenever_power_goes() {
    let cuts = cut_everywhere("access.apdu") + cut_everywhere("condition_change.apdu");
    println!("{cuts} cuts");
    assert!(cuts > 150);
}
