//! The till at work: it has the cards, the day book and the printer, and does one thing after the other.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stdin};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use host_terminal::card::{Card, CardError, Pin};
use host_terminal::observe::{Observer, Tap};
use host_terminal::purse::{Purse, SignedDescriptor};
use host_terminal::reader::{ReaderError, Waiting};
use host_terminal::receipt::Conclusion;
use host_terminal::till::advice::{self, Money};
use host_terminal::till::book::Entry;
use host_terminal::till::day::Day;
use host_terminal::till::recall::Recall;
use host_terminal::till::sale::{EarlierPayment, Sold, Till};
use host_terminal::till::screen::Told;
use host_terminal::till::slip::{Copy, outcome};
use host_terminal::{CUSTOMER_CARD, Error, SHOP, SHOP_CARD};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::amount::Amount;
use protocol::types::TransactionId;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::settings::Settings;
use super::{present, receipts};
use crate::software;

/// How often what is open is tried to be settled.
const SETTLE_EVERY: Duration = Duration::from_secs(15);
/// How long a person needs to notice a result. What is typed until then was begun before it came.
const NOTICE_TIME: Duration = Duration::from_secs(1);
/// How often a card is looked for while its PIN is typed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long the merchant's card is waited for: it is to be in its reader all the time.
const SHOP_CARD_TIME: Duration = Duration::from_secs(5);

/// What the desk is to do.
pub(super) enum Order {
    Charge(Amount, Recall),
    ShowDay(Date),
    Settle,
    Print(Box<Entry>, Copy),
}

pub(super) struct Desk {
    settings: Settings,
    till: Till,
    pin: Pin,
    pin_is_wrong: bool,
    shop: Option<Purse>,
    observer: Arc<dyn Observer>,
    pins: mpsc::Receiver<Pin>,
    told: mpsc::UnboundedSender<Told>,
    notice_time: Duration,
}

impl Desk {
    pub(super) fn new(
        settings: Settings,
        till: Till,
        pin: Pin,
        observer: Arc<dyn Observer>,
        pins: mpsc::Receiver<Pin>,
        told: mpsc::UnboundedSender<Told>,
    ) -> Self {
        let notice_time = if stdin().is_terminal() { NOTICE_TIME } else { Duration::ZERO };
        Self { settings, till, pin, pin_is_wrong: false, shop: None, observer, pins, told, notice_time }
    }

    /// Works until nobody gives orders any more; that each is done is told. What is open is settled at the start, and
    /// then again and again.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        self.tell_open();
        self.settle().await;
        loop {
            let open = self.till.book.open_entries().next().is_some();
            let order = tokio::select! {
                order = orders.recv() => order,
                () = sleep(SETTLE_EVERY), if open => {
                    self.settle().await;
                    continue;
                }
            };
            let Some(order) = order else { return };
            self.carry_out(order).await;
            self.tell(Told::Done);
        }
    }

    /// Settles, and prints what came of it: 0 where nothing is open any more.
    pub(super) async fn settle_once(&mut self, json: bool) -> Result<ExitCode> {
        let (settled, outcome) = self.try_settle().await;
        let kept = settled.iter().try_for_each(|entry| receipts::keep(&self.settings, entry));
        let open: Vec<Entry> = self.till.book.open_entries().cloned().collect();
        let error = outcome.as_ref().err().map(ToString::to_string);
        if json {
            let open: Vec<String> = open.iter().map(|entry| entry.transaction.to_string()).collect();
            println!("{}", json!({ "settled": settled.len(), "open": open, "error": error }));
        } else {
            settled.iter().chain(&open).for_each(|entry| println!("{}", settled_line(entry)));
            if settled.is_empty() && open.is_empty() && error.is_none() {
                println!("Nothing is open: the end of every payment is known.");
            }
            error.iter().for_each(|error| eprintln!("host-terminal: {error}"));
        }
        kept.context("the receipt is not kept")?;
        Ok(if open.is_empty() && error.is_none() { ExitCode::SUCCESS } else { crate::report::UNKNOWN_END.into() })
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Charge(amount, recall) => self.charge(amount, &recall).await,
            Order::ShowDay(date) => match Day::read(self.till.book.folder(), date, &TimeZone::system()) {
                Ok(day) => self.tell(Told::Day(day)),
                Err(error) => self.tell(Told::Notice(format!("{error}."))),
            },
            Order::Settle => self.settle().await,
            Order::Print(entry, copy) => {
                let printed = receipts::print(&self.settings, &entry, copy).await;
                self.tell(Told::Notice(match printed {
                    Ok(()) => "The receipt has been sent to the printer.".to_owned(),
                    Err(error) => format!("The receipt is not printed: {error:#}."),
                }));
            }
        }
    }

    async fn charge(&mut self, amount: Amount, recall: &Recall) {
        // A PIN for a sale that was called off is for no other.
        while self.pins.try_recv().is_ok() {}
        let ready = tokio::select! {
            biased;
            () = recall.called_off() => Err(Error::CalledOff),
            ready = self.make_ready() => ready,
        };
        let sold = match ready {
            Ok((customer, descriptor)) => self.sell(customer, &descriptor, amount, recall).await,
            Err(error) => Sold { entry: None, error: Some(error) },
        };
        if matches!(sold.error, Some(Error::Card(_))) {
            self.shop = None;
        }
        self.conclude(&sold);
    }

    /// The customer's card, its PIN compared, and the descriptor of the moment; the merchant's card is ready, too.
    async fn make_ready(&mut self) -> Result<(Purse, SignedDescriptor), Error> {
        self.tell(Told::Waiting("One moment ...".to_owned()));
        let descriptor = self.till.descriptor().await?;
        self.open_shop(&descriptor).await?;
        if self.till.book.open_entries().next().is_some() {
            // What could be settled now would otherwise be told to a customer as open.
            let (settled, _) = self.try_settle().await;
            self.keep_receipts(&settled);
        }
        let mut customer = self.customer(&descriptor).await.map_err(Error::of_customer)?;
        self.unlock(&mut customer).await.map_err(Error::of_customer)?;
        for payment in self.till.earlier_payments(&mut customer, &descriptor).await? {
            self.tell(Told::Note(told_of(&payment)));
        }
        Ok((customer, descriptor))
    }

    async fn customer(&mut self, descriptor: &SignedDescriptor) -> Result<Purse, Error> {
        let told = self.told.clone();
        let mut tell = |waiting| drop(told.send(Told::Waiting(waiting)));
        let reader = present::card(&self.settings.card, &mut tell).await.map_err(CardError::from)?;
        let card = Card::new(reader, Tap::new(Arc::clone(&self.observer), SHOP, CUSTOMER_CARD));
        let here = descriptor.provider;
        Purse::find(card, |account| account.provider == here, Error::NoAccount(here)).await
    }

    /// Asks for the PIN until it is right, the card has no tries left, or the card is gone.
    async fn unlock(&mut self, customer: &mut Purse) -> Result<(), Error> {
        let mut wrong = false;
        while let Some(tries) = customer.tries().await? {
            if tries == 0 {
                return Err(CardError::PinBlocked.into());
            }
            let on_reader = customer.card.has_pinpad();
            self.tell(Told::PinWanted { tries, wrong, on_reader });
            let pin = if on_reader { Some(Pin::on_reader()) } else { self.typed(customer).await? };
            match customer.verify(&pin.ok_or(Error::CalledOff)?).await {
                Err(Error::Card(CardError::WrongPin { .. })) => wrong = true,
                other => return other,
            }
        }
        Ok(())
    }

    /// The PIN that was typed. The card is looked for all the while, so that it is noticed when it leaves.
    async fn typed(&mut self, customer: &mut Purse) -> Result<Option<Pin>, Error> {
        loop {
            match timeout(LOOK_EVERY, self.pins.recv()).await {
                Ok(pin) => return Ok(pin),
                Err(_) => drop(customer.tries().await?),
            }
        }
    }

    async fn sell(
        &mut self,
        mut customer: Purse,
        descriptor: &SignedDescriptor,
        amount: Amount,
        recall: &Recall,
    ) -> Sold {
        let Some(shop) = &mut self.shop else {
            return Sold { entry: None, error: Some(CardError::NotTriedAgain.into()) };
        };
        let told = self.told.clone();
        // Nobody may listen any more: the sale ends all the same.
        let mut tell = |step| drop(told.send(Told::Step(step)));
        self.till.sell(shop, &mut customer, descriptor, amount, recall, &mut tell).await
    }

    fn conclude(&self, sold: &Sold) {
        self.tell_open();
        if let (None, Some(Error::CalledOff)) = (&sold.entry, &sold.error) {
            self.tell(Told::CalledOff);
            return;
        }
        self.tell(Told::Finished { entry: sold.entry.clone(), advice: advice::of_sale(sold) });
        let (told, time) = (self.told.clone(), self.notice_time);
        tokio::spawn(async move {
            sleep(time).await;
            told.send(Told::Seen)
        });
        self.keep_receipts(sold.entry.as_slice());
    }

    /// Keeps them anew, too, where they said that the end is not known yet.
    fn keep_receipts(&self, entries: &[Entry]) {
        if let Err(error) = entries.iter().try_for_each(|entry| receipts::keep(&self.settings, entry)) {
            self.tell(Told::Notice(format!("The receipt is not kept: {error:#}.")));
        }
    }

    async fn settle(&mut self) {
        let had = self.till.book.open_entries().count();
        let (settled, outcome) = self.try_settle().await;
        self.keep_receipts(&settled);
        self.tell_open();
        match settled.len() {
            0 => {}
            1 => self.tell(Told::Notice("1 open payment has ended: see the day's list.".to_owned())),
            count => self.tell(Told::Notice(format!("{count} open payments have ended: see the day's list."))),
        }
        match outcome {
            Ok(()) => {}
            Err(error) if had > 0 || matches!(error, Error::Card(_) | Error::NoAccount(_)) => {
                let advice = advice::of_error(&error);
                self.tell(Told::Notice(format!("{} {}", advice.what, advice.now)));
            }
            // There is nothing to do; a sale will say what is wrong.
            Err(_) => {}
        }
    }

    /// Settles what it can, and gives what has ended by that; an error where something stays open.
    async fn try_settle(&mut self) -> (Vec<Entry>, Result<(), Error>) {
        let had_ended: BTreeSet<TransactionId> = self.ended().map(|entry| entry.transaction).collect();
        let outcome = self.settle_all().await;
        (self.ended().filter(|entry| !had_ended.contains(&entry.transaction)).cloned().collect(), outcome)
    }

    fn ended(&self) -> impl Iterator<Item = &Entry> {
        self.till.book.entries().iter().filter(|entry| entry.end().is_some())
    }

    async fn settle_all(&mut self) -> Result<(), Error> {
        let descriptor = self.till.descriptor().await?;
        self.open_shop(&descriptor).await?;
        let Some(shop) = &mut self.shop else { return Ok(()) };
        let settled = self.till.settle(shop).await;
        if matches!(settled, Err(Error::Card(_))) {
            self.shop = None;
        }
        settled.map(drop)
    }

    /// Makes the merchant's card ready, if it is not or not any more. A PIN that was wrong once is not tried again.
    async fn open_shop(&mut self, descriptor: &SignedDescriptor) -> Result<(), Error> {
        if let Some(shop) = &mut self.shop
            && matches!(shop.tries().await, Ok(None))
        {
            return Ok(());
        }
        // Its reader is to be free for the next try.
        self.shop = None;
        if self.pin_is_wrong {
            return Err(CardError::NotTriedAgain.into());
        }
        let told = self.told.clone();
        let mut tell = |waiting: &Waiting| drop(told.send(Told::Waiting(format!("The merchant's card: {waiting}."))));
        let waiting = timeout(SHOP_CARD_TIME, self.settings.merchant_card.card(software::start, &mut tell)).await;
        let reader = waiting.map_err(|_| ReaderError::NoCard(SHOP_CARD_TIME)).and_then(|card| card);
        let reader = reader.map_err(CardError::from)?;
        let card = Card::new(reader, Tap::new(Arc::clone(&self.observer), SHOP, SHOP_CARD));
        let here = descriptor.provider;
        let opened = Purse::open(card, &self.pin, |account| account.provider == here, Error::NoAccount(here)).await;
        self.pin_is_wrong = matches!(opened, Err(Error::Card(CardError::WrongPin { .. } | CardError::PinBlocked)));
        self.shop = Some(opened?);
        Ok(())
    }

    fn tell_open(&self) {
        self.tell(Told::Open(self.till.book.open_entries().cloned().collect()));
    }

    fn tell(&self, told: Told) {
        // Nobody may listen any more: what is under way ends all the same.
        drop(self.told.send(told));
    }
}

/// What came of a sale that was open.
fn settled_line(entry: &Entry) -> String {
    let time = entry.at.to_zoned(TimeZone::system()).strftime("%H:%M").to_string();
    let money = Money::of(Some(entry)).words().to_lowercase();
    format!("{time} {} {}: {money}", entry.amount, outcome(entry))
}

/// What the customer should know about a payment of before.
fn told_of(payment: &EarlierPayment) -> String {
    let before = format!("For the customer: the payment before this one ({})", payment.amount);
    match &payment.conclusion {
        Ok(Conclusion::Posted) => format!("{before} went through."),
        Ok(Conclusion::Released | Conclusion::Declined(_) | Conclusion::Refused(_)) => {
            format!("{before} did not go through: no money has moved.")
        }
        Ok(Conclusion::Open) => format!("{before} has not ended yet."),
        Err(_) => {
            format!("For the customer: how the payment before this one ({}) ended is not known yet.", payment.amount)
        }
    }
}
