//! Claims 48 to 53: the provider gives each member the other members' public keys.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use symbolon_tests::canary::Canary;
use symbolon_tests::claims::show;

use crate::paths::check;
use crate::record::{Record, Round, Shape, Transaction, scene};
use crate::shared_key::one_key_for_all;

#[test]
fn claim_48_two_members_know_each_other_s_keys() {
    show(48, || know(Shape::Pair, "peers").map(drop));
}

#[test]
fn claim_49_a_series_knows_each_other_s_keys() {
    show(49, || know(Shape::Series, "peers").map(drop));
}

#[test]
fn claim_50_a_hierarchy_knows_each_other_s_keys() {
    show(50, || know(Shape::Hierarchy, "peers").map(drop));
}

#[test]
fn claim_51_two_members_with_one_key_know_each_other_s() {
    show(51, || one_key_for_all(know(Shape::Pair, "shared peers")?));
}

#[test]
fn claim_52_a_series_with_one_key_knows_each_other_s() {
    show(52, || one_key_for_all(know(Shape::Series, "shared peers")?));
}

#[test]
fn claim_53_a_hierarchy_with_one_key_knows_each_other_s() {
    show(53, || one_key_for_all(know(Shape::Hierarchy, "shared peers")?));
}

/// Every member's card tells the very keys with which the others sign, but the hidden one of who does not want that.
fn know(shape: Shape, name: &str) -> Result<&'static Transaction> {
    let record = scene(shape, name)?;
    let transaction = record.transaction()?;
    for name in shape.members() {
        let own = record.number(name)?;
        let told = record.result(name)?["peers"].as_array().context("no peers")?;
        ensure!(*told == keys(record, shape, own)?, "{name} is told {told:?}");
    }
    for hidden in transaction.sessions.members.iter().filter(|member| member.hidden) {
        let key = Canary::bytes("a hidden key", &hidden.verification.0[1..33]);
        ensure!(key.find(record.wires()).is_none(), "a hidden key is on a wire");
    }
    ensure!(transaction.sessions.members.iter().any(|member| member.hidden), "nobody hides");
    check(record, shape, Round::KeyExchange)?;
    Ok(transaction)
}

/// The keys of the members, as one of them is told them. The courier hides its key and lets nobody be given it.
fn keys(record: &Record, shape: Shape, own: usize) -> Result<Vec<Value>> {
    let mut keys = Vec::new();
    for (number, member) in record.transaction()?.sessions.members.iter().enumerate() {
        if number != own && shape.members()[number] != "courier" {
            keys.push(json!({ "number": number, "key": hex::encode(member.verification.0) }));
        }
    }
    Ok(keys)
}
