//! `cardctl`: makes an empty card somebody's card, tells what is on a card, and manages it in the field.

mod access;
mod backup;
mod batch;
mod channel;
mod condition;
mod directory;
mod files;
mod inspect;
mod issue;
mod key_file;
mod key_set;
mod manage;
mod personalise;
mod pin;
mod pkcs15;
mod profile;
mod reading;
mod registry;
mod secret;
mod secure_channel;
mod shell;
/// As terminals have it: only programs know both cards and readers.
#[path = "../../../host-terminal/src/bin/host-terminal/software.rs"]
mod software;
mod words;
mod write;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use host_terminal::card::Card;
use host_terminal::observe::{Several, Tap};
use host_terminal::reader::{Place, ReaderError, Waiting};
use host_terminal::transcript;
use host_terminal::words::explained;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::batch::Batch;
use crate::channel::{Channel, open};
use crate::manage::{KeySetCommand, Lock, Terminate};
use crate::pin::PinCommand;
use crate::profile::{Occasion, Profile};
use crate::shell::ShellArguments;

/// Tools for cards.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Personalises an empty card and gives it to its holder: after this, only its issuer's keys change it.
    #[command(after_long_help = profile::EXAMPLE)]
    Issue(Issue),
    /// Changes a card that was issued, through its issuer's secure channel.
    Personalise(Personalise),
    /// Tells what is on a card: what anyone may see, and with PINs what their holders may.
    #[command(after_long_help = inspect::SHAPE)]
    Inspect(Inspect),
    /// Changes PINs, unblocks them, and tells how many tries they have left.
    #[command(subcommand)]
    Pin(PinCommand),
    /// Brings, deletes and lists the issuer's key sets.
    #[command(subcommand)]
    KeySet(KeySetCommand),
    /// Blocks the card, or one account or file of it, until it is unblocked.
    Block(Lock),
    /// Unblocks what was blocked.
    Unblock(Lock),
    /// Ends the card's life for ever.
    Terminate(Terminate),
    /// Writes what anyone may see of a card to a file, or compares a card with such a file.
    Backup(backup::Backup),
    /// A prompt for commands to a card, in words and in hexadecimal; or a script of them on standard input.
    Shell(ShellArguments),
    /// Issues many simulated cards, each an image for `sim-reader`. The images are not encrypted.
    Batch(Batch),
}

#[derive(Args)]
struct Which {
    /// Where the card is: pcsc: (waits for one in any PC/SC reader), pcsc:NAME (in one whose name contains this),
    /// tcp://HOST:PORT (a simulated reader) or image:FILE (a simulated card, in this process).
    #[arg(long, value_name = "READER")]
    card: Place,
    /// How long to wait for a card in a PC/SC reader; without it, as long as it takes.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
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
    /// What goes onto the card (TOML): its holder, PINs, accounts, keys, key sets and files.
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
}

#[derive(Args)]
struct Personalise {
    #[command(flatten)]
    channel: Channel,
    /// What changes (TOML, as in `cardctl issue --help`): PINs, accounts, keys, key sets and files that are new or take
    /// the place of others.
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
}

#[derive(Args)]
struct Inspect {
    #[command(flatten)]
    which: Which,
    /// A file whose first line is PIN 1. Without any PIN, only what anyone may see is told.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// Another PIN: its number, and a file whose first line it is. May be given several times.
    #[arg(long, value_name = "NUMBER=FILE")]
    pin: Vec<String>,
}

/// The exit status of `backup --compare` where something has changed.
const DIFFERS: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    run(&command).await.unwrap_or_else(|error| {
        let words = explained(error.as_ref());
        eprintln!("cardctl: {words}");
        if command.is_json() {
            print(true, &json!({ "error": words }), String::new);
        }
        ExitCode::FAILURE
    })
}

impl Command {
    /// Whether a program reads what it says.
    const fn is_json(&self) -> bool {
        match self {
            Self::Issue(arguments) => arguments.which.json,
            Self::Personalise(arguments) => arguments.channel.which.json,
            Self::Inspect(arguments) => arguments.which.json,
            Self::Pin(command) => command.which().json,
            Self::KeySet(command) => command.which().json,
            Self::Block(arguments) | Self::Unblock(arguments) => arguments.channel.which.json,
            Self::Terminate(arguments) => arguments.channel.which.json,
            Self::Backup(arguments) => arguments.which.json,
            Self::Shell(arguments) => arguments.which.json,
            Self::Batch(arguments) => arguments.json,
        }
    }
}

async fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Issue(arguments) => issue(arguments).await?,
        Command::Personalise(arguments) => personalise(arguments).await?,
        Command::Inspect(arguments) => inspect(arguments).await?,
        Command::Pin(command) => pin::run(command).await?,
        Command::KeySet(command) => manage::key_sets(command).await?,
        Command::Block(arguments) => manage::lock(arguments, true).await?,
        Command::Unblock(arguments) => manage::lock(arguments, false).await?,
        Command::Terminate(arguments) => manage::terminate(arguments).await?,
        Command::Backup(arguments) if !backup::run(arguments).await? => return Ok(ExitCode::from(DIFFERS)),
        Command::Backup(_) => {}
        Command::Shell(arguments) => shell::run(arguments).await?,
        Command::Batch(arguments) => batch::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn issue(arguments: &Issue) -> Result<()> {
    // All of it is read and understood before the card is touched.
    let profile = Profile::read(&arguments.profile, Occasion::Issue)?;
    let issued = issue::issue(&mut arguments.which.card().await?, &profile).await?;
    arguments.which.tell(&issued.json(), || issued.to_string());
    Ok(())
}

async fn personalise(arguments: &Personalise) -> Result<()> {
    let profile = Profile::read(&arguments.profile, Occasion::Change)?;
    let (keys, options) = arguments.channel.keys.read()?;
    personalise::permits(&profile, options)?;
    let which = &arguments.channel.which;
    let mut card = open(which.card().await?, &keys, options).await?;
    let changed = personalise::personalise(&mut card, &profile, &keys).await?;
    which.tell(&changed.json(), || changed.to_string());
    Ok(())
}

async fn inspect(arguments: &Inspect) -> Result<()> {
    let pins = secret::pins(arguments.pin_file.as_deref(), &arguments.pin)?;
    let found = inspect::inspect(&mut arguments.which.card().await?, pins).await?;
    arguments.which.tell(&found.json(), || found.to_string());
    Ok(())
}

impl Which {
    async fn card(&self) -> Result<Card> {
        let mut tell = |waiting: &Waiting| eprintln!("cardctl: {waiting}");
        let tap = self.tap()?;
        let card = self.card.any_card(software::start, &mut tell);
        let reader = match self.wait.map(Duration::from_secs) {
            Some(wait) => timeout(wait, card).await.unwrap_or(Err(ReaderError::NoCard(wait))),
            None => card.await,
        };
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
        print(self.json, json, words);
    }
}

/// One answer, for a program or for a person.
fn print(is_json: bool, json: &Value, words: impl FnOnce() -> String) {
    let said = if is_json { json.to_string() } else { words() };
    // Whoever closed the other end of a pipe has read enough.
    let _ = writeln!(std::io::stdout().lock(), "{said}");
}
