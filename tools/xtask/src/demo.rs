//! `cargo xtask demo`: builds the programs and shows the system at work; the program `symbolon-demo` tells the story.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::machine;
use crate::project::Project;

/// The packages whose programs take part, and the one that plays the story with them.
const PLAYERS: [&str; 4] = ["sim-reader", "host-terminal", "service-provider", "cardctl"];
const STORY: &str = "symbolon-demo";

/// What to show.
#[derive(Args)]
pub(crate) struct Options {
    /// Also shows every command and message of the purchase, decoded.
    #[arg(long)]
    verbose: bool,
    /// Prints one JSON value instead of a page.
    #[arg(long)]
    json: bool,
    /// Keeps logs, events, cards and the provider's data, and says where.
    #[arg(long)]
    keep: bool,
}

/// Shows it; fails where anything comes out otherwise than it has to.
pub(crate) fn run(project: &Project, options: &Options) -> Result<ExitCode> {
    machine::prepare_to_build(project)?;
    build(project)?;
    let mut story = Command::new(project.target.join("debug").join(STORY));
    for (name, wanted) in [("--verbose", options.verbose), ("--json", options.json), ("--keep", options.keep)] {
        story.args(wanted.then_some(name));
    }
    let status = story.stdin(Stdio::null()).status().with_context(|| format!("{STORY} cannot be run"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds all of them, visibly: the first time takes minutes.
fn build(project: &Project) -> Result<()> {
    let mut cargo = Command::new("cargo");
    // Of the whole workspace, as the tests are: with the same features, so that they share what is built.
    cargo.args(["build", "--locked", "--workspace", "--bin", STORY]);
    for player in PLAYERS {
        cargo.args(["--bin", player]);
    }
    let status = cargo.current_dir(&project.root).stdin(Stdio::null()).status().context("cargo cannot be run")?;
    ensure!(status.success(), "the programs cannot be built");
    Ok(())
}
