//! The till at real PC/SC readers: it waits for cards, and notices when one leaves.

use symbolon_tests::group::PIN;
use symbolon_tests::pcsc::Slot;

use crate::shop::{PRICE, Shop};

#[test]
fn a_till_waits_for_a_card_and_notices_when_it_is_taken_out_while_the_pin_is_typed() {
    let mut shop = Shop::with_pcsc();
    shop.town.take_out("ada").unwrap();
    let merchant = shop.town.insert("shop", &Slot::number(1)).unwrap();
    let mut till = shop.plain(&[]);
    till.say("12.50");
    till.hear("Waiting for a card in Virtual PCD 00 00.");
    let card = shop.town.insert("ada", &Slot::number(0)).unwrap();
    till.hear("3 tries are left.");
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
