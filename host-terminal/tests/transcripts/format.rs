//! What is written, and what is said of what cannot be read.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use host_terminal::observe::Tap;
use host_terminal::transcript::{INCLUDE_DEPTH_MAX, LINE_MAX, Mistake, STEPS_MAX, Transcript, TranscriptError};

use crate::support::{Records, Scripted, send};

/// The lines that are no comments, and the one that says what is needed.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', 'n'])).collect()
}

#[tokio::test]
async fn a_trace_is_a_transcript_with_words_and_times() {
    let records = Records::default();
    let mut card = records.card("Ada's card", &["9000", "01020304 9000", "6982", "610A", "0102 9000"]);
    let commands =
        ["00A4040C02 A000", "0084000004", "80D600000000020102", "00B00000", "00C000000A", "0084000004", "0084000008"];
    send(&mut card, &commands).await;
    card.reset().await.unwrap();
    drop(card);
    let text = records.trace.text();
    let expected = [
        "card Ada's card",
        "reset",
        "> 00A4 040C 02 A000",
        "< 9000",
        "> 0084 0000 04",
        "< .. 9000",
        "> 80D6 0000 000002 0102",
        "< 6982",
        "> 00B0 0000",
        "< 610A",
        "> 00C0 0000 0A",
        "< 0102 9000",
        "reset",
    ];
    assert_eq!(lines(&text), expected, "{text}");
    for words in
        ["answer to reset 3B81318E", "GET CHALLENGE: 4 bytes\n", "9000: done, after ", "no answer\n# > 0084 0000 04\n"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    let first = text.lines().find(|line| line.contains("SELECT")).unwrap();
    assert!(first.starts_with("# 0.00") && first.contains(" s  "), "{first}");
    let transcript = Transcript::parse(text.as_bytes(), Path::new("it")).unwrap();
    assert!(transcript.needs().starts_with("the card as it was on 20"), "{}", transcript.needs());
    assert_eq!((transcript.lines.len(), transcript.cards()), (7, vec!["Ada's card"]));
}

#[tokio::test]
async fn two_cards_in_one_program_are_told_apart() {
    let records = Records::default();
    let observer = records.observer();
    let card = |name: &str| {
        let reader = Scripted::new(&["9000", "6A82"]);
        host_terminal::card::Card::new(Box::new(reader), Tap::new(Arc::clone(&observer), "shop", name))
    };
    let (mut own, mut other) = (card("shop#1's card"), card("customer's card"));
    send(&mut own, &["00A40000"]).await;
    send(&mut other, &["00B00000", "00B00001"]).await;
    send(&mut own, &["00B00002"]).await;
    let text = records.trace.text();
    let transcript = Transcript::parse(text.as_bytes(), Path::new("it")).unwrap();
    assert_eq!(transcript.cards(), ["shop_1's card", "customer's card"], "{text}");
    let of = |name| transcript.lines.iter().filter(|line| line.card.as_deref() == Some(name)).count();
    assert_eq!((of("shop_1's card"), of("customer's card")), (3, 3));
}

fn mistake(text: &str) -> (usize, usize, Mistake) {
    let error = Transcript::parse(text.as_bytes(), Path::new("here")).unwrap_err();
    let TranscriptError::Mistaken { place, column, mistake } = error else { panic!("{error}") };
    (place.line, column, mistake)
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_its_character() {
    assert_eq!(mistake("# fine\n> 00A4\n"), (2, 1, Mistake::NoResponse));
    assert_eq!(mistake("> 00A4\nreset\n< 9000"), (1, 1, Mistake::NoResponse));
    assert_eq!(mistake("reset\n  < 9000"), (2, 3, Mistake::NoCommand));
    assert_eq!(mistake("> 00A4 0Z"), (1, 9, Mistake::NoDigit('Z')));
    assert_eq!(mistake("> 00A4 0 0"), (1, 8, Mistake::HalfByte));
    assert_eq!(mistake("> 00A4 .."), (1, 8, Mistake::AnyInCommand));
    assert_eq!(mistake("> 00A4 ?? 00 ??"), (1, 14, Mistake::LeftOutTwice));
    assert_eq!(mistake("> 00A4\n< ?? 9000"), (2, 3, Mistake::LeftOutOfResponse));
    assert_eq!(mistake("> 00A4\n< .9000"), (2, 3, Mistake::HalfByte));
    assert_eq!(mistake("\nplease"), (2, 1, Mistake::Unknown));
    assert_eq!(mistake("> 00é4"), (1, 5, Mistake::NoDigit('é')));
    for text in [">", "> # 00", "> 00\n<", "reset now", "card", "needs", "include ../x", "include", "include /x"] {
        assert!(matches!(mistake(text), (_, _, Mistake::Argument(_))), "{text}");
    }
    assert_eq!(mistake(&format!("# fine\n# {}", "x".repeat(LINE_MAX))).2, Mistake::LineTooLong);
    assert_eq!(mistake(&"reset\n".repeat(STEPS_MAX + 1)), (STEPS_MAX + 1, 1, Mistake::TooManySteps));
    let error = Transcript::parse(b"\n\xFF", Path::new("here")).unwrap_err().to_string();
    assert_eq!(error, "here:2:1: not text in UTF-8");
    let error = Transcript::read(Path::new("/nowhere/it.apdu")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/it.apdu: "), "{error}");
}

#[test]
fn transcripts_include_one_another_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("once.apdu"), "needs this\ninclude more.apdu\n> 00A4 0000\n< 9000\n").unwrap();
    fs::write(path("more.apdu"), "needs that\nreset\n").unwrap();
    let read = Transcript::read(&path("once.apdu")).unwrap();
    assert_eq!((read.needs(), read.lines.len()), ("this, that", 2));
    assert_eq!(read.lines[0].place.to_string(), format!("{}:2", path("more.apdu").display()));

    fs::write(path("circle.apdu"), "\ninclude circle.apdu\n").unwrap();
    let error = Transcript::read(&path("circle.apdu")).unwrap_err().to_string();
    assert!(
        error.ends_with(&format!("circle.apdu:2:1: transcripts include one another at most {INCLUDE_DEPTH_MAX} deep"))
    );
    fs::write(path("wide.apdu"), "include more.apdu\n".repeat(100)).unwrap();
    let error = Transcript::read(&path("wide.apdu")).unwrap_err().to_string();
    assert!(error.contains("wide.apdu:64:1: a transcript is made up of at most"), "{error}");
    fs::write(path("lost.apdu"), "reset\ninclude gone.apdu\n").unwrap();
    let error = Transcript::read(&path("lost.apdu")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read ") && error.contains("gone.apdu"), "{error}");
}

#[test]
fn of_a_markdown_file_the_fenced_blocks_are_read() {
    let text = "> quoted\n```apdu\n> 00A4 0000\n< 9000\n```\n```text\n> no\n```\n```apdu\nreset\n```\n";
    let transcript = Transcript::parse(text.as_bytes(), Path::new("manual.md")).unwrap();
    let lines: Vec<usize> = transcript.lines.iter().map(|line| line.place.line).collect();
    assert_eq!(lines, [3, 10]);
    assert_eq!(transcript.needs(), "a new card");
}
