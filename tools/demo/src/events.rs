//! What travelled in a purchase, as the two terminals wrote it down.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use host_terminal::{CUSTOMER, CUSTOMER_CARD, PROVIDER, SHOP, SHOP_CARD};
use serde_json::Value;

use crate::process::{number, text};

/// Whoever takes part, in the order of the diagrams.
pub(crate) const PLACES: [&str; 5] = [CUSTOMER_CARD, CUSTOMER, SHOP, SHOP_CARD, PROVIDER];

/// A round, and what its messages' names have in them.
pub(crate) const ROUNDS: [(&str, &[&str]); 3] = [
    ("Key exchange", &["key exchange"]),
    ("Transaction", &["transaction"]),
    ("Acknowledgment and final notice", &["acknowledgment", "final notice"]),
];

/// Something that travelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    at: i64,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) what: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) micros: Option<i64>,
    /// Which of [`ROUNDS`]; `None` before the first.
    pub(crate) round: Option<usize>,
}

/// All that one terminal saw.
pub(crate) struct Record(pub(crate) Vec<Event>);

/// A line of a diagram: a message, or a command with its response.
pub(crate) struct Hop {
    /// Places by their index in [`PLACES`].
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) label: String,
    pub(crate) bytes: usize,
    /// Of a command: bytes of its response.
    pub(crate) answer: Option<usize>,
    /// From the question to the answer, where this is one.
    pub(crate) micros: Option<i64>,
}

impl Record {
    pub(crate) fn read(path: &str) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
        let mut events = Vec::new();
        let mut round = None;
        for line in text.lines() {
            let mut event = Event::parse(&serde_json::from_str(line)?)?;
            let named = ROUNDS.iter().position(|(_, names)| names.iter().any(|name| event.what.contains(name)));
            round = named.or(round);
            event.round = round;
            events.push(event);
        }
        ensure!(!events.is_empty(), "{path} is empty");
        Ok(Self(events))
    }

    /// What went between two places, in both directions.
    pub(crate) fn between<'a>(&'a self, one: &'a str, other: &'a str) -> impl Iterator<Item = &'a Event> {
        self.0.iter().filter(move |event| event.is_between(one, other))
    }
}

impl Event {
    fn parse(value: &Value) -> Result<Self> {
        Ok(Self {
            at: number(value, "at_micros")?,
            from: text(value, "from")?.to_owned(),
            to: text(value, "to")?.to_owned(),
            what: text(value, "what")?.to_owned(),
            bytes: hex::decode(text(value, "bytes")?)?,
            micros: value.get("micros").and_then(Value::as_i64),
            round: None,
        })
    }

    fn is_between(&self, one: &str, other: &str) -> bool {
        (self.from == one && self.to == other) || (self.from == other && self.to == one)
    }

    fn is_with_card(&self) -> bool {
        [CUSTOMER_CARD, SHOP_CARD].iter().any(|card| self.from == *card || self.to == *card)
    }
}

/// The lines of one round's diagram, in the order of time.
pub(crate) fn hops(customer: &Record, shop: &Record, round: usize) -> Result<Vec<Hop>> {
    let of_customer = customer.0.iter();
    // What goes between the terminals is in both records.
    let of_shop = shop.0.iter().filter(|event| !event.is_between(CUSTOMER, SHOP));
    let mut events: Vec<&Event> = of_customer.chain(of_shop).filter(|event| event.round == Some(round)).collect();
    events.sort_by_key(|event| event.at);

    let mut commands = BTreeMap::new();
    let mut hops = Vec::new();
    for event in events {
        let (from, to) = (place(&event.from)?, place(&event.to)?);
        let label = event.what.split(' ').next().unwrap_or_default().to_owned();
        let bytes = event.bytes.len();
        if !event.is_with_card() {
            let label = match (label.as_str(), event.micros) {
                ("descriptor", _) => label,
                (_, None) => "request".to_owned(),
                (_, Some(_)) => "response".to_owned(),
            };
            hops.push(Hop { from, to, label, bytes, answer: None, micros: event.micros });
        } else if event.micros.is_none() {
            commands.insert(to, bytes);
        } else if let Some(command) = commands.remove(&from) {
            hops.push(Hop { from: to, to: from, label, bytes: command, answer: Some(bytes), micros: event.micros });
        }
    }
    Ok(hops)
}

/// Checks that what one terminal sent is what the other received.
pub(crate) fn check_wire(customer: &Record, shop: &Record) -> Result<()> {
    let sent: Vec<_> = customer.between(CUSTOMER, SHOP).map(|event| (&event.from, &event.bytes)).collect();
    let received: Vec<_> = shop.between(CUSTOMER, SHOP).map(|event| (&event.from, &event.bytes)).collect();
    ensure!(sent == received, "the terminals do not agree on what went between them");
    Ok(())
}

fn place(name: &str) -> Result<usize> {
    PLACES.iter().position(|place| *place == name).with_context(|| format!("nobody is called {name}"))
}
