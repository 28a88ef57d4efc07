//! Real processes: the project's programs, built, started, watched and ended by their identifiers.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Builds a program of this workspace, in the profile of the tests, and gives its path.
pub fn build(package: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--message-format", "json", "--package", package, "--bin", package]);
    let output = build.current_dir(root).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "cannot build {package}");
    let messages = String::from_utf8(output.stdout)?;
    let executables = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = executables.filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)));
    executables.next().with_context(|| format!("{package} has no program"))
}

/// A program that says in JSON on its first line where it listens. Killed when dropped.
pub struct Listener {
    child: Child,
    /// Where it listens.
    pub address: String,
}

impl Listener {
    /// Starts it and waits until it listens.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).env("RUST_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let said: Option<Value> = serde_json::from_str(&line).ok();
        let address = said.and_then(|said| Some(said.get("listening")?.as_str()?.to_owned()));
        let mut listener = Self { child, address: String::new() };
        listener.address = address.with_context(|| format!("{} said {line:?}", program.display()))?;
        ensure!(listener.child.try_wait()?.is_none(), "{} ended at once", program.display());
        Ok(listener)
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
