//! A card in a terminal, both in this process: the card OS behind its APDU door, the terminal's own functions in front
//! of it.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use apdu_spec::instruction::{GenerateKeyPair, Pair, PinReference, Receive, SetStatus, StoreData};
use apdu_spec::journal::JournalEntry;
use apdu_spec::pin::PinRecord;
use apdu_spec::provider::{Instrument, Policy, ProviderInfo, ProviderRecord, ProviderReference};
use apdu_spec::{Condition, LifeCycle, Status};
use futures_executor::block_on;
use host_terminal::card::{Card, CardError, Part, Pin};
use host_terminal::member::{Combined, combine};
use host_terminal::observe::{Event, Observer, Tap};
use host_terminal::reader::{Pending, Reader, ReaderError};
use protocol::crypto::PublicKey;
use protocol::message::Kind;
use sim_reader::card::{CardError as SlotError, Noise, SoftwareCard};
use sim_reader::flash::RamFlash;

use crate::issuer::{Enrolled, Issuer};

/// Everybody's PIN.
pub const PIN: &[u8] = b"493817";

const PAGES: usize = 32;

/// A card in its slot. The slot is shared with whoever cuts its power.
pub type Slot = Arc<Mutex<SoftwareCard<RamFlash>>>;

/// A card in a terminal.
pub struct Seat {
    /// The card as its terminal drives it.
    pub card: Card,
    slot: Slot,
    saw: Arc<Saw>,
}

/// A record of a provider on a card.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Its number on the card.
    pub number: u8,
    /// What it is for.
    pub instrument: Instrument,
    /// Whether it asks for the PIN.
    pub pin: bool,
    /// The card's own limits.
    pub policy: Option<Policy>,
}

impl Record {
    /// Record 1, a debit card under the PIN.
    pub const FIRST: Self = Self { number: 1, instrument: Instrument::Debit, pin: true, policy: None };
}

/// Everything that a terminal saw of its card.
#[derive(Default)]
struct Saw(Mutex<Vec<Vec<u8>>>);

impl Observer for Saw {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.bytes.to_vec());
    }
}

struct SlotReader(Slot);

impl Reader for SlotReader {
    fn atr(&self) -> &[u8] {
        &sim_reader::atr::ATR
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(ready(lock(&self.0).transmit(command).map_err(|error| reader_error(&error))))
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        Box::pin(ready(lock(&self.0).reset().map(drop).map_err(|error| reader_error(&error))))
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others mean that no card answers")]
const fn reader_error(error: &SlotError) -> ReaderError {
    match error {
        SlotError::NotPowered => ReaderError::NotPowered,
        SlotError::Mute => ReaderError::Mute,
        _ => ReaderError::Removed,
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, SoftwareCard<RamFlash>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seat {
    /// A new, empty card with power.
    pub fn new(seed: u64) -> Result<Self> {
        let mut slot = SoftwareCard::format(RamFlash::new(PAGES), Noise::seeded(seed))?;
        slot.power_on()?;
        let (slot, saw) = (Arc::new(Mutex::new(slot)), Arc::new(Saw::default()));
        let tap = Tap::new(saw.clone(), "terminal", "card");
        Ok(Self { card: Card::new(Box::new(SlotReader(slot.clone())), tap), slot, saw })
    }

    /// A card with one record, ready to be used, its key registered with the provider.
    pub fn issued(seed: u64, issuer: &Issuer, enrolled: &Enrolled) -> Result<Self> {
        let mut seat = Self::new(seed)?;
        let key = seat.personalise(issuer, enrolled, Record::FIRST)?;
        issuer.register(enrolled.account, key)?;
        seat.hand_over()?;
        Ok(seat)
    }

    /// Writes a provider's record and has the card make its key; gives the key to register.
    pub fn personalise(&mut self, issuer: &Issuer, enrolled: &Enrolled, record: Record) -> Result<PublicKey> {
        let reference = reference(record.number)?;
        let condition = if record.pin { Condition::pin(1).ok().context("a condition")? } else { Condition::ALWAYS };
        let info = ProviderInfo {
            reference,
            provider: issuer.id.as_bytes(),
            name: "Bank",
            instrument: record.instrument,
            condition,
        };
        let stored = ProviderRecord {
            info,
            account: enrolled.number.as_bytes(),
            account_secret: enrolled.secret.as_bytes(),
            root_key: &issuer.root.0,
            policy: record.policy,
            condition_change: None,
        };
        block_on(self.card.send("STORE DATA", &StoreData::Provider(stored)))?;
        let generate = GenerateKeyPair { pair: Pair::Provider(reference), generate: true };
        let answer = block_on(self.card.send("GENERATE", &generate))?;
        let key = answer.last_chunk::<65>().context("the card gives no key")?;
        Ok(PublicKey(*key))
    }

    /// The issuer is done with the card; its holder begins to use it.
    pub fn hand_over(&mut self) -> Result<()> {
        let pin = PinRecord::new(PinReference::parse(1).ok().context("a PIN")?, 3, PIN);
        block_on(self.card.send("STORE DATA", &StoreData::Pin(pin)))?;
        block_on(self.card.send("SET STATUS", &SetStatus::Card(LifeCycle::Secured)))?;
        self.wake()
    }

    /// Selects the application and compares the PIN, as at the beginning of each use.
    pub fn wake(&mut self) -> Result<()> {
        block_on(self.card.select())?;
        let pin = Pin::new(PIN.to_vec().into()).context("a PIN")?;
        Ok(block_on(self.card.verify(PinReference::parse(1).ok().context("a PIN")?, &pin))?)
    }

    /// Chooses a record and loads its provider's descriptor: a new session can begin.
    pub fn prepare(&mut self, record: u8, descriptor: &[u8]) -> Result<(), CardError> {
        block_on(async {
            self.card.choose(reference(record).map_err(|_| CardError::TooLong("a reference"))?).await?;
            self.card.load_descriptor(descriptor).await
        })
    }

    /// Builds, signs and combines, as the terminal does.
    pub fn combine(&mut self, part: &Part<'_>, below: &[&[u8]]) -> Result<Combined, host_terminal::Error> {
        block_on(combine(&mut self.card, part, below, "below"))
    }

    /// Hands the card its part of a response; gives what it shows.
    pub fn receive(&mut self, kind: Kind, message: &[u8]) -> Result<Vec<u8>, CardError> {
        block_on(self.card.send("RECEIVE", &Receive { kind: kind.byte(), message }))
    }

    /// The journal, the newest first.
    pub fn journal(&mut self) -> Result<Vec<JournalEntry>> {
        Ok(block_on(self.card.journal())?)
    }

    /// The card in its slot: for cutting power and looking at flash.
    pub fn slot(&self) -> MutexGuard<'_, SoftwareCard<RamFlash>> {
        lock(&self.slot)
    }

    /// Power goes and comes back.
    pub fn restart(&mut self) -> Result<()> {
        self.slot().power_off();
        self.slot().power_on()?;
        self.wake()
    }

    /// Everything that the terminal saw of its card since it was asked last.
    pub fn take_seen(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.saw.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The record of this number.
pub fn reference(number: u8) -> Result<ProviderReference> {
    ProviderReference::parse(number).ok().context("a record's number")
}

/// The status word with which a card refused.
#[must_use]
pub fn status<T>(outcome: &Result<T, CardError>) -> Option<Status> {
    match outcome {
        Err(CardError::Refused { status, .. }) => Some(*status),
        _ => None,
    }
}
