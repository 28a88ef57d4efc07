//! Card images: made, opened, described.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::image::{ERASE_UNIT, Image, ImageError, SyncPolicy};
use sim_reader::passphrase::{PASSPHRASE_VARIABLE, Passphrase};

use crate::tell;

/// Pages of a new card if nothing else is said: 160 KiB, as on the boards that the firmware runs on.
const PAGES: u32 = 40;

/// How an image is opened.
#[derive(Args)]
pub(crate) struct Opening {
    /// A file whose first line is the image's passphrase. Without it the environment variable SYMBOLON_PASSPHRASE
    /// counts, then a prompt if the image is encrypted.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// One line of JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How an image is made.
#[derive(Args)]
struct Making {
    /// Flash of the new card in pages of 4096 bytes.
    #[arg(long, default_value_t = PAGES)]
    pages: u32,
    /// Encrypts the new image; a passphrase file or variable does so too.
    #[arg(long)]
    encrypt: bool,
}

#[derive(Args)]
pub(crate) struct New {
    /// The card image.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    making: Making,
}

#[derive(Args)]
pub(crate) struct Info {
    /// The card image.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    #[command(flatten)]
    pub(crate) opening: Opening,
}

/// How a card is put somewhere.
#[derive(Args)]
pub(crate) struct Inserting {
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Makes the image first; it must not exist.
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    making: Making,
    /// When the disk is waited for.
    #[arg(long, value_enum, default_value_t = Waiting::Command)]
    sync: Waiting,
}

#[derive(Clone, Copy, ValueEnum)]
enum Waiting {
    /// After every flash operation.
    Always,
    /// Before every answer.
    Command,
    /// Never: a power failure of this host can lose answered commands.
    Never,
}

impl From<Waiting> for SyncPolicy {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::Always => Self::Always,
            Waiting::Command => Self::Command,
            Waiting::Never => Self::Never,
        }
    }
}

/// Makes a new card.
pub(crate) fn new(New { image, opening, making }: &New) -> Result<()> {
    make(image, opening, making, SyncPolicy::Command)?;
    tell(opening.json, &serde_json::json!({ "image": image }), || format!("a new card is in {}", image.display()))
}

/// The card, which has proved that it starts, without power.
pub(crate) fn insert(
    image: &Path,
    Inserting { opening, new, making, sync }: &Inserting,
) -> Result<SoftwareCard<Image>> {
    let sync = (*sync).into();
    let mut card = if *new {
        make(image, opening, making, sync)?
    } else {
        SoftwareCard::new(open(image, opening, sync)?, Noise::Os)
    };
    card.power_on().with_context(|| format!("the card in {} does not start", image.display()))?;
    card.power_off();
    Ok(card)
}

/// Says what an image is.
pub(crate) fn show(Info { image, opening }: &Info) -> Result<()> {
    let info = open(image, opening, SyncPolicy::Command)?.info();
    let value = serde_json::json!({
        "image": image,
        "encrypted": info.encrypted,
        "pages": info.pages,
        "pages_erased": info.pages_erased,
        "log_bytes": info.log_length,
    });
    tell(opening.json, &value, || {
        format!(
            "{}: {} pages of {ERASE_UNIT} bytes, {} of them erased; {}; log {} bytes",
            image.display(),
            info.pages,
            info.pages_erased,
            if info.encrypted { "encrypted" } else { "not encrypted" },
            info.log_length
        )
    })
}

fn make(image: &Path, opening: &Opening, making: &Making, sync: SyncPolicy) -> Result<SoftwareCard<Image>> {
    let file = opening.passphrase_file.as_deref();
    let wanted = making.encrypt || file.is_some() || std::env::var_os(PASSPHRASE_VARIABLE).is_some();
    let passphrase = if wanted { Some(Passphrase::find(file, true)?) } else { None };
    let made = Image::create(image, making.pages, passphrase.as_ref(), sync)?;
    SoftwareCard::format(made, Noise::Os)
        .inspect_err(|_| {
            // An image without a card would only stand in the way of the next attempt.
            let _ = std::fs::remove_file(image);
        })
        .context("the new card cannot be formatted")
}

fn open(image: &Path, opening: &Opening, sync: SyncPolicy) -> Result<Image> {
    let file = opening.passphrase_file.as_deref();
    let given = file.map(Passphrase::from_file).or_else(Passphrase::from_environment).transpose()?;
    match Image::open(image, given.as_ref(), sync) {
        Err(ImageError::PassphraseNeeded(_)) => {
            let passphrase = Passphrase::from_prompt(false)?;
            Ok(Image::open(image, Some(&passphrase), sync)?)
        }
        opened => Ok(opened?),
    }
}
