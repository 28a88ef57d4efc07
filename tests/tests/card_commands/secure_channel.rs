//! The issuer's secure channel, driven by a host that shares no code with the card.

use sim_reader::flash::{Moment, RamFlash};
use symbolon_tests::scp03::{Host, Keys, plain_key_data};

use crate::cuts::{MOMENTS, cut_everywhere, objects};
use crate::{TestCard, card_on, commands, empty_flash, play};

const KEYS: Keys = [[0x41; 16], [0x42; 16], [0x43; 16]];
const OTHERS: Keys = [[0x51; 16], [0x52; 16], [0x53; 16]];
pub(crate) const LEVELS: [u8; 5] = [0x01, 0x03, 0x11, 0x13, 0x33];
const VERSION: u8 = 1;
const STATUS: [u8; 4] = [0x80, 0xF2, 0x80, 0x02];
pub(crate) const PUT_KEY: [u8; 4] = [0x80, 0xD8, 0x00, 0x81];
pub(crate) const STORE_DATA: [u8; 4] = [0x80, 0xE2, 0x90, 0x00];
pub(crate) const NEW_PIN: &[u8] = &[0xA1, 0x0C, 0x80, 0x01, 0x05, 0x81, 0x01, 0x03, 0x82, 0x04, 0x31, 0x32, 0x33, 0x34];

/// A secured card with one key set.
pub(crate) fn secured() -> RamFlash {
    let mut card = card_on(empty_flash());
    put_in_the_clear(&mut card);
    play(&mut card, &commands("personalised.apdu"));
    card.flash().clone()
}

pub(crate) fn put_in_the_clear(card: &mut TestCard) {
    let data = plain_key_data(VERSION, &KEYS);
    let command = [&[0x80, 0xD8, 0x00, 0x81, u8::try_from(data.len()).unwrap()][..], &data, &[0]].concat();
    let answer = card.transmit(&command).unwrap();
    assert_eq!((answer.len(), &answer[10..]), (12, &[0x90, 0x00][..]));
}

/// A key set of the selected security domain, as its host knows it.
#[derive(Clone, Copy)]
pub(crate) struct Keyed<'a> {
    pub(crate) version: u8,
    pub(crate) keys: &'a Keys,
}

impl Keyed<'_> {
    pub(crate) const ISSUER: Keyed<'static> = Keyed { version: VERSION, keys: &KEYS };

    pub(crate) fn initialize(self, card: &mut TestCard, host_challenge: &[u8]) -> Vec<u8> {
        let length = u8::try_from(host_challenge.len()).unwrap();
        let command = [&[0x80, 0x50, self.version, 0x00, length][..], host_challenge, &[0]].concat();
        card.transmit(&command).unwrap()
    }

    pub(crate) fn begin(self, card: &mut TestCard, length: usize) -> anyhow::Result<Host> {
        let challenge = &[0xA5; 16][..length];
        let answer = self.initialize(card, challenge);
        assert_eq!(answer[answer.len() - 2..], [0x90, 0x00]);
        Host::begin(self.keys, challenge, &answer[..answer.len() - 2])
    }
}

fn initialize(card: &mut TestCard, host_challenge: &[u8]) -> Vec<u8> {
    Keyed::ISSUER.initialize(card, host_challenge)
}

fn begin(card: &mut TestCard, keys: &Keys, length: usize) -> anyhow::Result<Host> {
    Keyed { keys, ..Keyed::ISSUER }.begin(card, length)
}

pub(crate) fn open(card: &mut TestCard, keyed: Keyed<'_>, level: u8, length: usize) -> Host {
    let mut host = keyed.begin(card, length).unwrap();
    assert_eq!(card.transmit(&host.authenticate(level)).unwrap(), [0x90, 0x00]);
    host
}

pub(crate) fn send(card: &mut TestCard, host: &mut Host, header: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
    let response = card.transmit(&host.wrap(header, data)).unwrap();
    host.unwrap(&response).unwrap()
}

pub(crate) fn is_closed(card: &mut TestCard, host: &mut Host) -> bool {
    card.transmit(&host.wrap(STATUS, &[0x4F, 0x00])).unwrap() == [0x68, 0x82]
}

#[test]
fn at_every_level_and_in_both_modes_the_issuer_manages_a_secured_card() {
    let flash = secured();
    for level in LEVELS {
        for length in [8, 16] {
            let mut card = card_on(flash.clone());
            let mut host = open(&mut card, Keyed::ISSUER, level, length);
            let (status, word) = send(&mut card, &mut host, STATUS, &[0x4F, 0x00]);
            assert_eq!((status.get(15), word), (Some(&0x0F), 0x9000), "level {level:02X}");
            assert_eq!(send(&mut card, &mut host, STORE_DATA, NEW_PIN), (vec![], 0x9000));
            // A warning is protected, an error is not, and neither ends the channel.
            assert_eq!(send(&mut card, &mut host, [0x00, 0x20, 0x00, 0x05], b"9999"), (vec![], 0x63C2));
            assert_eq!(send(&mut card, &mut host, STORE_DATA, b"nothing"), (vec![], 0x6A80));
            assert_eq!(send(&mut card, &mut host, [0x00, 0xA4, 0x00, 0x0C], &[]), (vec![], 0x9000));
            let file = [
                &[0x62, 0x10, 0x80, 0x02, 0x04, 0x00, 0x82, 0x01, 0x01, 0x83, 0x02, 0x77, 0x77][..],
                &[0x8C, 0x03, 0x03, 0, 0],
            ];
            assert_eq!(send(&mut card, &mut host, [0x00, 0xE0, 0x00, 0x00], &file.concat()), (vec![], 0x9000));
            // An extended command, its data and its response of 600 bytes.
            let long: Vec<u8> = (0..600_u16).map(|at| at.to_be_bytes()[1]).collect();
            assert_eq!(send(&mut card, &mut host, [0x00, 0xD6, 0x00, 0x00], &long), (vec![], 0x9000));
            // The same in a chain of short commands.
            let whole = host.wrap([0x00, 0xD6, 0x00, 0x00], &long);
            let data = &whole[7..whole.len() - 2];
            let parts: Vec<_> = data.chunks(200).collect();
            for (number, part) in parts.iter().enumerate() {
                let class = if number + 1 < parts.len() { 0x14 } else { 0x04 };
                let command = [&[class, 0xD6, 0, 0, u8::try_from(part.len()).unwrap()][..], part, &[0]].concat();
                let response = card.transmit(&command).unwrap();
                assert_eq!(response[response.len() - 2..], [0x90, 0x00]);
            }
            // Read in pieces: GET RESPONSE is the link's and stays in the clear.
            let mut response = card.transmit(&host.wrap([0x00, 0xB0, 0x00, 0x00], &[])).unwrap();
            while response[response.len() - 2] == 0x61 {
                response.truncate(response.len() - 2);
                response.extend(card.transmit(&[0x00, 0xC0, 0x00, 0x00, 0x00]).unwrap());
            }
            assert_eq!(host.unwrap(&response).unwrap(), (long[..256].to_vec(), 0x9000));
        }
    }
}

#[test]
fn the_issuer_locks_unlocks_and_ends_a_card() {
    let mut card = card_on(secured());
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x7F], &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, STORE_DATA, NEW_PIN).1, 0x6985);
    card.power_on().unwrap();
    assert_eq!(card.transmit(&[0x00, 0x20, 0x00, 0x01]).unwrap(), [0x69, 0x85]);
    assert_eq!(card.transmit(&[0x80, 0xF0, 0x80, 0x0F]).unwrap(), [0x69, 0x82]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x0F], &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x07], &[]).1, 0x6985);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0xFF], &[]).1, 0x9000);
    assert_eq!(initialize(&mut card, &[0; 8]), [0x69, 0x85]);
}

/// A warning comes with its data, and both are protected.
#[test]
fn the_issuer_takes_files_out_of_use_and_ends_the_card() {
    let mut card = card_on(secured());
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    let holder = [0x5F, 0x00];
    let out_of_use = [0x00, 0x04, 0x00, 0x00];
    let into_use = [0x00, 0x44, 0x00, 0x00];
    assert_eq!(card_on(secured()).transmit(&[&out_of_use[..], &[2], &holder].concat()).unwrap(), [0x69, 0x82]);
    assert_eq!(send(&mut card, &mut host, out_of_use, &holder).1, 0x9000);
    let (parameters, word) = send(&mut card, &mut host, [0x00, 0xA4, 0x02, 0x04], &holder);
    assert_eq!((parameters[0], word), (0x62, 0x6283));
    assert!(parameters.windows(3).any(|object| object == [0x8A, 0x01, 0x04]));
    assert_eq!(send(&mut card, &mut host, into_use, &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, out_of_use, &[0x3F, 0x00]).1, 0x6A82, "not in itself");
    assert_eq!(send(&mut card, &mut host, [0x00, 0xA4, 0x00, 0x0C], &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, out_of_use, &[]).1, 0x6985, "the master file is always in use");
    assert_eq!(send(&mut card, &mut host, [0x00, 0xFE, 0x00, 0x00], &[]).1, 0x9000);
    card.power_on().unwrap();
    assert_eq!(card.transmit(&[0x00, 0x84, 0x00, 0x00, 0x08]).unwrap(), [0x69, 0x85]);
    let status = card.transmit(&[&STATUS[..], &[2, 0x4F, 0x00, 0]].concat()).unwrap();
    assert_eq!((status[15], &status[status.len() - 2..]), (0xFF, &[0x90, 0x00][..]));
}

#[test]
fn who_lacks_the_keys_is_refused_and_blocked_in_the_end() {
    let mut card = card_on(secured());
    assert!(begin(&mut card, &OTHERS, 8).is_err(), "the card proves its own keys alone");
    for tried in 0..255 {
        let mut command = begin(&mut card, &KEYS, 8).unwrap().authenticate(0x01);
        command[5 + tried % 16] ^= 0x10;
        assert_eq!(card.transmit(&command).unwrap(), [0x63, 0x00], "cryptogram or MAC");
        if tried == 100 {
            // A right one gives all tries back; half a handshake proves nothing and costs nothing.
            open(&mut card, Keyed::ISSUER, 0x01, 8);
            command = begin(&mut card, &KEYS, 8).unwrap().authenticate(0x01);
            card.power_on().unwrap();
            assert_eq!(card.transmit(&command).unwrap(), [0x69, 0x85]);
        }
    }
    for _ in 0..101 {
        let mut command = begin(&mut card, &KEYS, 8).unwrap().authenticate(0x01);
        command[20] ^= 1;
        assert_eq!(card.transmit(&command).unwrap(), [0x63, 0x00]);
    }
    assert_eq!(initialize(&mut card, &[0; 8]), [0x69, 0x83]);
}

#[test]
fn every_command_that_does_not_verify_ends_the_channel() {
    let flash = secured();
    for level in LEVELS {
        let length = { open(&mut card_on(flash.clone()), Keyed::ISSUER, level, 8).wrap(STATUS, &[0x4F, 0x00]).len() };
        // Every byte but CLA and Lc, a bit flipped; Le is no part of what is protected.
        for at in (1..length - 1).filter(|at| *at != 4) {
            let mut card = card_on(flash.clone());
            let mut host = open(&mut card, Keyed::ISSUER, level, 8);
            let mut command = host.wrap(STATUS, &[0x4F, 0x00]);
            command[at] ^= 0x04;
            assert_eq!(card.transmit(&command).unwrap(), [0x69, 0x82], "level {level:02X}, byte {at}");
            assert!(is_closed(&mut card, &mut host));
        }
        let mut card = card_on(flash.clone());
        let mut host = open(&mut card, Keyed::ISSUER, level, 8);
        let command = host.wrap(STATUS, &[0x4F, 0x00]);
        host.unwrap(&card.transmit(&command).unwrap()).unwrap();
        assert_eq!(card.transmit(&command).unwrap(), [0x69, 0x82], "replayed");
        assert!(is_closed(&mut card, &mut host));
    }
}

#[test]
fn nothing_weaker_is_taken_and_the_channel_is_not_shared() {
    let flash = secured();
    let mut card = card_on(flash.clone());
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(card.transmit(&[0x80, 0xF2, 0x80, 0x02, 0x02, 0x4F, 0x00, 0x00]).unwrap(), [0x69, 0x82], "in the clear");
    assert!(is_closed(&mut card, &mut host));
    // No level protects nothing.
    let mut host = begin(&mut card, &KEYS, 8).unwrap();
    assert_eq!(card.transmit(&host.authenticate(0x00)).unwrap(), [0x6A, 0x86]);
    // A level that was changed on the way.
    let mut command = begin(&mut card, &KEYS, 8).unwrap().authenticate(0x33);
    command[2] = 0x01;
    assert_eq!(card.transmit(&command).unwrap(), [0x63, 0x00]);
    // Another logical channel has no part in it.
    let mut host = open(&mut card, Keyed::ISSUER, 0x03, 8);
    assert_eq!(send(&mut card, &mut host, [0x00, 0x70, 0x00, 0x01], &[]).1, 0x9000);
    let elsewhere = host.clone().wrap([0x81, 0xF2, 0x80, 0x02], &[0x4F, 0x00]);
    assert_eq!(card.transmit(&elsewhere).unwrap(), [0x68, 0x82]);
    assert_eq!(send(&mut card, &mut host, STATUS, &[0x4F, 0x00]).1, 0x9000);
    // SELECT of an application and a reset end it.
    assert_eq!(send(&mut card, &mut host, [0x00, 0xA4, 0x04, 0x00], b"\xF0SYMBOLON\x01").1, 0x9000);
    assert!(is_closed(&mut card, &mut host));
    let mut card = card_on(flash);
    let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
    card.power_on().unwrap();
    assert!(is_closed(&mut card, &mut host));
}

#[test]
fn the_sequence_counter_never_goes_back() {
    let mut card = card_on(secured());
    let mut counters = Vec::new();
    for _ in 0..3 {
        let answer = initialize(&mut card, &[0; 8]);
        counters.push(answer[29..32].to_vec());
        card.power_on().unwrap();
    }
    assert_eq!(counters, [[0, 0, 1], [0, 0, 2], [0, 0, 3]]);
    // Not even when the same keys are brought again.
    let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
    let data = host.key_data(VERSION, &KEYS);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xD8, VERSION, 0x81], &data).1, 0x9000);
    assert_eq!(initialize(&mut card, &[0; 8])[29..32], [0, 0, 5]);
}

#[test]
fn keys_are_replaced_whole_whenever_power_goes() {
    let flash = secured();
    let ready = || {
        let mut card = card_on(flash.clone());
        let mut host = open(&mut card, Keyed::ISSUER, 0x03, 8);
        let data = host.key_data(VERSION, &OTHERS);
        (card, host.wrap([0x80, 0xD8, VERSION, 0x81], &data))
    };
    assert!(cut_everywhere("PUT KEY", ready) > 10);
    // And the old or the new keys open a channel.
    for operation in 0.. {
        let (mut card, command) = ready();
        card.flash().cut_at(operation, Moment::Torn, operation);
        if card.transmit(&command).is_ok() {
            assert!(operation > 1);
            break;
        }
        card.power_on().unwrap();
        let keys = if begin(&mut card, &OTHERS, 8).is_ok() { &OTHERS } else { &KEYS };
        open(&mut card, Keyed { keys, ..Keyed::ISSUER }, 0x01, 8);
    }
}

/// Whoever cuts the power would have free tries, if the comparison came before the count: then a right and a wrong
/// cryptogram would differ while the tries are still all there.
#[test]
fn right_and_wrong_keys_do_not_differ_until_the_try_is_counted() {
    const TRIES: u32 = 0x0D00_0000 | VERSION as u32;
    let flash = secured();
    let mut uncounted = 0;
    for operation in 0..8 {
        for moment in MOMENTS {
            let attempt = |difference: u8| {
                let mut card = card_on(flash.clone());
                let mut command = begin(&mut card, &KEYS, 8).unwrap().authenticate(0x33);
                command[6] ^= difference;
                card.flash().cut_at(operation, moment, 3);
                let answer = card.transmit(&command).ok();
                card.power_on().unwrap();
                let tries = objects(&card.flash())[&TRIES][0];
                (answer, tries, card.flash().bytes().to_vec())
            };
            let (right, wrong) = (attempt(0), attempt(1));
            assert!(wrong.0.is_none() || wrong.1 < 255, "an answer to wrong keys costs a try");
            if wrong.1 == 255 {
                assert!(right == wrong, "cut at {operation} {moment:?}: told apart before the try was counted");
                uncounted += 1;
            }
        }
    }
    assert!(uncounted > 0, "some cuts come before the count");
}

#[test]
fn keys_that_arrive_spoilt_change_nothing() {
    let mut card = card_on(secured());
    assert_eq!(card.transmit(&[0x80, 0xD8, 0x00, 0x81, 0x01, 0x02]).unwrap(), [0x6A, 0x80], "not keys");
    let mut host = open(&mut card, Keyed::ISSUER, 0x03, 8);
    let mut data = host.key_data(2, &OTHERS);
    data[10] ^= 1;
    assert_eq!(send(&mut card, &mut host, [0x80, 0xD8, 0x00, 0x81], &data).1, 0x6A80, "another check value");
    let data = host.key_data(VERSION, &OTHERS);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xD8, 0x00, 0x81], &data).1, 0x6A80, "there is one");
    assert_eq!(send(&mut card, &mut host, [0x80, 0xD8, 0x09, 0x81], &data).1, 0x6A88, "there is none to replace");
    let data = host.key_data(2, &OTHERS);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xD8, VERSION, 0x81], &data).1, 0x9000);
    card.power_on().unwrap();
    assert_eq!(initialize(&mut card, &[0; 8]), [0x6A, 0x88], "version 1 is gone");
    let clear = [&[0x80, 0xD8, 0x00, 0x81, 70][..], &plain_key_data(3, &KEYS)].concat();
    assert_eq!(card.transmit(&clear).unwrap(), [0x69, 0x82], "in the clear");
}
