//! A card that is taken out at any command of a purchase, in a PC/SC reader: money has moved or has not, nobody's books
//! are wrong, the terminal says what happened, the card tells the end later, and the next try works.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sim_reader::control::Order;
use sim_reader::hand::Moment;
use symbolon_tests::group::PATIENCE;
use symbolon_tests::pcsc::InsertedCard;
use symbolon_tests::process::Ended;

use crate::terminal::Shop;

/// What a purchase costs, in minor units.
const PRICE: i64 = 1250;
/// More commands than a purchase takes.
const COMMANDS_MAX: u32 = 64;
/// What it takes: SELECT, LIST PROVIDERS, VERIFY, CHOOSE PROVIDER, LOAD DESCRIPTOR, and three rounds of BUILD, SIGN and
/// RECEIVE; and a card that is one of ours is known by a SELECT.
const COMMANDS_MIN: u32 = 15;

/// What both said of a purchase.
struct Said {
    /// Nothing where the shop never opened.
    paid: Option<Ended>,
    received: Ended,
}

impl Said {
    fn is_posted(&self) -> bool {
        self.both().all(|ended| result_of(ended)["result"] == "posted") && self.paid.is_some()
    }

    fn both(&self) -> impl Iterator<Item = &Ended> {
        self.paid.iter().chain([&self.received])
    }
}

fn result_of(ended: &Ended) -> &Value {
    ended.results.last().unwrap_or(&Value::Null)
}

fn purchase(shop: &Shop) -> Result<Said> {
    let provider = shop.town.address.as_str();
    let sell = ["sell", "--card", "pcsc:00 01", "--provider", provider, "--amount", "12.50", "--currency", "EUR"];
    let selling = shop.soon(&sell)?;
    let first = selling.line(PATIENCE)?.unwrap_or_default();
    let Some(address) = first["listening"].as_str() else {
        ensure!(first["result"] == "error", "the shop neither listens nor says why: {first}");
        return Ok(Said { paid: None, received: selling.end(PATIENCE)? });
    };
    let pay = ["pay", "--card", "pcsc:00 00", "--to", address, "--limit", "50.00"];
    let paid = shop.soon(&pay)?.end(PATIENCE)?;
    if result_of(&paid)["transaction"].is_null() {
        // The customer may never have come, and the shop would wait for the next.
        selling.terminate()?;
    }
    Ok(Said { paid: Some(paid), received: selling.end(PATIENCE)? })
}

/// Takes Ada's card, or the shop's, out at every command of a purchase.
fn at_every_command(whose: fn(&Shop) -> &InsertedCard, moment: Moment) -> Result<u32> {
    let shop = Shop::with_both_cards("10000.00")?;
    for command in 1..COMMANDS_MAX {
        let before = shop.balances()?;
        whose(&shop).remove_at(command, moment)?;
        let said = purchase(&shop)?;
        let planned = whose(&shop).control(Order::Status)?;
        if planned.inserted {
            ensure!(said.is_posted(), "{:?}", said.paid);
            return Ok(command - 1);
        }
        let place = || format!("{moment:?} command {command}: {:?}, {:?}", said.paid, said.received);
        check(&shop, before, &said, whose).with_context(place)?;
    }
    anyhow::bail!("the purchase has no end")
}

fn check(shop: &Shop, before: [i64; 2], said: &Said, whose: fn(&Shop) -> &InsertedCard) -> Result<()> {
    let after = shop.balances()?;
    let moved = after[1] - before[1];
    ensure!(moved == 0 || moved == PRICE, "{moved} came");
    ensure!(before[0] - after[0] == moved, "{moved} came, and {} went", before[0] - after[0]);
    for ended in said.both() {
        let is_posted = result_of(ended)["result"] == "posted";
        ensure!(moved == PRICE || !is_posted, "nothing moved, and it says otherwise: {ended:?}");
        ensure!(ended.results.iter().all(|result| result["result"] != "declined"), "{ended:?}");
    }
    whose(shop).control(Order::Insert)?;

    // The card knows, or asks, how that ended.
    if let Some(transaction) = said.paid.as_ref().and_then(|paid| result_of(paid)["transaction"].as_str()) {
        let end = shop.status(transaction)?;
        match end["result"].as_str() {
            Some("posted") => ensure!(moved == PRICE, "it is told as posted"),
            Some("open" | "released" | "declined" | "refused") => {
                ensure!(moved == 0, "it is told as not posted: {end}")
            }
            Some("error") => {
                // Nothing was requested with the card.
                ensure!(
                    moved == 0 && end["error"].as_str().is_some_and(|it| it.contains("no such transaction")),
                    "{end}"
                );
            }
            _ => anyhow::bail!("{end}"),
        }
    }
    let next = purchase(shop)?;
    ensure!(next.is_posted(), "the next try: {:?}", next.paid);
    ensure!(shop.balances()?[1] == after[1] + PRICE, "the next try moved something else");
    Ok(())
}

fn said_too_early(error: &str) -> bool {
    ["there is no card in the reader", "the card stopped answering"].iter().any(|it| error.contains(it))
}

#[test]
fn the_customer_s_card_before_each_command() -> Result<()> {
    let commands = at_every_command(Shop::ada_s_card_in, Moment::Before)?;
    ensure!(commands >= COMMANDS_MIN, "only {commands} commands");
    Ok(())
}

#[test]
fn the_customer_s_card_before_each_answer() -> Result<()> {
    let commands = at_every_command(Shop::ada_s_card_in, Moment::Unanswered)?;
    ensure!(commands >= COMMANDS_MIN, "only {commands} commands");
    Ok(())
}

#[test]
fn the_shop_s_card_before_each_answer() -> Result<()> {
    let commands = at_every_command(Shop::shop_s_card_in, Moment::Unanswered)?;
    ensure!(commands >= COMMANDS_MIN, "only {commands} commands");
    Ok(())
}

#[test]
fn a_card_that_is_removed_too_early_is_told_as_such() -> Result<()> {
    let shop = Shop::with_both_cards("100.00")?;
    for command in [4, 8, 11] {
        shop.ada_s_card_in().remove_at(command, Moment::Before)?;
        let said = purchase(&shop)?;
        let paid = said.paid.context("the shop did not open")?;
        let error = result_of(&paid)["error"].as_str().context("it went well")?;
        assert!(said_too_early(error), "{error}");
        shop.ada_s_card_in().control(Order::Insert)?;
    }
    Ok(())
}
