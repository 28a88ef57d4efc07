//! `host-terminal pos`: the point of sale, on a screen, line by line, or for programs.

mod desk;
mod draw;
mod full_screen;
mod letters;
mod list;
mod plain;
mod present;
mod receipts;
mod settings;

use std::future::Future;
use std::io::{IsTerminal, stdin};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use host_terminal::hop::Upstream;
use host_terminal::observe::Tap;
use host_terminal::till::book::Book;
use host_terminal::till::sale::Till;
use host_terminal::till::screen::{Action, Event, Key, Model, Told};
use host_terminal::words::printable;
use host_terminal::{PROVIDER, SHOP};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::desk::{Desk, Order};
use self::settings::{Given, Settings};
use crate::{PROVIDER_ATTEMPTS, Recording, pin};

/// Orders that the desk has not looked at yet.
const ORDERS_MAX: usize = 16;

/// How long a till that is ended waits for what it is doing.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct Pos {
    #[command(flatten)]
    given: Given,
    /// A file with these settings (TOML; the names are the flags', with _ for -). A flag overrides what the file says.
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Line by line, for screen readers and pipes: an amount, a PIN, or a command by its first letter. An empty line is
    /// Enter, or calls off where a PIN is wanted; `cancel` and `back` are Esc. In a day's list, a number shows that
    /// sale's receipt, and `previous` and `next` are the days beside it.
    #[arg(long)]
    plain: bool,
    /// Settles what is open, and ends.
    #[arg(long, conflicts_with_all = ["plain", "list"])]
    settle: bool,
    /// Prints a day's sales and totals, and ends. Works beside a till that is open.
    #[arg(long, conflicts_with = "plain")]
    list: bool,
    /// The day, such as 2026-11-27; today, if left out.
    #[arg(long, requires = "list", value_parser = day)]
    date: Option<Date>,
    /// With --settle and --list: JSON instead of text.
    #[arg(long, conflicts_with = "plain")]
    pub(crate) json: bool,
    #[command(flatten)]
    recording: Recording,
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "no such day; write 2026-11-27".to_owned())
}

/// The screen's side of the desk.
struct Counter {
    orders: mpsc::Sender<Order>,
    pins: mpsc::Sender<host_terminal::card::Pin>,
    told: mpsc::UnboundedReceiver<Told>,
    desk: JoinHandle<()>,
}

pub(crate) async fn run(arguments: Pos) -> Result<ExitCode> {
    let settings = Settings::new(arguments.given, arguments.config.as_deref())?;
    if arguments.list {
        return list::show(&settings, arguments.date, arguments.json);
    }
    let pin = pin(settings.merchant_pin_file.as_deref()).context("the merchant's card")?;
    let observer = arguments.recording.observer()?;
    let book = Book::open(&settings.book)?;
    let tap = Tap::new(Arc::clone(&observer), SHOP, PROVIDER);
    let till = Till::new(book, Upstream::new(&settings.provider, PROVIDER_ATTEMPTS, tap));
    let mut model = Model::new(settings.shop.clone(), settings.currency, TimeZone::system());
    let (told, told_receiver) = mpsc::unbounded_channel();
    let (pins, pin_receiver) = mpsc::channel(1);
    let mut desk = Desk::new(settings, till, pin, observer, pin_receiver, told);
    if arguments.settle {
        return desk.settle_once(arguments.json).await;
    }
    let (orders, order_receiver) = mpsc::channel(ORDERS_MAX);
    let mut counter = Counter { orders, pins, told: told_receiver, desk: tokio::spawn(desk.run(order_receiver)) };
    if arguments.plain || !stdin().is_terminal() {
        plain::run(&mut model, &mut counter).await?;
    } else {
        full_screen::run(&mut model, &mut counter).await?;
    }
    counter.close(&mut model).await?;
    Ok(ExitCode::SUCCESS)
}

impl Counter {
    /// Has it done; whether the till goes on.
    async fn carry_out(&self, action: Action) -> bool {
        let order = match action {
            Action::Charge(amount, recall) => Order::Charge(amount, recall),
            Action::ShowDay(date) => Order::ShowDay(date),
            Action::Settle => Order::Settle,
            Action::Print(entry, copy) => Order::Print(Box::new(entry), copy),
            // The desk that wants a PIN takes it at once; another wants none.
            Action::Pin(pin) => return self.pins.try_send(pin).is_ok() || !self.desk.is_finished(),
            Action::Quit => return false,
        };
        self.orders.send(order).await.is_ok()
    }

    /// Calls a sale off that can be, and gives one that cannot the time to end. Without it, it is settled at the next
    /// start.
    async fn close(mut self, model: &mut Model) -> Result<()> {
        if model.is_selling() {
            model.handle(Event::Key(Key::Escape));
        }
        drop(self.orders);
        drop(self.pins);
        let ended = timeout(GRACE, self.desk).await;
        let is_late = ended.is_err() && model.is_busy();
        // What came of the last orders is told where nobody draws any more.
        while let Ok(told) = self.told.try_recv() {
            if let Told::Notice(notice) = told {
                eprintln!("host-terminal: {}", printable(&notice));
            }
        }
        if is_late {
            eprintln!("host-terminal: the till did not wait for what was asked for last");
        }
        ended.unwrap_or(Ok(())).context("the till failed; what it was doing is settled later")
    }
}

/// Ready when somebody asks this process to end. From this call on no signal ends it rudely.
fn stop() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let (mut interrupt, mut hang_up) = (signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
