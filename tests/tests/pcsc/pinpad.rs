//! A reader with keys of its own for PINs: a driver of pcscd that is written for this, with our card in it. The
//! terminal gets the feature from PC/SC, builds the structure, and never has a PIN.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon_tests::group::{PATIENCE, PIN, Person, Town};
use symbolon_tests::pcsc::{Daemon, InsertedCard, Slot};
use tempfile::TempDir;

use crate::reader::beside;

/// Where the driver looks for what is typed.
const KEYS: &str = "keys";
/// Where it looks for whether it is there at all.
const UNPLUGGED: &str = "unplugged";
/// Time for pcscd and a terminal to have seen that.
const A_MOMENT: Duration = Duration::from_millis(1500);

/// A card in a reader with keys, and a provider.
struct Desk {
    town: Town,
    card: InsertedCard,
    _driver: TempDir,
}

impl Desk {
    fn new() -> Result<Self> {
        let driver = TempDir::new()?;
        let daemon = Daemon::with_driver(&compile(driver.path())?, 2)?;
        let mut town = Town::with_pcsc(&[Person::new("ada").with(&["--opening", "100.00"])], daemon)?;
        let card = town.insert("ada", &Slot::number(0))?;
        Ok(Self { town, card, _driver: driver })
    }

    /// `host-terminal status` while this is typed on the reader; the card remembers no transaction, which it tells
    /// whoever has the PIN.
    fn ask(&self, typed: &str) -> Result<Value> {
        self.town.daemon()?.write(KEYS, typed.as_bytes())?;
        let status = ["status", "--json", "--card", "pcsc:", "--provider", &self.town.address];
        let ended = self.town.terminal(&status)?.end(PATIENCE)?;
        ensure!(ended.errors.contains("the PIN is typed on the reader"), "{}", ended.errors);
        Ok(ended.results.last().context("no result")?["error"].clone())
    }
}

fn compile(folder: &Path) -> Result<PathBuf> {
    let library = folder.join("pinpad_reader.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-Wall", "-Werror", "-I/usr/include/PCSC", "-o"]).arg(&library);
    ensure!(cc.arg(beside("pinpad_reader.c")).status()?.success(), "the driver cannot be compiled");
    Ok(library)
}

#[test]
fn a_pin_is_typed_on_the_reader_and_every_way_not_to_is_told() -> Result<()> {
    let desk = Desk::new()?;
    let ended = desk.town.terminal(&["readers", "--json"])?.end(PATIENCE)?;
    assert_eq!(ended.results[0]["pinpad"], true, "{ended:?}");

    assert_eq!(desk.ask("cancel")?, "no PIN was typed on the reader: the key to cancel was pressed");
    assert_eq!(desk.ask("")?, "no PIN was typed on the reader: nobody typed in time");
    assert_eq!(desk.ask("1")?, "no PIN was typed on the reader: too few or too many digits");
    assert_eq!(desk.ask("000000")?, "wrong PIN, 2 tries left");
    assert_eq!(desk.ask(PIN)?, Value::Null, "nothing is open");
    assert_eq!(desk.ask("000000")?, "wrong PIN, 2 tries left", "the right one gave the try back");
    desk.card.take_out()
}

#[test]
fn a_reader_that_is_unplugged_is_waited_for() -> Result<()> {
    let desk = Desk::new()?;
    desk.card.take_out()?;
    desk.town.daemon()?.write(KEYS, PIN.as_bytes())?;
    let status = ["status", "--json", "--card", "pcsc:", "--provider", &desk.town.address];
    let asking = desk.town.terminal(&status)?;
    sleep(A_MOMENT);
    desk.town.daemon()?.write(UNPLUGGED, b"")?;
    sleep(A_MOMENT);
    desk.town.daemon()?.remove(UNPLUGGED)?;
    sleep(A_MOMENT);
    let card = InsertedCard::insert(desk.town.daemon()?, desk.town.path("ada.card").as_ref(), &Slot::number(0))?;
    let ended = asking.end(PATIENCE)?;
    let lost = "Virtual PCD 00 00, which does not answer: plug it in again";
    let waiting = ["a card in Virtual PCD 00 00", lost, "a card in Virtual PCD 00 00"];
    let expected: Vec<_> = waiting.iter().map(|what| format!("host-terminal: waiting for {what}\n")).collect();
    assert!(ended.errors.starts_with(&expected.concat()), "{}{}", ended.errors, desk.town.daemon()?.log());
    assert_eq!(ended.results[0]["result"], "nothing open");
    card.take_out()
}
