//! Groups of every shape, each participant a process of its own, over TCP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use symbolon_tests::group::{Person, Town, result};

#[test]
fn two_members_and_a_router_between_them() {
    let town = Town::new(&[Person::new("shop"), Person::new("ada").with(&["--opening", "100.00"])]).unwrap();
    let topology = town
        .file(
            r#"
            provider = "$provider"
            [transaction]
            kind = "purchase"
            amount = "12.50"
            currency = "EUR"

            [[member]]
            name = "shop"
            listen = "$listen"
            next = "provider"
            card = "$card.shop"
            pin_file = "$pin"
            role = "payee"
            counterparties = ["ada"]
            prove_account = true

            [[router]]
            name = "r1"
            listen = "$listen"
            next = "shop"

            [[member]]
            name = "ada"
            next = "r1"
            card = "$card.ada"
            pin_file = "$pin"
            role = "payer"
            counterparties = ["shop"]
            "#,
        )
        .unwrap();
    let ended = town.group(&topology).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (shop, ada) = (result(&ended.results, "shop", 0).unwrap(), result(&ended.results, "ada", 0).unwrap());
    assert_eq!((&shop["result"], &ada["result"]), (&"posted".into(), &"posted".into()));
    assert_eq!(shop["transaction"], ada["transaction"]);
    assert_eq!((&shop["number"], &ada["number"], &ada["count"]), (&0.into(), &1.into(), &2.into()));
    assert_eq!(town.balances().unwrap().values().copied().collect::<Vec<_>>(), [8750, 1250]);
}
