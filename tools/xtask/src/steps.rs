//! The steps of `cargo xtask test`, as data: adding a check is adding a value here.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bare_metal::{self, Toolchain};
use crate::machine;
use crate::process::is_installed;
use crate::project::{Package, Project};

/// Crates that run on the card, built for it from the smallest feature set.
const CARD_SIDE: &[&str] = &["apdu-spec", "protocol", "card-os"];

/// The fuzz targets: a workspace of their own.
const FUZZ: &str = "tests/fuzz/Cargo.toml";

/// The longest that a fuzz target may take for one input.
const SECONDS_PER_INPUT: u32 = 10;

/// Says what to run, once what it needs is installed.
type Commands = Box<dyn Fn(&Project) -> Result<Vec<Command>>>;

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
        commands: impl Fn(&Project) -> Result<Vec<Command>> + 'static,
    ) -> Self {
        Self { name: name.into(), prepare, commands: Box::new(commands) }
    }
}

/// Every step, cheap ones first.
pub(crate) fn all(project: &Project) -> Vec<Step> {
    let mut steps = vec![Step::new("fmt", |_| Ok(()), fmt)];
    steps.push(Step::new("clippy", machine::prepare_to_build, |_| Ok(vec![clippy(&["--workspace"])])));
    steps.extend(project.packages.iter().filter(|package| !package.features.is_empty()).map(clippy_features));
    steps.extend(project.packages.iter().map(test));
    steps.push(Step::new("doc", machine::prepare_to_build, |_| {
        let mut command = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        Ok(vec![command])
    }));
    steps.extend(CARD_SIDE.iter().map(|name| {
        Step::new(format!("bare-metal {name}"), bare_metal::prepare, |project| for_the_card(project, name))
    }));
    if project.root.join(FUZZ).exists() {
        steps.push(Step::new("fuzz", prepare_to_fuzz, replay_corpora));
    }
    // Not on every machine, and slow to build; tests/tests/architecture.rs checks the licences everywhere.
    if is_installed("cargo-deny") {
        let check = ["deny", "--locked", "check", "bans", "licenses", "sources"];
        steps.push(Step::new("deny", |_| Ok(()), move |_| Ok(vec![cargo(&check)])));
    }
    steps
}

fn fmt(project: &Project) -> Result<Vec<Command>> {
    let manifests = ["Cargo.toml", FUZZ].into_iter().filter(|manifest| project.root.join(manifest).exists());
    Ok(manifests.map(|path| cargo(&["fmt", "--manifest-path", path, "--all", "--check", "--", "-l"])).collect())
}

/// Clippy for one package alone, without features and with each of them: other packages' features do not help out.
/// Packages without features are built alone by their tests.
fn clippy_features(package: &Package) -> Step {
    let (name, features) = (package.name.clone(), package.features.clone());
    Step::new(format!("clippy {name}"), machine::prepare_to_build, move |_| {
        let selections = [""].into_iter().chain(features.iter().map(String::as_str));
        Ok(selections.map(|features| clippy(&["--package", &name, "--features", features])).collect())
    })
}

fn clippy(selection: &[&str]) -> Command {
    let mut command = cargo(&["clippy", "--quiet", "--all-targets", "--locked"]);
    command.args(selection).args(["--", "-D", "warnings"]);
    command
}

/// The tests of one package, without features and with all of them.
fn test(package: &Package) -> Step {
    let (name, has_features) = (package.name.clone(), !package.features.is_empty());
    Step::new(format!("test {name}"), machine::prepare_to_test, move |_| {
        let plain = cargo(&["test", "--locked", "--no-fail-fast", "--package", &name]);
        let full = cargo(&["test", "--locked", "--no-fail-fast", "--package", &name, "--all-features"]);
        Ok([plain].into_iter().chain(has_features.then_some(full)).collect())
    })
}

fn for_the_card(project: &Project, package: &str) -> Result<Vec<Command>> {
    let mut command = Toolchain::find().context("no toolchain for the card")?.build(project);
    command.args(["--package", package, "--lib"]);
    Ok(vec![command])
}

fn prepare_to_fuzz(project: &Project) -> Result<()> {
    machine::prepare_to_build(project)?;
    machine::prepare_to_build_cpp(project)
}

/// Builds the fuzz targets and gives each its corpus once. That needs no nightly compiler: without instrumentation,
/// libFuzzer's `main` still runs the inputs it is shown.
fn replay_corpora(project: &Project) -> Result<Vec<Command>> {
    let mut build = cargo(&["build", "--bins", "--locked", "--manifest-path", FUZZ]);
    build.env("CARGO_TARGET_DIR", project.target.join("fuzz")).env("RUSTFLAGS", "--cfg fuzzing");
    let mut commands = vec![build];
    let fuzz = Project::at(&project.root.join(FUZZ))?;
    for target in fuzz.packages.iter().flat_map(|package| &package.binaries) {
        let corpus = fuzz.root.join("corpus").join(target);
        ensure!(has_entries(&corpus), "{} is no corpus: give the fuzz target a few inputs", corpus.display());
        let mut replay = Command::new(project.target.join("fuzz/debug").join(target));
        replay.args(["-runs=0", &format!("-timeout={SECONDS_PER_INPUT}")]).arg(corpus);
        replay.arg(format!("-artifact_prefix={}/", project.target.join("xtask").display()));
        commands.push(replay);
    }
    Ok(commands)
}

fn has_entries(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}
