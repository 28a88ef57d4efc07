//! The claims, a test each: cards, terminals, routers and a provider, every one a process of its own, over TCP.
//!
//! `cargo xtask claims` prints what came of them. What each of them is, and what its test asserts, stands in
//! `symbolon_tests::claims`; what the tests look at is recorded once for each scene.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

mod acknowledgment;
mod card_tools;
mod cards;
mod key_exchange;
mod links;
mod paths;
mod peer_keys;
mod record;
mod recovery;
mod shared_key;
mod transaction;

use std::fs;

use symbolon_tests::claims::{CLAIMS, Shown, tell_what_is_to_come};
use symbolon_tests::workspace;

/// Every claim that is shown has one test with its number in its name, and no other has.
#[test]
fn the_table_and_the_tests_are_in_step() {
    tell_what_is_to_come();
    let mut tested = Vec::new();
    for file in fs::read_dir(workspace::root().join("tests/tests/claims")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let tests = text.split("#[test]\n").skip(1).filter_map(|test| test.strip_prefix("fn claim_"));
        for test in tests {
            let (number, body) = test.split_once('_').unwrap();
            assert!(
                body.contains(&format!("show({}, ", number.trim_start_matches('0'))),
                "claim_{number} shows another"
            );
            tested.push(number.parse::<u8>().unwrap());
        }
    }
    tested.sort_unstable();
    let shown = CLAIMS.iter().filter(|claim| matches!(claim.shown, Shown::By(_))).map(|claim| claim.number);
    assert_eq!(tested, shown.collect::<Vec<_>>());
}
