//! The terminal at a PC/SC reader: it begins when a card is put in, and says what it waits for until then.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon_tests::group::{PATIENCE, Person, Town};
use symbolon_tests::pcsc::{Daemon, InsertedCard, Slot};
use symbolon_tests::process::{Ended, Piped, Running};

use crate::reader::{Client, beside};

/// Time for a terminal to have seen what is there, and to wait.
const A_MOMENT: Duration = Duration::from_millis(1500);

/// Seconds that a card which was taken out is waited for.
const WAIT: &str = "2";

/// A shop whose card is in the second reader, and Ada, whose card is in the first or in none.
pub(crate) struct Shop {
    pub(crate) town: Town,
    shop_s: InsertedCard,
    ada_s: Option<InsertedCard>,
}

impl Shop {
    fn new() -> Result<Self> {
        let mut shop = Self::with_both_cards("100.00")?;
        shop.ada_s.take().map_or(Ok(()), InsertedCard::take_out)?;
        Ok(shop)
    }

    /// With Ada's card in its reader, and so much in her account.
    pub(crate) fn with_both_cards(opening: &str) -> Result<Self> {
        let people = [Person::new("shop"), Person::new("ada").with(&["--opening", opening])];
        let mut town = Town::with_pcsc(&people, Daemon::start()?)?;
        let shop_s = town.insert("shop", &Slot::number(1))?;
        let ada_s = Some(town.insert("ada", &Slot::number(0))?);
        Ok(Self { town, shop_s, ada_s })
    }

    pub(crate) fn shop_s_card_in(&self) -> &InsertedCard {
        &self.shop_s
    }

    pub(crate) fn ada_s_card_in(&self) -> &InsertedCard {
        self.ada_s.as_ref().unwrap()
    }

    /// `host-terminal status` with Ada's card.
    pub(crate) fn status(&self, transaction: &str) -> Result<Value> {
        let provider = self.town.address.as_str();
        let status = ["status", "--card", "pcsc:00 00", "--provider", provider, "--transaction", transaction];
        self.soon(&status)?.end(PATIENCE)?.results.pop().context("no result")
    }

    /// `host-terminal sell` at the second reader; where it listens.
    pub(crate) fn sell(&self, times: usize) -> Result<(Running, String)> {
        let (pin, times) = (self.town.path("pin"), times.to_string());
        let sell = ["sell", "--json", "--card", "pcsc:00 01", "--pin-file", &pin, "--provider", &self.town.address];
        let what = ["--amount", "12.50", "--currency", "EUR", "--times", &times];
        let selling = self.town.terminal(&[sell.as_slice(), &what].concat())?;
        let listening = selling.line(PATIENCE)?.context("the shop does not listen")?;
        let address = listening["listening"].as_str().context("no address")?.to_owned();
        Ok((selling, address))
    }

    /// `host-terminal pay` with a card in a reader called so.
    pub(crate) fn pay(&self, reader: &str, to: &str) -> Result<Running> {
        let (pin, card) = (self.town.path("pin"), format!("pcsc:{reader}"));
        self.town.terminal(&["pay", "--json", "--card", &card, "--pin-file", &pin, "--to", to, "--limit", "50.00"])
    }

    /// One of the terminal's commands, which waits no longer than that for a card that was taken out.
    pub(crate) fn soon(&self, arguments: &[&str]) -> Result<Running> {
        self.town.terminal(&[arguments, &["--json", "--wait", WAIT, "--pin-file", &self.town.path("pin")]].concat())
    }

    fn ada_s_card(&mut self) -> Result<InsertedCard> {
        self.town.insert("ada", &Slot::number(0))
    }

    /// What Ada and the shop have; the audit finds nothing.
    pub(crate) fn balances(&self) -> Result<[i64; 2]> {
        let balances = self.town.balances()?;
        Ok([balances["ada"], balances["shop"]])
    }
}

/// A reader as `host-terminal readers` lists it.
fn row(reader: &str, state: &str, atr: Option<&str>) -> Value {
    serde_json::json!({ "reader": reader, "state": state, "atr": atr, "card": null, "pinpad": false })
}

fn paid(ended: &Ended) -> Result<&Value> {
    let result = ended.results.last().context("no result")?;
    ensure!(ended.code == Some(0) && result["result"] == "posted", "{ended:?}");
    Ok(result)
}

#[test]
fn a_purchase_begins_when_a_card_is_put_in() -> Result<()> {
    let mut shop = Shop::new()?;
    let (selling, address) = shop.sell(1)?;
    let paying = shop.pay("", &address)?;
    sleep(A_MOMENT);
    assert_eq!(shop.balances()?, [10_000, 0]);
    let card = shop.ada_s_card()?;
    let ended = paying.end(PATIENCE)?;
    assert_eq!(paid(&ended)?["amount"], 1250);
    assert_eq!(
        ended.errors, "host-terminal: waiting for a card in Virtual PCD 00 00\n",
        "and not in the shop's reader"
    );
    paid(&selling.end(PATIENCE)?)?;
    assert_eq!(shop.balances()?, [8_750, 1250]);
    card.take_out()
}

#[test]
fn a_foreign_card_is_told_by_what_it_is_and_another_program_is_waited_for() -> Result<()> {
    let mut shop = Shop::new()?;
    let (selling, address) = shop.sell(2)?;
    let slot = Slot::number(0);
    let mut foreign = shop.town.daemon()?.command("/usr/bin/python3");
    let mut foreign = Piped::start(foreign.arg(beside("foreign_card.py")).arg(slot.port.to_string()))?;
    assert_eq!(foreign.line()?, "in");
    let paying = shop.pay("00 00", &address)?;
    sleep(A_MOMENT);
    drop(foreign);
    sleep(A_MOMENT);
    let card = shop.ada_s_card()?;
    let ended = paying.end(PATIENCE)?;
    paid(&ended)?;
    let told = "the card in Virtual PCD 00 00 is a bank's payment card (EMV): waiting for one that can pay";
    assert!(ended.errors.contains(told), "{}", ended.errors);

    let client = Client::connect(shop.town.daemon()?, &slot.name)?;
    let paying = shop.pay("00 00", &address)?;
    sleep(A_MOMENT);
    drop(client);
    let ended = paying.end(PATIENCE)?;
    paid(&ended)?;
    let told = "waiting for another program to give back the card in Virtual PCD 00 00";
    assert!(ended.errors.contains(told), "{}", ended.errors);
    assert_eq!(selling.end(PATIENCE)?.results.len(), 2);
    assert_eq!(shop.balances()?, [7_500, 2500]);
    card.take_out()
}

#[test]
fn the_service_and_readers_come_and_go_while_a_card_is_waited_for() -> Result<()> {
    let mut shop = Shop::new()?;
    let (selling, address) = shop.sell(1)?;
    let paying = shop.pay("00 00", &address)?;
    sleep(A_MOMENT);
    shop.town.daemon_mut()?.stop();
    sleep(A_MOMENT);
    shop.town.daemon_mut()?.restart()?;
    sleep(A_MOMENT);
    let card = shop.ada_s_card()?;
    let ended = paying.end(PATIENCE)?;
    assert!(ended.errors.contains("waiting for the PC/SC service: pcscd does not run"), "{}", ended.errors);
    paid(&ended)?;
    // The shop's card lost its power with the service, and was opened again.
    paid(&selling.end(PATIENCE)?)?;
    assert_eq!(shop.balances()?, [8_750, 1250]);
    card.take_out()
}

#[test]
fn whoever_does_not_want_to_wait_is_told_after_that_time() -> Result<()> {
    let shop = Shop::new()?;
    let pin = shop.town.path("pin");
    let arguments = |reader| {
        ["status", "--json", "--card", reader, "--wait", "1", "--pin-file", &pin, "--provider", &shop.town.address]
    };
    for (reader, waiting) in [
        ("pcsc:00 00", "waiting for a card in Virtual PCD 00 00"),
        ("pcsc:Kiosk", "waiting for a card reader called Kiosk: there is Virtual PCD 00 00, Virtual PCD 00 01"),
    ] {
        let ended = shop.town.terminal(&arguments(reader))?.end(PATIENCE)?;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains(waiting), "{}", ended.errors);
        assert!(ended.errors.contains("no card came within 1 s"), "{}", ended.errors);
    }
    Ok(())
}

#[test]
fn readers_are_listed_with_what_is_in_them() -> Result<()> {
    let shop = Shop::new()?;
    let ended = shop.town.terminal(&["readers", "--json"])?.end(PATIENCE)?;
    let atr = hex::encode(sim_reader::atr::ATR);
    let expected = [row("Virtual PCD 00 00", "empty", None), row("Virtual PCD 00 01", "ours", Some(&atr))];
    assert_eq!(ended.results, expected);
    Ok(())
}
