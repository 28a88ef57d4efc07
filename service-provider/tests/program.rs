//! The program itself: enrolment of every instrument, and what it says to what is not one.

#![expect(clippy::unwrap_used, reason = "a panic is a test's verdict")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service-provider"));
    command.arg("--data").arg(data).arg("--json").args(arguments).output().unwrap()
}

fn said(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A provider, which goes with the directory.
fn provider() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root.pem");
    said(&run(directory.path(), &["init", "--root-key", root.to_str().unwrap()]));
    directory
}

fn enrol(data: &Path, account: &str, arguments: &str) -> Output {
    let words = arguments.split_whitespace();
    let all: Vec<&str> = ["enrol", "--account", account, "--holder", "Ada Card"].into_iter().chain(words).collect();
    run(data, &all)
}

#[test]
fn every_instrument_is_enrolled_with_its_bounds() {
    let provider = provider();
    let cases = [
        ("", "debit", "EUR", Value::Null, Value::Null),
        ("--instrument credit --credit-limit 500.00", "credit", "EUR", Value::Null, Value::Null),
        ("--instrument debit --opening 12.50 --currency CHF", "debit", "CHF", Value::Null, Value::Null),
        ("--instrument cheque-book --payments 25 --payment-max 200.00", "cheque-book", "EUR", Value::Null, 25.into()),
        ("--instrument stored-value --opening 20", "stored-value", "EUR", 15_000.into(), Value::Null),
        ("--instrument stored-value --ceiling 50.00", "stored-value", "EUR", 5_000.into(), Value::Null),
        ("--instrument loyalty --opening 300", "loyalty", "QPT", Value::Null, Value::Null),
        ("--instrument loyalty --currency QMM --ceiling 9000", "loyalty", "QMM", 9_000.into(), Value::Null),
        (
            "--instrument identity --attribute born=2000-02-29 --attribute drives=B@..2033-05-01",
            "identity",
            "XXX",
            Value::Null,
            Value::Null,
        ),
        (
            "--instrument access-pass --attribute opens=lab-3@2026-01-01..2026-12-31",
            "access-pass",
            "XXX",
            Value::Null,
            Value::Null,
        ),
    ];
    for (number, (arguments, instrument, currency, _, _)) in cases.iter().enumerate() {
        let said = said(&enrol(provider.path(), &format!("A{number}"), arguments));
        assert_eq!((&said["instrument"], &said["currency"]), (&Value::from(*instrument), &Value::from(*currency)));
    }
    let books = said(&run(provider.path(), &["ledger"]));
    assert_eq!(books["flaws"], Value::Array(Vec::new()));
    for (number, (_, instrument, currency, ceiling, payments)) in cases.iter().enumerate() {
        let accounts = books["accounts"].as_array().unwrap();
        let account = accounts.iter().find(|account| account["account"] == format!("A{number}")).unwrap();
        assert_eq!(
            (&account["instrument"], &account["currency"]),
            (&Value::from(*instrument), &Value::from(*currency))
        );
        assert_eq!((&account["ceiling"], &account["payments_left"]), (ceiling, payments), "{instrument}");
    }
}

#[test]
fn what_is_not_an_instruments_is_refused_with_a_reason() {
    let provider = provider();
    for (arguments, reason) in [
        (
            "--instrument gold",
            "possible values: credit, debit, cheque-book, stored-value, loyalty, identity, access-pass",
        ),
        ("--instrument float", "possible values"),
        ("--instrument cheque-book", "a number of payments"),
        ("--instrument cheque-book --payments 25", "a most of each"),
        ("--instrument stored-value --credit-limit 1", "no credit limit"),
        ("--instrument stored-value --ceiling 150.01", "a lower one"),
        ("--instrument stored-value --opening 150.01", "too high"),
        ("--instrument loyalty --currency EUR", "begins with QM to QZ"),
        ("--instrument debit --currency QPT", "begins with QM to QZ"),
        ("--instrument loyalty --opening 1.5", "is not an amount of QPT"),
        ("--instrument debit --currency eur", "three capital letters"),
        ("--instrument debit --attribute drives=B", "no attributes"),
        ("--instrument identity --opening 1", "holds no money"),
        ("--instrument identity --attribute drives", "NAME=VALUE"),
        ("--instrument identity --attribute drives=B@2026-13-01..", "FROM..UNTIL"),
        ("--instrument identity --attribute drives=B --attribute drives=B@..2030-01-01", "there twice"),
    ] {
        let output = enrol(provider.path(), "A1", arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(reason), "{arguments}: {error}");
    }
    let books = said(&run(provider.path(), &["ledger"]));
    assert_eq!(books["accounts"], Value::Array(Vec::new()), "nothing was opened");
}

#[test]
fn help_names_the_instruments_and_shows_attributes() {
    let output = Command::new(env!("CARGO_BIN_EXE_service-provider")).args(["enrol", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["cheque-book", "access-pass", "--ceiling", "--payment-max", "--payments", "drives=B@..2033-05-01"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
