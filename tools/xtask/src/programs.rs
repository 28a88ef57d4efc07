//! The test programs of the whole workspace, built by one `cargo test`: packages that are built one by one get their
//! dependencies with other features each time, and so another build of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::project::Project;

/// Test programs that are built when they are first asked for.
#[derive(Default)]
pub(crate) struct TestPrograms(OnceLock<Result<Vec<TestProgram>, String>>);

/// A built test program.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TestProgram {
    /// The manifest of the package it belongs to.
    manifest: PathBuf,
    path: PathBuf,
}

impl TestPrograms {
    /// Builds them, or waits until another step has; what the compiler says is added to `log`.
    pub(crate) fn build(&self, project: &Project, log: &File) -> Result<()> {
        self.built(project, log)?;
        Ok(())
    }

    /// Runs those of one package as cargo would: in the package's folder.
    pub(crate) fn run(&self, project: &Project, package: &Path, log: &File) -> Result<Vec<Command>> {
        let folder = package.parent().context("a manifest without a folder")?;
        let mut own = self.built(project, log)?.iter().filter(|program| program.manifest == package).peekable();
        ensure!(own.peek().is_some(), "{} has no test program", folder.display());
        let run = |program: &TestProgram| {
            let mut command = Command::new(&program.path);
            command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
            command
        };
        Ok(own.map(run).collect())
    }

    fn built(&self, project: &Project, log: &File) -> Result<&[TestProgram]> {
        let built = self.0.get_or_init(|| build(project, log).map_err(|error| format!("{error:#}")));
        built.as_deref().map_err(|error| anyhow!("{error}"))
    }
}

fn build(project: &Project, log: &File) -> Result<Vec<TestProgram>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--workspace", "--no-run", "--locked", "--message-format", "json-render-diagnostics"]);
    let output = cargo.current_dir(&project.root).stdin(Stdio::null()).stderr(log.try_clone()?).output();
    let output = output.context("cargo cannot be run")?;
    ensure!(output.status.success(), "the test programs cannot be built");
    in_messages(&String::from_utf8(output.stdout)?)
}

fn in_messages(messages: &str) -> Result<Vec<TestProgram>> {
    let messages: Vec<Value> = messages.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(messages.iter().filter_map(TestProgram::in_message).collect())
}

impl TestProgram {
    /// The test program that cargo says it has built, if it says that.
    fn in_message(message: &Value) -> Option<Self> {
        let path = |name: &str| Some(PathBuf::from(message.get(name)?.as_str()?));
        message.pointer("/profile/test").filter(|test| **test == true)?;
        Some(Self { manifest: path("manifest_path")?, path: path("executable")? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn test_programs_are_told_from_libraries_and_other_programs() {
        let artifact = |manifest: &str, test: bool, executable: Option<&str>| {
            json!({"manifest_path": manifest, "profile": {"test": test}, "executable": executable}).to_string()
        };
        let messages = [
            artifact("/a/Cargo.toml", false, None),
            artifact("/a/Cargo.toml", true, Some("/t/a-1")),
            artifact("/b/Cargo.toml", false, Some("/t/b")),
            json!({"reason": "build-finished", "success": true}).to_string(),
        ];
        let program = TestProgram { manifest: "/a/Cargo.toml".into(), path: "/t/a-1".into() };
        assert_eq!(in_messages(&messages.join("\n")).unwrap(), [program]);
        assert!(in_messages("not JSON").is_err());
    }
}
