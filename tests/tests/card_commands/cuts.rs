//! Power goes at every flash operation of every command of the transcripts: what is in flash afterwards is what was
//! there before the command or what is there after it, never something between. Only the tries of a PIN count on their
//! own.

use std::collections::BTreeMap;

use card_os::store::{ObjectId, Store};
use sim_reader::card::CardError;
use sim_reader::flash::{Moment, RamFlash};

use crate::{TestCard, card_on, commands, empty_flash, play};

pub(crate) type Objects = BTreeMap<u32, Vec<u8>>;

pub(crate) const MOMENTS: [Moment; 4] = [Moment::Before, Moment::Torn, Moment::Unstable, Moment::After];

/// The kind of object that holds a PIN's tries.
const TRIES: u32 = 0x0600_0000;

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

fn without_tries(objects: &Objects) -> Objects {
    objects.iter().filter(|(id, _)| **id & 0xFF00_0000 != TRIES).map(|(id, bytes)| (*id, bytes.clone())).collect()
}

fn tries(objects: &Objects, pin: u32) -> Option<u8> {
    objects.get(&(TRIES | pin)).map(|bytes| bytes[0])
}

/// What is in flash before a command and after it.
struct Change {
    before: Objects,
    after: Objects,
}

impl Change {
    fn assert_whole(&self, found: &Objects, place: &str) {
        let rest = without_tries(found);
        assert!(rest == without_tries(&self.before) || rest == without_tries(&self.after), "{place}: half a change");
        for pin in 1..=14 {
            let (before, after) = (tries(&self.before, pin), tries(&self.after, pin));
            let found = tries(found, pin);
            let counted = before.and_then(|before| before.checked_sub(1));
            assert!(found == before || found == after || found == counted, "{place}: {found:?} tries of PIN {pin}");
        }
    }
}

/// The card after the first commands, always the same.
fn card_after(start: &RamFlash, commands: &[Option<Vec<u8>>]) -> TestCard {
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
    cuts
}

#[test]
fn personalisation_is_whole_whenever_power_goes() {
    let cuts = cut_everywhere("personalised.apdu");
    println!("{cuts} cuts");
    assert!(cuts > 100);
}

#[test]
fn deleting_and_writing_files_is_whole_whenever_power_goes() {
    assert!(cut_everywhere("delete.apdu") > 50);
}

#[test]
fn pins_and_contents_are_whole_whenever_power_goes() {
    assert!(cut_everywhere("pin.apdu") > 150);
    assert!(cut_everywhere("files.apdu") > 150);
}

/// Whoever cuts the power at the right moment would have a free guess, if the comparison came before the count: then a
/// right and a wrong PIN would differ while the tries are still all there.
#[test]
fn a_right_and_a_wrong_pin_do_not_differ_until_the_try_is_counted() {
    let mut commands = commands("personalised.apdu");
    commands.push(None);
    let start = {
        let card = card_after(&empty_flash(), &commands);
        card.flash().clone()
    };
    let full = tries(&objects(&start), 1).unwrap();
    let right = [&[0x00, 0x20, 0x00, 0x01, 0x06], &b"123456"[..]].concat();
    let wrong = [&[0x00, 0x20, 0x00, 0x01, 0x06], &b"123457"[..]].concat();
    let mut uncounted = 0;
    for operation in 0..16 {
        for moment in MOMENTS {
            let attempt = |command: &[u8]| {
                let mut card = card_on(start.clone());
                card.flash().cut_at(operation, moment, 3);
                let answer = card.transmit(command).ok();
                card.power_on().unwrap();
                let flash = card.flash();
                (answer, tries(&objects(&flash), 1).unwrap(), flash.bytes().to_vec())
            };
            let (right, wrong) = (attempt(&right), attempt(&wrong));
            assert!(wrong.0.is_none() || wrong.1 < full, "an answer to a wrong PIN costs a try");
            if wrong.1 == full {
                assert!(
                    right == wrong,
                    "cut at {operation} {moment:?}: the card told right from wrong before it counted"
                );
                uncounted += 1;
            }
        }
    }
    assert!(uncounted > 0, "some cuts come before the count");
}
