//! Secrets come from files, environment variables and people, never from the command line, which every program can see.

use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::instruction::PinReference;
use host_terminal::secret_file;
use zeroize::Zeroizing;

use crate::inspect::Given;

/// A secret, erased when it is dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// The first line of a file.
pub(crate) fn from_file(path: &Path) -> Result<Secret> {
    secret_file::first_line(path).with_context(|| format!("cannot read {}", path.display()))
}

/// An environment variable.
pub(crate) fn from_environment(name: &str) -> Result<Secret> {
    let value = std::env::var(name).with_context(|| format!("the environment variable {name} cannot be read"))?;
    Ok(Zeroizing::new(value.into_bytes()))
}

/// What somebody types, without echo.
pub(crate) fn from_prompt(what: &str) -> Result<Secret> {
    let typed = rpassword::prompt_password(format!("{what}: ")).map(Zeroizing::new);
    let typed = typed.context("nobody can be asked")?;
    Ok(Zeroizing::new(typed.as_bytes().to_vec()))
}

/// The first line of a file or, without one, what somebody types; `option` would have named the file.
pub(crate) fn from_file_or_prompt(path: Option<&Path>, what: &str, option: &str) -> Result<Secret> {
    match path {
        Some(path) => from_file(path),
        None if stdin().is_terminal() => from_prompt(what),
        None => bail!("nobody is there to type the {what}: give {option}"),
    }
}

/// A new secret: as above, but typed twice.
pub(crate) fn new_from_file_or_prompt(path: Option<&Path>, what: &str, option: &str) -> Result<Secret> {
    let first = from_file_or_prompt(path, what, option)?;
    if path.is_none() {
        ensure!(from_prompt("Once more")? == first, "the two differ: nothing was changed");
    }
    Ok(first)
}

/// PINs of a command line: PIN 1 in a file of its own, others as `5=FILE`.
pub(crate) fn pins(first: Option<&Path>, others: &[String]) -> Result<Vec<Given>> {
    let first = first.map(|path| Ok((1, path.to_owned())));
    let mut pins: Vec<Given> = Vec::new();
    for pin in first.into_iter().chain(others.iter().map(|text| numbered(text))) {
        let (number, path) = pin?;
        let reference = PinReference::parse(number).map_err(|_| anyhow!("PINs are numbered 1 to 14, not {number}"))?;
        // A wrong one would cost two tries.
        ensure!(!pins.iter().any(|pin| pin.reference == reference), "PIN {number} is given twice");
        pins.push(Given { reference, value: from_file(&path)? });
    }
    Ok(pins)
}

fn numbered(text: &str) -> Result<(u8, PathBuf)> {
    let parts = text.split_once('=').and_then(|(number, path)| Some((number.parse().ok()?, PathBuf::from(path))));
    parts.with_context(|| format!("--pin takes NUMBER=FILE, not {text}"))
}
