//! How a command line says which secure channel a card is talked to through.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use apdu_spec::instruction::{KeyVersion, SecurityLevel};
use clap::Args;
use host_terminal::card::Card;
use host_terminal::reader::Reader;

use crate::Which;
use crate::key_file::Keys;
use crate::secure_channel::{Mode, Options, SecureChannel};

/// A card, and the issuer's keys for it.
#[derive(Args)]
pub(crate) struct Channel {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
}

/// The issuer's keys, and how they are used.
#[derive(Args)]
pub(crate) struct KeyArguments {
    /// A file with the issuer's key set: ENC, MAC and DEK, 32 hexadecimal digits each, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: PathBuf,
    #[command(flatten)]
    pub(crate) protection: Protection,
}

/// Under this the help has what only says how a secure channel is opened.
const HEADING: &str = "Secure channel (SCP03)";

/// How a secure channel protects what goes through it.
#[derive(Args)]
pub(crate) struct Protection {
    /// The version of the key set that the keys are; 0: the card's first one.
    #[arg(long, value_name = "VERSION", default_value_t = 0, help_heading = HEADING)]
    key_version: u8,
    /// What is protected: 01, 03, 11, 13 or 33, the last being commands and answers, authenticated and encrypted.
    #[arg(long, value_name = "LEVEL", default_value = "33", help_heading = HEADING)]
    level: String,
    /// How many bytes authenticate a command.
    #[arg(long, value_enum, default_value_t = Mode::S16, help_heading = HEADING)]
    mode: Mode,
}

impl Channel {
    /// Opens the secure channel; gives the card behind it, and the keys.
    pub(crate) async fn open(&self) -> Result<(Card, Keys)> {
        let (keys, options) = self.keys.read()?;
        let card = open(self.which.card().await?, &keys, options).await?;
        Ok((card, keys))
    }
}

impl KeyArguments {
    /// Reads the keys, before a card is touched.
    pub(crate) fn read(&self) -> Result<(Keys, Options)> {
        Ok((Keys::read(&self.keys)?, self.protection.options()?))
    }
}

impl Protection {
    pub(crate) fn options(&self) -> Result<Options> {
        let version = match self.key_version {
            0 => None,
            number => {
                Some(KeyVersion::parse(number).map_err(|_| anyhow!("--key-version: 1 to 127, or 0 for the first"))?)
            }
        };
        let level = u8::from_str_radix(&self.level, 16).ok().filter(|_| self.level.len() == 2);
        let level = level.and_then(|level| SecurityLevel::parse(level).ok());
        let level = level.with_context(|| format!("--level {}: 01, 03, 11, 13 or 33", self.level))?;
        Ok(Options { version, level, mode: self.mode })
    }
}

/// Opens a secure channel with the issuer's domain of a card.
pub(crate) async fn open(card: Card, keys: &Keys, options: Options) -> Result<Card> {
    try_open(card, keys, options).await.map_err(|(_, error)| error)
}

/// The same; where it fails, the card is given back as it was.
pub(crate) async fn try_open(card: Card, keys: &Keys, options: Options) -> Result<Card, (Card, anyhow::Error)> {
    let wrap = async |reader| match SecureChannel::open(reader, keys.clone(), options).await {
        Ok(channel) => Ok(Box::new(channel) as Box<dyn Reader>),
        Err((reader, error)) => Err((reader, error.into())),
    };
    card.through(wrap).await
}

/// A version of a key set, from a command line.
pub(crate) fn version(number: u8) -> Result<KeyVersion> {
    ensure!(number != 0, "versions of key sets are 1 to 127");
    KeyVersion::parse(number).map_err(|_| anyhow!("versions of key sets are 1 to 127"))
}
