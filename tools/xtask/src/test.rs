//! `cargo xtask test`: runs the steps one after another and reports.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::process::{End, run_logged};
use crate::project::Project;
use crate::report::{Counts, Covered, Report, Row};
use crate::steps::{self, Step};

/// The longest that one command may take: far more than any does, and less than waiting for ever.
const COMMAND_LIMIT: Duration = Duration::from_secs(20 * 60);

/// How much of a failed step's output is shown; all of it is in its log.
const LINES_SHOWN: usize = 200;

/// What to check.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs only the steps whose name has these words: `fmt`, `protocol`, `'test protocol'`.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Names the steps and stops.
    #[arg(long)]
    list: bool,
}

/// Runs the selected steps; a failing one does not keep the others from running.
pub(crate) fn run(project: &Project, options: &Options) -> Result<ExitCode> {
    let mut steps = steps::all(project);
    steps.retain(|step| options.selects(&step.name));
    ensure!(!steps.is_empty(), "no step is called that; see cargo xtask test --list");
    if options.list {
        steps.iter().for_each(|step| println!("{}", step.name));
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::default();
    for step in &steps {
        let row = run_step(project, step)?;
        println!("{row}");
        report.rows.push(row);
    }
    println!("\n{report}");
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    fn selects(&self, name: &str) -> bool {
        let has_words = |words: &String| format!(" {name} ").contains(&format!(" {words} "));
        self.only.is_empty() || self.only.iter().any(has_words)
    }
}

/// Runs one step and shows its output if it fails.
fn run_step(project: &Project, step: &Step) -> Result<Row> {
    let path = log_path(project, step)?;
    let mut log = File::create(&path)?;
    let start = Instant::now();
    let verdict = run_commands(project, step, &mut log);
    let output = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    if let Err(failure) = &verdict {
        let lines: Vec<&str> = output.lines().collect();
        let shown = lines.get(lines.len().saturating_sub(LINES_SHOWN)..).unwrap_or_default();
        println!("\n{}\n{}: {failure:#}; all output: {}", shown.join("\n"), step.name, path.display());
    }
    Ok(Row {
        name: step.name.clone(),
        took: start.elapsed(),
        passed: verdict.is_ok(),
        tests: Counts::in_output(&output),
        covered: Covered::in_output(&output),
    })
}

fn run_commands(project: &Project, step: &Step, log: &mut File) -> Result<()> {
    (step.prepare)(project)?;
    for mut command in (step.commands)(project)? {
        writeln!(log, "$ {command:?}")?;
        match run_logged(command.current_dir(&project.root), log, COMMAND_LIMIT)? {
            End::Exited(status) if status.success() => {}
            End::Exited(status) => bail!("{status}"),
            End::OutOfTime => bail!("not done after {} minutes", COMMAND_LIMIT.as_secs() / 60),
        }
    }
    Ok(())
}

fn log_path(project: &Project, step: &Step) -> Result<PathBuf> {
    let folder = project.target.join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder.join(format!("{}.log", step.name.replace(' ', "-"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_selected_by_whole_words() {
        let only = |words: &[&str]| Options { only: words.iter().map(|&word| word.to_owned()).collect(), list: false };
        assert!(only(&[]).selects("fmt"));
        assert!(only(&["protocol"]).selects("test protocol"));
        assert!(only(&["fmt", "test protocol"]).selects("test protocol"));
        assert!(!only(&["proto"]).selects("test protocol"));
        assert!(!only(&["test"]).selects("clippy symbolon-tests"));
    }
}
