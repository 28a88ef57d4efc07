//! The till at real PC/SC readers: it waits for cards, notices when one leaves, and uses a reader's keys for PINs.

use std::path::Path;
use std::process::Command;

use symbolon_tests::group::PIN;
use symbolon_tests::pcsc::{Daemon, Slot};

use crate::shop::{PRICE, Shop};

#[test]
fn a_till_waits_for_a_card_and_notices_when_it_is_taken_out_while_the_pin_is_typed() {
    let mut shop = Shop::with_pcsc(Daemon::start().unwrap(), "pcsc:00 01");
    shop.town.take_out("ada").unwrap();
    let merchant = shop.town.insert("shop", &Slot::number(1)).unwrap();
    let mut till = shop.plain(&[]);
    till.say("12.50");
    till.hear("Waiting for a card in Virtual PCD 00 00.");
    let card = shop.town.insert("ada", &Slot::number(0)).unwrap();
    till.hear("The customer types the PIN:");
    card.take_out().unwrap();
    till.hear("NOT PAID");
    till.hear("The card was removed too early.");
    till.say("");

    till.say("12.50");
    till.hear("Waiting for a card in Virtual PCD 00 00.");
    let card = shop.town.insert("ada", &Slot::number(0)).unwrap();
    till.say(PIN);
    till.hear("APPROVED");
    till.say("");

    // The merchant's card is taken out and put back between two sales.
    merchant.take_out().unwrap();
    till.say("12.50");
    till.hear("The merchant's card: no card came within 5 s.");
    till.say("");
    let merchant = shop.town.insert("shop", &Slot::number(1)).unwrap();
    till.say("12.50");
    till.say(PIN);
    till.hear("APPROVED");
    till.say("");
    till.say("quit");
    till.end();
    assert_eq!(shop.agree(), 2 * PRICE);
    card.take_out().unwrap();
    merchant.take_out().unwrap();
}

#[test]
fn where_the_reader_has_keys_the_pin_is_typed_there_and_never_at_the_till() {
    let driver = tempfile::tempdir().unwrap();
    let library = driver.path().join("pinpad_reader.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pcsc/pinpad_reader.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-I/usr/include/PCSC", "-o"]).args([&library, &source]);
    assert!(cc.status().unwrap().success());
    // This driver has one slot: the merchant's card is in the till's own process.
    let mut shop = Shop::with_pcsc(Daemon::with_driver(&library, 2).unwrap(), "image:shop.card");
    shop.town.take_out("shop").unwrap();
    let _card = shop.town.insert("ada", &Slot::number(0)).unwrap();

    let mut till = shop.plain(&[]);
    for (keys, words) in [("cancel", "No PIN was typed"), ("", "No PIN was typed"), (PIN, "APPROVED")] {
        shop.town.daemon().unwrap().write("keys", keys.as_bytes()).unwrap();
        till.say("12.50");
        till.hear("The customer types the PIN on the reader.");
        till.hear(words);
        till.say("");
    }
    till.say("quit");
    assert!(!till.end().join("\n").contains(PIN));
    assert_eq!(shop.agree(), PRICE);
}
