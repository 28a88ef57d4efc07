//! `cargo xtask demo`: shows the system at work.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::project::Project;

/// What to show.
#[derive(Args)]
pub(crate) struct Options {}

/// Shows it.
pub(crate) fn run(_project: &Project, _options: &Options) -> Result<ExitCode> {
    bail!("this version has no demonstration yet")
}
