//! The card tools at a PC/SC reader: the same as with a card in a process.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use symbolon_tests::pcsc::{Daemon, InsertedCard};
use symbolon_tests::process::build;
use tempfile::TempDir;

const PROFILE: &str = r#"
[holder]
name = "Ada Card"
[[pin]]
number = 1
file = "pin.txt"
[[key]]
label = "Signature"
[[key_set]]
version = 1
file = "issuer.keys"
"#;

/// More than a short command holds, in files and in records.
const CHANGES: &str = r#"
[[pin]]
number = 2
file = "pin.txt"
[[key]]
label = "Second"
number = 0x22
[[file]]
path = "0001"
kind = "records"
record = [{ file = "long.txt" }, { text = "short" }]
access = { read = "always" }
[[file]]
path = "0002"
kind = "transparent"
file = "long.txt"
access = { read = "always" }
"#;

#[test]
fn a_card_is_issued_changed_blocked_and_terminated_through_pcsc() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
    let slot = daemon.slot(0)?;
    let _card = InsertedCard::create(&daemon, &folder.path().join("card"), &slot)?;
    let long = "long ".repeat(200);
    let keys = "404142434445464748494a4b4c4d4e4f\n".to_owned();
    for (name, text) in [
        ("profile.toml", PROFILE),
        ("changes.toml", CHANGES),
        ("pin.txt", "1111\n"),
        ("issuer.keys", &keys),
        ("long.txt", &long),
    ] {
        fs::write(folder.path().join(name), text)?;
    }
    let does = |words: &str| cardctl(&daemon, &slot.name, folder.path(), words);
    does("issue --profile profile.toml")?;
    for protection in ["--level 33 --mode s16", "--level 03 --mode s8"] {
        does(&format!("personalise --profile changes.toml --keys issuer.keys {protection}"))?;
    }
    let found = does("inspect --pin-file pin.txt")?;
    let file = |path: &str| {
        let files = found["files"].as_array().context("no files")?;
        files.iter().find(|file| file["path"] == path).with_context(|| format!("no file {path}"))
    };
    assert_eq!(file("0001")?["records"], json!([hex::encode(&long), hex::encode("short")]));
    assert_eq!(file("0002")?["content"], hex::encode(&long));
    assert_eq!((&found["life_cycle"], found["keys"].as_array().map(Vec::len)), (&json!("SECURED"), Some(2)));
    does("block --keys issuer.keys")?;
    assert_eq!(does("inspect")?["life_cycle"], "CARD_LOCKED");
    does("unblock --keys issuer.keys")?;
    does("terminate --keys issuer.keys --yes-terminate-this-card")?;
    assert_eq!(does("inspect")?["life_cycle"], "TERMINATED");
    Ok(())
}

#[test]
fn a_card_that_does_not_come_is_waited_for_as_long_as_was_said() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
    let reader = daemon.slot(0)?.name;
    let began = Instant::now();
    let error = cardctl(&daemon, &reader, folder.path(), "inspect --wait 1").err().context("there is a card")?;
    assert!(began.elapsed() >= Duration::from_secs(1), "it did not wait");
    assert!(format!("{error:#}").contains("no card came within 1 s"), "{error:#}");
    Ok(())
}

/// Runs the tool in the namespace; words with a dot are files in the folder.
fn cardctl(daemon: &Daemon, reader: &str, folder: &Path, words: &str) -> Result<Value> {
    let mut command = daemon.command(build("cardctl")?);
    let words_or_paths = words
        .split(' ')
        .map(|word| if word.contains('.') { folder.join(word).display().to_string() } else { word.to_owned() });
    command.args(words_or_paths).args(["--json", "--card", &format!("pcsc:{reader}")]);
    let output = command.output()?;
    ensure!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
