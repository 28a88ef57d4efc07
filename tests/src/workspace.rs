//! The project as its own test reads it: its files, and what cargo says about its packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The project's top folder.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .components()
        .collect::<PathBuf>()
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default()
}

/// The text of the file at `path` below the top folder.
pub fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("{path} cannot be read"))
}

/// What cargo prints when it is called with these arguments.
pub fn cargo(arguments: &[&str]) -> Result<String> {
    let output = Command::new("cargo").args(arguments).current_dir(root()).output()?;
    ensure!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Every package that the workspace is made of or depends on, as `cargo metadata` describes it.
pub fn packages() -> Result<Vec<Value>> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--locked"])?)?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    Ok(packages.context("cargo metadata lists no packages")?.clone())
}

/// Text files of the project, apart from lock files and what builds leave behind.
pub fn text_files() -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.extend((!is_skipped(&path)).then_some(path));
            } else if is_text(&path) {
                files.push(TextFile::read(&path)?);
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// A file, and its path from the top folder.
pub struct TextFile {
    /// With `/` between folders.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl TextFile {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{} is no text", path.display()))?;
        Ok(Self { path: path.strip_prefix(root())?.display().to_string(), text })
    }

    /// Whether the file's name ends so.
    #[must_use]
    pub fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

fn is_skipped(folder: &Path) -> bool {
    folder
        .file_name()
        .is_some_and(|name| ["target", ".git", "corpus", "artifacts"].iter().any(|skipped| name == *skipped))
}

fn is_text(path: &Path) -> bool {
    let is_script = path.ends_with(".ci/run");
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    is_script || ["rs", "md", "toml", "sh", "py", "sql", "pv", "pvl"].contains(&extension)
}
