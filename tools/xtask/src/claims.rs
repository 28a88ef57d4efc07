//! `cargo xtask claims`: runs the tests of the claims and prints the table, claim by claim.
//!
//! Their test program tells of each claim in a line `claim: {...}`.

use std::fmt::Write;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::machine;
use crate::project::Project;

/// The test program.
const TEST: &str = "claims";

/// How many claims there are.
const COUNT: u8 = 53;

/// What a line of the table begins with in the output of the tests.
const MARK: &str = "claim: ";

/// How the table is printed.
#[derive(Args)]
pub(crate) struct Options {
    /// Prints the table as JSON, a list of objects, instead of text.
    #[arg(long)]
    json: bool,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    number: u8,
    /// What the system does.
    claim: String,
    result: Verdict,
    /// What its test asserts; of one that is to come: what it waits for.
    checked: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Failed,
    ToCome,
}

/// Runs the tests and prints the table; fails where a claim does, or its test does not tell.
pub(crate) fn run(project: &Project, options: &Options) -> Result<ExitCode> {
    machine::prepare_to_build_all(project)?;
    let mut cargo = Command::new("cargo");
    // Of the whole workspace, as all tests are: with the same features, so that they share what is built.
    cargo.args(["test", "--quiet", "--locked", "--workspace", "--test", TEST]);
    let output = cargo.current_dir(&project.root).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("cargo cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rows = rows(&said)?;
    ensure!(!rows.is_empty(), "the tests of the claims cannot be run");
    if options.json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print!("{}", table(&rows));
    }
    let silent: Vec<String> = silent(&rows).map(|number| number.to_string()).collect();
    if output.status.success() && silent.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    // Why a test failed stands among what it printed.
    eprint!("{}", said.split_once("failures:").map_or("", |(_, why)| why));
    ensure!(silent.is_empty(), "nothing was told of claim {}", silent.join(", "));
    Ok(ExitCode::FAILURE)
}

/// The lines of the table in what the tests printed, in the order of the claims.
fn rows(output: &str) -> Result<Vec<Row>> {
    let lines = output.lines().filter_map(|line| line.strip_prefix(MARK));
    let mut rows: Vec<Row> = lines.map(Row::parse).collect::<Result<_>>()?;
    rows.sort_by_key(|row| row.number);
    Ok(rows)
}

/// The claims of which nothing was told.
fn silent(rows: &[Row]) -> impl Iterator<Item = u8> {
    (1..=COUNT).filter(|number| !rows.iter().any(|row| row.number == *number))
}

fn table(rows: &[Row]) -> String {
    let width = |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).chars().count()).max().unwrap_or_default();
    let (claim, result) = (width(|row| &row.claim), width(|row| row.result.word()));
    let mut table = String::new();
    for row in rows {
        let Row { number, checked, .. } = row;
        // Writing to a string does not fail.
        let _ = writeln!(table, "{number:>2}  {:<claim$}  {:<result$}  {checked}", row.claim, row.result.word());
    }
    let count = |verdict| rows.iter().filter(|row| row.result == verdict).count();
    let (shown, failed) = (count(Verdict::Ok), count(Verdict::Failed));
    let _ = writeln!(table, "\n{shown} shown, {failed} failed, {} to come", count(Verdict::ToCome));
    table
}

impl Row {
    fn parse(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line)?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let row = || {
            let number = u8::try_from(value.get("number")?.as_u64()?).ok()?;
            let result = Verdict::ALL.into_iter().find(|verdict| text("result").as_deref() == Some(verdict.word()))?;
            Some(Self { number, claim: text("claim")?, result, checked: text("checked")? })
        };
        row().with_context(|| format!("a claim is told otherwise than expected: {line}"))
    }

    fn json(&self) -> Value {
        let Self { number, claim, result, checked } = self;
        json!({ "number": number, "claim": claim, "result": result.word(), "checked": checked })
    }
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Ok, Self::Failed, Self::ToCome];

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::ToCome => "to come",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = concat!(
        "running 3 tests\n",
        "claim: {\"number\":3,\"claim\":\"the card is software\",\"result\":\"FAILED\",\"checked\":\"same answers\"}\n",
        "test claim_03_software ... FAILED\n\n",
        "claim: {\"number\":2,\"claim\":\"a physical card\",\"result\":\"to come\",\"checked\":\"boards\"}\n",
        "claim: {\"number\":1,\"claim\":\"card and provider\",\"result\":\"ok\",\"checked\":\"both ways\"}\n",
    );

    #[test]
    fn the_table_is_in_order_and_aligned() {
        let expected = [
            " 1  card and provider     ok       both ways",
            " 2  a physical card       to come  boards",
            " 3  the card is software  FAILED   same answers",
            "",
            "1 shown, 1 failed, 1 to come",
        ];
        assert_eq!(table(&rows(OUTPUT).unwrap()).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_claim_of_which_nothing_is_told_is_missed() {
        let rows = rows(OUTPUT).unwrap();
        assert_eq!(silent(&rows).collect::<Vec<_>>(), (4..=COUNT).collect::<Vec<_>>());
        assert!(super::rows("claim: {}").is_err());
    }
}
