//! A bar asks about a driving licence: cards in readers, terminals, a router and the provider, each a process, on TCP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use protocol::statement::{Question, Statement};
use serde_json::Value;
use symbolon_tests::group::{Person, Town, result};

/// Holder's terminal and router see no more than the bar: neither the account nor what is known of the holder.
const CANARIES: [&str; 2] = ["ACCOUNTOFADA", "2000-02-29"];

fn topology(holder: &str, asked: &str, consented: &str) -> String {
    format!(
        r#"
        provider = "$provider"
        [transaction]
        kind = "statement"
        amount = "0"
        currency = "XXX"

        [[member]]
        name = "bar"
        listen = "$listen"
        next = "provider"
        card = "$card.bar"
        pin_file = "$pin"
        role = "verifier"
        counterparties = ["holder"]
        prove_account = true
        sensitive = {{ transaction = "{asked}" }}

        [[router]]
        name = "r1"
        listen = "$listen"
        next = "bar"

        [[member]]
        name = "holder"
        next = "r1"
        card = "$card.{holder}"
        pin_file = "$pin"
        role = "holder"
        counterparties = ["bar"]
        prove_account = true
        options = ["hidden key"]
        fresh_key = "endorsed"
        sensitive = {{ transaction = "{consented}" }}
        "#
    )
}

/// What the bar and the holder are told.
fn told(town: &Town, text: &str) -> [Value; 2] {
    let ended = town.group(&town.file(&[text.to_owned()]).unwrap()).unwrap();
    ["bar", "holder"].map(|name| result(&ended.results, name, 0).unwrap().clone())
}

fn statement(town: &Town, holder: &str, question: &str) -> bool {
    let [bar, ada] = told(town, &topology(holder, question, question));
    for told in [&bar, &ada] {
        assert_eq!((&told["result"], &told["receipt"]), (&"posted".into(), &bar["receipt"]), "{told}");
        let names: Vec<&Value> = told["parties"].as_array().unwrap().iter().map(|party| &party["name"]).collect();
        assert_eq!(names, ["bar"], "the holder proved its account too, and is not named");
    }
    let statement = Statement::parse(bar["receipt"].as_str().unwrap()).unwrap();
    assert_eq!(statement.question, Question::parse(question.as_bytes()).unwrap());
    assert_eq!((statement.verifier.name, statement.verifier.number), ("bar", 0));
    assert_eq!(bar["transaction"], statement.transaction.to_string());
    statement.answer
}

#[test]
fn a_bar_is_told_what_it_asks_about_a_licence_and_nothing_else() {
    let licence = ["--instrument", "identity", "--attribute", "born=2000-02-29", "--attribute", "drives=B"];
    let pass = ["--instrument", "access-pass", "--attribute", "opens=lab-3@2020-01-01..2020-12-31"];
    let people = [Person::new("bar"), Person::new("ada").with(&licence), Person::new("bob").with(&pass)];
    let town = Town::new(&people).unwrap();
    assert!(statement(&town, "ada", "born at least 18 years ago"));
    assert!(statement(&town, "ada", "drives B"));
    for name in ["bar", "r1", "holder"] {
        let events = town.events(name).unwrap();
        assert!(!events.is_empty());
        for event in events {
            let holds = |text: &str| event.bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!CANARIES.into_iter().any(holds), "{name}: {}", event.what);
        }
    }
    assert!(!statement(&town, "ada", "drives C"));
    assert!(!statement(&town, "bob", "opens lab-3"), "it did, in its time");

    let asks_more = topology("ada", "born at least 18 years ago", "born at least 16 years ago");
    for told in told(&town, &asks_more) {
        assert_eq!((&told["result"], &told["reason"]["code"]), (&"declined".into(), &4.into()));
    }
}
