//! The security domains of providers: a provider changes its own record in the field, and nothing else.

use apdu_spec::provider::ProviderReference;
use protocol::crypto::{Crypto, PublicKey, RustCrypto, Secret};
use protocol::message::descriptor::provider_id;
use sim_reader::flash::RamFlash;
use symbolon_tests::scp03::{Host, Keys};

use crate::cuts::{cut_everywhere, objects};
use crate::secure_channel::{Keyed, LEVELS, NEW_PIN, PUT_KEY, STORE_DATA, is_closed, open, secured, send};
use crate::{TestCard, card_on};

const PROVIDERS: Keys = [[0x61; 16], [0x62; 16], [0x63; 16]];
const ROTATED: Keys = [[0x71; 16], [0x72; 16], [0x73; 16]];
const PROVIDER: Keyed<'static> = Keyed { version: 0x30, keys: &PROVIDERS };
const DOMAINS: [u8; 4] = [0x80, 0xF2, 0x40, 0x02];
const GENERATE: [u8; 4] = [0x00, 0x47, 0x80, 0x00];
const SET_DOMAIN: [u8; 4] = [0x80, 0xF0, 0x40, 0x80];
const DELETE: [u8; 4] = [0x80, 0xE4, 0x00, 0x00];
/// Changes a record's name.
const RENAME: &[u8] = &[0xA4, 0x05, 0x82, 0x03, b'N', b'e', b'w'];
/// Objects of the first record: what it says, its signing key.
const RECORD: u32 = 0x0700_0001;
const SIGNING_KEY: u32 = 0x0800_0001;

fn name(number: u8) -> Vec<u8> {
    [b"\xF0SYMBOLON\x02", &[number][..]].concat()
}

fn select(card: &mut TestCard, name: &[u8]) -> [u8; 2] {
    let command = [&[0x00, 0xA4, 0x04, 0x0C, u8::try_from(name.len()).unwrap()], name].concat();
    card.transmit(&command).unwrap().try_into().unwrap()
}

fn select_domain(card: &mut TestCard, number: u8) {
    assert_eq!(select(card, &name(number)), [0x90, 0x00]);
}

/// A channel with the domain of a record.
fn open_domain(card: &mut TestCard, number: u8, keyed: Keyed<'_>, level: u8, length: usize) -> Host {
    select_domain(card, number);
    open(card, keyed, level, length)
}

/// Brings a provider's first key set, as the issuer does in the field.
fn give_keys(card: &mut TestCard, number: u8) {
    let mut host = open_domain(card, number, Keyed::ISSUER, 0x33, 8);
    let data = host.key_data(PROVIDER.version, PROVIDER.keys);
    assert_eq!(send(card, &mut host, PUT_KEY, &data).1, 0x9000);
}

/// A secured card whose first record's provider has keys.
fn with_keys() -> RamFlash {
    let mut card = card_on(secured());
    give_keys(&mut card, 1);
    card.flash().clone()
}

fn listed(card: &mut TestCard) -> Vec<u8> {
    assert_eq!(select(card, b"\xF0SYMBOLON\x01"), [0x90, 0x00]);
    card.transmit(&[0x80, 0x1C, 0x00, 0x00, 0x00]).unwrap()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_issuer_brings_the_first_keys_and_the_provider_rotates_them_alone() {
    let mut card = card_on(secured());
    let mut host = open_domain(&mut card, 1, Keyed::ISSUER, 0x33, 8);
    let (state, _) = send(&mut card, &mut host, DOMAINS, &[0x4F, 0x00]);
    assert!(contains(&state, &[0x9F, 0x70, 0x01, 0x07]), "selectable");
    let data = host.key_data(PROVIDER.version, PROVIDER.keys);
    assert_eq!(send(&mut card, &mut host, PUT_KEY, &data).1, 0x9000);
    let (state, _) = send(&mut card, &mut host, DOMAINS, &[0x4F, 0x00]);
    assert!(contains(&state, &[0x9F, 0x70, 0x01, 0x0F]), "personalized");
    let data = host.key_data(0x31, &ROTATED);
    assert_eq!(send(&mut card, &mut host, PUT_KEY, &data).1, 0x6982, "now they are the provider's business");
    assert_eq!(send(&mut card, &mut host, STORE_DATA, RENAME).1, 0x6982, "so is the record");
    let own_key = [0xB6, 0x03, 0x84, 0x01, 0x01];
    assert_eq!(send(&mut card, &mut host, GENERATE, &own_key).1, 0x6982, "and its signing key");
    assert_eq!(select(&mut card, b"\xA0\x00\x00\x01\x51\x00\x00\x00"), [0x90, 0x00]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(send(&mut card, &mut host, GENERATE, &own_key).1, 0x6982);
    assert_eq!(send(&mut card, &mut host, GENERATE, &[0xB6, 0x03, 0x84, 0x01, 0x02]).1, 0x9000, "without keys as yet");

    select_domain(&mut card, 1);
    assert_eq!(Keyed::ISSUER.initialize(&mut card, &[0; 8]), [0x6A, 0x88], "the issuer's keys open nothing here");
    assert!(Keyed { keys: Keyed::ISSUER.keys, ..PROVIDER }.begin(&mut card, 8).is_err());
    let mut host = open_domain(&mut card, 1, PROVIDER, 0x03, 16);
    let data = host.key_data(0x31, &ROTATED);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xD8, 0x30, 0x81], &data).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, DELETE, &[0xD2, 0x01, 0x31]).1, 0x6985, "the last one stays");
    assert_eq!(send(&mut card, &mut host, [0x80, 0xCA, 0x00, 0xE0], &[]).0[4..6], [0x01, 0x31]);
    select_domain(&mut card, 1);
    assert_eq!(PROVIDER.initialize(&mut card, &[0; 8]), [0x6A, 0x88]);
    let rotated = Keyed { version: 0x31, keys: &ROTATED };
    let mut host = open_domain(&mut card, 1, rotated, 0x33, 8);
    // Several versions beside one another; either opens, either goes as long as the other is there.
    let data = host.key_data(PROVIDER.version, PROVIDER.keys);
    assert_eq!(send(&mut card, &mut host, PUT_KEY, &data).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, DELETE, &[0xD2, 0x01, 0x31]).1, 0x9000);
    open_domain(&mut card, 1, PROVIDER, 0x33, 8);
}

#[test]
fn a_provider_changes_its_record_at_every_level_and_in_both_modes() {
    let flash = with_keys();
    let scalar = Secret::from([0x33; 32]);
    let root = RustCrypto::verification_key(&RustCrypto::signing_key(&scalar).unwrap());
    let identifier = provider_id::<RustCrypto>(&PublicKey(root.0));
    let account = [&[0xA4, 0x06, 0x85, 0x04][..], b"4711"].concat();
    let secret = [&[0xA4, 0x12, 0x86, 0x10][..], &[0x5A; 16]].concat();
    let policy = [&[0xA4, 0x14, 0x88, 0x12][..], &[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3, 2, 1]].concat();
    let root = [&[0xA4, 0x55, 0x81, 0x10][..], identifier.as_bytes(), &[0x87, 0x41], &root.0].concat();
    for level in LEVELS {
        for length in [8, 16] {
            let mut card = card_on(flash.clone());
            let old_key = objects(&card.flash())[&SIGNING_KEY].clone();
            let mut host = open_domain(&mut card, 1, PROVIDER, level, length);
            for change in [RENAME, &account, &secret, &policy, &root] {
                assert_eq!(send(&mut card, &mut host, STORE_DATA, change), (vec![], 0x9000));
                let record = objects(&card.flash())[&RECORD].clone();
                assert!(contains(&record, &change[4..20.min(change.len())]), "level {level:02X}");
            }
            let mut spoilt = root.clone();
            spoilt[5] ^= 1;
            assert_eq!(send(&mut card, &mut host, STORE_DATA, &spoilt).1, 0x6A80, "not the root key's identifier");
            // The same in blocks, in the other format, encrypted with the DEK.
            let encrypted = host.encrypt_data(&[&[0x00, 0xA4, 0x12, 0x86, 0x10][..], &[0xA7; 16]].concat());
            let (first, last) = encrypted.split_at(20);
            assert_eq!(send(&mut card, &mut host, [0x80, 0xE2, 0x68, 0x00], first).1, 0x9000);
            assert_eq!(send(&mut card, &mut host, [0x80, 0xE2, 0xE8, 0x01], last).1, 0x9000);
            assert!(contains(&objects(&card.flash())[&RECORD], &[0xA7; 16]));
            assert_eq!(send(&mut card, &mut host, [0x80, 0xE2, 0xE8, 0x00], &encrypted[1..]).1, 0x6A80);
            assert_eq!(send(&mut card, &mut host, [0x80, 0xE2, 0xE8, 0x00], &[0x11; 32]).1, 0x6A80);
            // A new signing key, without the cardholder's PIN.
            let (public, word) = send(&mut card, &mut host, GENERATE, &[0xB6, 0x03, 0x84, 0x01, 0x01]);
            let key = objects(&card.flash())[&SIGNING_KEY].clone();
            assert_eq!((&public[5..], word), (&key[32..], 0x9000));
            assert_ne!(key, old_key);
            card.power_on().unwrap();
            assert!(contains(&listed(&mut card), &[&[0x82, 0x03][..], b"New", &[0x83, 0x01, 0x02]].concat()));
        }
    }
}

#[test]
fn a_provider_reaches_nothing_of_the_issuers_and_of_other_providers() {
    let mut card = card_on(secured());
    // A file for whoever comes with the issuer's key set of the same version as the provider's: 30 is no condition's
    // number, so the provider gets another set, with the issuer's version.
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    let file = b"\x62\x10\x80\x02\x00\x04\x82\x01\x01\x83\x02\x66\x66\x8C\x03\x03\x41\x41";
    assert_eq!(send(&mut card, &mut host, [0x00, 0xE0, 0x00, 0x00], file).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, [0x00, 0xB0, 0x00, 0x00], &[]).1, 0x9000, "the issuer reads it");
    let mut host = open_domain(&mut card, 1, Keyed::ISSUER, 0x33, 8);
    let same_version = Keyed { version: Keyed::ISSUER.version, keys: &PROVIDERS };
    let data = host.key_data(same_version.version, &PROVIDERS);
    assert_eq!(send(&mut card, &mut host, PUT_KEY, &data).1, 0x9000);

    let mut host = open_domain(&mut card, 1, same_version, 0x33, 8);
    let before = objects(&card.flash());
    let record = |number: u8| [&[0xA2, 0x17, 0x80, 0x01, number, 0x81, 0x10][..], &[0; 18]].concat();
    let refused: [([u8; 4], Vec<u8>); 19] = [
        (STORE_DATA, NEW_PIN.to_vec()),
        (STORE_DATA, vec![0x42, 0x01, 0x01]),
        (STORE_DATA, vec![0x45, 0x01, 0x01]),
        (STORE_DATA, vec![0xA3, 0x03, 0x80, 0x01, 0x21]),
        ([0x80, 0xF0, 0x80, 0x7F], vec![]),
        ([0x80, 0xF0, 0x80, 0x0F], vec![]),
        ([0x80, 0xF0, 0x80, 0xFF], vec![]),
        (SET_DOMAIN, name(1)),
        (SET_DOMAIN, name(2)),
        ([0x80, 0xF0, 0x40, 0x00], name(1)),
        (DELETE, [&[0x4F, 0x0B][..], &name(1)].concat()),
        (DELETE, [&[0x4F, 0x0B][..], &name(2)].concat()),
        (GENERATE, vec![0xB6, 0x03, 0x84, 0x01, 0x02]),
        ([0x00, 0xE0, 0x00, 0x00], file.to_vec()),
        ([0x00, 0xE4, 0x00, 0x00], vec![0x66, 0x66]),
        ([0x00, 0xE4, 0x00, 0x00], vec![0x5F, 0x00]),
        ([0x00, 0x44, 0x00, 0x00], vec![0x5F, 0x00]),
        ([0x00, 0x04, 0x00, 0x00], vec![0x5F, 0x00]),
        ([0x00, 0xFE, 0x00, 0x00], vec![]),
    ];
    for (header, data) in &refused {
        assert_eq!(send(&mut card, &mut host, *header, data), (vec![], 0x6982), "{header:02X?} {data:02X?}");
    }
    for number in [1, 2] {
        assert_eq!(
            send(&mut card, &mut host, STORE_DATA, &record(number)).1,
            0x6A80,
            "not its own business either way"
        );
    }
    assert_eq!(send(&mut card, &mut host, DELETE, &[0xD2, 0x01, 0x02]).1, 0x6A88, "no such set in its own domain");
    for command in [[0x80, 0xCA, 0x00, 0x42], [0x80, 0xF2, 0x80, 0x02]] {
        let data: &[u8] = if command[1] == 0xF2 { &[0x4F, 0x00] } else { &[] };
        assert_eq!(send(&mut card, &mut host, command, data).1, 0x6A88, "what is told here is its own");
    }
    let (own, _) = send(&mut card, &mut host, DOMAINS, &[0x4F, 0x00]);
    assert!(contains(&own, &name(1)) && !contains(&own, &name(2)));
    assert_eq!(send(&mut card, &mut host, [0x00, 0xA4, 0x02, 0x0C], &[0x66, 0x66]).1, 0x9000);
    assert_eq!(send(&mut card, &mut host, [0x00, 0xB0, 0x00, 0x00], &[]).1, 0x6982, "version 1, but not the issuer's");
    assert_eq!(objects(&card.flash()), before, "nothing has changed");

    // Its keys and its channel are worth nothing elsewhere.
    assert_eq!(send(&mut card, &mut host, [0x00, 0xA4, 0x04, 0x0C], &name(2)).1, 0x9000);
    assert!(is_closed(&mut card, &mut host));
    assert!(same_version.begin(&mut card, 8).is_err(), "the other domain has the issuer's keys as yet");
    give_keys(&mut card, 2);
    select_domain(&mut card, 2);
    assert_eq!(same_version.initialize(&mut card, &[0; 8]), [0x6A, 0x88]);
    assert_eq!(select(&mut card, b"\xA0\x00\x00\x01\x51\x00\x00\x00"), [0x90, 0x00]);
    assert!(same_version.begin(&mut card, 8).is_err());
}

#[test]
fn the_issuer_locks_a_record_and_unlocks_it() {
    let mut card = card_on(with_keys());
    assert_eq!(listed(&mut card).len(), 40 + 37 + 2);
    // A session and a selection on other channels, from before.
    assert_eq!(card.transmit(&[0x00, 0x70, 0x00, 0x01]).unwrap(), [0x90, 0x00]);
    assert_eq!(card.transmit(&[0x00, 0x70, 0x00, 0x02]).unwrap(), [0x90, 0x00]);
    let on =
        |channel: u8, name: &[u8]| [&[channel, 0xA4, 0x04, 0x0C, u8::try_from(name.len()).unwrap()], name].concat();
    assert_eq!(card.transmit(&on(1, b"\xF0SYMBOLON\x01")).unwrap(), [0x90, 0x00]);
    assert_eq!(card.transmit(b"\x01\x20\x00\x01\x06123456").unwrap(), [0x90, 0x00]);
    assert_eq!(card.transmit(&[0x81, 0x10, 0x01, 0x00]).unwrap(), [0x90, 0x00]);
    assert_eq!(card.transmit(&on(2, &name(1))).unwrap(), [0x90, 0x00]);

    assert_eq!(select(&mut card, b"\xA0\x00\x00\x01\x51\x00\x00\x00"), [0x90, 0x00]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x13, 16);
    assert_eq!(send(&mut card, &mut host, SET_DOMAIN, &name(1)).1, 0x9000);
    let (all, _) = send(&mut card, &mut host, DOMAINS, &[&[0x4F, 0x0B][..], &name(1)].concat());
    assert!(contains(&all, &[0x9F, 0x70, 0x01, 0x8F]), "locked");
    let load = [&[0x81, 0x12, 0x00, 0x00, 0x01][..], &[0]].concat();
    assert_eq!(card.transmit(&load).unwrap(), [0x69, 0x85], "the session has ended");
    assert_eq!(card.transmit(&[0x81, 0x10, 0x01, 0x00]).unwrap(), [0x69, 0x85]);
    assert_eq!(card.transmit(&[0x81, 0x10, 0x02, 0x00]).unwrap(), [0x90, 0x00], "the other record is not");
    assert_eq!(card.transmit(&[0x01, 0x47, 0x81, 0, 5, 0xB6, 3, 0x84, 1, 1, 0]).unwrap(), [0x69, 0x85]);
    assert_eq!(card.transmit(&[0x82, 0x50, 0x30, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap(), [0x69, 0x85]);
    card.power_on().unwrap();
    assert_eq!(select(&mut card, &name(1)), [0x6A, 0x82]);
    assert_eq!(listed(&mut card).len(), 37 + 2);

    card.power_on().unwrap();
    let mut host = open(&mut card, Keyed::ISSUER, 0x01, 8);
    assert_eq!(send(&mut card, &mut host, [0x80, 0xF0, 0x40, 0x00], &name(1)).1, 0x9000);
    open_domain(&mut card, 1, PROVIDER, 0x33, 8);
    assert_eq!(listed(&mut card).len(), 40 + 37 + 2);
}

#[test]
fn what_replaces_a_record_finds_its_domain_without_keys_and_its_counter_as_it_was() {
    let mut card = card_on(with_keys());
    let replaced = crate::commands("personalised.apdu").into_iter().flatten().find(|it| it.starts_with(&STORE_DATA_A2));
    let record = replaced.unwrap()[5..].to_vec();
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(send(&mut card, &mut host, STORE_DATA, &record).1, 0x9000);
    select_domain(&mut card, 1);
    let answer = Keyed::ISSUER.initialize(&mut card, &[0; 8]);
    assert_eq!(answer[29..32], [0, 0, 2], "one channel was open before");
    assert_eq!(PROVIDER.initialize(&mut card, &[0; 8]), [0x6A, 0x88]);
    // Likewise when the record is deleted first.
    give_keys(&mut card, 1);
    assert_eq!(select(&mut card, b"\xA0\x00\x00\x01\x51\x00\x00\x00"), [0x90, 0x00]);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(send(&mut card, &mut host, DELETE, &[&[0x4F, 0x0B][..], &name(1)].concat()), (vec![0], 0x9000));
    assert_eq!(send(&mut card, &mut host, STORE_DATA, &record).1, 0x9000);
    select_domain(&mut card, 1);
    assert_eq!(PROVIDER.initialize(&mut card, &[0; 8]), [0x6A, 0x88]);
    let numbers = ProviderReference::all().count();
    assert!(objects(&card.flash()).keys().filter(|id| *id >> 24 == 0x0C).count() < numbers);
}

/// STORE DATA of the first provider record that is whole.
const STORE_DATA_A2: [u8; 7] = [0x80, 0xE2, 0x90, 0x00, 0x9E, 0xA2, 0x81];

#[test]
fn a_providers_changes_and_the_issuers_locks_are_whole_whenever_power_goes() {
    let flash = with_keys();
    let provider = |header: [u8; 4], data: &dyn Fn(&Host) -> Vec<u8>| {
        let mut card = card_on(flash.clone());
        let mut host = open_domain(&mut card, 1, PROVIDER, 0x33, 8);
        let data = data(&host);
        (card, host.wrap(header, &data))
    };
    let issuer = |header: [u8; 4], data: &[u8]| {
        let mut card = card_on(flash.clone());
        let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
        (card, host.wrap(header, data))
    };
    let deletion = [&[0x4F, 0x0B][..], &name(1)].concat();
    let rotation = [0x80, 0xD8, 0x30, 0x81];
    let cuts = cut_everywhere("STORE DATA", || provider(STORE_DATA, &|_| RENAME.to_vec()))
        + cut_everywhere("PUT KEY", || provider(PUT_KEY, &|host| host.key_data(0x31, &ROTATED)))
        + cut_everywhere("PUT KEY in place", || provider(rotation, &|host| host.key_data(0x30, &ROTATED)))
        + cut_everywhere("GENERATE", || provider(GENERATE, &|_| vec![0xB6, 0x03, 0x84, 0x01, 0x01]))
        + cut_everywhere("SET STATUS", || issuer(SET_DOMAIN, &name(1)))
        + cut_everywhere("DELETE", || issuer(DELETE, &deletion));
    println!("{cuts} cuts");
    assert!(cuts > 60);
}
