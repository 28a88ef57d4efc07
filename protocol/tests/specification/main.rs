//! `PROTOCOL.md` and the code say the same: whole exchanges from fixed seeds, checked byte for byte against
//! `protocol/vectors`, by a second implementation here and by a third in Python. Neither uses the crate.
//!
//! `SYMBOLON_WRITE_VECTORS=1 cargo test -p protocol --test specification` writes the files anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a panic fails the test"
)]

mod exchange;
mod independent;
mod primitives;
mod reader;
mod requests;
mod responses;
mod stream;

use std::path::{Path, PathBuf};
use std::process::Command;

use exchange::{Member, Scenario};
use protocol::member::FreshKey;
use protocol::message::descriptor::SIGNED_MAX;
use protocol::types::{Options, TransactionKind};
use protocol::{label, limits};
use serde_json::{Value, json};

const NONE: Options = Options::none();
const SHARED: Options = Options::SHARED_KEY;
const REVEALED: Options = HIDDEN.with(Options::REVEAL_TO_PEERS);
const HIDDEN: Options = Options::HIDDEN_KEY
    .with(Options::ANSWER_INSIDE)
    .with(Options::TRANSACTION_INSIDE)
    .with(SHARED)
    .with(Options::PEER_KEYS);

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "leaf",
        members: &[Member { parent: None, options: NONE, fresh: FreshKey::No, name: Some("Ada") }],
        kind: TransactionKind::INQUIRY,
        rejects: None,
    },
    Scenario {
        name: "pair",
        members: &[
            Member { parent: None, options: NONE, fresh: FreshKey::No, name: Some("Corner Shop") },
            Member { parent: Some(0), options: NONE, fresh: FreshKey::No, name: None },
        ],
        kind: TransactionKind::PURCHASE,
        rejects: None,
    },
    Scenario {
        name: "pair_all_options",
        members: &[
            Member { parent: None, options: REVEALED, fresh: FreshKey::Endorsed, name: Some("Corner Shop") },
            Member { parent: Some(0), options: HIDDEN, fresh: FreshKey::Endorsed, name: Some("Ada") },
        ],
        kind: TransactionKind::PURCHASE,
        rejects: None,
    },
    Scenario {
        name: "tree_of_five",
        members: &[
            Member { parent: None, options: NONE, fresh: FreshKey::No, name: Some("Corner Shop") },
            Member { parent: Some(0), options: Options::PEER_KEYS, fresh: FreshKey::Unendorsed, name: Some("Ada") },
            Member { parent: Some(1), options: Options::ANSWER_INSIDE, fresh: FreshKey::No, name: Some("Bea") },
            Member { parent: Some(1), options: Options::HIDDEN_KEY, fresh: FreshKey::No, name: None },
            Member { parent: Some(0), options: Options::TRANSACTION_INSIDE, fresh: FreshKey::No, name: None },
        ],
        kind: TransactionKind::PURCHASE,
        rejects: Some(3),
    },
];

#[test]
fn every_vector_is_reproduced_byte_for_byte() {
    for scenario in SCENARIOS {
        let (inputs, messages) = exchange::run(scenario);
        let computed = independent::compute(&inputs, &messages);
        let file = json!({ "inputs": inputs, "messages": messages, "computed": computed });
        let text = serde_json::to_string_pretty(&file).unwrap() + "\n";
        if std::env::var_os("SYMBOLON_WRITE_VECTORS").is_some() {
            std::fs::write(path(scenario), &text).unwrap();
        }
        let kept = std::fs::read_to_string(path(scenario)).expect("the vector file is there");
        assert!(kept == text, "{} has changed: see the head of this file", scenario.name);
        println!("{}: {} values", scenario.name, count(&file));
    }
}

#[test]
fn a_wrong_intermediate_is_noticed() {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path(&SCENARIOS[1])).unwrap()).unwrap();
    let computed = independent::compute(&file["inputs"], &file["messages"]);
    assert_eq!(computed, file["computed"]);
    let mut other = file["inputs"].clone();
    other["transaction"] = "00".repeat(16).into();
    assert!(std::panic::catch_unwind(|| independent::compute(&other, &file["messages"])).is_err());
}

#[test]
fn a_third_implementation_in_python_agrees() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = std::env::var_os("SYMBOLON_PYTHON").map_or_else(|| root.join("target/python/bin/python"), Into::into);
    let files = SCENARIOS.iter().map(path);
    let mut command = Command::new(&python);
    command.arg(root.join("tests/interop/vectors.py")).args(files);
    let Ok(output) = command.output() else {
        panic!("no Python at {}: run `cargo xtask test`, which sets it up", python.display())
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.lines().count(), SCENARIOS.len(), "one line a file: {out}");
    print!("{out}");
}

#[test]
fn the_document_knows_every_label_and_no_two_are_the_same() {
    let document = include_str!("../../PROTOCOL.md");
    for label in label::ALL {
        let name = std::str::from_utf8(label).unwrap().strip_prefix("symbolon/1 ").expect("a label of this protocol");
        assert!(document.contains(&format!("`{name}`")), "{name}");
        assert_eq!(label::ALL.iter().filter(|other| *other == label).count(), 1, "{name}");
    }
}

#[test]
fn the_document_knows_every_limit() {
    let document = include_str!("../../PROTOCOL.md");
    let rows = [
        ("bytes that a card takes or gives in one message", limits::CARD_MESSAGE_MAX),
        ("bytes of a key exchange response that a card takes", limits::KEY_EXCHANGE_RESPONSE_MAX),
        ("members in a tree", limits::MEMBERS_MAX),
        ("children of a node", limits::CHILDREN_MAX),
        ("hops from a member to the root", limits::DEPTH_MAX),
        ("names given to a member; counterparties", limits::PEERS_MAX),
        ("members in a group with peer keys", limits::PEER_KEYS_MAX),
        ("plain text", limits::PLAIN_TEXT_MAX),
        ("sensitive data, response data, acknowledgment data", limits::SENSITIVE_MAX),
        ("account information", limits::ACCOUNT_MAX),
        ("name", limits::NAME_MAX),
        ("line, receipt", limits::LINE_MAX),
        ("hashes in a proof", limits::PROOF_MAX),
        ("a node's own part", limits::CARD_MESSAGE_MAX),
        ("plain text of all seals of a part", limits::OPENED_MAX),
    ];
    for (name, value) in rows {
        assert!(document.contains(&format!("| {name} | {value} |")), "{name} is {value}");
    }
    let item = format!("{}: {} less the {}", limits::ITEM_MAX, limits::CARD_MESSAGE_MAX, limits::PART_OVERHEAD_MAX);
    assert!(document.contains(&item), "{item}");
    let overhead = limits::KEY_EXCHANGE_RESPONSE_MAX - limits::PEER_KEYS_ITEM_MAX;
    let item = format!("{}: {} less the {overhead}", limits::PEER_KEYS_ITEM_MAX, limits::KEY_EXCHANGE_RESPONSE_MAX);
    assert!(document.contains(&item), "{item}");
    assert_eq!(limits::MESSAGE_MAX, 256 * 2048);
    assert!(document.contains(&format!("| signed descriptor | {SIGNED_MAX} |")));
}

fn path(scenario: &Scenario) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format!("{}.json", scenario.name))
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(items) => items.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}
