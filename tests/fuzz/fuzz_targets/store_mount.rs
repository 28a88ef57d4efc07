//! Flash that no card wrote: the card refuses it or starts, and what the mutation did not touch protects as before.

#![no_main]

#[path = "../src/card.rs"]
mod card;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use card::checksums::mend;
use card::{PAGE, PIN_FILE, Script, TestCard, commands, personalised};
use card_os::store::{ObjectId, Store};
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let bytes = match script.byte() % 4 {
        0 => {
            let mut bytes = script.rest().to_vec();
            bytes.resize(bytes.len().next_multiple_of(PAGE).max(4 * PAGE), 0xFF);
            bytes
        }
        // The first page alone is in use; the other bytes are changed as well, but seldom.
        _ => mutated(&mut script),
    };
    if bytes.len() > 64 * PAGE {
        return;
    }
    let flash = RamFlash::from_bytes(bytes);
    let mut card = SoftwareCard::new(flash.clone(), Noise::seeded(1));
    if card.power_on().is_ok() {
        hold_what_is_untouched(&mut card, &objects(flash));
        let _ = commands().iter().try_for_each(|command| card.transmit(command).map(drop));
    }
});

/// A good card's flash with some bytes changed and, mostly, the checksums right again.
fn mutated(script: &mut Script<'_>) -> Vec<u8> {
    let mut bytes = personalised().bytes().to_vec();
    let mends = !script.byte().is_multiple_of(8);
    while !script.is_empty() {
        let page = if script.byte().is_multiple_of(16) { usize::from(script.byte()) % 4 } else { 0 };
        let offset = usize::from(u16::from_be_bytes([script.byte(), script.byte()])) % PAGE;
        bytes[page * PAGE + offset] ^= script.byte();
    }
    if mends {
        mend(&mut bytes, PAGE);
    }
    bytes
}

/// The objects in a flash, by number.
fn objects(flash: RamFlash) -> BTreeMap<u32, Vec<u8>> {
    let Ok(mut store) = Store::<_>::mount(flash) else { return BTreeMap::new() };
    let ids: Vec<ObjectId> = store.ids(ObjectId(0)..=ObjectId(u32::MAX)).collect();
    let mut content = |id| {
        let mut bytes = vec![0; store.length(id)?];
        store.read(id, 0, &mut bytes).ok()?;
        Some(bytes)
    };
    ids.into_iter().filter_map(|id| Some((id.0, content(id)?))).collect()
}

/// Where the life cycle state is as it was, nothing personalises in the clear; where in addition a file's header is,
/// the file is not read without its PIN.
fn hold_what_is_untouched(card: &mut TestCard, found: &BTreeMap<u32, Vec<u8>>) {
    const LIFE_CYCLE: u32 = 0x0100_0000;
    const HEADERS: std::ops::Range<u32> = 0x0200_0000..0x0300_0000;
    static GOOD: OnceLock<BTreeMap<u32, Vec<u8>>> = OnceLock::new();
    let good = GOOD.get_or_init(|| objects(personalised()));
    if found.get(&LIFE_CYCLE) != good.get(&LIFE_CYCLE) {
        return;
    }
    let store_pin = [0x80, 0xE2, 0x90, 0, 14, 0xA1, 12, 0x80, 1, 1, 0x81, 1, 3, 0x82, 4, 0x31, 0x31, 0x31, 0x31];
    assert!(!card.transmit(&store_pin).expect("an answer").ends_with(&[0x90, 0x00]), "personalised in the clear");
    if found.range(HEADERS).eq(good.range(HEADERS)) {
        let selected = card.transmit(&[0x00, 0xA4, 0x00, 0x0C, 2, PIN_FILE[0], PIN_FILE[1]]).expect("an answer");
        assert_eq!(selected, [0x90, 0x00]);
        let read = card.transmit(&[0x00, 0xB0, 0x00, 0x00, 0x00]).expect("an answer");
        assert!(!read.ends_with(&[0x90, 0x00]), "read without the PIN");
    }
}
