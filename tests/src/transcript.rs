//! Transcripts: what goes to a card and what comes back, as text that a card engineer reads without knowing Rust.
//!
//! ```text
//! # a comment
//! include personalised.apdu    plays another transcript first, from the same folder
//! reset                        power off and on
//! > 00A4 0000 02 3F00          a command
//! < .. 9000                    the response it must have; `..` stands for any bytes, also none
//! ```
//!
//! Every transcript begins with a new card. In a Markdown file, the lines of all blocks fenced as `apdu` are one
//! transcript.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sim_reader::card::SoftwareCard;
use sim_reader::flash::RamFlash;

/// A card that a transcript is played to.
pub trait Player {
    /// The response to a command.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>>;
    /// Power off and on.
    fn reset(&mut self) -> Result<()>;
    /// Whether the way to the card can carry this command. What it cannot is left out.
    fn carries(&self, _command: &[u8]) -> bool {
        true
    }
}

/// The card in this process.
impl Player for SoftwareCard<RamFlash> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        Ok(Self::transmit(self, command)?)
    }

    /// The whole way down: the card starts again from what its flash holds.
    fn reset(&mut self) -> Result<()> {
        self.power_off();
        self.power_on()?;
        Ok(())
    }
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Power off and on.
    Reset,
    /// A command, and the pieces of its response between the places where any bytes may stand.
    Exchange(Vec<u8>, Vec<Vec<u8>>),
}

/// Transcripts include one another at most this deep.
const DEPTH_MAX: usize = 4;

/// The transcripts in `vectors/`.
///
/// # Errors
/// The folder cannot be read.
pub fn vectors() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "apdu"));
    ensure!(!paths.is_empty(), "there are no transcripts");
    paths.sort();
    Ok(paths)
}

/// The examples in the card's manual.
#[must_use]
pub fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../apdu-spec/CARD.md")
}

/// Plays the transcript in a file to a new card.
///
/// # Errors
/// The first line that is not as written, with its file and number.
pub fn play(path: &Path, card: &mut impl Player) -> Result<usize> {
    let steps = steps(path)?;
    for (place, step) in &steps {
        execute(step, card).with_context(|| place.clone())?;
    }
    Ok(steps.len())
}

/// The steps of the transcript in a file, what it includes among them, each with its place.
///
/// # Errors
/// What is not a transcript.
pub fn steps(path: &Path) -> Result<Vec<(String, Step)>> {
    read(path, DEPTH_MAX)
}

fn read(path: &Path, depth: usize) -> Result<Vec<(String, Step)>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let is_markdown = path.extension().is_some_and(|extension| extension == "md");
    let mut steps = Vec::new();
    let mut command = None;
    let mut inside = !is_markdown;
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{}:{number}", path.display());
        let line = line.split('#').next().unwrap_or_default().trim();
        if is_markdown && line.starts_with("```") {
            inside = line == "```apdu";
        } else if inside && !line.is_empty() {
            parse(line, path, depth, &mut command, &place, &mut steps).with_context(|| place.clone())?;
        }
    }
    ensure!(command.is_none(), "{}: the last command has no response", path.display());
    Ok(steps)
}

fn parse(
    line: &str,
    path: &Path,
    depth: usize,
    command: &mut Option<Vec<u8>>,
    place: &str,
    steps: &mut Vec<(String, Step)>,
) -> Result<()> {
    let (word, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
    match (word, command.take()) {
        (">", None) => *command = Some(bytes(rest)?),
        ("<", Some(command)) => {
            let pieces = rest.split("..").map(bytes).collect::<Result<_>>()?;
            steps.push((place.to_owned(), Step::Exchange(command, pieces)));
        }
        ("reset", None) => steps.push((place.to_owned(), Step::Reset)),
        ("include", None) => {
            ensure!(depth > 0, "included too deep");
            let included = path.parent().context("a file is in a folder")?.join(rest.trim());
            steps.extend(read(&included, depth - 1)?);
        }
        _ => bail!("not a line of a transcript, or not in this order: {line}"),
    }
    Ok(())
}

fn execute(step: &Step, card: &mut impl Player) -> Result<()> {
    match step {
        Step::Reset => card.reset(),
        Step::Exchange(command, _) if !card.carries(command) => Ok(()),
        Step::Exchange(command, pieces) => {
            let response = card.transmit(command)?;
            ensure!(
                fits(&response, pieces),
                "the response is {}, not {}",
                hex::encode_upper(&response),
                expected(pieces)
            );
            Ok(())
        }
    }
}

/// Whether `response` is these pieces in order, with any bytes between them.
fn fits(response: &[u8], pieces: &[Vec<u8>]) -> bool {
    let Some((first, others)) = pieces.split_first() else { return false };
    let Some(mut rest) = response.strip_prefix(&first[..]) else { return false };
    let Some((last, middle)) = others.split_last() else { return rest.is_empty() };
    for piece in middle {
        let mut behind = (0..=rest.len()).filter_map(|at| rest.get(at..)?.strip_prefix(&piece[..]));
        let Some(found) = behind.next() else { return false };
        rest = found;
    }
    rest.ends_with(last)
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    hex::decode(&digits).with_context(|| format!("{digits} is not bytes in hexadecimal"))
}

fn expected(pieces: &[Vec<u8>]) -> String {
    pieces.iter().map(hex::encode_upper).collect::<Vec<_>>().join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stand_in_order_with_anything_between() {
        let pieces = |text: &str| text.split("..").map(|piece| bytes(piece).unwrap()).collect::<Vec<_>>();
        assert!(fits(&[1, 2, 3], &pieces("010203")));
        assert!(!fits(&[1, 2, 3], &pieces("0102")));
        assert!(fits(&[1, 2, 3], &pieces("01..03")));
        assert!(fits(&[1, 3], &pieces("01 .. 03")));
        assert!(!fits(&[1], &pieces("01 .. 01")));
        assert!(fits(&[9, 2, 8, 3], &pieces(".. 02 .. 03")));
        assert!(!fits(&[9, 3, 8, 2], &pieces(".. 02 .. 03")));
    }
}
