//! What has ended ends on every logical channel, a full card can still be managed, and permissions do not grow.

use sim_reader::flash::RamFlash;
use symbolon_tests::scp03::plain_key_data;

use crate::cuts::objects;
use crate::keys::done;
use crate::secure_channel::{Keyed, STORE_DATA, is_closed, open, put_in_the_clear, secured, send};
use crate::{TestCard, card_on, commands, empty_flash, play};

const CREATE: [u8; 4] = [0x00, 0xE0, 0x00, 0x00];
const DELETE: [u8; 4] = [0x00, 0xE4, 0x00, 0x00];
const MASTER_FILE: [u8; 4] = [0x00, 0xA4, 0x00, 0x0C];
const SECURE: [u8; 4] = [0x80, 0xF0, 0x80, 0x0F];

/// Plain data of a command, with its length.
fn with(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    [&header[..], &[u8::try_from(data.len()).unwrap()], data].concat()
}

fn create(parameters: &[u8]) -> Vec<u8> {
    with(CREATE, &[&[0x62, u8::try_from(parameters.len()).unwrap()], parameters].concat())
}

fn status(card: &mut TestCard, command: &[u8]) -> u16 {
    let response = card.transmit(command).unwrap();
    u16::from_be_bytes(response[response.len() - 2..].try_into().unwrap())
}

fn on(channel: u8, mut command: Vec<u8>) -> Vec<u8> {
    command[0] |= channel;
    command
}

/// PIN 8 is the resetting code of PIN 1, and anyone may choose PIN 2. On channels 0 and 1, PINs 1 and 2 are verified.
fn verified_twice() -> TestCard {
    let mut card = card_on(empty_flash());
    put_in_the_clear(&mut card);
    let pin = |number: u8, value: &[u8; 4], rules: &[u8]| {
        let pin = [&[0x80, 1, number, 0x81, 1, 3, 0x82, 4], &value[..], rules].concat();
        with(STORE_DATA, &[&[0xA1, u8::try_from(pin.len()).unwrap()], &pin[..]].concat())
    };
    done(&mut card, &pin(8, b"8888", &[]));
    done(&mut card, &pin(1, b"1111", &[0x83, 1, 8]));
    done(&mut card, &pin(2, b"0000", &[0x85, 1, 0]));
    done(&mut card, &SECURE);
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    for channel in [0, 1] {
        done(&mut card, &on(channel, with([0x00, 0x20, 0x00, 1], b"1111")));
        done(&mut card, &on(channel, with([0x00, 0x20, 0x00, 2], b"0000")));
    }
    card
}

/// Whether a PIN is verified on a channel.
fn is_verified(card: &mut TestCard, channel: u8, pin: u8) -> bool {
    status(card, &[channel, 0x20, 0x00, pin]) == 0x9000
}

#[test]
fn a_pin_with_another_value_or_other_tries_is_verified_on_no_channel() {
    let cases: [(&[u8], u8, bool); 4] = [
        (b"\x00\x24\x00\x01\x0811112222", 1, true),
        (b"\x00\x24\x01\x02\x042222", 2, false),
        (b"\x00\x2C\x01\x01\x048888", 1, false),
        (b"\x00\x2C\x00\x01\x0888882222", 1, false),
    ];
    for (command, pin, on_its_own) in cases {
        let mut card = verified_twice();
        done(&mut card, command);
        assert_eq!([0, 1].map(|channel| is_verified(&mut card, channel, pin)), [on_its_own, false], "{command:02X?}");
        assert_eq!([0, 1].map(|channel| is_verified(&mut card, channel, 3 - pin)), [true; 2], "the other PIN");
    }
    let mut card = verified_twice();
    assert_eq!(status(&mut card, b"\x00\x20\x00\x01\x049999"), 0x63C2);
    assert!(is_verified(&mut card, 1, 1), "a wrong try counts on its own channel");
}

#[test]
fn a_pin_that_the_issuer_replaces_is_verified_on_no_channel() {
    let mut card = verified_twice();
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    let pin = b"\xA1\x0C\x80\x01\x01\x81\x01\x03\x82\x041111";
    assert_eq!(send(&mut card, &mut host, STORE_DATA, pin).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, [0x00, 0x20, 0x00, 0x01], &[]).1, 0x63C3);
    assert!(!is_verified(&mut card, 1, 1) && is_verified(&mut card, 1, 2));
}

#[test]
fn a_card_that_was_locked_knows_nobody_when_it_is_unlocked() {
    let mut card = verified_twice();
    let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x7F], &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x0F], &[]).1, 0x9000);
    assert!(!is_verified(&mut card, 1, 1));
}

#[test]
fn a_session_does_not_go_on_after_the_card_was_locked() {
    let mut card = card_on(secured());
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    done(&mut card, b"\x01\xA4\x04\x0C\x0A\xF0SYMBOLON\x01");
    done(&mut card, b"\x01\x20\x00\x01\x06123456");
    done(&mut card, &[0x81, 0x10, 0x01, 0x00]);
    assert_eq!(status(&mut card, &[0x81, 0x12, 0x00, 0x00, 0x01, 0x00]), 0x6A80, "a descriptor is awaited");
    let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x7F], &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x0F], &[]).1, 0x9000);
    assert_eq!(status(&mut card, &[0x81, 0x12, 0x00, 0x00, 0x01, 0x00]), 0x6985);
}

/// Record 1 of the transcript, whose condition whoever has both PINs changes.
#[test]
fn the_condition_of_a_locked_record_stays() {
    let mut card = card_on(empty_flash());
    let personalise: Vec<_> = commands("condition_change.apdu").into_iter().take(3).collect();
    play(&mut card, &personalise);
    done(&mut card, &with([0x80, 0xF0, 0x40, 0x80], b"\xF0SYMBOLON\x02\x01"));
    done(&mut card, b"\x00\xA4\x04\x0C\x0A\xF0SYMBOLON\x01");
    assert_eq!(status(&mut card, &[0x80, 0x1E, 0x01, 0x00, 0x03, 0x84, 0x01, 0x00]), 0x6985);
}

const DIRECTORY: [u8; 7] = [0x82, 1, 0x38, 0x83, 2, 0xA1, 0x00];
const FILE: [u8; 11] = [0x80, 2, 0, 4, 0x82, 1, 1, 0x83, 2, 0, 1];

/// The store gives a new file the number of the deleted one, which another channel must not take for it.
#[test]
fn a_deleted_file_is_no_channels_current_one() {
    let mut card = card_on(empty_flash());
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    done(&mut card, &create(&FILE));
    done(&mut card, &on(1, with([0x00, 0xA4, 0x02, 0x0C], &[0, 1])));
    done(&mut card, &DELETE);
    done(&mut card, &create(&[0x80, 2, 0, 4, 0x82, 1, 1, 0x83, 2, 0, 2]));
    assert_eq!(status(&mut card, &on(1, with([0x00, 0xD6, 0, 0], b"lost"))), 0x6986);
}

/// Else a file would come into being in what is no directory; and directories that lie in each other.
#[test]
fn a_deleted_directory_is_no_channels_current_one() {
    let mut card = card_on(empty_flash());
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    done(&mut card, &create(&DIRECTORY));
    done(&mut card, &on(1, with([0x00, 0xA4, 0x01, 0x0C], &[0xA1, 0x00])));
    done(&mut card, &DELETE);
    done(&mut card, &create(&FILE));
    done(&mut card, &on(1, create(&[0x82, 1, 0x38, 0x83, 2, 0xA2, 0x00])));
    done(&mut card, &MASTER_FILE);
    assert_eq!(status(&mut card, &with([0x00, 0xA4, 0x01, 0x0C], &[0xA2, 0x00])), 0x9000, "it is in the master file");
}

#[test]
fn a_deleted_application_is_selected_on_no_channel() {
    let mut card = card_on(empty_flash());
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    done(&mut card, &create(&[&DIRECTORY[..], &[0x84, 5, 0xA0, 0, 0, 0, 9]].concat()));
    done(&mut card, &on(1, with([0x00, 0xA4, 0x04, 0x0C], &[0xA0, 0, 0, 0, 9])));
    let of_the_card = [0xF2, 0x80, 0x02, 0x02, 0x4F, 0x00, 0x00];
    assert_eq!(status(&mut card, &[&[0x81], &of_the_card[..]].concat()), 0x6D00);
    done(&mut card, &DELETE);
    for class in [0x80, 0x81] {
        assert_eq!(status(&mut card, &[&[class], &of_the_card[..]].concat()), 0x9000, "a channel begins here");
    }
}

/// Nobody stands in for a provider that is locked or not there yet.
#[test]
fn no_directory_has_the_name_of_an_application_of_the_cards() {
    let mut card = card_on(empty_flash());
    let names: [&[u8]; 3] = [b"\xA0\0\0\x01\x51\0\0\0", b"\xF0SYMBOLON\x01", b"\xF0SYMBOLON\x02\x05"];
    for name in names {
        let name = [&[0x84, u8::try_from(name.len()).unwrap()], name].concat();
        assert_eq!(status(&mut card, &create(&[&DIRECTORY[..], &name].concat())), 0x6A8A, "{name:02X?}");
    }
}

/// The header of PUT DATA is the same for both.
#[test]
fn who_may_put_data_objects_may_not_put_access_rules() {
    let mut card = card_on(empty_flash());
    put_in_the_clear(&mut card);
    let rules = [0xAB, 10, 0x80, 1, 0x01, 0x97, 0, 0x84, 1, 0xDB, 0x90, 0];
    done(&mut card, &create(&[&[0x80, 2, 0, 64, 0x82, 1, 0x39, 0x83, 2, 0, 1][..], &rules].concat()));
    done(&mut card, &SECURE);
    let put = [0x00, 0xDB, 0x00, 0x00];
    let select = with([0x00, 0xA4, 0x02, 0x0C], &[0, 1]);
    done(&mut card, &select);
    let open_to_all = [0x62, 5, 0x8C, 3, 0x03, 0, 0];
    assert_eq!(status(&mut card, &with(put, &[0x80, 1, 7])), 0x9000);
    assert_eq!(status(&mut card, &with(put, &open_to_all)), 0x6982);
    let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
    assert_eq!(send(&mut card, &mut host, put, &open_to_all).1, 0x9000, "the issuer's business");
}

#[test]
fn nobody_ends_a_secure_channel_by_opening_one_that_was_not_begun() {
    let mut card = card_on(secured());
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(status(&mut card, &with([0x85, 0x82, 0x33, 0x00], &[0; 16])), 0x6985);
    assert!(!is_closed(&mut card, &mut host));
}

#[test]
fn whatever_comes_unprotected_ends_the_secure_channel_also_what_is_no_command() {
    let flash = secured();
    let cases: [(&[u8], u16); 8] = [
        (&[0x00], 0x6700),
        (&[0x80, 0xF2, 0x80, 0x02, 0x05, 0x4F], 0x6700),
        (&[0x84, 0xF2, 0x80, 0x02, 0x05, 0x4F], 0x6700),
        (&[0x0C, 0xB0, 0x00, 0x00], 0x6882),
        (&[0x00, 0xEE, 0x00, 0x00], 0x6D00),
        (&[0x00, 0xB0, 0xFF, 0x00, 0x01], 0x6A86),
        (&[0x00, 0xA4, 0x04, 0x0C, 0x02, 0x99, 0x99], 0x6A82),
        (&[0x84, 0x82, 0x33, 0x00], 0x6700),
    ];
    for (command, answer) in cases {
        let mut card = card_on(flash.clone());
        let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
        assert_eq!(status(&mut card, command), answer, "{command:02X?}");
        assert!(is_closed(&mut card, &mut host), "{command:02X?}");
    }
    let mut card = card_on(flash);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(status(&mut card, &with([0x84, 0x82, 0x33, 0x00], &[0; 16])), 0x6982);
    assert!(is_closed(&mut card, &mut host));
}

/// Nor may whoever began it with keys that have gone since.
#[test]
fn nothing_comes_between_the_two_commands_that_open_a_secure_channel() {
    let mut card = card_on(empty_flash());
    put_in_the_clear(&mut card);
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    let mut host = Keyed::ISSUER.begin(&mut card, 8).unwrap();
    let others = plain_key_data(2, &[[0x61; 16], [0x62; 16], [0x63; 16]]);
    assert_eq!(status(&mut card, &on(1, with([0x80, 0xD8, 0x01, 0x81], &others))), 0x610A);
    done(&mut card, &on(1, SECURE.to_vec()));
    assert_eq!(status(&mut card, &host.authenticate(0x33)), 0x6985);
}

#[test]
fn a_secure_channel_does_not_outlive_the_state_that_another_channel_ends() {
    let mut card = card_on(empty_flash());
    put_in_the_clear(&mut card);
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    done(&mut card, &on(1, SECURE.to_vec()));
    assert!(is_closed(&mut card, &mut host));
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x80, 0x7F], &[]).1, 0x9000);
    assert!(!is_closed(&mut card, &mut host), "its own host goes on");
}

/// Whether these bytes are somewhere in the flash.
fn is_in_flash(card: &TestCard, bytes: &[u8]) -> bool {
    card.flash().bytes().windows(bytes.len()).any(|there| there == bytes)
}

/// Whoever opens the card finds nothing that its issuer, a provider or its holder thought to be gone.
#[test]
fn a_secret_that_was_replaced_or_deleted_is_in_flash_no_more() {
    const OLD: &[u8] = b"an-old-secret-16";
    let key = |number: u8, value: &[u8]| {
        let head = [0xA3, 0x1F, 0x80, 1, number, 0x81, 1, 3, 0x82, 2, 0xB8, 0xC0, 0x84, 1, 0, 0x87, 16];
        with(STORE_DATA, &[&head[..], value].concat())
    };
    let mut card = card_on(empty_flash());
    for end in [key(0x21, &[0x77; 16]), with(STORE_DATA, &[0xA3, 3, 0x80, 1, 0x21])] {
        done(&mut card, &key(0x21, OLD));
        assert!(is_in_flash(&card, OLD), "the test would find it");
        done(&mut card, &end);
        assert!(!is_in_flash(&card, OLD));
    }
    put_in_the_clear(&mut card);
    let others = plain_key_data(2, &[[0x61; 16], [0x62; 16], [0x63; 16]]);
    assert_eq!(status(&mut card, &with([0x80, 0xD8, 0x01, 0x81], &others)), 0x610A);
    assert!(!is_in_flash(&card, &[0x41; 16]) && is_in_flash(&card, &[0x61; 16]));
}

/// A PIN is kept as a digest, with its salt: its object without what the rules say.
#[test]
fn a_pin_that_was_changed_is_in_flash_no_more() {
    let mut card = verified_twice();
    let kept = |card: &TestCard| {
        let flash = card.flash().clone();
        objects(&flash)[&0x0500_0001][2..50].to_vec()
    };
    let old = kept(&card);
    assert!(is_in_flash(&card, &old));
    done(&mut card, b"\x00\x24\x00\x01\x0811112222");
    let new = kept(&card);
    assert!(!is_in_flash(&card, &old) && is_in_flash(&card, &new));
}

/// Appends records until there is no room for the smallest one.
fn fill(card: &mut TestCard) {
    for length in [220, 60, 1] {
        while card.transmit(&with([0x00, 0xE2, 0x00, 0x00], &vec![0x11; length])).unwrap() == [0x90, 0x00] {}
    }
    assert_eq!(status(card, &[0x00, 0xE2, 0x00, 0x00, 0x01, 0x11]), 0x6A84);
}

/// The cardholder's records fill the card: file 7001 has as many as a file may, file 7002 takes what room is left.
fn full() -> RamFlash {
    let mut card = card_on(empty_flash());
    put_in_the_clear(&mut card);
    let mut personalise = commands("personalised.apdu");
    assert_eq!(personalise.pop().flatten().as_deref(), Some(&SECURE[..]));
    play(&mut card, &personalise);
    done(&mut card, &MASTER_FILE);
    let records = |id| create(&[0x82, 5, 0x04, 0x41, 0, 240, 254, 0x83, 2, 0x70, id, 0x8C, 2, 0x04, 0]);
    done(&mut card, &records(1));
    for _ in 0..254 {
        done(&mut card, &with([0x00, 0xE2, 0x00, 0x00], &[0x22; 240]));
    }
    done(&mut card, &records(2));
    done(&mut card, &SECURE);
    fill(&mut card);
    card.power_on().unwrap();
    card.flash().clone()
}

#[test]
fn a_cardholder_who_fills_the_card_does_not_lock_its_issuer_out() {
    let flash = full();
    let mut card = card_on(flash.clone());
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    let lock = [0x80, 0xF0, 0x40, 0x80];
    assert_eq!(send(&mut card, &mut host, lock, b"\xF0SYMBOLON\x02\x01").1, 0x9000);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x40, 0], b"\xF0SYMBOLON\x02\x01").1, 0x9000);
    assert_eq!(send(&mut card, &mut host, MASTER_FILE, &[]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, DELETE, &[0x70, 1]).1, 0x9000, "a file of 254 records");
    let mut card = card_on(flash);
    done(&mut card, &with([0x00, 0xA4, 0x04, 0x0C], b"\xF0SYMBOLON\x02\x01"));
    open(&mut card, Keyed::ISSUER, 0x33, 8);
}

#[test]
fn tries_are_counted_on_a_full_card() {
    let mut card = card_on(full());
    for left in [0x63C2, 0x63C1, 0x63C0, 0x6983] {
        assert_eq!(status(&mut card, b"\x00\x20\x00\x01\x06000000"), left);
    }
    assert_eq!(status(&mut card, b"\x00\x20\x00\x01\x06123456"), 0x6983);
}
