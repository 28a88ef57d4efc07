//! A card that is sent anything, reset and cut off: it answers in its own words, and starts again.

#![no_main]

#[path = "../src/card.rs"]
mod card;

use apdu_spec::limits::{APDU_MAX, DATA_MAX, PROTECTION_MAX};
use card::{MOMENTS, TestCard, commands, empty, is_named, personalised};
use sim_reader::card::CardError;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut script = card::Script::new(data);
    let mut card = card::insert(if script.byte() & 1 == 0 { empty() } else { personalised() });
    while !script.is_empty() {
        match script.byte() {
            0..0x10 => drop(card.reset()),
            0x10..0x20 => power_cycle(&mut card),
            0x20..0x40 => {
                let (operation, moment) = (script.byte().into(), *script.pick(&MOMENTS));
                card.flash().cut_at(operation, moment, u64::from(script.byte()));
            }
            0x40..0x80 => send(&mut card, &script.string()),
            // Something that somebody meant, perhaps with a byte changed or cut short.
            0x80..0xC0 => {
                let command = script.pick(commands());
                send(&mut card, command);
            }
            0xC0.. => {
                let mut command = script.pick(commands()).clone();
                let place = usize::from(script.byte()) % command.len();
                match script.byte() {
                    0 => command.truncate(place),
                    change => command[place] ^= change,
                }
                send(&mut card, &command);
            }
        }
    }
    power_cycle(&mut card);
});

fn send(card: &mut TestCard, command: &[u8]) {
    let response = match card.transmit(command) {
        Ok(response) => response,
        Err(CardError::Mute) => return power_cycle(card),
        Err(error) => panic!("{error}"),
    };
    let (data, status) = response.split_last_chunk().expect("a status word");
    let status = u16::from_be_bytes(*status);
    assert!(is_named(status), "{status:04X} has no name");
    assert!(response.len() <= APDU_MAX && data.len() <= DATA_MAX + PROTECTION_MAX);
    assert!(data.is_empty() || matches!(status >> 8, 0x90 | 0x61 | 0x62 | 0x63), "{status:04X} with data");
}

/// Whatever was cut, the card starts; a cut may hit the start itself.
fn power_cycle(card: &mut TestCard) {
    match card.power_on() {
        Ok(_) => {}
        Err(CardError::Mute) => drop(card.power_on().expect("the card starts again")),
        Err(error) => panic!("{error}"),
    }
}
