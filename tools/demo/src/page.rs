//! What a person sees.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use anyhow::Result;
use host_terminal::words::printable;
use protocol::amount::Amount;
use serde_json::Value;

use crate::draw;
use crate::events::{ROUNDS, hops};
use crate::process::{list, number, text};
use crate::sight::{Finding, Sight};
use crate::story::{DEAR, PRICE, Purchase, Replay, WrongPin, amount};
use crate::world::{BANK, World};

/// Columns of a box around a receipt.
const RECEIPT_WIDTH: usize = 37;

/// A page that is written from top to bottom. A silent one stays empty.
pub(crate) struct Page {
    silent: bool,
    colour: bool,
}

/// How something looks where the terminal has colours.
#[derive(Clone, Copy)]
enum Look {
    Heading,
    Good,
    Open,
    Quiet,
}

impl Page {
    pub(crate) fn new(silent: bool) -> Self {
        // no-color.org: set and not empty.
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { silent, colour: stdout().is_terminal() && !unwanted && !dumb }
    }

    fn line(&self, line: &str) {
        if !self.silent {
            // Whoever read this may have gone; the story is told to its end all the same.
            drop(writeln!(stdout(), "{line}"));
        }
    }

    fn paint(&self, look: Look, text: &str) -> String {
        let code = match look {
            Look::Heading => "1",
            Look::Good => "32",
            Look::Open => "33",
            Look::Quiet => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn heading(&self, line: &str) {
        self.line("");
        self.line(&self.paint(Look::Heading, line));
    }

    fn good(&self, line: &str) {
        self.line(&format!("   {} {line}", self.paint(Look::Good, "✓")));
    }

    /// Who takes part.
    pub(crate) fn cast(&self, world: &World, took: Duration) {
        self.heading("Symbolon: a purchase through terminals that nobody has to trust");
        self.line(&format!("   {BANK:<14} provider {} at {}", world.identifier, world.provider));
        for holder in [&world.customer, &world.shop] {
            let (name, card) = (holder.person.name, &holder.card);
            self.line(&format!("   {name:<14} a card at {card}, PIN 1, and a terminal"));
        }
        let note =
            format!("   Each is a process. Accounts opened, cards issued and keys registered in {}.", time(took));
        self.line(&self.paint(Look::Quiet, &note));
    }

    /// The purchase that is posted.
    pub(crate) fn purchase(&self, purchase: &Purchase) -> Result<()> {
        self.heading(&format!("1  Ada buys for {}", amount(PRICE)?));
        draw::heads().iter().for_each(|head| self.line(&self.paint(Look::Quiet, head)));
        for (round, (name, _)) in ROUNDS.iter().enumerate() {
            self.line(&format!("  {}", self.paint(Look::Heading, name)));
            for hop in hops(&purchase.customer, &purchase.shop, round)? {
                self.line(&draw::hop(&hop));
            }
        }
        let before = purchase.customer.0.iter().chain(&purchase.shop.0).filter(|event| event.round.is_none()).count();
        let note =
            format!("   Before: {before} commands and messages for offer, PIN and descriptor; --verbose shows them.");
        self.line(&self.paint(Look::Quiet, &note));
        self.good(&format!("approved and posted, in {}", time(purchase.took)));
        self.receipts(purchase)
    }

    fn receipts(&self, purchase: &Purchase) -> Result<()> {
        let left = receipt("Ada Card", "Paid", &purchase.paid)?;
        let right = receipt("Bakery Huber", "Received", &purchase.received)?;
        left.iter().zip(&right).for_each(|(left, right)| self.line(&format!("   {left}  {right}")));
        Ok(())
    }

    /// Who could read what in it.
    pub(crate) fn sight(&self, sight: &Sight) {
        self.heading("   Who could read what: every byte each of them saw, searched");
        for part in [|[first, _]: [&'static str; 2]| first, |[_, second]: [&'static str; 2]| second] {
            let names: String = sight.eyes.iter().map(|eyes| format!("{:>11}", part(eyes.name))).collect();
            self.line(&format!("   {:<24}{names}", ""));
        }
        let bytes: String = sight.eyes.iter().map(|eyes| format!("{:>11}", kilobytes(eyes.count()))).collect();
        self.line(&self.paint(Look::Quiet, &format!("   {:<24}{bytes}", "searched")));
        sight.findings.iter().for_each(|finding| self.finding(finding));
        self.finding(&sight.control);
        let note = [
            "   Looked for as it is, in hexadecimal and in base64; the amount also as numbers. The last",
            "   row is the control: it travels in the clear, and the search must find it everywhere.",
            "   Ada's PIN passes through her terminal to her card, and into no record.",
        ];
        note.iter().for_each(|line| self.line(&self.paint(Look::Quiet, line)));
    }

    fn finding(&self, finding: &Finding) {
        let cells = finding.found.iter().map(|found| {
            if *found {
                self.paint(Look::Open, &format!("{:>11}", "found"))
            } else {
                self.paint(Look::Good, &format!("{:>11}", "–"))
            }
        });
        self.line(&format!("   {:<24}{}", finding.what, cells.collect::<String>()));
    }

    /// The purchase that is declined.
    pub(crate) fn declined(&self, purchase: &Purchase) -> Result<()> {
        self.heading(&format!("2  Ada wants to buy for {}", amount(DEAR)?));
        let reason = purchase.paid.get("reason").unwrap_or(&Value::Null);
        let (line, code) = (printable(text(reason, "line")?), number(reason, "code")?);
        self.good(&format!("declined, signed by {BANK}: \"{line}\" (code {code}), in {}", time(purchase.took)));
        self.good("the ledger did not move");
        Ok(())
    }

    /// What replays came to.
    pub(crate) fn replay(&self, replay: &Replay) {
        self.heading("3  Somebody on the way sends the recorded messages again");
        for again in &replay.again {
            let (what, request, response) = (&again.what, again.request, again.response);
            self.good(&format!("{what:<22}{request:>5} B: the stored answer again, the same {response} B"));
        }
        let refusal = hex::encode_upper(&replay.refusal);
        self.good(&format!("{} times one bit turned over: one and the same refusal each, {refusal}", replay.changed));
        self.good("the ledger did not move");
    }

    /// What a wrong PIN came to.
    pub(crate) fn wrong_pin(&self, wrong: &WrongPin) -> Result<()> {
        let [before, after, restored] = wrong.tries;
        self.heading("4  Somebody has Ada's card, but not her PIN");
        self.good(&format!("the card refuses: \"{}\" (of {before})", printable(&wrong.said)));
        let status = text(&wrong.status, "result")?;
        self.good(&format!("Ada's own PIN works; the bank tells how her purchase ended: {status}"));
        self.good(&format!("tries left: {before}, then {after}, now {restored} again"));
        Ok(())
    }

    /// The books, before and after.
    pub(crate) fn books(&self, before: &Value, after: &Value) -> Result<()> {
        self.heading(&format!("5  The books of {BANK}"));
        self.line(&format!("   {:<24}{:<14}{:>14}{:>14}", "account", "holder", "before", "after"));
        let mut sums = [0, 0];
        for (old, new) in list(before, "accounts")?.iter().zip(list(after, "accounts")?) {
            let balances = [number(old, "balance")?, number(new, "balance")?];
            sums.iter_mut().zip(balances).for_each(|(sum, balance)| *sum += balance);
            let [old_balance, new_balance] = balances;
            let (account, holder) = (text(new, "account")?, text(new, "holder")?);
            self.line(&format!("   {account:<24}{holder:<14}{:>14}{:>14}", money(old_balance)?, money(new_balance)?));
        }
        let [old_sum, new_sum] = sums;
        self.line(&format!("   {:<38}{:>14}{:>14}", "sum", money(old_sum)?, money(new_sum)?));
        let (entries, holds) = (number(after, "entries")?, number(after, "holds")?);
        self.good(&format!("the audit finds no flaw: {entries} entries, {holds} holds"));
        Ok(())
    }

    /// The end.
    pub(crate) fn end(&self, took: Duration) {
        self.heading(&format!("Everything came out as it has to, in {}.", time(took)));
    }

    /// Where the files are.
    pub(crate) fn kept(&self, folder: &str) {
        self.line(&format!("Logs, events, cards and the bank's data are in {folder}"));
    }

    /// Every command and message of the purchase, decoded.
    pub(crate) fn decoded(&self, text: &str) {
        self.heading("   What travelled, all of it");
        text.lines().for_each(|line| self.line(&format!("   {line}")));
    }
}

fn receipt(name: &str, verb: &str, result: &Value) -> Result<Vec<String>> {
    let amount = money(number(result, "amount")?)?;
    let named = list(result, "parties")?.iter().map(|party| text(party, "name")).collect::<Result<Vec<_>>>()?;
    let other = named.into_iter().find(|party| *party != name);
    let with = other.map_or_else(|| "from somebody unnamed".to_owned(), |other| format!("to {}", printable(other)));
    let width = RECEIPT_WIDTH - 4;
    let inside = [
        format!("{verb} {amount}"),
        with,
        printable(text(result, "receipt")?),
        text(result, "transaction")?.to_owned(),
    ];
    let top = format!("┌ {name} {}┐", "─".repeat(RECEIPT_WIDTH - 4 - name.chars().count()));
    let lines = inside.iter().map(|line| format!("│ {line:<width$} │"));
    let bottom = format!("└{}┘", "─".repeat(RECEIPT_WIDTH - 2));
    Ok([top].into_iter().chain(lines).chain([bottom]).collect())
}

fn money(minor: i64) -> Result<String> {
    let sign = if minor < 0 { "-" } else { "" };
    let currency = amount(PRICE)?.currency;
    Ok(format!("{sign}{}", Amount { minor: minor.unsigned_abs(), currency }))
}

fn kilobytes(bytes: usize) -> String {
    format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100)
}

fn time(took: Duration) -> String {
    if took.as_secs() == 0 { format!("{} ms", took.as_millis()) } else { format!("{:.1} s", took.as_secs_f64()) }
}
