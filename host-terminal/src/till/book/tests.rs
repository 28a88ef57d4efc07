use std::fs;

use jiff::SignedDuration;
use jiff::civil::date;
use jiff::tz::TimeZone;
use protocol::types::{Currency, ReasonCode};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::till::day::{Day, Total};

const EUR: Currency = Currency(*b"EUR");

fn price(minor: u64) -> Amount {
    Amount { minor, currency: EUR }
}

fn id(number: u16) -> TransactionId {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    TransactionId(id)
}

fn end(how: How) -> End {
    let reason = (how == How::Declined).then(|| Reason { code: ReasonCode(5), line: "not enough \"money\"\n".into() });
    End { at: Timestamp::now(), how, reason, parties: vec!["Bäckerei".into()], line: "thank you".into() }
}

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("book.jsonl")
}

/// A book with a sale in every state.
fn filled(folder: &tempfile::TempDir) -> Vec<Entry> {
    let mut book = Book::open(folder.path()).unwrap();
    for number in 0..6 {
        book.opened(id(number), price(1250)).unwrap();
    }
    for number in 1..5 {
        book.requested(id(number)).unwrap();
    }
    for number in 2..4 {
        book.acknowledged(id(number), b"the message").unwrap();
    }
    for (number, how) in [(3, How::Posted), (4, How::Declined), (5, How::NotDone)] {
        book.ended(id(number), end(how)).unwrap();
    }
    book.entries().to_vec()
}

#[test]
fn what_was_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let written = filled(&folder);
    assert_eq!(Book::read(folder.path(), |_| true).unwrap().len(), written.len());
    let book = Book::open(folder.path()).unwrap();
    for (entry, before) in book.entries().iter().zip(&written) {
        assert_eq!((entry.transaction, entry.amount), (before.transaction, before.amount));
        let reread = entry.end().map(|end| (end.how, end.reason.clone(), end.parties.clone(), end.line.clone()));
        assert_eq!(
            reread,
            before.end().map(|end| (end.how, end.reason.clone(), end.parties.clone(), end.line.clone()))
        );
        assert!(entry.end().is_some() || entry.state == before.state);
    }
    let open: Vec<_> = book.open_entries().map(|entry| entry.transaction).collect();
    assert_eq!(open, [id(0), id(1), id(2)]);
}

#[test]
fn a_book_that_is_cut_anywhere_has_the_whole_lines_before_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    filled(&folder);
    let whole = fs::read(path(&folder)).unwrap();
    let mut seen = 0;
    for length in 0..whole.len() {
        let other = tempfile::tempdir().unwrap();
        fs::write(path(&other), &whole[..length]).unwrap();
        let records = whole[..length].iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        let read = Book::read(other.path(), |_| true).unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        assert_eq!(read.len(), records.min(6), "cut at {length}");
        seen += 1;
        if length % 16 != 0 {
            continue;
        }
        let mut book = Book::open(other.path()).unwrap();
        assert_eq!(book.entries().len(), read.len(), "cut at {length}");
        book.opened(id(99), price(1)).unwrap();
        drop(book);
        let book = Book::open(other.path()).unwrap();
        assert_eq!(book.entry(id(99)).unwrap().state, State::Opened, "cut at {length}");
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn a_line_that_is_damaged_is_named_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    filled(&folder);
    let whole = fs::read_to_string(path(&folder)).unwrap();
    let second = whole.lines().nth(2).unwrap();
    for other in ["{}", &second.replace("1250", "-1"), &second[..second.len() - 1], &second.replace("EUR", "eu\\u001b")]
    {
        let damaged = whole.replace(second, other);
        fs::write(path(&folder), &damaged).unwrap();
        let error = Book::open(folder.path()).unwrap_err();
        assert!(matches!(error, BookError::Damaged { line: 3, .. }), "{other}: {error}");
        assert_eq!(fs::read_to_string(path(&folder)).unwrap(), damaged);
    }
    fs::write(path(&folder), whole.replace(":1}", ":2}")).unwrap();
    assert!(matches!(Book::open(folder.path()).unwrap_err(), BookError::Foreign(_)));
}

#[test]
fn no_sale_counts_twice_and_none_goes_backwards() {
    let folder = tempfile::tempdir().unwrap();
    filled(&folder);
    let mut book = Book::open(folder.path()).unwrap();
    let before = fs::read(path(&folder)).unwrap();
    assert!(book.opened(id(3), price(1250)).is_err() && book.opened(id(0), price(1)).is_err());
    assert!(book.ended(id(3), end(How::Posted)).is_err() && book.ended(id(3), end(How::Released)).is_err());
    assert!(book.requested(id(2)).is_err() && book.acknowledged(id(0), b"").is_err());
    assert!(book.requested(id(77)).is_err() && book.ended(id(77), end(How::Posted)).is_err());
    assert_eq!(fs::read(path(&folder)).unwrap(), before);
    // Nor when the file says so.
    let last = String::from_utf8(before.clone()).unwrap().lines().last().unwrap().to_owned();
    drop(book);
    fs::write(path(&folder), [before.as_slice(), last.as_bytes(), b"\n"].concat()).unwrap();
    assert!(matches!(Book::open(folder.path()).unwrap_err(), BookError::Damaged { .. }));
}

#[test]
fn one_writes_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Book::read(folder.path(), |_| true).unwrap_err(), BookError::Missing(_)));
    let mut book = Book::open(folder.path()).unwrap();
    assert!(matches!(Book::open(folder.path()).unwrap_err(), BookError::Locked(_)));
    book.opened(id(1), price(1)).unwrap();
    assert_eq!(Book::read(folder.path(), |_| true).unwrap().len(), 1);
    drop(book);
    assert!(Book::open(folder.path()).is_ok());
}

#[test]
fn a_line_that_is_too_long_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut book = Book::open(folder.path()).unwrap();
    book.opened(id(1), price(1)).unwrap();
    book.requested(id(1)).unwrap();
    assert!(matches!(book.acknowledged(id(1), &[0; record::LINE_MAX]).unwrap_err(), BookError::Full(_)));
    assert_eq!(book.entry(id(1)).unwrap().state, State::Requested);
}

#[test]
fn a_full_book_keeps_the_last_day_and_what_is_open_and_puts_the_rest_aside() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::now();
    let count = u16::try_from(SALES_MAX).unwrap();
    let mut text = record::HEADER.to_owned();
    for number in 0..count {
        let age = SignedDuration::from_mins(i64::from(count - number));
        let opened = Record { at: now - age, transaction: id(number), what: What::Opened(price(100)) };
        text.push_str(&opened.to_line());
        if number != 5 {
            text.push_str(&Record { what: What::Ended(End::not_done()), ..opened }.to_line());
        }
    }
    fs::write(path(&folder), &text).unwrap();
    let mut book = Book::open(folder.path()).unwrap();
    assert!((1300..1500).contains(&book.entries().len()), "{}", book.entries().len());
    assert_eq!(book.open_entries().map(|entry| entry.transaction).collect::<Vec<_>>(), [id(5)]);
    book.ended(id(5), end(How::Posted)).unwrap();
    let aside = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<_> = aside.filter(|path| path.to_string_lossy().contains("book-until-")).collect();
    assert_eq!(fs::read_to_string(&aside[0]).unwrap(), text);
    drop(book);
    assert_eq!(Book::open(folder.path()).unwrap().open_entries().count(), 0);
    // All are still to be read, each once, as it is now.
    let all = Book::read(folder.path(), |_| true).unwrap();
    assert_eq!(all.len(), SALES_MAX);
    assert!(all.is_sorted_by_key(|entry| entry.at));
    assert_eq!(all.iter().filter_map(Entry::end).filter(|end| end.how == How::Posted).count(), 1);
    assert_eq!(Book::read(folder.path(), |entry| entry.transaction == id(7)).unwrap().len(), 1);
}

#[test]
fn whatever_bytes_are_in_the_file_it_is_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(&folder);
    let whole = fs::read(path(&folder)).unwrap();
    let mut random = StdRng::seed_from_u64(1);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..random.gen_range(1..4) {
            let place = random.gen_range(0..bytes.len());
            bytes[place] = if random.r#gen() { random.r#gen() } else { whole[random.gen_range(0..whole.len())] };
        }
        fs::write(path(&folder), &bytes).unwrap();
        match Book::read(folder.path(), |_| true) {
            Ok(entries) => {
                assert!(entries.len() <= 6);
                read += 1;
            }
            Err(BookError::Damaged { line, .. }) => {
                assert!(line >= 2);
                refused += 1;
            }
            Err(BookError::Foreign(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(read > 50 && refused > 500, "{read} {refused}");
}

#[test]
fn a_day_is_the_shop_s_own_and_its_totals_are_by_outcome() {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let folder = tempfile::tempdir().unwrap();
    let sales = [
        ("2026-11-26T21:59:59Z", 1, Some(How::Posted)),
        ("2026-11-26T22:00:00Z", u64::MAX, Some(How::Posted)),
        ("2026-11-27T10:00:00Z", 5, Some(How::Posted)),
        ("2026-11-27T11:00:00Z", 7, None),
        ("2026-11-27T21:59:59Z", 9, Some(How::Declined)),
        ("2026-11-27T22:00:00Z", 1, Some(How::Posted)),
    ];
    let mut text = record::HEADER.to_owned();
    for ((at, minor, how), number) in sales.into_iter().zip(0..) {
        let opened = Record { at: at.parse().unwrap(), transaction: id(number), what: What::Opened(price(minor)) };
        text.push_str(&opened.to_line());
        if let Some(how) = how {
            text.push_str(&Record { what: What::Ended(end(how)), ..opened }.to_line());
        }
    }
    fs::write(path(&folder), text).unwrap();
    let day = Day::read(folder.path(), date(2026, 11, 27), &zone).unwrap();
    assert_eq!(day.entries.iter().map(|entry| entry.transaction).collect::<Vec<_>>(), [id(1), id(2), id(3), id(4)]);
    let total = |how, count, minor| Total { currency: EUR, how, count, minor };
    let sum = u128::from(u64::MAX) + 5;
    assert_eq!(day.totals, [total(None, 1, 7), total(Some(How::Posted), 2, sum), total(Some(How::Declined), 1, 9)]);
    assert_eq!(day.totals[0].text(), "0.07 EUR");
    assert_eq!(day.totals[1].text(), "18446744073709551620 minor units of EUR");
}
