//! `cardctl pin`: changing PINs, unblocking them, and how many tries they have left.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::instruction::{ChangePart, ChangeReferenceData, PinReference, ResetPart, ResetRetryCounter};
use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use apdu_spec::{Status, Wire};
use clap::{Args, Subcommand};
use host_terminal::card::{Card, CardError, Pin};
use serde_json::json;
use zeroize::Zeroizing;

use crate::channel::{self, Protection};
use crate::inspect::{self, FoundPin, PinState};
use crate::key_file::Keys;
use crate::secret::{self, Secret};
use crate::{Which, registry};

#[derive(Subcommand)]
pub(crate) enum PinCommand {
    /// Tells the tries that each PIN has left.
    Status(Which),
    /// Changes a PIN. A wrong old one costs a try.
    Change(Change),
    /// Gives a PIN its tries back, and perhaps another value: with its resetting code, or under its condition.
    Unblock(Unblock),
}

impl PinCommand {
    /// The card that it is about.
    pub(crate) const fn which(&self) -> &Which {
        match self {
            Self::Status(which) => which,
            Self::Change(arguments) => &arguments.which,
            Self::Unblock(arguments) => &arguments.which,
        }
    }
}

#[derive(Args)]
pub(crate) struct Change {
    /// The PIN's number.
    number: u8,
    #[command(flatten)]
    which: Which,
    /// A file whose first line is the old PIN; left out, it is asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "transport")]
    old_file: Option<PathBuf>,
    /// A file whose first line is the new PIN; left out, it is asked for.
    #[arg(long, value_name = "FILE")]
    new_file: Option<PathBuf>,
    /// It is a transport PIN, which its holder replaces without knowing it, once.
    #[arg(long)]
    transport: bool,
    #[command(flatten)]
    means: Means,
}

#[derive(Args)]
pub(crate) struct Unblock {
    /// The PIN's number.
    number: u8,
    #[command(flatten)]
    which: Which,
    /// A file whose first line is the resetting code. A wrong one costs a try of its own.
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    /// No resetting code: what the PIN's condition for unblocking asks for is given with --pin or --keys.
    #[arg(long, conflicts_with = "code_file")]
    without_code: bool,
    /// A file whose first line is the new PIN; left out, the PIN stays as it is.
    #[arg(long, value_name = "FILE")]
    new_file: Option<PathBuf>,
    #[command(flatten)]
    means: Means,
}

/// What a condition may ask for.
#[derive(Args)]
struct Means {
    /// Another PIN that is verified first: NUMBER=FILE, the file's first line.
    #[arg(long, value_name = "NUMBER=FILE")]
    pin: Vec<String>,
    /// A file with the issuer's key set, whose secure channel the command goes through.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    protection: Protection,
}

pub(crate) async fn run(command: &PinCommand) -> Result<()> {
    match command {
        PinCommand::Status(which) => status(which).await,
        PinCommand::Change(change) => change.run().await,
        PinCommand::Unblock(unblock) => unblock.run().await,
    }
}

async fn status(which: &Which) -> Result<()> {
    let mut card = which.card().await?;
    registry::select_issuer(&mut card).await?;
    registry::must_be_usable(&mut card).await?;
    let pins = inspect::pins(&mut card).await?;
    which.tell(&json!({ "pins": pins.iter().map(FoundPin::json).collect::<Vec<_>>() }), || {
        let lines = pins.iter().map(|pin| match (pin.number, pin.state) {
            (number, PinState::TriesLeft(0)) => {
                format!("PIN {number} is blocked: unblock it with `cardctl pin unblock {number}`")
            }
            (number, state) => format!("PIN {number}: {state}"),
        });
        let lines: Vec<String> = lines.collect();
        if lines.is_empty() { "This card has no PINs.".to_owned() } else { lines.join("\n") }
    });
    Ok(())
}

impl Change {
    async fn run(&self) -> Result<()> {
        let reference = reference(self.number)?;
        let old = if self.transport {
            None
        } else {
            Some(secret::from_file_or_prompt(self.old_file.as_deref(), "old PIN", "--old-file")?)
        };
        let new = secret::new_from_file_or_prompt(self.new_file.as_deref(), "new PIN", "--new-file")?;
        fits("the new PIN", &new)?;
        old.as_ref().map_or(Ok(()), |old| fits("the old PIN", old))?;
        let mut card = self.means.card(&self.which).await?;
        let both = old.map(|old| Zeroizing::new([old.as_slice(), new.as_slice()].concat()));
        let part = both.as_ref().map_or(ChangePart::New(&new), |both| ChangePart::OldAndNew(both));
        send(&mut card, "CHANGE REFERENCE DATA", &ChangeReferenceData { reference, part }, self.number, "PIN").await?;
        let json = json!({ "pin": self.number, "changed": true });
        self.which.tell(&json, || format!("PIN {} was changed.", self.number));
        Ok(())
    }
}

impl Unblock {
    async fn run(&self) -> Result<()> {
        let reference = reference(self.number)?;
        let code = if self.without_code {
            None
        } else {
            Some(secret::from_file_or_prompt(
                self.code_file.as_deref(),
                "resetting code",
                "--code-file or --without-code",
            )?)
        };
        let new = self.new_file.as_deref().map(secret::from_file).transpose()?;
        code.as_ref().map_or(Ok(()), |code| fits("the resetting code", code))?;
        new.as_ref().map_or(Ok(()), |new| fits("the new PIN", new))?;
        let mut card = self.means.card(&self.which).await?;
        let both = code.as_ref().zip(new.as_ref()).map(|(code, new)| Zeroizing::new([&***code, &***new].concat()));
        let part = match (&both, &code, &new) {
            (Some(both), ..) => ResetPart::CodeAndNew(both),
            (None, Some(code), _) => ResetPart::Code(code),
            (None, None, Some(new)) => ResetPart::New(new),
            (None, None, None) => ResetPart::Nothing,
        };
        let reset = ResetRetryCounter { reference, part };
        send(&mut card, "RESET RETRY COUNTER", &reset, self.number, "resetting code").await?;
        let json = json!({ "pin": self.number, "unblocked": true });
        let and_changed = if self.new_file.is_some() { " and changed" } else { "" };
        self.which.tell(&json, || format!("PIN {} was unblocked{and_changed}.", self.number));
        Ok(())
    }
}

impl Means {
    /// The card, with what is given proved to it.
    async fn card(&self, which: &Which) -> Result<Card> {
        let keys = self.keys.as_deref().map(Keys::read).transpose()?;
        let options = self.protection.options()?;
        let pins = secret::pins(None, &self.pin)?;
        let mut card = which.card().await?;
        if let Some(keys) = keys {
            card = channel::open(card, &keys, options).await?;
        } else {
            registry::select_issuer(&mut card).await?;
        }
        registry::must_be_usable(&mut card).await?;
        for pin in pins {
            let number = pin.reference.number();
            let value = Pin::new(pin.value).with_context(|| format!("PIN {number}: its length is none of a PIN"))?;
            card.verify(pin.reference, &value).await.with_context(|| format!("PIN {number}"))?;
        }
        Ok(card)
    }
}

/// Sends a command about a PIN, once: if the secret that is given with it is wrong, that costs this one a try.
async fn send<'c>(card: &mut Card, name: &str, command: &impl Wire<'c>, number: u8, given: &str) -> Result<()> {
    match card.send(name, command).await {
        Ok(_) => Ok(()),
        Err(CardError::Refused { status: Status::REFERENCE_NOT_FOUND, .. }) => bail!("the card has no PIN {number}"),
        Err(CardError::Refused { status: Status::REFERENCE_NOT_USABLE, .. }) => {
            bail!("PIN {number} has no resetting code: --without-code, with what its condition asks for")
        }
        Err(CardError::Refused { status: Status::SECURITY_NOT_SATISFIED, .. }) => {
            bail!("what PIN {number} asks for was not given: --pin or --keys")
        }
        Err(CardError::WrongPin { left }) => bail!("wrong {given}, {}", PinState::TriesLeft(left)),
        Err(CardError::PinBlocked) => bail!("the {given} is blocked: nothing was changed"),
        Err(error) => Err(error.into()),
    }
}

fn reference(number: u8) -> Result<PinReference> {
    PinReference::parse(number).map_err(|_| anyhow!("PINs are numbered 1 to 14, not {number}"))
}

/// What has another length would be refused, or taken apart otherwise than it was meant.
fn fits(what: &str, value: &Secret) -> Result<()> {
    let lengths = PIN_LENGTH_MIN..=PIN_LENGTH_MAX;
    ensure!(lengths.contains(&value.len()), "{what} has {PIN_LENGTH_MIN} to {PIN_LENGTH_MAX} characters");
    Ok(())
}
