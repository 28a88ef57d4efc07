//! The till line by line, as a screen reader and a pipe have it.

use std::fs;

use symbolon_tests::group::PIN;

use crate::shop::{PRICE, Shop};

#[test]
fn a_sale_line_by_line_is_said_in_sentences_and_never_says_the_pin() {
    let shop = Shop::new();
    let mut till = shop.plain(&[]);
    till.hear("Type the amount, then press Enter.");
    till.say("12.50");
    till.hear("The customer types the PIN:");
    till.say("0000");
    till.hear("That PIN was wrong.");
    till.hear("2 tries are left.");
    till.say(PIN);
    till.hear("APPROVED");
    till.hear("12.50 EUR. The money has moved.");
    till.say("print");
    till.hear("The receipt has been sent to the printer.");
    till.say("receipt");
    till.hear("*** APPROVED ***");
    till.say("back");
    till.say("");
    till.say("day");
    till.hear("Total approved: 12.50 EUR in 1 sale");
    till.say("back");
    till.say("quit");
    let said = till.end().join("\n");
    assert!(!said.contains(PIN) && !said.contains("0000"), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
    assert_eq!(shop.agree(), PRICE);

    let paper = fs::read(shop.town.path("paper")).unwrap();
    assert!(paper.starts_with(b"\x1b@") && paper.windows(8).any(|window| window == b"APPROVED"));
    let mut receipts: Vec<_> =
        fs::read_dir(shop.town.path("receipts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    receipts.sort();
    assert_eq!(receipts.len(), 4, "{receipts:?}");
    assert_eq!(fs::read(&receipts[0]).unwrap(), paper, "the customer's, as it was printed");
    assert!(fs::read_to_string(&receipts[3]).unwrap().contains("Merchant's copy"));
}

#[test]
fn all_of_it_can_come_from_a_file_and_what_is_typed_ahead_waits() {
    let shop = Shop::new();
    let mut till = shop.plain(&[]);
    for line in ["12.50", PIN, "", "12.50", PIN, "", "quit"] {
        till.say(line);
    }
    let said = till.end().join("\n");
    assert_eq!(said.matches("  |  APPROVED").count(), 2, "{said}");
    assert_eq!(shop.agree(), 2 * PRICE);
}

#[test]
fn what_was_asked_for_is_said_before_the_next_line_is_taken() {
    let shop = Shop::new();
    let text = fs::read_to_string(&shop.config).unwrap();
    fs::write(&shop.config, text.replacen("printer = \"paper\"", "printer = \"gone/paper\"", 1)).unwrap();
    let mut till = shop.plain(&[]);
    for line in ["12.50", PIN, "print", "", "day", "1", "back", "back", "quit"] {
        till.say(line);
    }
    let said = till.end().join("\n");
    assert!(said.contains("The receipt is not printed: "), "{said}");
    assert!(said.contains("Total approved: 12.50 EUR in 1 sale") && said.contains("*** APPROVED ***"), "{said}");
}

#[test]
fn what_is_called_off_or_refused_moves_nothing() {
    let shop = Shop::new();
    let mut till = shop.plain(&[]);
    till.say("12.50");
    till.hear("The customer types the PIN:");
    till.say("");
    till.hear("The sale was called off. No money has moved.");
    // More than there is.
    till.say("5000.00");
    till.say(PIN);
    till.hear("DECLINED");
    till.hear("No money has moved.");
    till.hear("The customer pays with another card, or otherwise.");
    till.say("");
    // The input ends where a PIN is wanted.
    till.say("12.50");
    till.hear("The customer types the PIN:");
    let said = till.end().join("\n");
    assert!(said.contains("called off"), "{said}");
    assert_eq!(shop.agree(), 0);
    assert_eq!(shop.count("declined"), 1);
    let list = shop.list();
    assert_eq!((&list["sales"][0]["amount"], &list["totals"][0]["amount"]), (&500_000.into(), &500_000.into()));
}

#[test]
fn settings_that_are_missing_or_mean_nothing_are_said() {
    let shop = Shop::new();
    let text = fs::read_to_string(&shop.config).unwrap();
    let wrong = [
        ("currency = \"EUR\"", "", "--currency is missing"),
        ("currency = \"EUR\"", "currency = \"euro\"", "three capital letters"),
        ("book = \"book\"", "boook = \"book\"", "unknown field `boook`"),
        ("card = \"tcp", "card = \"usb", "a card is at tcp://HOST:PORT"),
        ("merchant_pin_file = \"pin\"", "merchant_pin_file = \"gone\"", "the merchant's card"),
    ];
    for (from, to, words) in wrong {
        fs::write(&shop.config, text.replacen(from, to, 1)).unwrap();
        let ended = shop.pos(&["--settle"]);
        assert!(ended.code == Some(1) && ended.errors.contains(words), "{to}: {}", ended.errors);
    }
    let ended = shop.pos(&["--list", "--date", "2026-13-01"]);
    assert!(ended.errors.contains("no such day; write 2026-11-27"), "{}", ended.errors);
}
