//! The steps of `cargo xtask test`, as data: adding a check is adding a value here.

use std::fs::File;
use std::process::Command;

use anyhow::{Context, Result};

use crate::bare_metal::{self, Toolchain};
use crate::machine;
use crate::process::is_installed;
use crate::project::{Package, Project};

/// Crates that run on the card, built for it from the smallest feature set.
const CARD_SIDE: &[&str] = &["apdu-spec", "protocol", "card-os"];

/// Says what to run, once what it needs is installed; may add to the step's log.
type Commands = Box<dyn Fn(&Project, &File) -> Result<Vec<Command>> + Sync>;

/// One row of the report.
pub(crate) struct Step {
    /// What `--only` selects it by, in words.
    pub(crate) name: String,
    /// Installs what the step needs.
    pub(crate) prepare: fn(&Project) -> Result<()>,
    pub(crate) commands: Commands,
}

impl Step {
    fn new(
        name: impl Into<String>,
        prepare: fn(&Project) -> Result<()>,
        commands: impl Fn(&Project, &File) -> Result<Vec<Command>> + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), prepare, commands: Box::new(commands) }
    }
}

/// Every step, in an order in which one that compiles finds one beside it that tests.
pub(crate) fn all(project: &Project) -> Vec<Step> {
    let mut steps =
        vec![Step::new("fmt", |_| Ok(()), |_, _| Ok(vec![cargo(&["fmt", "--all", "--check", "--", "-l"])]))];
    steps.push(Step::new("build", machine::prepare_to_build_all, |project, log| {
        project.test_programs.build(project, log)?;
        Ok(Vec::new())
    }));
    steps.extend(project.packages.iter().flat_map(|package| [test(package), clippy(package)]));
    steps.push(Step::new("test doc", machine::prepare_to_build_all, |_, _| {
        Ok(vec![cargo(&["test", "--workspace", "--doc", "--locked", "--no-fail-fast"])])
    }));
    steps.push(Step::new("doc", machine::prepare_to_build_all, |_, _| {
        let mut command = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        Ok(vec![command])
    }));
    steps.extend(CARD_SIDE.iter().map(|name| {
        Step::new(format!("bare-metal {name}"), bare_metal::prepare, |project, _| for_the_card(project, name))
    }));
    // Not on every machine, and slow to build; tests/tests/architecture.rs checks the licences everywhere.
    if is_installed("cargo-deny") {
        let check = ["deny", "--locked", "check", "bans", "licenses", "sources"];
        steps.push(Step::new("deny", |_| Ok(()), move |_, _| Ok(vec![cargo(&check)])));
    }
    steps
}

/// The tests of one package.
fn test(package: &Package) -> Step {
    let manifest = package.manifest.clone();
    Step::new(format!("test {}", package.name), machine::prepare_to_test, move |project, log| {
        project.test_programs.run(project, &manifest, log)
    })
}

/// Clippy for one package alone: its programs and tests, and where it has features also what it ships without any and
/// with each of them. Other packages' features, or those that its tests ask for, do not help out.
fn clippy(package: &Package) -> Step {
    let (name, features) = (package.name.clone(), package.features.clone());
    Step::new(format!("clippy {name}"), machine::prepare_to_build_all, move |_, _| {
        let alone = ["clippy", "--quiet", "--no-deps", "--locked", "--package", &name];
        let mut selections = vec![vec!["--all-targets"]];
        if !features.is_empty() {
            selections
                .extend([""].into_iter().chain(features.iter().map(String::as_str)).map(|f| vec!["--features", f]));
        }
        let denied: &[&str] = &["--", "-D", "warnings"];
        Ok(selections.iter().map(|selection| cargo(&[alone.as_slice(), selection, denied].concat())).collect())
    })
}

fn for_the_card(project: &Project, package: &str) -> Result<Vec<Command>> {
    let mut command = Toolchain::find().context("no toolchain for the card")?.build(project);
    command.args(["--package", package, "--lib"]);
    Ok(vec![command])
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}
