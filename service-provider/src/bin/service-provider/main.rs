//! The provider's command line: set up, enrol, serve, look at the books.

#![forbid(unsafe_code)]

mod books;
mod enrol;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use protocol::crypto::Crypto;
use protocol::types::ProviderId;
use rand::rngs::OsRng;
use serde_json::{Value, json};
use service_provider::Backend;
use service_provider::engine::notices::{self, Notices};
use service_provider::engine::{Engine, Policy};
use service_provider::keys::files::{ProviderFiles, RootKey, destroy_expired, read_provider};
use service_provider::keys::storage::StorageKeys;
use service_provider::server::serve;
use service_provider::store::limits;
use service_provider::store::sqlite::SqliteStore;
use service_provider::time::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

#[derive(Parser)]
#[command(version, about = "A Symbolon service provider: verifies, decides, keeps the books")]
struct Cli {
    /// The provider's data: keys of the day, storage keys, database
    #[arg(long, global = true, default_value = "provider-data")]
    data: PathBuf,
    /// Print one JSON value instead of words
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Creates a provider: its root key, its first descriptor, its database
    Init {
        /// Where the root key goes; keep it offline afterwards
        #[arg(long)]
        root_key: PathBuf,
        #[command(flatten)]
        validity: Validity,
    },
    /// Makes the keys of the next version and a descriptor for them; destroys keys that nothing can use any more
    Rotate {
        /// The root key
        #[arg(long)]
        root_key: PathBuf,
        #[command(flatten)]
        validity: Validity,
    },
    /// Makes a new key for session rows and destroys the old ones: sessions under way end, past ones are unreadable for
    /// ever
    RotateStorageKey,
    /// Creates an account; prints what its card is to be personalised with, secret included
    Enrol(Box<enrol::Arguments>),
    /// Registers the keys of cards for their accounts
    RegisterKey(enrol::Keys),
    /// Answers requests over TCP until SIGTERM or SIGINT; says in its answers what notices.toml in the data folder adds
    Serve {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:7816")]
        listen: String,
        /// How long an approval waits for its acknowledgment, seconds
        #[arg(long, default_value_t = Policy::default().hold.as_secs())]
        hold: u64,
    },
    /// Shows every account and checks the books
    Ledger,
}

#[derive(clap::Args)]
struct Validity {
    /// How many days the descriptor is valid; less than the store remembers requests
    #[arg(long, default_value_t = 5)]
    validity_days: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("service-provider: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What a command says: for programs, and for people.
type Said = (Value, String);

async fn run(cli: Cli) -> Result<()> {
    let data = &cli.data;
    if !matches!(cli.command, Command::Init { .. }) && !data.join("root.pub").exists() {
        bail!("{} holds no provider: `init` makes one, --data says where it is", data.display());
    }
    let (value, words) = match cli.command {
        Command::Init { root_key, validity } => init(data, &root_key, &validity)?,
        Command::Rotate { root_key, validity } => rotate(data, &root_key, &validity)?,
        Command::RotateStorageKey => rotate_storage_key(data)?,
        Command::Enrol(arguments) => enrol::open_account(data, *arguments).await?,
        Command::RegisterKey(keys) => enrol::register(data, &keys).await?,
        Command::Serve { listen, hold } => return serve_until_stopped(data, &listen, hold, cli.json).await,
        Command::Ledger => return books::show(data, cli.json).await,
    };
    say(&if cli.json { value.to_string() } else { words });
    Ok(())
}

/// Prints a line. Whoever closed the other end of a pipe has read enough.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn init(data: &Path, root_key: &Path, validity: &Validity) -> Result<Said> {
    if data.join("descriptors").exists() {
        bail!("{} holds a provider already; `rotate` makes new keys for it", data.display());
    }
    let validity = validity.duration()?;
    // The root key comes when nothing else can fail: whoever calls again must not find one already.
    drop(open_store(data)?);
    StorageKeys::read(data).or_else(|_missing| StorageKeys::create(data, &mut OsRng))?;
    let root = RootKey::create(root_key, &mut OsRng)?;
    let (value, words) = make_descriptor(data, &root, validity)?;
    let words = format!("{words}\nRoot key: {}. Take it offline; only `rotate` needs it.", root_key.display());
    Ok((value, words))
}

fn open_store(data: &Path) -> Result<SqliteStore> {
    SqliteStore::open(data).with_context(|| in_folder(data))
}

fn in_folder(data: &Path) -> String {
    format!("cannot open the provider in {}", data.display())
}

fn rotate(data: &Path, root_key: &Path, validity: &Validity) -> Result<Said> {
    let root = RootKey::read(root_key)?;
    if root.verification_key()? != read_provider(data)?.root {
        bail!("{} is not the root key of the provider in {}", root_key.display(), data.display());
    }
    let (mut value, words) = make_descriptor(data, &root, validity.duration()?)?;
    let destroyed = destroy_expired(data, Timestamp::now())?;
    if let Some(said) = value.as_object_mut() {
        said.insert("destroyed".to_owned(), json!(destroyed));
    }
    let words = format!(
        "{words}\nA provider that is running must be started again to use it.\n{} older destroyed.",
        destroyed.len()
    );
    Ok((value, words))
}

impl Validity {
    fn duration(&self) -> Result<Duration> {
        let valid = Duration::from_secs(self.validity_days.saturating_mul(SECONDS_A_DAY));
        if valid.is_zero() || valid >= limits::RETENTION {
            bail!("--validity-days takes 1 to {}", limits::RETENTION.as_secs() / SECONDS_A_DAY - 1);
        }
        Ok(valid)
    }
}

fn make_descriptor(data: &Path, root: &RootKey, validity: Duration) -> Result<Said> {
    let descriptor = root.make_descriptor(data, Timestamp::now(), validity, &mut OsRng)?;
    let (provider, version) = (descriptor.provider.to_string(), descriptor.version);
    let key = hex::encode(root.verification_key()?.0);
    let words = format!(
        "Provider {provider}\nRoot verification key, all that a member needs: {key}\n\
         Descriptor {version}, valid {} days.",
        validity.as_secs() / SECONDS_A_DAY
    );
    let value = json!({
        "provider": provider,
        "root_verification_key": key,
        "descriptor_version": version,
        "valid_until": descriptor.not_after,
    });
    Ok((value, words))
}

fn rotate_storage_key(data: &Path) -> Result<Said> {
    // Opening the store makes sure that no server is running with the old key.
    let _store = open_store(data)?;
    let mut keys = StorageKeys::read(data)?;
    let number = keys.sessions.rotate(&mut OsRng)?;
    let destroyed = keys.sessions.destroy_old()?.len();
    let words = format!("Storage key {number} seals sessions from now on; {destroyed} older destroyed.");
    Ok((json!({ "storage_key": number, "destroyed": destroyed }), words))
}

async fn serve_until_stopped(data: &Path, listen: &str, hold: u64, json: bool) -> Result<()> {
    let (provider, engine) = engine(data, hold)?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let value = json!({ "listening": address.to_string(), "provider": provider.to_string() });
    say(&if json { value.to_string() } else { format!("Provider {provider} listens on {address}") });
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    Ok(serve(Arc::new(engine), listener, stop).await?)
}

fn engine(data: &Path, hold: u64) -> Result<(ProviderId, Engine<SqliteStore>)> {
    let hold = Duration::from_secs(hold);
    if hold.is_zero() || hold > limits::PENDING_MAX {
        bail!("--hold takes 1 to {} seconds", limits::PENDING_MAX.as_secs());
    }
    destroy_expired(data, Timestamp::now())?;
    let ProviderFiles { provider, ring, .. } = read_provider(data)?;
    let policy = Policy { hold, ..Policy::default() };
    // The library seeds its random numbers at the first use, which takes a while: now, not in somebody's purchase.
    drop(Backend::generate_agreement_key(&mut OsRng));
    let notices = Notices::read(data).with_context(|| data.join(notices::FILE).display().to_string())?;
    let engine = Engine::new(open_store(data)?, ring, StorageKeys::read(data)?, policy);
    Ok((provider, engine.with_operator(notices)))
}
