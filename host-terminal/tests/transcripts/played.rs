//! Transcripts played to a card made of a table.

use std::path::Path;
use std::sync::Arc;

use host_terminal::card::{Card, Pin};
use host_terminal::observe::Tap;
use host_terminal::transcript::{Replay, ReplayError, Transcript};
use zeroize::Zeroizing;

use crate::support::{Scripted, bytes};

fn transcript(text: &str) -> Transcript {
    Transcript::parse(text.as_bytes(), Path::new("it.apdu")).unwrap()
}

fn pin(digits: &str) -> Pin {
    Pin::new(Zeroizing::new(digits.as_bytes().to_vec())).unwrap()
}

fn card(reader: Scripted) -> Card {
    Card::new(Box::new(reader), Tap::silent())
}

async fn play(text: &str, pin: Option<&Pin>, responses: &[&str]) -> Result<usize, String> {
    let transcript = transcript(text);
    let replay = Replay::prepare(&transcript, None, pin).map_err(|error| error.to_string())?;
    replay.play(&mut card(Scripted::new(responses))).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_first_difference_is_shown_with_its_bytes() {
    let text = "> 00B0 0000 08\n< 0102030405060708 9000\n> 0084 0000 04\n< .. 9000\n";
    assert_eq!(play(text, None, &["01020304050607089000", "AABB9000"]).await, Ok(2));
    let report = "it.apdu:1: READ BINARY: 8 bytes from 0\n  \
        command   00B0 0000 08\n  \
        expected  0102030405060708 9000\n  \
        got       0102030405160708 9000\n            \
        \x20         ^\n  \
        from byte 6 on the data differ\n  \
        9000: done";
    assert_eq!(play(text, None, &["01020304051607089000"]).await.unwrap_err(), report);
    let report = "it.apdu:3: GET CHALLENGE: 4 bytes\n  \
        command   0084 0000 04\n  \
        expected  .. 9000\n  \
        got       6982\n  \
        6982: not permitted, or does not verify\n  \
        instead of 9000: done";
    assert_eq!(play(text, None, &["01020304050607089000", "6982"]).await.unwrap_err(), report);
    // The reader's failure is no difference.
    assert_eq!(
        play(text, None, &["01020304050607089000"]).await.unwrap_err(),
        "it.apdu:3: there is no card in the reader"
    );
}

#[tokio::test]
async fn of_long_data_what_stands_around_the_first_difference_is_shown() {
    let data = "00".repeat(300);
    let got = data[..400].to_owned() + "FF" + &data[402..];
    let text = format!("> 00B0 0000 00012C\n< {data} 9000\n");
    let report = play(&text, None, &[&format!("{got}9000")]).await.unwrap_err();
    let marked =
        "  got       …0000000000000000FF000000000000000000000000000000… 9000\n                             ^^\n";
    assert!(report.contains(marked) && report.contains("from byte 201 on"), "{report}");
    let report = play(&text, None, &[&format!("{}9000", &data[..590])]).await.unwrap_err();
    assert!(report.contains("from byte 296 on"), "{report}");
    assert!(report.lines().all(|line| line.chars().count() < 110), "{report}");
}

#[tokio::test]
async fn a_pin_that_was_left_out_is_filled_in_and_nothing_else() {
    let verify = "> 0020 0001 04 ????????\n< 9000\n";
    let typed = "> 0020 0001 ??\n< 9000\n";
    for text in [verify, typed] {
        let transcript = transcript(text);
        let pin = pin("1234");
        let reader = Scripted::new(&["9000"]);
        let commands = Arc::clone(&reader.commands);
        assert_eq!(Replay::prepare(&transcript, None, Some(&pin)).unwrap().play(&mut card(reader)).await.unwrap(), 1);
        assert_eq!(*commands.lock().unwrap(), [bytes("0020000104 31323334")]);
    }
    let refused = |text: String, pin: Option<Pin>| async move { play(&text, pin.as_ref(), &[]).await.unwrap_err() };
    assert!(refused(verify.into(), None).await.starts_with("it.apdu:1: a PIN was left out here, and none was given"));
    assert!(refused(verify.into(), Some(pin("12345"))).await.contains("not as many bytes"));
    let two = format!("{verify}> 0020 0005 04 ????????\n< 9000\n");
    assert!(refused(two, Some(pin("1234"))).await.starts_with("it.apdu:3: another PIN was left out here than before"));
    for other in [
        "> 80D8 0081 04 ???????? 00\n< 9000\n",
        "> 0024 0001 04 ????????\n< 9000\n",
        "> 0020 0001 04 31??????\n< 9000\n",
    ] {
        let error = refused(other.into(), Some(pin("1234"))).await;
        assert!(error.contains("not a PIN that is verified"), "{error}");
    }
}

#[tokio::test]
async fn one_card_of_several_is_chosen_by_its_name() {
    let text = "card a\n> 00A4 0000\n< 9000\ncard b\n> 00A4 0001\n< 9000\n";
    let transcript = transcript(text);
    let of = |name| Replay::prepare(&transcript, name, None);
    assert!(matches!(of(None).err(), Some(ReplayError::SeveralCards(names)) if names == "a, b"));
    assert!(matches!(of(Some("c")).err(), Some(ReplayError::NoSuchCard { .. })));
    let reader = Scripted::new(&["9000"]);
    let commands = Arc::clone(&reader.commands);
    assert_eq!(of(Some("b")).unwrap().play(&mut card(reader)).await.unwrap(), 1);
    assert_eq!(*commands.lock().unwrap(), [bytes("00A40001")]);
    assert_eq!(play("# nothing\n", None, &[]).await, Err("there is nothing to play".to_owned()));
}

#[tokio::test]
async fn what_a_key_opened_is_not_shown_where_the_transcript_does_not_tell_it() {
    let open = "> 002A 8086 02 0001 00\n< .. 9000\n";
    let report = play(open, None, &["736563726574 6A80"]).await.unwrap_err();
    assert!(report.contains("got       6A80\n") && !report.contains("7365"), "{report}");
    let told = "> 002A 8086 02 0001 00\n< 736563726574 9000\n";
    assert!(play(told, None, &["736563726575 9000"]).await.unwrap_err().contains("736563726575 9000"));
}
