//! Secrets come from files and environment variables, never from the command line, which every program can see.

use std::path::Path;

use anyhow::{Context, Result};
use zeroize::Zeroizing;

/// A secret, erased when it is dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// The first line of a file.
pub(crate) fn from_file(path: &Path) -> Result<Secret> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut content = Zeroizing::new(content);
    let line = content.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(content.len());
    content.truncate(line);
    Ok(content)
}

/// An environment variable.
pub(crate) fn from_environment(name: &str) -> Result<Secret> {
    let value = std::env::var(name).with_context(|| format!("the environment variable {name} cannot be read"))?;
    Ok(Zeroizing::new(value.into_bytes()))
}
