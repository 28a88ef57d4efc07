//! The till's process is killed at every few messages of a sale, and the provider's in the middle of one: what was open
//! is settled by the next start, and day book and provider agree.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use symbolon_tests::group::PIN;

use crate::shop::Shop;

/// A sale is killed after every so many messages.
const STRIDE: usize = 4;

/// Sells, with the till's messages in a file; kills the till as soon as there are `kill` of them. Whether the sale was
/// over before.
fn sell(shop: &Shop, kill: usize) -> bool {
    let events = shop.town.path("events");
    fs::write(&events, "").unwrap();
    let mut till = shop.plain(&["--events", &events]);
    till.say("12.50");
    till.say(PIN);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = fs::read(&events).unwrap().iter().filter(|byte| **byte == b'\n').count();
        if seen >= kill {
            till.kill();
            return false;
        }
        let over =
            till.child.try_wait().unwrap().is_some() || fs::read_to_string(&events).unwrap().contains("final notice");
        if over && seen < kill {
            till.hear("APPROVED");
            return true;
        }
        assert!(Instant::now() < until, "{seen} messages and no end: {:?}", till.said);
        sleep(Duration::from_micros(300));
    }
}

#[test]
fn a_till_killed_at_any_message_is_settled_by_the_next_and_nothing_counts_twice() {
    let shop = Shop::new();
    let (mut kills, mut settled) = (0, 0);
    for kill in (1..400).step_by(STRIDE) {
        if sell(&shop, kill) {
            break;
        }
        kills += 1;
        settled += shop.settle();
        shop.agree();
    }
    assert!(kills > 5 && settled > 0, "{kills} kills, {settled} settled");
    // The merchant's card remembers what the book forgets.
    let posted = shop.count("posted");
    assert!(posted > 0, "{}", shop.list());
    assert_eq!(shop.settle(), 0, "everything is settled once");
    assert_eq!(shop.count("posted"), posted);
}

#[test]
fn a_book_that_was_lost_in_the_middle_of_a_sale_is_found_in_the_merchant_s_card() {
    let shop = Shop::new();
    let mut found = 0;
    for kill in (1..400).step_by(STRIDE) {
        if sell(&shop, kill) {
            break;
        }
        let before = shop.taken();
        fs::remove_dir_all(shop.town.path("book")).unwrap();
        found += shop.settle();
        // What is in the new book is the sale that was under way, if it had left at all.
        let posted = i64::try_from(shop.count("posted")).unwrap();
        assert!(posted <= 1 && shop.taken() - before <= crate::shop::PRICE);
    }
    assert!(found > 0, "{found} found");
}

#[test]
fn a_provider_that_dies_leaves_the_sale_open_until_it_is_back() {
    let mut shop = Shop::new();
    let events = shop.town.path("events");
    let mut open = 0;
    // Before its acknowledgment a sale has asked, and four commands of two cards are still to come.
    let moments = ["key exchange request", "BUILD transaction request", "BUILD acknowledgment"];
    for moment in moments.into_iter().cycle().take(6) {
        fs::write(&events, "").unwrap();
        let mut till = shop.plain(&["--events", &events]);
        till.say("12.50");
        till.say(PIN);
        let until = Instant::now() + Duration::from_secs(60);
        while !fs::read_to_string(&events).unwrap().contains(&format!("\"{moment}\"")) && Instant::now() < until {
            sleep(Duration::from_micros(300));
        }
        shop.town.kill_provider().unwrap();
        let line = till.hear("Result  |  ");
        open += usize::from(line.contains("NOT KNOWN YET"));
        shop.town.open().unwrap();
        if line.contains("NOT KNOWN YET") {
            till.say("");
            till.say("open");
            till.say("s");
            till.hear("Nothing is open");
        }
        till.say("back");
        till.kill();
        shop.settle();
        shop.agree();
    }
    assert!(open > 0, "no kill met a sale whose request had left");
    for receipt in fs::read_dir(shop.town.path("receipts")).unwrap() {
        let receipt = fs::read(receipt.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&receipt).contains("NOT KNOWN YET"), "its end is known by now");
    }
}
