//! What `cargo metadata` says about the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::programs::TestPrograms;

/// A workspace: where it is and which packages it has.
pub(crate) struct Project {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder; what tasks leave behind goes there too.
    pub(crate) target: PathBuf,
    /// The workspace's own packages, by name.
    pub(crate) packages: Vec<Package>,
    /// The test programs of all of them.
    pub(crate) test_programs: TestPrograms,
}

/// One package of a workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Features other than `default`.
    pub(crate) features: Vec<String>,
    /// Names of the binaries it builds.
    pub(crate) binaries: Vec<String>,
}

impl Project {
    /// The workspace that this program belongs to.
    pub(crate) fn load() -> Result<Self> {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"))
            .output()
            .context("cargo cannot be run")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
        Self::from_metadata(&serde_json::from_slice(&output.stdout)?)
    }

    fn from_metadata(metadata: &Value) -> Result<Self> {
        let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
        let mut packages: Vec<Package> = packages.iter().map(Package::from_metadata).collect::<Result<_>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: text(&metadata["workspace_root"])?.into(),
            target: text(&metadata["target_directory"])?.into(),
            packages,
            test_programs: TestPrograms::default(),
        })
    }
}

impl Package {
    fn from_metadata(package: &Value) -> Result<Self> {
        let features = package["features"].as_object().context("a package without a feature table")?;
        let targets = package["targets"].as_array().context("a package without targets")?;
        let binaries = targets.iter().filter(|target| target["kind"] == serde_json::json!(["bin"]));
        Ok(Self {
            name: text(&package["name"])?,
            manifest: text(&package["manifest_path"])?.into(),
            features: features.keys().filter(|name| *name != "default").cloned().collect(),
            binaries: binaries.map(|target| text(&target["name"])).collect::<Result<_>>()?,
        })
    }
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("cargo metadata has another form than expected")?.to_owned())
}
