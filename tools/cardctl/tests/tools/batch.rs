//! Many simulated cards.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::image::{Image, SyncPolicy};

use crate::desk::{ROOT_KEY, SECRET, enrolment};

const TEMPLATE: &str = r#"
[holder]
name = "{name}"
[[pin]]
number = 1
column = "pin"
[[provider]]
enrolment = "{enrolment}"
name = "First Bank"
[[file]]
path = "0001"
kind = "transparent"
text = "card {n}"
access = { read = "always" }
"#;

/// A folder with a template, holders, and an enrolment for each.
fn folder(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let mut holders = "name,pin,enrolment\n".to_owned();
    for number in 1..=count {
        holders += &format!("\"Holder, {number}\",{},{number}.json\n", pin(number.into()));
        write(&format!("{number}.json"), &enrolment(ROOT_KEY).replace("DE1", &format!("DE{number}")));
    }
    write("holders.csv", &holders);
    write("template.toml", TEMPLATE);
    folder
}

/// No PIN looks like a part of something in hexadecimal.
fn pin(number: u64) -> String {
    format!("zx{number:04}")
}

fn batch(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardctl"));
    command.args(["batch", "--profile", "template.toml", "--csv", "holders.csv", "--out", "out", "--json"]).args(more);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn manifest(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("out/manifest.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn every_holder_gets_a_card_and_what_was_killed_goes_on() {
    const COUNT: u32 = 24;
    let folder = folder(COUNT);
    let folder = folder.path();
    let mut first = batch(folder, &[]).spawn().unwrap();
    let began = Instant::now();
    while manifest(folder).len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(60), "no cards");
        std::thread::sleep(Duration::from_millis(2));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let finished = manifest(folder);
    assert!(finished.len() < 24, "it was over before it was killed");
    let before: Vec<_> = finished.iter().map(|card| read(folder, card)).collect();

    let output = batch(folder, &[]).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["cards"], &told["kept"]), (&COUNT.into(), &finished.len().into()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("24 of 24 cards") && !said.contains(SECRET), "{said}");

    let cards = manifest(folder);
    let mut numbers: Vec<u64> = cards.iter().map(|card| card["n"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=COUNT.into()).collect::<Vec<_>>());
    assert!(finished.iter().zip(before).all(|(card, before)| read(folder, card) == before), "what is finished is kept");
    let left = fs::read_dir(folder.join("out")).unwrap().count();
    assert_eq!(left, 25, "an image for each, and the manifest");
    for card in &cards {
        is_the_holders(folder, card);
    }
    let text = fs::read_to_string(folder.join("out/manifest.jsonl")).unwrap();
    assert!(!text.contains("zx") && !text.contains(SECRET));
    let again: Value = serde_json::from_slice(&batch(folder, &[]).output().unwrap().stdout).unwrap();
    assert_eq!((&again["made"], &again["kept"]), (&0.into(), &COUNT.into()));
}

fn read(folder: &Path, card: &Value) -> Vec<u8> {
    fs::read(folder.join("out").join(card["image"].as_str().unwrap())).unwrap()
}

/// The image is a card with the holder's PIN, file and key.
fn is_the_holders(folder: &Path, card: &Value) {
    let number = card["n"].as_u64().unwrap();
    assert_eq!(card["holder"], format!("Holder, {number}"));
    let account = &card["accounts"][0];
    let register = format!("service-provider register-key --account DE{number} --key ");
    assert_eq!(account["register_key"], register + account["verification_key"].as_str().unwrap());
    let image = folder.join("out").join(card["image"].as_str().unwrap());
    let mut card = SoftwareCard::new(Image::open(&image, None, SyncPolicy::Never).unwrap(), Noise::Os);
    card.power_on().unwrap();
    let mut send = |command: &[u8]| card.transmit(command).unwrap();
    assert_eq!(send(&[0x00, 0xA4, 0x02, 0x0C, 2, 0x00, 0x01]), [0x90, 0x00]);
    assert_eq!(send(&[0x00, 0xB0, 0, 0, 0]), [format!("card {number}").as_bytes(), &[0x90, 0x00]].concat());
    assert_eq!(send(&[&[0x00, 0x20, 0x00, 0x01, 6], pin(number).as_bytes()].concat()), [0x90, 0x00]);
    assert_eq!(send(&[0x80, 0xF0, 0x80, 0x07]), [0x69, 0x82], "it is secured");
}

#[test]
fn what_cannot_be_a_batch_is_refused_before_a_card_is_made() {
    let folder = folder(2);
    let folder = folder.path();
    let refused = |more: &[&str], word: &str| {
        let output = batch(folder, more).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(word), "{word} in {errors}");
        assert!(!folder.join("out/card-000001.image").exists());
    };
    refused(&["--count", "3"], "there are 2 holders");
    refused(&["--count", "0"], "1 to 1000000 cards");
    fs::write(folder.join("template.toml"), TEMPLATE.replace("{name}", "{surname}")).unwrap();
    refused(&[], "no column \"surname\"");
    fs::write(folder.join("template.toml"), TEMPLATE.replace("column = \"pin\"", "column = \"code\"")).unwrap();
    refused(&[], "no column \"code\"");
    fs::write(folder.join("holders.csv"), "name,pin,enrolment\nAda,4711\n").unwrap();
    refused(&[], "line 2 has 2 columns");
}

#[test]
fn the_help_says_what_is_filled_in() {
    let output = Command::new(env!("CARGO_BIN_EXE_cardctl")).args(["batch", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("A name in braces is filled in: n is the card's number, and any other"), "{help}");
    assert!(words.contains("--out <FOLDER>"), "{help}");
}
