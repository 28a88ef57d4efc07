//! Groups of every shape, each participant a process of its own, over TCP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

mod faults;
mod paths;
mod shapes;

use serde_json::Value;
use symbolon_tests::group::{Person, Town, result};
use symbolon_tests::process::Ended;

/// What every purchase here costs, in minor units.
const PRICE: i64 = 1250;

/// A town of a shop, ada who has 100.00, and these witnesses.
fn town(witnesses: &[&str]) -> Town {
    let witnesses = witnesses.iter().map(|name| Person::new(name));
    let people = [Person::new("shop"), Person::new("ada").with(&["--opening", "100.00"])];
    Town::new(&people.into_iter().chain(witnesses).collect::<Vec<_>>()).unwrap()
}

/// What the shop has received and what ada has left.
fn funds(town: &Town) -> (i64, i64) {
    let balances = town.balances().unwrap();
    (balances["shop"], balances["ada"])
}

/// All members' results of one of the transactions: every one is `expected`, and all speak of the same transaction.
fn all<'a>(ended: &'a Ended, run: u64, expected: &str, names: &[&str]) -> Vec<&'a Value> {
    let results = names.iter().map(|name| result(&ended.results, name, run));
    let results: Vec<&Value> =
        results.collect::<Option<_>>().ok_or_else(|| format!("somebody is missing: {ended:?}")).unwrap();
    assert!(results.iter().all(|result| result["result"] == expected), "{ended:?}");
    assert!(results.iter().all(|result| result["transaction"] == results[0]["transaction"]), "{results:?}");
    results
}
