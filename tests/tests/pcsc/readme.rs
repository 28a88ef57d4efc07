//! The commands in the README's sections, run word for word in a folder and a namespace of the test's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use symbolon_tests::pcsc::{Daemon, sim_reader};
use symbolon_tests::process::build;

/// The blocks of commands in the section with this heading.
pub(crate) fn blocks<const N: usize>(heading: &str) -> Result<[String; N]> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))?;
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).context("the README has no such section")?;
    let section = section.split("\n## ").next().context("an empty section")?;
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<_> = blocks.map(str::to_owned).collect();
    blocks.try_into().map_err(|blocks: Vec<_>| anyhow::anyhow!("{} blocks of commands", blocks.len()))
}

/// Runs commands in a folder up to the first one that fails. The folder's programs come first, then the project's.
pub(crate) fn bash(daemon: &Daemon, folder: &Path, script: &str) -> Result<Output> {
    let programs = [cardctl()?, sim_reader()?].map(|program| program.parent().unwrap().display().to_string());
    let setting = format!("cd '{}'\nPATH=\"$PWD:{}:$PATH\"\n", folder.display(), programs.join(":"));
    let mut command = daemon.command("/bin/bash");
    command.args(["-e", "-c", &(setting + script)]).stdin(Stdio::null()).env_remove("OPENSC_CONF");
    Ok(command.output()?)
}

/// What it printed, on either stream.
pub(crate) fn both(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

/// The same, if it succeeded.
pub(crate) fn succeeded(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}: {}", output.status, both(output));
    Ok(both(output))
}

fn cardctl() -> Result<&'static Path> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build("cardctl").map_err(|error| format!("{error:#}")));
    program.as_deref().map_err(|error| anyhow::anyhow!("{error}"))
}
