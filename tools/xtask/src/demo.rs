//! `cargo xtask demo`: builds the programs and shows the system at work; the program `symbolon-demo` tells the story.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::machine;
use crate::project::Project;

/// The packages whose programs take part, and the one that plays the story with them.
const PLAYERS: [&str; 4] = ["sim-reader", "host-terminal", "service-provider", "cardctl"];
const STORY: &str = "symbolon-demo";

/// Makes a `/run` and a loopback interface for this process and what it starts, then the service, and runs the
/// arguments once the service is there.
const SERVICE: &str = r#"
mount -t proc proc /proc && mount -t tmpfs tmpfs /run && mkdir /run/pcscd && ip link set lo up || exit
/usr/sbin/pcscd --foreground > /run/pcscd.log 2>&1 &
until [ -S /run/pcscd/pcscd.comm ]; do
    kill -0 $! || { cat /run/pcscd.log >&2; exit 1; }
    sleep 0.05
done
"$@"
"#;

/// What to show.
#[derive(Args)]
pub(crate) struct Options {
    /// Also shows every command and message of the purchase, decoded.
    #[arg(long)]
    verbose: bool,
    /// Puts the cards into PC/SC readers (pcscd and vsmartcard's vpcd), which this sees alone.
    #[arg(long)]
    pcsc: bool,
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
    let program = project.target.join("debug").join(STORY);
    let mut story = if options.pcsc { with_pcsc(project, &program)? } else { Command::new(program) };
    for (name, wanted) in [("--verbose", options.verbose), ("--json", options.json), ("--keep", options.keep)] {
        story.args(wanted.then_some(name));
    }
    let status = story.stdin(Stdio::null()).status().with_context(|| format!("{STORY} cannot be run"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A command for the program with a PC/SC service of its own: nobody on this machine sees its readers, and the service
/// ends with it.
fn with_pcsc(project: &Project, program: &Path) -> Result<Command> {
    machine::prepare_for_pcsc(project)?;
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", SERVICE, "sh"]);
    command.arg(program).arg("--pcsc");
    Ok(command)
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
