//! `cardctl`: makes an empty card somebody's card, and tells what is on a card.

mod directory;
mod files;
mod inspect;
mod issue;
mod pkcs15;
mod profile;
mod secret;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use host_terminal::card::Card;
use host_terminal::observe::{Several, Tap};
use host_terminal::reader::{Place, Waiting, no_software};
use host_terminal::transcript;
use serde_json::Value;

use crate::profile::Profile;

/// Tools for cards.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Personalises an empty card and gives it to its holder: after this, nobody can personalise it again.
    Issue(Issue),
    /// Tells what is on a card: what anyone may see, and with the PIN what its holder may.
    Inspect(Inspect),
}

#[derive(Args)]
struct Which {
    /// Where the card is: pcsc: (waits for one in any PC/SC reader), pcsc:NAME (in one whose name contains this), or
    /// tcp://HOST:PORT (a simulated reader).
    #[arg(long, value_name = "READER")]
    card: Place,
    /// One line of JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Records what the card is told and answers, PINs and keys left out: as a transcript for host-terminal replay, or
    /// for Wireshark where the file's name ends with .pcapng. May be given twice.
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
}

#[derive(Args)]
struct Issue {
    #[command(flatten)]
    which: Which,
    /// What goes onto the card (TOML): its holder, PINs, accounts and keys.
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
}

#[derive(Args)]
struct Inspect {
    #[command(flatten)]
    which: Which,
    /// A file whose first line is PIN 1. Without it, only what anyone may see is told.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Issue(arguments) => issue(&arguments).await,
        Command::Inspect(arguments) => inspect(&arguments).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cardctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn issue(arguments: &Issue) -> Result<()> {
    // All of it is read and understood before the card is touched.
    let profile = Profile::read(&arguments.profile)?;
    let issued = issue::issue(&mut arguments.which.card().await?, &profile).await?;
    arguments.which.tell(&issued.json(), || issued.to_string());
    Ok(())
}

async fn inspect(arguments: &Inspect) -> Result<()> {
    let pin = arguments.pin_file.as_deref().map(secret::from_file).transpose()?;
    let found = inspect::inspect(&mut arguments.which.card().await?, pin).await?;
    arguments.which.tell(&found.json(), || found.to_string());
    Ok(())
}

impl Which {
    async fn card(&self) -> Result<Card> {
        let mut tell = |waiting: &Waiting| eprintln!("cardctl: {waiting}");
        let tap = self.tap()?;
        let reader = self.card.any_card(no_software, &mut tell).await;
        let reader = reader.with_context(|| format!("card at {}", self.card))?;
        Ok(Card::new(reader, tap))
    }

    /// What records the card's commands.
    fn tap(&self) -> Result<Tap> {
        let record = |path: &PathBuf| {
            transcript::record(path, "cardctl").with_context(|| format!("cannot write {}", path.display()))
        };
        let traces = self.trace.iter().map(record).collect::<Result<_>>()?;
        Ok(Tap::new(Arc::new(Several(traces)), "cardctl", "cardctl's card"))
    }

    fn tell(&self, json: &Value, words: impl FnOnce() -> String) {
        let said = if self.json { json.to_string() } else { words() };
        // Whoever closed the other end of a pipe has read enough.
        let _ = writeln!(std::io::stdout().lock(), "{said}");
    }
}
