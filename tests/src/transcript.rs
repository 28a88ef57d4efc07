//! The project's transcripts, played to cards in this process or wherever a test reaches one. What a transcript is says
//! [`host_terminal::transcript`].

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use host_terminal::transcript::{self, Expected, Transcript};
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

/// What is done with a card about which everything is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Power off and on.
    Reset,
    /// A command, and the response that it must have.
    Exchange(Vec<u8>, Expected),
}

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
/// What is not a transcript, or needs what was left out of it.
pub fn steps(path: &Path) -> Result<Vec<(String, Step)>> {
    let lines = Transcript::read(path)?.lines.into_iter();
    lines
        .map(|line| {
            let step = match line.step {
                transcript::Step::Reset => Step::Reset,
                transcript::Step::Exchange(command, expected) => {
                    let whole =
                        command.complete().with_context(|| format!("{}: something was left out", line.place))?;
                    Step::Exchange(whole.to_vec(), expected)
                }
            };
            Ok((line.place.to_string(), step))
        })
        .collect()
}

fn execute(step: &Step, card: &mut impl Player) -> Result<()> {
    match step {
        Step::Reset => card.reset(),
        Step::Exchange(command, _) if !card.carries(command) => Ok(()),
        Step::Exchange(command, expected) => {
            let response = card.transmit(command)?;
            ensure!(expected.fits(&response), "the response is {}, not {expected}", hex::encode_upper(&response));
            Ok(())
        }
    }
}
