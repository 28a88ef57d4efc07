//! Power goes at every flash operation of every command of the transcripts: what is in flash afterwards is what was
//! there before the command or what is there after it, never something between. Only the tries of a PIN and the uses
//! and tries of a key count on their own.

use std::collections::BTreeMap;
use std::thread;

use apdu_spec::Instruction;
use card_os::store::{ObjectId, Store};
use sim_reader::card::CardError;
use sim_reader::flash::{Moment, RamFlash};
use symbolon_tests::covered::covered;
use symbolon_tests::transcript::vectors;
use symbolon_tests::writing::{IN_A_PURCHASE, READING, name_of};

use crate::keys::{SECRET, bring, challenge, cmac, command, external, external_message, guarded};
use crate::secure_channel::{Keyed, open, secured};
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

/// Cuts the power at every flash operation of a command, at every moment of it; gives the number of cuts.
pub(crate) fn cut_everywhere(place: &str, ready: impl Fn() -> (TestCard, Vec<u8>)) -> u64 {
    let (mut card, command) = ready();
    let before = objects(&card.flash());
    let begun = card.flash().operations();
    card.transmit(&command).unwrap();
    let operations = card.flash().operations() - begun;
    let change = Change { before, after: objects(&card.flash()) };
    let mut cuts = 0;
    for operation in 0..operations {
        for moment in MOMENTS {
            let (mut card, command) = ready();
            card.flash().cut_at(operation, moment, operation + 7);
            assert!(matches!(card.transmit(&command), Err(CardError::Mute)), "{place}: power is gone");
            card.power_on().unwrap();
            change.assert_whole(&objects(&card.flash()), place);
            cuts += 1;
        }
    }
    cuts
}

/// Cuts by the name of the command.
type Cuts = BTreeMap<&'static str, u64>;

/// Cuts every command of a transcript everywhere.
fn cut_transcript(name: &str) -> Cuts {
    let commands = commands(name);
    let start = empty_flash();
    let mut cuts = Cuts::new();
    for (taken, command) in commands.iter().enumerate() {
        let Some(command) = command else { continue };
        let place = format!("{name}, command {taken}");
        let count = cut_everywhere(&place, || (card_after(&start, &commands[..taken]), command.clone()));
        *cuts.entry(name_of(command)).or_default() += count;
    }
    cuts
}

/// What no transcript holds: a proof of the card's that costs a use, and what answers random bytes or comes through a
/// secure channel.
fn cut_the_rest() -> Cuts {
    let prove = || {
        let mut card = card_on(empty_flash());
        let purpose = [0x81, 1, 3, 0x82, 2, 0xA4, 0x40, 0x84, 1, 0x00, 0x85, 4, 0, 0, 0, 9, 0x87, 16];
        bring(&mut card, 0x21, &[&purpose[..], &SECRET].concat());
        (card, command([0x00, 0x88, 0x00, 0x21], &[0; 8]))
    };
    let authenticate = || {
        let mut card = guarded(0x80, 3, &SECRET);
        let proof = cmac(&[&external_message(&challenge(&mut card))]);
        (card, external(&proof))
    };
    let flash = secured();
    let terminate = || {
        let mut card = card_on(flash.clone());
        let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
        (card, host.wrap([0x00, 0xFE, 0x00, 0x00], &[]))
    };
    Cuts::from([
        ("InternalAuthenticate", cut_everywhere("INTERNAL AUTHENTICATE", prove)),
        ("Authenticate", cut_everywhere("EXTERNAL AUTHENTICATE", authenticate)),
        ("TerminateCardUsage", cut_everywhere("TERMINATE CARD USAGE", terminate)),
    ])
}

#[test]
fn every_command_that_writes_is_whole_whenever_power_goes() {
    let names: Vec<_> = vectors().unwrap().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    let mut all = cut_the_rest();
    thread::scope(|scope| {
        let each = names.iter().map(|name| scope.spawn(|| cut_transcript(name.to_str().unwrap())));
        for cuts in each.collect::<Vec<_>>() {
            cuts.join().unwrap().into_iter().for_each(|(name, cuts)| *all.entry(name).or_default() += cuts);
        }
    });
    println!("{all:?}");
    for (_, _, name) in Instruction::ALL.iter().filter(|(_, _, name)| !IN_A_PURCHASE.contains(name)) {
        let is_cut = all.get(name).is_some_and(|cuts| *cuts > 0);
        assert_eq!(is_cut, !READING.contains(name), "{name} writes, and is cut, or is known to write nothing");
    }
    covered(all.values().sum::<u64>(), "cut points");
}
