//! The demonstration as a newcomer runs it: one command, whose story has to come out, and leave nothing running behind.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's verdict")]

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon_tests::workspace;

/// What the story may take once everything is built, seconds.
const STORY_TIME: u64 = 15;

#[test]
fn the_demonstration_comes_out_and_its_figures_agree() -> Result<()> {
    comes_out(&[])
}

#[test]
fn it_comes_out_the_same_through_a_pcsc_service() -> Result<()> {
    comes_out(&["--pcsc"])
}

fn comes_out(options: &[&str]) -> Result<()> {
    let story = workspace::cargo(&[&["xtask", "demo", "--json"], options].concat())?;
    let story: Value = serde_json::from_str(&story)?;
    assert_eq!(story["ok"], true);
    assert!(story["took_ms"].as_u64().context("no time")? < STORY_TIME * 1000, "{}", story["took_ms"]);

    let (before, after) = (&story["ledger"]["before"], &story["ledger"]["after"]);
    assert_eq!(sum(before)?, 0);
    assert_eq!(sum(after)?, 0);
    let amount = story["purchase"]["paid"]["amount"].as_i64().context("no amount")?;
    assert_eq!(changes(before, after)?, [("Provider", 0), ("Ada Card", -amount), ("Bakery Huber", amount)]);
    assert_eq!(after["flaws"], serde_json::json!([]));

    assert_eq!(story["purchase"]["paid"], story["purchase"]["received"]);
    assert_eq!(story["purchase"]["paid"]["result"], "posted");
    assert_eq!(story["declined"]["paid"]["result"], "declined");
    assert_eq!(story["replay"]["same_answer"].as_array().context("no replays")?.len(), 3);
    assert!(story["replay"]["refused"].as_u64() > Some(0));
    assert_eq!(story["wrong_pin"]["tries_left"], serde_json::json!([3, 2, 3]));
    Ok(())
}

#[test]
fn what_travels_is_hidden_from_those_it_is_not_for() -> Result<()> {
    let story: Value = serde_json::from_str(&workspace::cargo(&["xtask", "demo", "--json"])?)?;
    let findings = story["who_can_read"]["findings"].as_array().context("no findings")?;
    // Ada's terminal, between the terminals, Huber's terminal, wire to the bank, the bank's books.
    let expected = [
        ("Ada's account number", [false, false, false, false, true]),
        ("Ada's account secret", [false, false, false, false, false]),
        ("Huber's account number", [false, false, false, false, true]),
        ("Huber's account secret", [false, false, false, false, false]),
        ("name \"Ada Card\"", [false, false, false, false, true]),
        ("name \"Bakery Huber\"", [true, false, true, false, true]),
        ("the amount, 12.50 EUR", [true, true, true, false, true]),
        ("the transaction's number", [true, true, true, true, true]),
    ];
    let found: Vec<(&str, Value)> =
        findings.iter().map(|row| (row["what"].as_str().unwrap_or_default(), row["found"].clone())).collect();
    assert_eq!(found, expected.map(|(what, row)| (what, serde_json::json!(row))));
    Ok(())
}

#[test]
fn the_page_fits_the_screen_has_no_colours_in_a_pipe_and_decodes_everything() -> Result<()> {
    let page = workspace::cargo(&["xtask", "demo", "--verbose", "--keep"])?;
    let (place, folder) = page.rsplit_once(" are in ").context("it does not say where the files are")?;
    let folder = folder.trim();
    assert!(fs::read_dir(folder)?.count() > 0, "{folder} is empty");
    fs::remove_dir_all(folder)?;
    assert!(still_running(folder)?.is_empty(), "something still works in {folder}");

    assert!(!page.contains('\x1b'));
    assert!(page.lines().all(|line| line.chars().count() <= 120), "a line is too long");
    let commands = ["SELECT: the application", "VERIFY: PIN 1, which is not shown", "BUILD: transaction request"];
    let messages = ["key exchange request, signed nodes: 2", "final notice: 2 of 2 parts", "descriptor request: which"];
    let fields =
        ["sealed: cryptogram 3", "card tells: approved, 12.50 EUR", "9000: done", "offer, in the clear: 12.50 EUR"];
    for words in commands.iter().chain(&messages).chain(&fields) {
        assert!(place.contains(words), "{words:?} is missing");
    }
    Ok(())
}

#[test]
fn a_failure_says_which_step_and_where_its_logs_are() -> Result<()> {
    workspace::cargo(&["build", "--locked", "--workspace", "--bin", "symbolon-demo"])?;
    // A copy that has none of the other programs beside it.
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("symbolon-demo");
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("this test is nowhere")?;
    fs::copy(target.join("symbolon-demo"), &program)?;
    let began = Instant::now();
    let output = Command::new(&program).arg("--json").output()?;
    ensure!(!output.status.success(), "it succeeded without the other programs");
    let errors = String::from_utf8(output.stderr)?;
    assert!(errors.contains("setting up") && errors.contains("service-provider cannot be started"), "{errors}");
    let (_, logs) = errors.trim().rsplit_once(" are in ").context("it does not say where the logs are")?;
    assert!(fs::read_dir(logs)?.count() > 0);
    fs::remove_dir_all(logs)?;
    let said: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(said["ok"], false);
    assert!(began.elapsed().as_secs() < STORY_TIME);
    Ok(())
}

fn sum(ledger: &Value) -> Result<i64> {
    Ok(accounts(ledger)?.iter().map(|(_, balance)| balance).sum())
}

fn changes<'a>(before: &'a Value, after: &Value) -> Result<Vec<(&'a str, i64)>> {
    let pairs = accounts(before)?.into_iter().zip(accounts(after)?);
    Ok(pairs.map(|((holder, old), (_, new))| (holder, new - old)).collect())
}

/// Holders and balances.
fn accounts(ledger: &Value) -> Result<Vec<(&str, i64)>> {
    let accounts = ledger["accounts"].as_array().context("no accounts")?.iter();
    let pairs = accounts.map(|account| Some((account["holder"].as_str()?, account["balance"].as_i64()?)));
    pairs.collect::<Option<_>>().context("an account without holder or balance")
}

/// Command lines of processes that name this folder.
fn still_running(folder: &str) -> Result<Vec<String>> {
    let processes = fs::read_dir("/proc")?.flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    Ok(lines.filter(|line| line.contains(folder)).collect())
}
