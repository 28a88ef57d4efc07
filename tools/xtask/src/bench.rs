//! `cargo xtask bench`: runs the measuring programs `bench-*` of the package `symbolon-tests`, which print a table and
//! leave their figures in `target/bench/NAME.json`.

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Map, Value};

use crate::machine;
use crate::project::Project;

/// The package that holds the measuring programs, and what their names begin with.
const PACKAGE: &str = "symbolon-tests";
const PREFIX: &str = "bench-";

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// One measurement; all of them without a name.
    name: Option<String>,
    /// Prints the figures as JSON, an object with one list a measurement, instead of tables.
    #[arg(long)]
    json: bool,
}

/// Measures; fails where a figure misses its target.
pub(crate) fn run(project: &Project, options: &Options) -> Result<ExitCode> {
    let names = selected(project, options)?;
    let mut all = Map::new();
    for name in names {
        machine::prepare_to_bench(project, name)?;
        all.insert(name.to_owned(), measure(project, name, options.json)?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    let missed: Vec<&str> = all.values().flat_map(missed_targets).collect();
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("below target: {}", missed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn selected<'a>(project: &'a Project, options: &Options) -> Result<Vec<&'a str>> {
    let package = project.packages.iter().find(|package| package.name == PACKAGE);
    let binaries = package.with_context(|| format!("there is no package {PACKAGE}"))?.binaries.iter();
    let known: Vec<&str> = binaries.filter_map(|binary| binary.strip_prefix(PREFIX)).collect();
    ensure!(!known.is_empty(), "there is nothing to measure yet");
    let Some(name) = &options.name else { return Ok(known) };
    let found = known.iter().copied().find(|candidate| candidate == name);
    Ok(vec![found.with_context(|| format!("no measurement is called {name}; there are: {}", known.join(", ")))?])
}

/// Runs one measurement in the profile that ships, and reads its figures.
fn measure(project: &Project, name: &str, quiet: bool) -> Result<Value> {
    let figures = project.target.join("bench").join(format!("{name}.json"));
    if figures.exists() {
        fs::remove_file(&figures)?;
    }
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--locked", "--package", PACKAGE, "--bin"]);
    command.arg(format!("{PREFIX}{name}")).current_dir(&project.root).stdin(Stdio::null());
    if quiet {
        command.stdout(Stdio::null());
    }
    ensure!(command.status()?.success(), "the measurement {name} failed");
    let text = fs::read(&figures).with_context(|| format!("the measurement {name} left no figures"))?;
    Ok(serde_json::from_slice(&text)?)
}

fn missed_targets(figures: &Value) -> impl Iterator<Item = &str> {
    let rows = figures.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter(|row| row["met"] == false).filter_map(|row| row["name"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_figure_with_a_target_can_miss_it() {
        let figures = serde_json::json!([
            {"name": "a", "value": 1.0, "unit": "s", "target": null, "met": null},
            {"name": "b", "value": 1.0, "unit": "s", "target": "at most 2", "met": true},
            {"name": "c", "value": 3.0, "unit": "s", "target": "at most 2", "met": false},
        ]);
        assert_eq!(missed_targets(&figures).collect::<Vec<_>>(), ["c"]);
    }
}
