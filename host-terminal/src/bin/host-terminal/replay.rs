//! `replay`: plays transcripts to a card.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use host_terminal::card::{Card, Pin};
use host_terminal::observe::Tap;
use host_terminal::reader::{Place, Reader, ReaderError};
use host_terminal::transcript::{Difference, Replay, ReplayError, Transcript};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{READERS, observer, pin, tell_waiting};

/// The card answered something else than a transcript says.
const DIFFERENT: u8 = 3;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the card is: tcp://HOST:PORT, pcsc: (any PC/SC reader), pcsc:NAME, or image:FILE.
    #[arg(long, value_name = "READER")]
    card: Place,
    /// How long to wait for a card in a PC/SC reader; without it, as long as it takes.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Which card of the transcripts this is, where they are about several.
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
    /// A file whose first line is the PIN that was left out.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// One line of JSON a transcript instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Records what the card is told and answers, as the other commands do.
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
    /// The transcripts, one played after the other, the card reset before each. They end with the first difference.
    #[arg(required = true, value_name = "TRANSCRIPT")]
    transcripts: Vec<PathBuf>,
}

/// All of them are read and understood before the card is touched.
pub(crate) async fn replay(arguments: &Arguments) -> Result<ExitCode> {
    let pin = arguments.pin_file.as_deref().map(|path| pin(Some(path))).transpose()?;
    let transcripts: Vec<Transcript> =
        arguments.transcripts.iter().map(|path| Transcript::read(path)).collect::<Result<_, _>>()?;
    let prepared = transcripts.iter().zip(&arguments.transcripts);
    let prepared: Vec<(Replay<'_>, &Transcript, String)> = prepared
        .map(|(transcript, path)| {
            let name = path.display().to_string();
            Ok((prepare(transcript, &name, arguments, pin.as_ref())?, transcript, name))
        })
        .collect::<Result<_>>()?;
    let tap = Tap::new(observer(None, &arguments.trace)?, "replay", "replay's card");
    let mut card = Card::new(reader(arguments).await?, tap);
    for (replay, transcript, name) in &prepared {
        let needs = transcript.needs();
        match replay.play(&mut card).await {
            Ok(commands) if arguments.json => {
                let said = json!({ "transcript": name, "needs": needs, "result": "as written", "commands": commands });
                tell(&said.to_string());
            }
            Ok(commands) => tell(&format!("{name}: {commands} commands, all answered as written")),
            Err(ReplayError::Different(difference)) => {
                let words = || format!("{difference}\nThe transcript needs {needs}: is this one?");
                let said = if arguments.json { different(name, needs, &difference).to_string() } else { words() };
                tell(&said);
                return Ok(DIFFERENT.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The card, if it comes in time.
async fn reader(arguments: &Arguments) -> Result<Box<dyn Reader>, ReaderError> {
    let mut tell = tell_waiting;
    let card = arguments.card.any_card(READERS.software, &mut tell);
    match arguments.wait.map(Duration::from_secs) {
        Some(patience) => timeout(patience, card).await.map_err(|_| ReaderError::NoCard(patience))?,
        None => card.await,
    }
}

fn prepare<'a>(transcript: &'a Transcript, name: &str, arguments: &Arguments, pin: Option<&Pin>) -> Result<Replay<'a>> {
    Replay::prepare(transcript, arguments.of.as_deref(), pin).map_err(|error| {
        if matches!(error, ReplayError::PinNeeded(_)) {
            anyhow!("{error}: give --pin-file")
        } else if matches!(error, ReplayError::SeveralCards(_) | ReplayError::NoSuchCard { .. }) {
            anyhow!("{name}: {error} (--of)")
        } else if matches!(error, ReplayError::Nothing) {
            anyhow!("{name}: {error}")
        } else {
            error.into()
        }
    })
}

fn different(name: &str, needs: &str, difference: &Difference) -> Value {
    let Difference { place, command, expected, got } = difference;
    json!({
        "transcript": name,
        "needs": needs,
        "result": "difference",
        "file": place.file.display().to_string(),
        "line": place.line,
        "command": command.to_string(),
        "words": difference.words(),
        "expected": expected.to_string(),
        "got": hex::encode_upper(got),
        "first_byte": difference.first_byte(),
        "expected_status": difference.expected_status().map(|status| status.to_string()),
        "status": difference.status().map(|status| status.to_string()),
    })
}

fn tell(line: &str) {
    // Whoever closed the other end of a pipe has read enough.
    let _ = writeln!(stdout().lock(), "{line}");
}
