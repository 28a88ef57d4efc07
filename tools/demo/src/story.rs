//! What happens: each step does something with real processes, and checks what came of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use host_terminal::{PROVIDER, SHOP};
use protocol::amount::Amount;
use protocol::message::{Kind, bare};
use protocol::types::Currency;
use serde_json::Value;

use crate::events::{Event, Record, check_wire};
use crate::process::{list, number, text};
use crate::wire;
use crate::world::World;

/// What the first purchase costs, and the one that Ada cannot afford.
pub(crate) const PRICE: &str = "12.50";
pub(crate) const DEAR: &str = "250.00";
pub(crate) const CURRENCY: &str = "EUR";

/// What the files of the first purchase begin with.
pub(crate) const BUY: &str = "buy";

/// A wrong PIN.
const WRONG_PIN: &str = "0000\n";

/// How many bits of each message are turned over, one at a time.
const BITS: usize = 8;

/// A purchase, as the two terminals tell of it.
pub(crate) struct Purchase {
    /// The customer's result, and the shop's.
    pub(crate) paid: Value,
    pub(crate) received: Value,
    pub(crate) customer: Record,
    pub(crate) shop: Record,
    pub(crate) took: Duration,
}

/// What came of replays.
pub(crate) struct Replay {
    pub(crate) again: Vec<Again>,
    /// Messages with one bit turned over, all of them refused.
    pub(crate) changed: usize,
    /// The refusal's bytes, always the same.
    pub(crate) refusal: Vec<u8>,
}

/// A recorded request, sent once more.
pub(crate) struct Again {
    pub(crate) what: String,
    pub(crate) request: usize,
    pub(crate) response: usize,
}

/// What came of a wrong PIN.
pub(crate) struct WrongPin {
    /// Tries that the card had left: before, after the wrong PIN, after the right one.
    pub(crate) tries: [i64; 3],
    /// What the terminal said of the wrong one.
    pub(crate) said: String,
    /// What the right one brought: the end of the first purchase.
    pub(crate) status: Value,
}

/// An amount in the story's currency.
pub(crate) fn amount(text: &str) -> Result<Amount> {
    let currency = Currency::parse(CURRENCY).context("no currency")?;
    Amount::parse(text, currency).with_context(|| format!("{text} is no amount"))
}

/// Ada buys, and the money moves.
pub(crate) fn buy(world: &World) -> Result<Purchase> {
    let before = world.ledger()?;
    let purchase = purchase(world, BUY, PRICE)?;
    for result in [&purchase.paid, &purchase.received] {
        ensure!(text(result, "result")? == "posted", "the purchase was not posted: {result}");
        ensure!(number(result, "amount")? == minor(PRICE)?, "another amount: {result}");
    }
    ensure!(purchase.paid == purchase.received, "the two receipts differ");
    let payee = list(&purchase.paid, "parties")?.first().context("the customer does not know whom it paid")?;
    ensure!(text(payee, "name")? == world.shop.person.name, "paid to somebody else: {payee}");
    let after = world.ledger()?;
    check_books(&after)?;
    ensure!(moved(world, &before, &after)? == [-minor(PRICE)?, minor(PRICE)?], "the ledger moved otherwise");
    Ok(purchase)
}

/// Ada wants to buy more than she has.
pub(crate) fn overspend(world: &World) -> Result<Purchase> {
    let before = world.ledger()?;
    let available = number(account(&before, &world.customer.account)?, "available")?;
    ensure!(minor(DEAR)? > available, "Ada can afford {DEAR}");
    let purchase = purchase(world, "overspend", DEAR)?;
    for result in [&purchase.paid, &purchase.received] {
        ensure!(text(result, "result")? == "declined", "it was not declined: {result}");
    }
    ensure!(world.ledger()? == before, "the ledger moved");
    Ok(purchase)
}

/// Somebody on the way sends what was recorded: as it was, and with one bit turned over.
pub(crate) fn replay(world: &World, purchase: &Purchase) -> Result<Replay> {
    let before = world.ledger()?;
    let exchanges = exchanges(purchase)?;
    ensure!(exchanges.len() == 3, "{} requests where three rounds were", exchanges.len());
    let mut line = wire::Line::connect(&world.provider)?;
    let mut again = Vec::new();
    for (request, response) in &exchanges {
        let answer = line.ask(&request.bytes)?;
        ensure!(answer == response.bytes, "the {} got another answer than the first time", request.what);
        again.push(Again { what: request.what.clone(), request: request.bytes.len(), response: answer.len() });
    }
    let refusal = bare(Kind::Refused).to_vec();
    let mut changed = 0;
    for (request, _) in &exchanges {
        for bytes in with_a_bit_turned(&request.bytes) {
            let answer = line.ask(&bytes)?;
            ensure!(answer == refusal, "a changed {} was answered with {} bytes", request.what, answer.len());
            changed += 1;
        }
    }
    let after = world.ledger()?;
    check_books(&after)?;
    ensure!(after == before, "the ledger moved");
    Ok(Replay { again, changed, refusal })
}

/// Somebody has Ada's card but not her PIN; then Ada asks how her purchase ended.
pub(crate) fn wrong_pin(world: &World, purchase: &Purchase) -> Result<WrongPin> {
    let wrong = world.desk.path("wrong.pin");
    std::fs::write(&wrong, WRONG_PIN)?;
    let transaction = text(&purchase.paid, "transaction")?;
    let before = tries_left(world)?;
    let refused = ask_status(world, "wrong-pin", &wrong, transaction)?;
    let after = tries_left(world)?;
    ensure!(after == before - 1, "{before} tries became {after}");
    ensure!(!refused.status.success(), "the wrong PIN was good enough");
    let said = text(refused.result()?, "error")?.to_owned();
    ensure!(said.contains(&after.to_string()), "the terminal does not say how many tries are left: {said}");

    let right = ask_status(world, "right-pin", &world.customer.pin_file, transaction)?.success()?;
    let status = right.result()?.clone();
    ensure!(text(&status, "result")? == "posted", "the purchase is not posted any more: {status}");
    let restored = tries_left(world)?;
    ensure!(restored == before, "after the right PIN {restored} tries are left, not {before}");
    Ok(WrongPin { tries: [before, after, restored], said, status })
}

/// The books must sum to zero in the audit's opinion and in ours.
pub(crate) fn check_books(ledger: &Value) -> Result<()> {
    ensure!(list(ledger, "flaws")?.is_empty(), "the audit finds flaws: {ledger}");
    let balances: Result<Vec<i64>> =
        list(ledger, "accounts")?.iter().map(|account| number(account, "balance")).collect();
    let sum: i64 = balances?.iter().sum();
    ensure!(sum == 0, "the books sum to {sum}");
    Ok(())
}

/// One account in the books.
pub(crate) fn account<'a>(ledger: &'a Value, name: &str) -> Result<&'a Value> {
    let mut accounts = list(ledger, "accounts")?.iter();
    accounts.find(|account| text(account, "account").is_ok_and(|found| found == name)).context("an account is missing")
}

/// Where the customer's and the shop's terminal write down what travels in a purchase.
pub(crate) fn event_files(world: &World, name: &str) -> [String; 2] {
    ["customer", "shop"].map(|terminal| world.desk.path(&format!("{name}-{terminal}.events")))
}

fn purchase(world: &World, name: &str, price: &str) -> Result<Purchase> {
    let [customer_events, shop_events] = &event_files(world, name);
    let (customer, shop) = (&world.customer, &world.shop);
    let sell = ["sell", "--card", &shop.card, "--pin-file", &shop.pin_file, "--provider", &world.provider];
    let asked = ["--amount", price, "--currency", CURRENCY, "--json", "--events", shop_events];
    let sell = [sell.as_slice(), &asked].concat();
    let (selling, address) = world.desk.serve(&format!("{name}-shop"), "host-terminal", &sell)?;

    let pay = ["pay", "--card", &customer.card, "--pin-file", &customer.pin_file, "--to", &address];
    let pay = [pay.as_slice(), &["--limit", price, "--json", "--events", customer_events]].concat();
    let began = Instant::now();
    let paid = world.desk.attempt(&format!("{name}-customer"), "host-terminal", &pay)?;
    let took = began.elapsed();
    let received = selling.end()?;
    let (customer, shop) = (Record::read(customer_events)?, Record::read(shop_events)?);
    check_wire(&customer, &shop)?;
    Ok(Purchase { paid: paid.result()?.clone(), received: received.result()?.clone(), customer, shop, took })
}

/// What the shop's terminal asked the provider in the three rounds, and what it was answered.
fn exchanges(purchase: &Purchase) -> Result<Vec<(&Event, &Event)>> {
    let mut wire = purchase.shop.between(SHOP, PROVIDER).filter(|event| !event.what.starts_with("descriptor"));
    let mut exchanges = Vec::new();
    while let Some(request) = wire.next() {
        let response = wire.next().context("a request without an answer")?;
        ensure!(request.to == PROVIDER && response.from == PROVIDER, "requests and answers are mixed up");
        exchanges.push((request, response));
    }
    Ok(exchanges)
}

/// The message with one bit turned over, in places from its beginning to its end.
fn with_a_bit_turned(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..BITS).map(|bit| {
        let mut changed = message.to_vec();
        let place = (message.len() - 1) * bit / (BITS - 1);
        changed.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << bit);
        changed
    })
}

fn ask_status(world: &World, name: &str, pin_file: &str, transaction: &str) -> Result<crate::process::Ended> {
    let card = ["status", "--card", &world.customer.card, "--pin-file", pin_file];
    let which = ["--provider", &world.provider, "--transaction", transaction, "--json"];
    world.desk.attempt(name, "host-terminal", &[card.as_slice(), &which].concat())
}

fn tries_left(world: &World) -> Result<i64> {
    let card = world.customer.inspect(&world.desk)?;
    match list(&card, "pins")? {
        [pin] => number(pin, "tries_left"),
        pins => bail!("the card has {} PINs", pins.len()),
    }
}

/// By how much the customer's and the shop's balances changed.
fn moved(world: &World, before: &Value, after: &Value) -> Result<[i64; 2]> {
    let change = |name: &str| -> Result<i64> {
        Ok(number(account(after, name)?, "balance")? - number(account(before, name)?, "balance")?)
    };
    Ok([change(&world.customer.account)?, change(&world.shop.account)?])
}

fn minor(price: &str) -> Result<i64> {
    Ok(i64::try_from(amount(price)?.minor)?)
}
