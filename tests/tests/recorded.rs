//! Sessions that the programs record, and the project's transcripts, played to cards by `host-terminal replay`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "a panic fails the test")]

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use host_terminal::transcript::{Step, Transcript};
use serde_json::Value;
use symbolon_tests::covered::covered;
use symbolon_tests::group::{PATIENCE, Person, Town, leaf, member, payee, payer, purchase};
use symbolon_tests::pcsc::{Daemon, Slot};
use symbolon_tests::process::{Ended, Listener, Running, build};
use symbolon_tests::transcript::{manual, vectors};

/// Ada's card in its reader, and an image with the same content.
fn town() -> Result<Town> {
    let town = Town::new(&[Person::new("shop"), Person::new("ada").with(&["--opening", "100.00"])])?;
    // Nothing is under way, so that the image is whole.
    fs::copy(town.path("ada.card"), town.path("equal.card"))?;
    Ok(town)
}

/// `host-terminal replay` with everybody's PIN.
fn replay(town: &Town, card: &str, more: &[&str]) -> Result<Ended> {
    let pin = town.path("pin");
    let replay = ["replay", "--json", "--card", card, "--pin-file", &pin];
    town.terminal(&[replay.as_slice(), more].concat())?.end(PATIENCE)
}

/// `cardctl inspect` of Ada's card, recorded.
fn inspect(town: &Town, trace: &str) -> Result<Value> {
    let (card, pin) = (town.card("ada")?, town.path("pin"));
    let inspect = ["inspect", "--json", "--card", &card, "--pin-file", &pin, "--trace", trace];
    Running::start(&build("cardctl")?, &inspect)?.end(PATIENCE)?.success()
}

fn steps(path: &str) -> Result<Vec<Step>> {
    Ok(Transcript::read(Path::new(path))?.lines.into_iter().map(|line| line.step).collect())
}

#[test]
fn a_recorded_session_is_answered_as_written_by_an_equal_card_alone() -> Result<()> {
    let town = town()?;
    let (trace, again, image) = (town.path("inspect.apdu"), town.path("again.apdu"), town.path("equal.card"));
    inspect(&town, &trace)?;
    assert!(!fs::read_to_string(&trace)?.contains(&hex::encode_upper(symbolon_tests::group::PIN)));

    // The image in a reader of its own, and what is recorded of that.
    let reader = Listener::start(&build("sim-reader")?, &["serve", "--json", "--image", &image])?;
    let played = replay(&town, &format!("tcp://{}", reader.address), &["--trace", &again, &trace])?.success()?;
    reader.kill()?;
    assert_eq!(played["result"], "as written", "{played}");
    assert!(played["commands"].as_u64().unwrap() > 20, "{played}");
    assert!(played["needs"].as_str().unwrap().starts_with("the card as it was on "), "{played}");
    // The card got power, and was reset because a transcript begins.
    assert!(steps(&again)?[2..] == steps(&trace)?, "{}", fs::read_to_string(&again)?);

    // One byte more of the holder's name.
    let change = town.path("change.apdu");
    let written = "needs Ada's card\n> 0020 0001 04 ????????\n< 9000\n> 00A4 000C 02 5F00\n< 9000\n\
        > 00D6 0005 01 58\n< 9000\n";
    fs::write(&change, written)?;
    let card = format!("image:{image}");
    assert_eq!(replay(&town, &card, &[&change])?.success()?["needs"], "Ada's card");
    let ended = replay(&town, &card, &[&change, &trace, &change])?;
    assert_eq!((ended.code, ended.results.len()), (Some(3), 2), "{ended:?}");
    let found = &ended.results[1];
    assert_eq!(
        (&found["result"], &found["first_byte"], &found["status"]),
        (&"difference".into(), &5.into(), &"9000".into())
    );
    let number = found["line"].as_u64().unwrap();
    let text = fs::read_to_string(&trace)?;
    let (line, _) = text.lines().zip(1..).find(|(_, here)| *here == number).unwrap();
    assert_eq!(line, format!("> {}", found["command"].as_str().unwrap()));
    assert_eq!(
        (found["words"][0].as_str(), found["file"].as_str()),
        (Some("READ BINARY: 256 bytes from 0"), Some(trace.as_str()))
    );

    // What people read.
    let pin = town.path("pin");
    let output = std::process::Command::new(build("host-terminal")?)
        .args(["replay", "--card", &card, "--pin-file", &pin, &trace])
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    assert_eq!(output.status.code(), Some(3), "{said}");
    let [expected, got, marks] = ["expected  ", "got       ", "          "].map(|row| {
        let line = said.lines().find_map(|line| line.strip_prefix("  ")?.strip_prefix(row));
        line.unwrap_or_else(|| panic!("no {row:?} in {said}")).to_owned()
    });
    assert_eq!(marks.find('^').unwrap(), 2 * 5, "{said}");
    // Ada became adX.
    assert!(expected.starts_with("5F2003616461") && got.starts_with("5F2003616458"), "{said}");
    assert!(
        said.contains("from byte 6 on the data differ") && said.contains("The transcript needs the card as it was")
    );
    Ok(())
}

#[test]
fn what_cannot_be_played_is_told_before_the_card_is_touched() -> Result<()> {
    let town = town()?;
    let (trace, junk, nowhere) = (town.path("inspect.apdu"), town.path("junk.apdu"), town.path("nowhere.apdu"));
    inspect(&town, &trace)?;
    fs::write(&junk, "reset\n\n> 00A4 0000 O2 3F00\n")?;
    let two = town.path("two.apdu");
    fs::write(&two, "card one\nreset\ncard other\nreset\n")?;
    let card = format!("image:{}", town.path("equal.card"));
    let before = fs::read(town.path("equal.card"))?;
    for (transcript, words) in [
        (&junk, "junk.apdu:3:13: 'O' is no hexadecimal digit"),
        (&nowhere, "cannot read "),
        (&two, "it is about several cards, one, other: say which of them this is (--of)"),
    ] {
        let ended = replay(&town, &card, &[&trace, transcript])?;
        assert_eq!((ended.code, ended.results.len()), (Some(1), 1), "{ended:?}");
        assert!(ended.results[0]["error"].as_str().unwrap().contains(words), "{ended:?}");
    }
    let ended = town.terminal(&["replay", "--card", &card, &trace])?.end(PATIENCE)?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("a PIN was left out here, and none was given: give --pin-file"), "{ended:?}");
    assert_eq!(fs::read(town.path("equal.card"))?, before);
    let ended = replay(&town, "tcp://127.0.0.1:9", &[&trace])?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    Ok(())
}

#[test]
fn a_purchase_is_true_up_to_the_providers_first_answer() -> Result<()> {
    let town = town()?;
    let topology =
        town.file(&[purchase(""), member("shop", "provider", &payee("ada")), leaf("ada", "shop", &payer("shop"))])?;
    let traces = town.path("traces");
    fs::create_dir(&traces)?;
    let group = ["group", "--json", "--topology", &topology.display().to_string(), "--trace", &traces];
    let ended = town.terminal(&group)?.end(PATIENCE)?;
    ensure!(ended.code == Some(0), "{ended:?}");
    let shop = Transcript::read(Path::new(&format!("{traces}/shop.apdu")))?;
    assert_eq!(shop.cards(), ["shop's card"]);

    let trace = format!("{traces}/ada.apdu");
    let ended = replay(&town, &format!("image:{}", town.path("equal.card")), &[&trace])?;
    let found = ended.results.first().context("no result")?;
    assert_eq!(ended.code, Some(3), "{found}");
    assert_eq!((&found["words"][0], &found["status"]), (&"RECEIVE: key exchange response".into(), &"6982".into()));
    Ok(())
}

#[test]
fn a_card_in_a_pcsc_reader_is_played_to_and_recorded_likewise() -> Result<()> {
    let mut town = Town::with_pcsc(&[Person::new("ada")], Daemon::start()?)?;
    let card = town.insert("ada", &Slot::number(0))?;
    let (written, trace) = (town.path("written.apdu"), town.path("trace.apdu"));
    fs::write(
        &written,
        "> 0020 0001 04 ????????\n< 9000\n> 00A4 000C 02 5F00\n< 9000\n> 00B0 0000 06\n< 5F2003616461 9000\n",
    )?;
    assert_eq!(replay(&town, "pcsc:", &["--trace", &trace, &written])?.success()?["commands"], 3);
    assert_eq!(replay(&town, "pcsc:", &[&trace])?.success()?["commands"], 3);
    card.take_out()
}

#[test]
fn every_transcript_is_answered_as_written_through_the_program() -> Result<()> {
    let (folder, reader, terminal) = (tempfile::tempdir()?, build("sim-reader")?, build("host-terminal")?);
    let mut all = 0;
    for (number, path) in vectors()?.into_iter().chain([manual()]).enumerate() {
        let image = folder.path().join(number.to_string()).display().to_string();
        let card = Listener::start(&reader, &["serve", "--new", "--image", &image, "--json", "--sync", "never"])?;
        let path = path.display().to_string();
        let replay = ["replay", "--json", "--card", &format!("tcp://{}", card.address), &path];
        let played = Running::start(&terminal, &replay)?.end(PATIENCE)?.success()?;
        assert_eq!((&played["result"], &played["needs"]), (&"as written".into(), &"a new card".into()), "{played}");
        let written = steps(&path)?.iter().filter(|step| matches!(step, Step::Exchange(..))).count();
        assert_eq!(played["commands"], written, "{played}");
        all += written;
    }
    covered(all, "commands of transcripts, played by the program");
    Ok(())
}
