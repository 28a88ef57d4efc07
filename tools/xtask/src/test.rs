//! `cargo xtask test`: runs the steps, two at a time, and reports.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;

use crate::process::{End, run_logged};
use crate::project::Project;
use crate::report::{Counts, Covered, Report, Row};
use crate::steps::{self, Step};

/// The longest that one command may take: far more than any does, and less than waiting for ever.
const COMMAND_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Steps that run at the same time: what one of them leaves idle, waiting for a compiler's last thread or a test's only
/// one, the other takes. More would make tests late that watch the clock.
const AT_ONCE: usize = 2;

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
    let start = Instant::now();
    let rows = run_all(project, &steps)?;
    let report = Report { rows, took: start.elapsed() };
    println!("\n{report}");
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    fn selects(&self, name: &str) -> bool {
        let has_words = |words: &String| format!(" {name} ").contains(&format!(" {words} "));
        self.only.is_empty() || self.only.iter().any(has_words)
    }
}

/// Runs every step; the rows are in the order of the steps.
fn run_all(project: &Project, steps: &[Step]) -> Result<Vec<Row>> {
    let next = AtomicUsize::new(0);
    let worker = || run_from(project, steps, &next);
    let mut rows = thread::scope(|scope| {
        let workers = [(); AT_ONCE].map(|()| scope.spawn(worker));
        let rows = workers.map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        rows.into_iter().collect::<Result<Vec<_>>>()
    })?
    .concat();
    rows.sort_by_key(|(place, _)| *place);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Runs steps that nobody runs yet until there are none; each row comes with the step's place.
fn run_from(project: &Project, steps: &[Step], next: &AtomicUsize) -> Result<Vec<(usize, Row)>> {
    let mut rows = Vec::new();
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(step) = steps.get(place) else { return Ok(rows) };
        let row = run_step(project, step)?;
        println!("{row}");
        rows.push((place, row));
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

/// Runs what a step consists of; a failing command does not keep the others from running.
fn run_commands(project: &Project, step: &Step, log: &mut File) -> Result<()> {
    prepare(project, step)?;
    let mut verdict = Ok(());
    for mut command in (step.commands)(project, log)? {
        writeln!(log, "$ {command:?}")?;
        if command.get_current_dir().is_none() {
            command.current_dir(&project.root);
        }
        verdict = verdict.and(match run_logged(&mut command, log, COMMAND_LIMIT)? {
            End::Exited(status) if status.success() => Ok(()),
            End::Exited(status) => Err(anyhow!("{status}")),
            End::OutOfTime => Err(anyhow!("not done after {} minutes", COMMAND_LIMIT.as_secs() / 60)),
        });
    }
    verdict
}

/// Installs what the step needs, while no other step does.
fn prepare(project: &Project, step: &Step) -> Result<()> {
    static INSTALLATION: Mutex<()> = Mutex::new(());
    let _turn = INSTALLATION.lock().unwrap_or_else(PoisonError::into_inner);
    (step.prepare)(project)
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
