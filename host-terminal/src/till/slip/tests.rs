use protocol::amount::Amount;
use protocol::types::{Currency, ReasonCode, TransactionId};

use super::rows::{short, wrap};
use super::*;
use crate::card::Reason;
use crate::till::book::{End, How, State};

fn shop() -> Shop {
    Shop { name: "Bäckerei Huber".into(), address: vec!["Hauptstraße 7".into(), "1010 Wien".into()] }
}

fn entry(how: How) -> Entry {
    let at = "2026-11-27T17:55:22Z".parse().unwrap();
    let reason = (how == How::Declined).then(|| Reason { code: ReasonCode(5), line: "not enough money".into() });
    let end = End { at, how, reason, parties: vec!["Bäckerei Huber € Ω".into()], line: "thank you".into() };
    let amount = Amount { minor: 1250, currency: Currency(*b"EUR") };
    Entry { at, transaction: TransactionId([0xAB; 16]), amount, state: State::Ended(end) }
}

fn text(entry: &Entry, copy: Copy) -> String {
    Slip { shop: &shop(), entry, zone: &TimeZone::fixed(jiff::tz::offset(1)) }.text(copy)
}

#[test]
fn a_receipt_says_who_when_how_much_and_how_it_ended() {
    let expected = "              Bäckerei Huber
              Hauptstraße 7
                1010 Wien
------------------------------------------
2026-11-27 18:55:22 +01
Amount                           12.50 EUR

             *** APPROVED ***

Payee                   Bäckerei Huber € Ω
thank you
Transaction                       abababab
abababababababababababababababab
------------------------------------------
             Customer's copy
";
    assert_eq!(text(&entry(How::Posted), Copy::Customer), expected);
    let declined = text(&entry(How::Declined), Copy::Merchant);
    assert!(declined.contains("*** DECLINED ***") && declined.contains("\nnot enough money (code 5)\n"), "{declined}");
    assert!(declined.contains("Merchant's copy"));
    let open = Entry { state: State::Requested, ..entry(How::Posted) };
    assert!(text(&open, Copy::Customer).contains("*** NOT KNOWN YET ***"));
}

#[test]
fn sales_of_the_same_hour_have_different_short_names() {
    let [one, other] = [1, 2].map(|last| {
        let transaction = TransactionId([[0xAB; 15].as_slice(), &[last]].concat().try_into().unwrap());
        Entry { transaction, ..entry(How::Posted) }
    });
    assert_eq!((short(&one), short(&other)), ("ababab01".into(), "ababab02".into()));
}

/// What a printer would do with it: text, and for each line its alignment and its size.
fn decode(mut bytes: &[u8]) -> Vec<(u8, u8, String)> {
    let (mut lines, mut line, mut justify, mut size) = (Vec::new(), String::new(), 0, 0);
    let mut cut = false;
    while !bytes.is_empty() {
        assert!(!cut, "something behind the cut");
        let used = match bytes {
            [0x1B, b'@', ..] => 2,
            [0x1B, b't', page, ..] => {
                assert_eq!(*page, 16, "Windows-1252");
                3
            }
            [0x1B, b'a', value, ..] => {
                justify = *value;
                3
            }
            [0x1D, b'!', value, ..] => {
                size = *value;
                3
            }
            [0x1B, b'E', 0 | 1, ..] => 3,
            [0x1B, b'd', count, ..] => {
                let text = std::mem::take(&mut line);
                lines.push((justify, size, text));
                lines.extend((1..*count).map(|_| (justify, size, String::new())));
                3
            }
            [0x1D, b'V', b'A', 0, ..] => {
                cut = true;
                4
            }
            [byte, ..] => {
                assert!(*byte >= 0x20, "control {byte:02x} in {line}");
                line.push(if *byte == 0x80 { '€' } else { char::from(*byte) });
                1
            }
            [] => 0,
        };
        bytes = &bytes[used..];
    }
    assert!(cut && line.is_empty(), "{line}");
    lines
}

#[test]
fn a_printer_gets_the_same_lines() {
    let (shop, entry, zone) = (shop(), entry(How::Posted), TimeZone::UTC);
    let slip = Slip { shop: &shop, entry: &entry, zone: &zone };
    let printed = decode(&slip.escpos(Copy::Customer));
    let text = slip.text(Copy::Customer);
    let mut printed_lines = printed.iter().map(|(_, _, line)| line.trim().to_owned()).collect::<Vec<_>>();
    printed_lines.truncate(text.lines().count());
    let lines: Vec<String> =
        text.lines().map(|line| line.trim().replace("*** ", "").replace(" ***", "").replace('Ω', "?")).collect();
    assert_eq!(printed_lines, lines);
    assert!(printed.contains(&(1, 0x11, "APPROVED".into())), "large and centred: {printed:?}");
    assert!(printed.contains(&(1, 0, "Bäckerei Huber".into())));
}

#[test]
fn nothing_from_outside_is_wider_than_the_paper_or_steers_the_printer() {
    let nasty = ["\x1b@\x1dV\0 cut", "\u{9b}2J", "x".repeat(500).as_str(), "a\nb\tc", "日本語", &" ".repeat(90)]
        .map(str::to_owned);
    for text in nasty {
        let mut entry = entry(How::Declined);
        let State::Ended(end) = &mut entry.state else { unreachable!() };
        (end.line, end.parties) = (text.clone(), vec![text.clone(); 3]);
        end.reason = Some(Reason { code: ReasonCode(5), line: text.clone() });
        let shop = Shop { name: text.clone(), address: vec![text.clone()] };
        let slip = Slip { shop: &shop, entry: &entry, zone: &TimeZone::UTC };
        let written = slip.text(Copy::Merchant);
        assert!(written.lines().all(|line| line.chars().count() <= COLUMNS), "{written}");
        assert!(!written.chars().any(|character| character.is_control() && character != '\n'), "{written:?}");
        for (_, size, line) in decode(&slip.escpos(Copy::Merchant)) {
            assert!(line.chars().count() <= if size == 0 { COLUMNS } else { COLUMNS / 2 }, "{line}");
        }
    }
}

#[test]
fn words_are_kept_whole_where_they_fit() {
    assert_eq!(wrap("the quick brown fox", 9), ["the quick", "brown fox"]);
    assert_eq!(wrap("abcdefghijk lm", 4), ["abcd", "efgh", "ijk", "lm"]);
    assert_eq!(wrap("  ", 4), [""]);
}
