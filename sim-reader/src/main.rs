//! `sim-reader`: a card as a process of its own, its image in a file.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::image::{ERASE_UNIT, Image, ImageError, SyncPolicy};
use sim_reader::passphrase::{PASSPHRASE_VARIABLE, Passphrase};
use sim_reader::{tcp, vpcd};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Pages of a new card if nothing else is said: 160 KiB, as on the boards that the firmware runs on.
const PAGES: u32 = 40;

/// A software card and its reader.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a new card image with an empty card in it.
    New(New),
    /// Serves the card in an image over TCP until SIGTERM or SIGINT.
    Serve(Serve),
    /// Puts the card in an image into a virtual PC/SC reader (vsmartcard's vpcd) until SIGTERM or SIGINT. Prints a
    /// line once the reader is there.
    Vpcd(Vpcd),
    /// Says what an image is.
    Info(Info),
}

#[derive(Args)]
struct Which {
    /// The card image.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    /// A file whose first line is the image's passphrase. Without it the environment variable SYMBOLON_PASSPHRASE
    /// counts, then a prompt if the image is encrypted.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// One line of JSON instead of text.
    #[arg(long)]
    json: bool,
}

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
struct New {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    making: Making,
}

/// The card to put somewhere.
#[derive(Args)]
struct Inserting {
    #[command(flatten)]
    which: Which,
    /// Makes the image first; it must not exist.
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    making: Making,
    /// When the disk is waited for.
    #[arg(long, value_enum, default_value_t = Waiting::Command)]
    sync: Waiting,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    inserting: Inserting,
    /// Where to listen; port 0 takes a free one. The address is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Allows an address that other hosts reach. The connection is not protected: whoever reaches it has the card.
    #[arg(long)]
    allow_remote: bool,
}

#[derive(Args)]
struct Vpcd {
    #[command(flatten)]
    inserting: Inserting,
    /// Where the reader listens. The connection is not protected: whoever is on the way has the card.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port of the reader's slot; the second slot of Debian's has the next.
    #[arg(long, default_value_t = vpcd::PORT)]
    port: u16,
}

#[derive(Args)]
struct Info {
    #[command(flatten)]
    which: Which,
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

fn main() -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match Arguments::parse().command {
        Command::New(new) => {
            make(&new.which, &new.making, SyncPolicy::Command)?;
            tell(new.which.json, &serde_json::json!({ "image": new.which.image }), || {
                format!("a new card is in {}", new.which.image.display())
            })
        }
        Command::Info(info) => show(&info.which),
        Command::Serve(serve) => threads()?.block_on(serve_card(&serve)),
        Command::Vpcd(arguments) => threads()?.block_on(insert_into_vpcd(&arguments)),
    }
}

fn threads() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

async fn serve_card(arguments: &Serve) -> Result<()> {
    let local = arguments.listen.ip().is_loopback();
    ensure!(local || arguments.allow_remote, "{} is reached from other hosts: add --allow-remote", arguments.listen);
    let stop = stop()?;
    let card = insert(&arguments.inserting)?;
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| arguments.listen.to_string())?;
    let address = listener.local_addr()?;
    let json = arguments.inserting.which.json;
    tell(json, &serde_json::json!({ "listening": address }), || format!("listening on {address}"))?;
    tcp::serve(listener, card, stop).await;
    Ok(())
}

async fn insert_into_vpcd(arguments: &Vpcd) -> Result<()> {
    let stop = stop()?;
    let card = insert(&arguments.inserting)?;
    let (host, port) = (arguments.host.as_str(), arguments.port);
    let reader = format!("{host}:{port}");
    let mut told = Ok(());
    let connected = || {
        let json = serde_json::json!({ "connected": reader });
        told = tell(arguments.inserting.which.json, &json, || format!("the card is in the reader at {reader}"));
    };
    vpcd::serve((host, port), card, connected, stop).await;
    told
}

/// Ready when somebody asks this process to end. From this call on no signal ends it rudely.
fn stop() -> Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The card, which has proved that it starts, without power.
fn insert(arguments: &Inserting) -> Result<SoftwareCard<Image>> {
    let sync = arguments.sync.into();
    let mut card = if arguments.new {
        make(&arguments.which, &arguments.making, sync)?
    } else {
        SoftwareCard::new(open(&arguments.which, sync)?, Noise::Os)
    };
    card.power_on().context("the card does not start")?;
    card.power_off();
    Ok(card)
}

fn make(which: &Which, making: &Making, sync: SyncPolicy) -> Result<SoftwareCard<Image>> {
    let file = which.passphrase_file.as_deref();
    let wanted = making.encrypt || file.is_some() || std::env::var_os(PASSPHRASE_VARIABLE).is_some();
    let passphrase = if wanted { Some(Passphrase::find(file, true)?) } else { None };
    let image = Image::create(&which.image, making.pages, passphrase.as_ref(), sync)?;
    SoftwareCard::format(image, Noise::Os)
        .inspect_err(|_| {
            // An image without a card would only stand in the way of the next attempt.
            let _ = std::fs::remove_file(&which.image);
        })
        .context("the new card cannot be formatted")
}

fn open(which: &Which, sync: SyncPolicy) -> Result<Image> {
    let file = which.passphrase_file.as_deref();
    let given = file.map(Passphrase::from_file).or_else(Passphrase::from_environment).transpose()?;
    match Image::open(&which.image, given.as_ref(), sync) {
        Err(ImageError::PassphraseNeeded(_)) => {
            let passphrase = Passphrase::from_prompt(false)?;
            Ok(Image::open(&which.image, Some(&passphrase), sync)?)
        }
        opened => Ok(opened?),
    }
}

fn show(which: &Which) -> Result<()> {
    let info = open(which, SyncPolicy::Command)?.info();
    let value = serde_json::json!({
        "image": which.image,
        "encrypted": info.encrypted,
        "pages": info.pages,
        "pages_erased": info.pages_erased,
        "log_bytes": info.log_length,
    });
    tell(which.json, &value, || {
        format!(
            "{}: {} pages of {ERASE_UNIT} bytes, {} of them erased; {}; log {} bytes",
            which.image.display(),
            info.pages,
            info.pages_erased,
            if info.encrypted { "encrypted" } else { "not encrypted" },
            info.log_length
        )
    })
}

/// One line for whoever started this, at once even into a pipe.
fn tell(json: bool, value: &serde_json::Value, text: impl FnOnce() -> String) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}", text())?;
    }
    Ok(out.flush()?)
}
