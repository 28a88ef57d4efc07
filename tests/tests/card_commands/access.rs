//! Access conditions that a transcript cannot meet: the button and the levels of a secure channel. And what unblocking
//! a PIN must leave alone.

use crate::cuts::{Objects, objects};
use crate::keys::{SECRET, bring, challenge, cmac, done, external, external_message};
use crate::secure_channel::{Keyed, open, put_in_the_clear, send};
use crate::{TestCard, card_on, commands, empty_flash, play};

const SELECT: [u8; 4] = [0x00, 0xA4, 0x00, 0x0C];
const READ: [u8; 4] = [0x00, 0xB0, 0x00, 0x00];
const PUT_DATA: [u8; 4] = [0x00, 0xDB, 0x00, 0x00];

/// A SECURED card with key 21, which a host authenticates with, and with a file of four bytes, 7700, that is read under
/// this condition.
fn card_with(condition: &[u8]) -> TestCard {
    let mut card = card_on(empty_flash());
    put_in_the_clear(&mut card);
    let key = [&[0x81, 1, 3, 0x82, 2, 0xA4, 0x80, 0x84, 1, 0, 0x86, 1, 3, 0x87, 16][..], &SECRET].concat();
    bring(&mut card, 0x21, &key);
    let rule = [&[0x80, 1, 0x01][..], condition].concat();
    let parameters =
        [&[0x80, 2, 0, 4, 0x82, 1, 1, 0x83, 2, 0x77, 0x00, 0xAB, u8::try_from(rule.len()).unwrap()][..], &rule];
    let parameters = parameters.concat();
    let length = u8::try_from(parameters.len()).unwrap();
    let create = [&[0x00, 0xE0, 0x00, 0x00, length + 2, 0x62, length][..], &parameters].concat();
    assert_eq!(card.transmit(&create).unwrap(), [0x90, 0x00]);
    assert_eq!(card.transmit(&[0x80, 0xF0, 0x80, 0x0F]).unwrap(), [0x90, 0x00]);
    card.power_on().unwrap();
    card
}

fn read(card: &mut TestCard) -> Vec<u8> {
    card.transmit(&[0x00, 0xA4, 0x00, 0x0C, 2, 0x77, 0x00]).unwrap();
    card.transmit(&[0x00, 0xB0, 0x00, 0x00, 0]).unwrap()
}

#[test]
fn a_file_behind_the_button_opens_while_it_is_held_and_no_longer() {
    let mut card = card_with(&[0xC0, 0]);
    assert_eq!(read(&mut card), [0x69, 0x82]);
    card.set_user_present(true);
    assert_eq!(read(&mut card), [0, 0, 0, 0, 0x90, 0x00]);
    card.set_user_present(false);
    assert_eq!(read(&mut card), [0x69, 0x82]);
}

/// Each kind of secure messaging, against each level: of the levels 01, 03, 11, 13, 33, those that protect as much.
#[test]
fn a_file_behind_a_secure_channel_opens_at_a_level_that_is_high_enough() {
    let conditions: [(&[u8], [bool; 5]); 7] = [
        (&[0x9E, 1, 0x41], [true; 5]),
        (&[0xB4, 6, 0x83, 1, 1, 0x95, 1, 0x10], [true; 5]),
        (&[0xB4, 6, 0x83, 1, 1, 0x95, 1, 0x30], [false, false, true, true, true]),
        (&[0xB8, 6, 0x83, 1, 1, 0x95, 1, 0x10], [false, true, false, true, true]),
        (&[0xB8, 6, 0x83, 1, 1, 0x95, 1, 0x30], [false, false, false, false, true]),
        (&[0xB4, 6, 0x83, 1, 2, 0x95, 1, 0x10], [false; 5]),
        (&[0x9E, 1, 0x21], [false; 5]),
    ];
    for (condition, opens) in conditions {
        let flash = card_with(condition).flash().clone();
        for (level, opens) in [0x01, 0x03, 0x11, 0x13, 0x33].into_iter().zip(opens) {
            let mut card = card_on(flash.clone());
            assert_eq!(read(&mut card), [0x69, 0x82], "in the clear");
            let mut host = open(&mut card, Keyed::ISSUER, level, 8);
            assert_eq!(send(&mut card, &mut host, SELECT, &[0x77, 0x00]).1, 0x9000);
            let word = send(&mut card, &mut host, READ, &[]).1;
            assert_eq!(word == 0x9000, opens, "{condition:02X?} at level {level:02X}: {word:04X}");
        }
    }
}

/// Two of three: key 21 named by an object, the button, and PIN 1, which the card does not have.
#[test]
fn a_file_behind_a_threshold_opens_with_a_key_and_the_button_and_with_neither_alone() {
    let condition = [0xE0, 16, 0x80, 1, 2, 0xA4, 6, 0x83, 1, 0x21, 0x95, 1, 0x80, 0x9E, 1, 0x11, 0xC0, 0];
    let mut card = card_with(&condition);
    card.set_user_present(true);
    assert_eq!(read(&mut card), [0x69, 0x82]);
    let proof = external(&cmac(&[&external_message(&challenge(&mut card))]));
    done(&mut card, &proof);
    assert_eq!(read(&mut card), [0, 0, 0, 0, 0x90, 0x00]);
    card.set_user_present(false);
    assert_eq!(read(&mut card), [0x69, 0x82]);
}

/// The issuer says who may do what, but a rule that lets it read has to be there before it reads.
#[test]
fn the_issuer_changes_rules_through_its_channel() {
    let mut card = card_with(&[0x97, 0]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 16);
    assert_eq!(send(&mut card, &mut host, SELECT, &[0x77, 0x00]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, READ, &[]).1, 0x6982);
    let rules = [0x62, 8, 0xAB, 6, 0x80, 1, 0x01, 0x9E, 1, 0x41];
    assert_eq!(send(&mut card, &mut host, PUT_DATA, &rules).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, READ, &[]), (vec![0; 4], 0x9000));
    card.power_on().unwrap();
    assert_eq!(read(&mut card), [0x69, 0x82]);
    assert_eq!(card.transmit(&[&PUT_DATA[..], &[10], &rules].concat()).unwrap(), [0x69, 0x82]);
}

/// Until it is activated, whoever may create a file may do everything with it; and the issuer may create any.
#[test]
fn the_issuer_fills_a_file_that_it_makes_until_it_is_activated() {
    const UPDATE: [u8; 4] = [0x00, 0xD6, 0x00, 0x00];
    let mut card = card_with(&[0x97, 0]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 16);
    let parameters = [0x62, 14, 0x80, 2, 0, 4, 0x82, 1, 1, 0x83, 2, 0x78, 0x00, 0x8A, 1, 0x01];
    assert_eq!(send(&mut card, &mut host, [0x00, 0xE0, 0x00, 0x00], &parameters).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, UPDATE, b"mine").1, 0x9000);
    assert_eq!(send(&mut card, &mut host, READ, &[]), (b"mine".to_vec(), 0x9000));
    assert_eq!(send(&mut card, &mut host, [0x00, 0x44, 0x00, 0x00], &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, UPDATE, b"more").1, 0x6982);
    assert_eq!(send(&mut card, &mut host, READ, &[]).1, 0x6982);
}

/// Everything but the PINs and their tries.
fn beside_pins(objects: &Objects) -> Objects {
    let is_pin = |id: u32| matches!(id >> 24, 0x05 | 0x06);
    objects.iter().filter(|(id, _)| !is_pin(**id)).map(|(id, bytes)| (*id, bytes.clone())).collect()
}

/// Whoever forgot a PIN loses nothing by having it reset: keys, records and files stay to the byte, whatever the way.
#[test]
fn unblocking_changes_no_key() {
    let code = [&[0x80, 0xE2, 0x90, 0x00, 0x0E, 0xA1, 0x0C, 0x80, 1, 8, 0x81, 1, 3, 0x82, 4][..], b"8888"].concat();
    let rules = [0x83, 1, 8, 0x84, 1, 0x18];
    let pin = [&[0x80, 0xE2, 0x90, 0x00, 0x14, 0xA1, 0x12, 0x80, 1, 1, 0x81, 1, 3, 0x82, 4][..], b"1111", &rules];
    let pair = [0x80, 0xE2, 0x90, 0x00, 15, 0xA3, 13, 0x80, 1, 0x21, 0x81, 1, 1, 0x82, 2, 0xB6, 0x40, 0x84, 1, 0];
    let mut card = card_on(empty_flash());
    let mut personalise = commands("personalised.apdu");
    let secured = personalise.pop().unwrap();
    play(&mut card, &personalise);
    for command in [code, pin.concat(), pair.to_vec(), vec![0x00, 0x47, 0x80, 0x00, 5, 0xB6, 3, 0x84, 1, 0x21]] {
        let response = card.transmit(&command).unwrap();
        assert!(matches!(response[..], [.., 0x90 | 0x61, _]), "{command:02X?}: {response:02X?}");
    }
    play(&mut card, &[secured]);
    let before = beside_pins(&objects(&card.flash()));
    assert!(before.keys().any(|id| id >> 24 == 0x08) && before.len() > 10, "there are keys to lose");
    let ways: [&[&[u8]]; 4] = [
        &[b"\x00\x2C\x01\x01\x048888"],
        &[b"\x00\x2C\x00\x01\x0888882222"],
        &[b"\x00\x20\x00\x08\x048888", b"\x00\x2C\x03\x01"],
        &[b"\x00\x20\x00\x08\x048888", b"\x00\x2C\x02\x01\x043333"],
    ];
    for way in ways {
        for left in [0xC2, 0xC1, 0xC0] {
            assert_eq!(card.transmit(b"\x00\x20\x00\x01\x049999").unwrap(), [0x63, left]);
        }
        for command in way {
            assert_eq!(card.transmit(command).unwrap(), [0x90, 0x00], "{command:02X?}");
        }
        assert_eq!(card.transmit(&[0x00, 0x20, 0x00, 0x01]).unwrap(), [0x63, 0xC3]);
        assert!(beside_pins(&objects(&card.flash())) == before, "{way:02X?} changed more than the PIN");
    }
    assert_eq!(card.transmit(b"\x00\x20\x00\x01\x043333").unwrap(), [0x90, 0x00]);
}
