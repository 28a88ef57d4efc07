//! Transactions of real cards, terminals, routers and a provider, and everything that each of them saw.
//!
//! Each shape of a group has a town of its own, which plays its scenes one after the other and ends; the tests look at
//! the records.

mod door;
mod glass;
mod reader;
mod scenes;
mod sessions;
mod transaction;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use host_terminal::words;
use protocol::message::Kind;
use serde_json::Value;
use service_provider::keys::files::{ProviderFiles, read_provider};
use symbolon_tests::group::{Event, Town};

use door::{Door, Passed};
pub(crate) use glass::glass;
pub(crate) use reader::{Reader, new_card};
pub(crate) use scenes::{AMOUNT, Shape, ada_account, for_cards, notice, record, text};
pub(crate) use sessions::Field;
pub(crate) use transaction::{Round, Transaction, signed};

/// The scenes of one shape, by name.
pub(crate) type Records = BTreeMap<&'static str, Result<Record, String>>;

/// What became of a topology, and what was seen on the way.
pub(crate) struct Record {
    /// What each member's terminal printed: one result a transaction.
    pub(crate) results: Vec<Value>,
    /// What each terminal and router saw, by name.
    pub(crate) seen: BTreeMap<String, Vec<Event>>,
    /// The transactions, in the order in which they were acknowledged.
    pub(crate) transactions: Vec<Transaction>,
}

/// A town with a door before its provider.
struct Stage {
    town: Town,
    door: Door,
    provider: ProviderFiles,
}

impl Stage {
    fn new(town: Town) -> Result<Self> {
        let data = town.path("provider");
        let data = Path::new(&data);
        Ok(Self { door: Door::open(&town.address, data)?, provider: read_provider(data)?, town })
    }

    /// Plays a topology to its end, which must be `posted` for all.
    fn play(&self, parts: &[String]) -> Result<Record> {
        let parts: Vec<String> = parts.iter().map(|part| part.replace("$provider", &self.door.address)).collect();
        let ended = self.town.group(&self.town.file(&parts)?)?;
        let posted = ended.results.iter().all(|result| result["result"] == "posted");
        ensure!(ended.code == Some(0) && posted && !ended.results.is_empty(), "{ended:?}");
        Ok(Record { results: ended.results, seen: self.seen()?, transactions: self.transactions(self.door.take()?)? })
    }

    /// What every participant of the last topology saw.
    fn seen(&self) -> Result<BTreeMap<String, Vec<Event>>> {
        let mut seen = BTreeMap::new();
        for file in fs::read_dir(self.town.path("events"))? {
            let path = file?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?.to_owned();
            let events = self.town.events(&name)?;
            seen.insert(name, events);
        }
        Ok(seen)
    }

    /// The exchanges that belong together, by their group.
    fn transactions(&self, passed: Passed) -> Result<Vec<Transaction>> {
        let transactions = passed.remembered.into_values();
        transactions.map(|remembered| Transaction::new(&remembered, &passed.exchanges, &self.provider)).collect()
    }
}

impl Record {
    /// The only transaction, or the first of several.
    pub(crate) fn transaction(&self) -> Result<&Transaction> {
        self.transactions.first().context("no transaction")
    }

    /// What a participant saw.
    pub(crate) fn seen(&self, name: &str) -> Result<&[Event]> {
        Ok(self.seen.get(name).with_context(|| format!("nobody is called {name}"))?)
    }

    /// Every byte that a participant saw.
    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<&[u8]>> {
        Ok(self.seen(name)?.iter().map(|event| event.bytes.as_slice()).collect())
    }

    /// The messages of a kind that a participant saw, as they travelled.
    pub(crate) fn messages(&self, name: &str, kind: Kind) -> Result<Vec<&Event>> {
        let events = self.seen(name)?.iter().filter(|event| event.what == words::kind(kind));
        Ok(events.collect())
    }

    /// Every byte that travelled between participants, or to the provider: what anybody on the way could see.
    pub(crate) fn wires(&self) -> Vec<&[u8]> {
        let all = self.seen.values().flatten();
        let wires = all.filter(|event| !event.from.contains("'s card") && !event.to.contains("'s card"));
        wires.map(|event| event.bytes.as_slice()).collect()
    }

    /// A member's result.
    pub(crate) fn result(&self, name: &str) -> Result<&Value> {
        let result = self.results.iter().find(|result| result["name"] == name);
        result.with_context(|| format!("no result of {name}"))
    }

    /// A member's number.
    pub(crate) fn number(&self, name: &str) -> Result<usize> {
        let number = self.result(name)?["number"].as_u64();
        Ok(usize::try_from(number.with_context(|| format!("{name} has no number"))?)?)
    }

    /// A text that a member's card handed to its terminal in `round`: the provider's plain text.
    pub(crate) fn told(&self, name: &str, round: &str) -> Result<Vec<u8>> {
        let text = self.result(name)?["plain_text"][round].as_str();
        Ok(hex::decode(text.with_context(|| format!("{name} was told nothing in the {round}"))?)?)
    }
}

/// A scene of a shape.
pub(crate) fn scene(shape: Shape, name: &str) -> Result<&'static Record> {
    let record = record(shape).get(name).with_context(|| format!("there is no scene {name}"))?;
    record.as_ref().map_err(|error| anyhow!("scene {name}: {error}"))
}
