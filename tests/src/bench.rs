//! Figures of a measurement: a table for people, and `target/bench/NAME.json` for programs.
//!
//! A measuring program is `src/bin/bench-NAME.rs`; it collects [`Row`]s and ends with [`publish`].

use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// A measured figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: `transactions/s`, `µs`, `bytes`.
    pub unit: &'static str,
    /// What it has to be.
    pub target: Option<Target>,
}

/// What a figure has to be, in its own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

impl Row {
    /// A figure without a target.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, target: None }
    }

    /// The same figure with a target.
    #[must_use]
    pub fn with_target(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// Whether the target is met, where there is one.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtLeast(least) => self.value >= least,
            Target::AtMost(most) => self.value <= most,
        })
    }

    fn to_json(&self) -> Value {
        let target = self.target.map(|target| target.to_string());
        json!({"name": self.name, "value": self.value, "unit": self.unit, "target": target, "met": self.is_met()})
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(out, "at least {least}"),
            Self::AtMost(most) => write!(out, "at most {most}"),
        }
    }
}

/// Prints the figures of the measurement `name`, and writes them to `target/bench/NAME.json`.
pub fn publish(name: &str, rows: &[Row]) -> Result<()> {
    print!("{}", table(rows));
    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder)?;
    let figures: Vec<Value> = rows.iter().map(Row::to_json).collect();
    Ok(fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(&figures)?)?)
}

/// The time that the processor has spent on the calling thread.
#[must_use]
pub fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// The time that the processor has spent on all threads of this process.
#[must_use]
pub fn process_time() -> Duration {
    time(ClockId::ProcessCPUTime)
}

/// Keeps this process, threads to come included, on one processor: processor times are then those of one core, however
/// busy the others are and whether or not they are halves of the same core.
pub fn stay_on_one_processor() -> Result<()> {
    let mut one = CpuSet::new();
    one.set(sched_getcpu());
    Ok(sched_setaffinity(None, &one)?)
}

fn time(clock: ClockId) -> Duration {
    // The kernel's clocks of a process start at zero and do not run backwards.
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
    let mut table = String::new();
    for row in rows {
        let verdict = match row.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let target = row.target.map(|target| target.to_string()).unwrap_or_default();
        let line = format!("{:<width$}  {:>14}  {:<16} {target:<20} {verdict}", row.name, number(row.value), row.unit);
        // Writing to a string does not fail.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

/// Four significant digits are more than a measurement is good for.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// Cargo's target folder, which the environment may have moved.
fn target_folder() -> PathBuf {
    let moved = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    moved.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_from_its_side_including_the_figure_itself() {
        let row = |value, target| Row::new("x", value, "s").with_target(target).is_met();
        assert_eq!(row(5.0, Target::AtLeast(5.0)), Some(true));
        assert_eq!(row(4.9, Target::AtLeast(5.0)), Some(false));
        assert_eq!(row(5.0, Target::AtMost(5.0)), Some(true));
        assert_eq!(row(5.1, Target::AtMost(5.0)), Some(false));
        assert_eq!(Row::new("x", 1.0, "s").is_met(), None);
    }

    #[test]
    fn the_table_and_the_file_say_the_same() {
        let rows =
            [Row::new("rate", 12_345.6, "1/s").with_target(Target::AtLeast(1e5)), Row::new("size", 3.0, "bytes")];
        let lines: Vec<Vec<String>> =
            table(&rows).lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
        assert_eq!(
            lines,
            [vec!["rate", "12346", "1/s", "at", "least", "100000", "MISSED"], vec!["size", "3.000", "bytes"]]
        );
        assert_eq!(
            rows[0].to_json(),
            json!({"name": "rate", "value": 12345.6, "unit": "1/s", "target": "at least 100000", "met": false})
        );
        assert_eq!(rows[1].to_json()["met"], Value::Null);
    }

    #[test]
    fn the_processor_s_time_goes_on_while_it_works_and_stands_while_it_sleeps() {
        let start = thread_time();
        std::thread::sleep(Duration::from_millis(50));
        let slept = thread_time() - start;
        assert!(slept < Duration::from_millis(40), "{slept:?}");
        let mut sum = 0_u64;
        while thread_time() - start < Duration::from_millis(5) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(process_time() >= Duration::from_millis(5) && sum > 0);
    }
}
