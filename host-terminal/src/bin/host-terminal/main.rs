//! `host-terminal`: pays, sells, takes part in groups, routes, asks how a transaction ended, tells what travelled,
//! and plays it again.

mod decoded;
mod events;
mod pos;
mod readers;
mod replay;
mod report;
mod software;
mod topology;
mod user;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use host_terminal::card::{Card, Pin};
use host_terminal::hop::{Listener, Upstream};
use host_terminal::observe::{Observer, Several, Tap};
use host_terminal::purse::Purse;
use host_terminal::reader::{Place, Readers, Waiting};
use host_terminal::receipt::Receipt;
use host_terminal::sell::Shop;
use host_terminal::transcript::record;
use host_terminal::{
    CUSTOMER, CUSTOMER_CARD, Error, Failure, PROVIDER, SHOP, SHOP_CARD, cancel, pay, secret_file, status,
};
use protocol::amount::Amount;
use protocol::types::{Currency, TransactionId};
use zeroize::Zeroizing;

use events::EventFile;
use report::{RECEIVED, Report};
use user::User;

/// How this program reaches cards.
const READERS: Readers = Readers { software: software::start, tell: tell_waiting };

/// How often a request to the provider is sent, the same bytes each time; it answers them with one answer.
const PROVIDER_ATTEMPTS: u32 = 4;
/// How often a request to a shop's terminal is sent: it is in the middle of one purchase, and forgets that with the
/// connection.
const SHOP_ATTEMPTS: u32 = 1;

/// The member's terminal.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Pays at a shop's terminal.
    Pay(Pay),
    /// Serves customers as a shop's terminal.
    Sell(Sell),
    /// Asks the provider how a transaction ended.
    Status(Status),
    /// Calls off a payment that is still held, as one of its two sides.
    Cancel(Cancel),
    /// The point of sale: sells to customers whose cards are in a reader of this terminal.
    Pos(Box<pos::Pos>),
    /// Forwards messages between hops, and their answers back, until SIGTERM or SIGINT.
    Route(topology::Route),
    /// Takes part in a group's transactions as one member or router of a topology.
    Join(topology::Join),
    /// Starts every participant of a topology and waits for the members' results.
    Group(topology::Group),
    /// Lists the PC/SC readers, and what is in them.
    Readers(readers::Options),
    /// Tells in words what is in files that --events wrote.
    Events(Events),
    /// Plays transcripts to a card, which must answer as they say: written by hand, or by --trace.
    ///
    /// Ends with 0 when everything was answered as written, with 3 at the first difference, and with 1 when the
    /// transcripts could not be played.
    Replay(replay::Arguments),
}

#[derive(Args)]
struct Common {
    /// Where the card is: pcsc: (waits for one in any PC/SC reader), pcsc:NAME (in one whose name contains this),
    /// tcp://HOST:PORT (a simulated reader), or image:FILE (in this process).
    #[arg(long, value_name = "READER")]
    card: Place,
    /// How long to wait for a card in a PC/SC reader; without it, as long as it takes.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// A file whose first line is the card's PIN. Without it, it is typed on the reader, if that has keys, or here.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// One line of JSON a result instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recording: Recording,
}

/// Who is told what travels.
#[derive(Args)]
struct Recording {
    /// Writes what travels to this file, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Records what the card is told and answers, PINs and keys left out: as a transcript for `replay`, or for
    /// Wireshark where the file's name ends with .pcapng. May be given twice.
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
}

#[derive(Args)]
struct Pay {
    #[command(flatten)]
    common: Common,
    /// Where the shop's terminal listens.
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// Pays up to this much without asking, in the currency that the shop asks for.
    #[arg(long, value_name = "AMOUNT")]
    limit: Option<String>,
    /// Says no once the provider has approved.
    #[arg(long)]
    reject: bool,
}

#[derive(Args)]
struct Sell {
    #[command(flatten)]
    common: Common,
    /// Where the provider listens.
    #[arg(long, value_name = "HOST:PORT")]
    provider: String,
    /// Where to listen for customers; port 0 takes a free one. The address is printed.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: String,
    /// What each customer is to pay, such as 12.50.
    #[arg(long)]
    amount: String,
    /// The currency's three letters.
    #[arg(long)]
    currency: String,
    /// How many customers to serve.
    #[arg(long, default_value_t = 1)]
    times: u32,
    /// Where the customer's card is, if it is in a reader of this terminal: then nobody is listened for.
    #[arg(long, value_name = "READER", conflicts_with_all = ["listen", "times"])]
    customer_card: Option<Place>,
    /// A file whose first line is the customer's PIN. Without it, the terminal asks.
    #[arg(long, value_name = "FILE", requires = "customer_card")]
    customer_pin_file: Option<PathBuf>,
}

#[derive(Args)]
struct Status {
    #[command(flatten)]
    common: Common,
    /// Where the provider listens.
    #[arg(long, value_name = "HOST:PORT")]
    provider: String,
    /// Which transaction; without it, the newest whose end the card does not know.
    #[arg(long, value_name = "HEX", value_parser = transaction_id)]
    transaction: Option<TransactionId>,
}

#[derive(Args)]
struct Cancel {
    #[command(flatten)]
    common: Common,
    /// Where the provider listens.
    #[arg(long, value_name = "HOST:PORT")]
    provider: String,
    /// Which transaction.
    #[arg(long, value_name = "HEX", value_parser = transaction_id)]
    transaction: TransactionId,
}

#[derive(Args)]
struct Events {
    /// The files; what is in several is told once.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let json = command.is_json();
    let outcome = match command {
        Command::Pay(arguments) => pay(arguments).await,
        Command::Sell(arguments) => sell(arguments).await,
        Command::Status(arguments) => status(arguments).await,
        Command::Cancel(arguments) => cancel(arguments).await,
        Command::Pos(arguments) => pos::run(*arguments).await,
        Command::Route(arguments) => topology::route(&arguments).await,
        Command::Join(arguments) => topology::participate(&arguments).await,
        Command::Group(arguments) => topology::group(&arguments).await,
        Command::Readers(arguments) => readers::list(&arguments).await,
        Command::Replay(arguments) => replay::replay(&arguments).await,
        Command::Events(arguments) => decoded::show(&arguments.files).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        report::give_up(json, &error);
        ExitCode::FAILURE
    })
}

impl Command {
    /// Whether a program reads what it says.
    const fn is_json(&self) -> bool {
        match self {
            Self::Pay(arguments) => arguments.common.json,
            Self::Sell(arguments) => arguments.common.json,
            Self::Status(arguments) => arguments.common.json,
            Self::Cancel(arguments) => arguments.common.json,
            Self::Pos(arguments) => arguments.json,
            Self::Route(arguments) => arguments.json,
            Self::Join(arguments) => arguments.json,
            Self::Group(arguments) => arguments.json,
            Self::Readers(arguments) => arguments.json,
            Self::Replay(arguments) => arguments.json,
            Self::Events(_) => false,
        }
    }
}

async fn pay(arguments: Pay) -> Result<ExitCode> {
    let common = &arguments.common;
    let report = Report::new(common.json, "Paid");
    has_port("--to", &arguments.to)?;
    let mut user = User::new(arguments.limit, arguments.reject)?;
    let observer = common.observer()?;
    let shop = Upstream::new(&arguments.to, SHOP_ATTEMPTS, Tap::new(Arc::clone(&observer), CUSTOMER, SHOP));
    let card = common.card(Tap::new(observer, CUSTOMER, CUSTOMER_CARD)).await?;
    let pin = common.pin(&card)?;
    let outcome = pay::pay(card, &pin, &shop, &mut user).await;
    report.purchase(&outcome)
}

async fn sell(arguments: Sell) -> Result<ExitCode> {
    let common = &arguments.common;
    let report = Report::new(common.json, RECEIVED);
    has_port("--provider", &arguments.provider)?;
    let currency = Currency::parse(&arguments.currency).context("a currency has three capital letters")?;
    let amount = Amount::parse(&arguments.amount.replace(',', "."), currency)
        .with_context(|| format!("{} is no amount in {}: write 12.50", arguments.amount, currency.as_str()))?;
    let observer = common.observer()?;
    let provider =
        Upstream::new(&arguments.provider, PROVIDER_ATTEMPTS, Tap::new(Arc::clone(&observer), SHOP, PROVIDER));
    let tap = Tap::new(Arc::clone(&observer), SHOP, SHOP_CARD);
    let card = common.card(tap.clone()).await?;
    let pin = common.pin(&card)?;
    let mut shop = Shop::open(card, &pin, provider.clone(), amount).await?;
    if let Some(place) = &arguments.customer_card {
        let card = common.card_at(place, Tap::new(observer, SHOP, CUSTOMER_CARD)).await?;
        let pin = pin_for(&card, arguments.customer_pin_file.as_deref()).context("the customer's card")?;
        return report.purchase(&sell_here(&mut shop, card, &pin).await);
    }
    let listener = Listener::bind(&arguments.listen).await?;
    report.listening(listener.address()?)?;

    let mut worst = ExitCode::SUCCESS;
    let mut served = 0;
    while served < arguments.times {
        let customer = listener.accept(Tap::new(Arc::clone(&observer), SHOP, CUSTOMER)).await?;
        if !shop.is_ready().await {
            // Its card was taken out, or the reader's service restarted: the customer waits until the card is back.
            shop = Shop::open(common.card(tap.clone()).await?, &pin, provider.clone(), amount).await?;
        }
        let Some(outcome) = shop.serve(customer).await.transpose() else { continue };
        if let Err(failure) = &outcome
            && is_no_customer(failure)
        {
            eprintln!("host-terminal: {failure}");
            continue;
        }
        served += 1;
        let code = report.purchase(&outcome)?;
        if code != ExitCode::SUCCESS {
            worst = code;
        }
    }
    Ok(worst)
}

/// Sells to the customer whose card is in a reader of this terminal.
async fn sell_here(shop: &mut Shop, card: Card, pin: &Pin) -> Result<Receipt, Failure> {
    let here = shop.offer().provider;
    let with_provider = |account: &host_terminal::card::Account| account.provider == here;
    let customer = Purse::open(card, pin, with_provider, Error::NoAccount(here)).await;
    shop.serve_here(&mut customer.map_err(Error::of_customer)?).await
}

/// Whether it was somebody who does not speak a terminal's language, whom the shop does not count.
fn is_no_customer(failure: &Failure) -> bool {
    let stranger = matches!(failure.error, Error::Misbehaved { hop: CUSTOMER, .. } | Error::Hop { hop: CUSTOMER, .. });
    stranger && failure.transaction.is_none()
}

async fn status(arguments: Status) -> Result<ExitCode> {
    let common = &arguments.common;
    let report = Report::new(common.json, "Posted:");
    let (provider, card, pin) = common.inquirer(&arguments.provider).await?;
    let outcome = status::status(card, &pin, &provider, arguments.transaction).await;
    if arguments.transaction.is_none() && matches!(&outcome, Err(failure) if is_nothing(failure)) {
        return report.nothing_open();
    }
    report.inquiry(&outcome)
}

/// Whether the card had nothing to be asked for.
const fn is_nothing(failure: &Failure) -> bool {
    matches!(failure.error, Error::NotInJournal)
}

async fn cancel(arguments: Cancel) -> Result<ExitCode> {
    let common = &arguments.common;
    let report = Report::new(common.json, "Too late, posted:");
    let (provider, card, pin) = common.inquirer(&arguments.provider).await?;
    let outcome = cancel::cancel(card, &pin, &provider, arguments.transaction).await;
    report.cancellation(&outcome)
}

impl Common {
    /// What it takes to ask a provider about an earlier transaction: the way there, the card, and its PIN.
    async fn inquirer(&self, provider: &str) -> Result<(Upstream, Card, Pin)> {
        has_port("--provider", provider)?;
        let observer = self.observer()?;
        let tap = Tap::new(Arc::clone(&observer), CUSTOMER, PROVIDER);
        let provider = Upstream::new(provider, PROVIDER_ATTEMPTS, tap);
        let card = self.card(Tap::new(observer, CUSTOMER, CUSTOMER_CARD)).await?;
        let pin = self.pin(&card)?;
        Ok((provider, card, pin))
    }

    async fn card(&self, tap: Tap) -> Result<Card> {
        self.card_at(&self.card, tap).await
    }

    async fn card_at(&self, place: &Place, tap: Tap) -> Result<Card> {
        Ok(Card::new(READERS.card(place, self.wait.map(Duration::from_secs)).await?, tap))
    }

    fn pin(&self, card: &Card) -> Result<Pin> {
        pin_for(card, self.pin_file.as_deref())
    }

    fn observer(&self) -> Result<Arc<dyn Observer>> {
        self.recording.observer()
    }
}

impl Recording {
    fn observer(&self) -> Result<Arc<dyn Observer>> {
        observer(self.events.as_deref(), &self.trace)
    }
}

/// The PIN for a card: without a file, typed on its reader if that has keys.
fn pin_for(card: &Card, file: Option<&Path>) -> Result<Pin> {
    if file.is_none() && card.has_pinpad() {
        eprintln!("host-terminal: the PIN is typed on the reader");
        return Ok(Pin::on_reader());
    }
    pin(file)
}

/// The PIN in the first line of a file; without one, the terminal asks.
fn pin(file: Option<&Path>) -> Result<Pin> {
    let typed = match file {
        Some(path) => secret_file::first_line(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => Zeroizing::new(rpassword::prompt_password("PIN: ")?.into_bytes()),
    };
    Pin::new(typed).ok_or_else(|| anyhow!("no card takes a PIN of this length"))
}

/// On the other stream: results alone go to the first.
fn tell_waiting(waiting: &Waiting) {
    eprintln!("host-terminal: {waiting}");
}

/// Whoever is to be told what travels.
fn observer(events: Option<&Path>, traces: &[PathBuf]) -> Result<Arc<dyn Observer>> {
    let mut observers: Vec<Arc<dyn Observer>> = Vec::new();
    if let Some(path) = events {
        observers.push(Arc::new(EventFile::create(path)?));
    }
    for path in traces {
        let trace = record(path, "host-terminal").with_context(|| format!("cannot write {}", path.display()))?;
        observers.push(trace);
    }
    Ok(Arc::new(Several(observers)))
}

/// Names are looked up later: here only what cannot be an address is told.
fn has_port(flag: &str, address: &str) -> Result<()> {
    let port = address.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    port.map(drop).with_context(|| format!("{flag} {address} has no port: HOST:PORT"))
}

fn transaction_id(text: &str) -> Result<TransactionId, String> {
    let mut id = [0; 16];
    hex::decode_to_slice(text, &mut id).map_err(|_| "a transaction has 32 hexadecimal digits".to_owned())?;
    Ok(TransactionId(id))
}
