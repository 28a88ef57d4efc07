//! Tells what is on a card.

use std::fmt;

use anyhow::{Context, Result, ensure};
use apdu_spec::file::FileDescriptor;
use apdu_spec::instruction::{
    GetStatus, Occurrence, PinReference, ReadBinary, Select, SelectAnswer, Selector, Target, Verify, VerifyPart,
};
use apdu_spec::journal::{JournalEntry, Step};
use apdu_spec::limits::{PIN_REFERENCE_MAX, SHORT_EXPECTED_MAX};
use apdu_spec::provider::Instrument;
use apdu_spec::{Aid, Condition, Fcp, FileId, LifeCycle, Reader, Status, Tag};
use host_terminal::card::{Account, Card, CardError, Pin};
use host_terminal::words::printable;
use protocol::amount::Amount;
use protocol::types::{Currency, TransactionId};
use serde_json::{Value, json};

use crate::profile::HOLDER_PIN;
use crate::secret::Secret;

/// What is on a card, as far as it tells.
pub(crate) struct Found {
    state: LifeCycle,
    pins: Vec<FoundPin>,
    files: Vec<FoundFile>,
    accounts: Vec<Account>,
    journal: Vec<JournalEntry>,
    verified: bool,
}

struct FoundPin {
    number: u8,
    /// None once it is blocked.
    tries_left: u8,
}

struct FoundFile {
    id: FileId,
    name: &'static str,
    size: Option<u16>,
    content: Option<Vec<u8>>,
}

/// Asks a card for everything that it tells; with PIN 1 also for what its holder may see.
pub(crate) async fn inspect(card: &mut Card, pin: Option<Secret>) -> Result<Found> {
    let domain = Selector::Name(Aid::ISSUER_SECURITY_DOMAIN.as_bytes(), Occurrence::First);
    card.send("SELECT", &Select { selector: domain, answer: SelectAnswer::Nothing }).await?;
    let state = GetStatus::parse_answer(&card.send("GET STATUS", &GetStatus::CARD).await?);
    let state = state.ok().context("the card does not tell its life cycle state")?;
    // Before a PIN is verified: then each tells how many tries it has left.
    let pins = pins(card).await?;
    let verified = pin.is_some();
    if let Some(pin) = pin {
        let reference = PinReference::parse(HOLDER_PIN).ok().context("no such PIN")?;
        card.verify(reference, &Pin::new(pin).context("no card takes a PIN of this length")?).await?;
    }
    let mut files = Vec::new();
    for (id, name) in FILES {
        files.extend(file(card, id, name).await?);
    }
    card.select().await?;
    Ok(Found { state, pins, files, accounts: card.accounts().await?, journal: card.journal().await?, verified })
}

/// The files that `issue` makes for everybody.
const FILES: [(FileId, &str); 4] = [
    (FileId::MASTER_FILE, "master file"),
    (FileId::CARDHOLDER, "cardholder information"),
    (FileId::DIRECTORY, "EF.DIR"),
    (FileId::ATR_INFO, "EF.ATR/INFO"),
];

async fn pins(card: &mut Card) -> Result<Vec<FoundPin>> {
    let mut pins = Vec::new();
    for reference in (1..=PIN_REFERENCE_MAX).filter_map(|number| PinReference::parse(number).ok()) {
        let number = reference.number();
        let tries_left = match card.send("VERIFY", &Verify { reference, part: VerifyPart::Ask }).await {
            Err(CardError::Refused { status: Status::REFERENCE_NOT_FOUND, .. }) => continue,
            Err(CardError::WrongPin { left }) => left,
            Err(CardError::PinBlocked) => 0,
            other => {
                ensure!(other?.is_empty(), "the card's answer to VERIFY has data");
                continue;
            }
        };
        pins.push(FoundPin { number, tries_left });
    }
    Ok(pins)
}

async fn file(card: &mut Card, id: FileId, name: &'static str) -> Result<Option<FoundFile>> {
    let selector = if id == FileId::MASTER_FILE { Selector::MasterFile } else { Selector::File(id) };
    let answer = match card.send("SELECT", &Select { selector, answer: SelectAnswer::Fcp }).await {
        Err(CardError::Refused { status: Status::FILE_NOT_FOUND, .. }) => return Ok(None),
        other => other?,
    };
    let template = Reader::all(&answer, |input| input.field(Tag::FCP));
    let parameters = template.and_then(Fcp::parse).ok().context("the card tells no file control parameters")?;
    let size = match parameters.descriptor {
        FileDescriptor::Transparent { size } => Some(size),
        FileDescriptor::Directory
        | FileDescriptor::LinearFixed(_)
        | FileDescriptor::LinearVariable(_)
        | FileDescriptor::Cyclic(_)
        | FileDescriptor::DataObjects { .. } => None,
    };
    let content = if size.is_some() { read(card).await? } else { None };
    Ok(Some(FoundFile { id, name, size, content }))
}

/// What the current file holds, `None` where this is not for everybody.
async fn read(card: &mut Card) -> Result<Option<Vec<u8>>> {
    let read = ReadBinary { file: Target::Current, offset: 0, length: SHORT_EXPECTED_MAX, odd: false };
    match card.send("READ BINARY", &read).await {
        Err(CardError::Refused { status: Status::SECURITY_NOT_SATISFIED, .. }) => Ok(None),
        other => Ok(Some(other?)),
    }
}

impl Found {
    pub(crate) fn json(&self) -> Value {
        let pins = self.pins.iter().map(|pin| json!({ "number": pin.number, "tries_left": pin.tries_left }));
        json!({
            "life_cycle": life_cycle(self.state),
            "pins": pins.collect::<Vec<_>>(),
            "files": self.files.iter().map(FoundFile::json).collect::<Vec<_>>(),
            "providers": self.accounts.iter().map(account_json).collect::<Vec<_>>(),
            "journal": self.journal.iter().map(entry_json).collect::<Vec<_>>(),
            "pin_verified": self.verified,
        })
    }
}

impl FoundFile {
    fn json(&self) -> Value {
        json!({
            "id": format!("{:04X}", self.id.0),
            "name": self.name,
            "size": self.size,
            "content": self.content.as_ref().map(hex::encode),
        })
    }
}

fn account_json(account: &Account) -> Value {
    json!({
        "record": account.reference.number(),
        "provider": account.provider.to_string(),
        "name": account.name,
        "instrument": instrument(account.instrument),
        "condition": condition(account.condition),
    })
}

fn entry_json(entry: &JournalEntry) -> Value {
    json!({
        "sequence": entry.sequence,
        "record": entry.provider.number(),
        "transaction": TransactionId(entry.transaction).to_string(),
        "amount": entry.amount,
        "currency": String::from_utf8_lossy(&entry.currency),
        "step": step(entry.step),
    })
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "life cycle   {}", life_cycle(self.state))?;
        for pin in &self.pins {
            write!(out, "\nPIN {:<9}{} tries left", pin.number, pin.tries_left)?;
        }
        for file in &self.files {
            let size = file.size.map_or_else(String::new, |size| format!(", {size} bytes"));
            let closed = if size.is_empty() || file.content.is_some() { "" } else { ", not readable without its PIN" };
            write!(out, "\nfile {:04X}    {}{size}{closed}", file.id.0, file.name)?;
        }
        for account in &self.accounts {
            let (kind, condition) = (instrument(account.instrument), condition(account.condition));
            let (number, name) = (account.reference.number(), printable(&account.name));
            write!(out, "\naccount {number:<5}{name}, {kind}, use: {condition}, provider {}", account.provider)?;
        }
        for entry in &self.journal {
            let amount = Amount { minor: entry.amount, currency: Currency(entry.currency) };
            write!(out, "\njournal {:<5}{amount} {}, ", entry.sequence, step(entry.step))?;
            write!(out, "transaction {}", TransactionId(entry.transaction))?;
        }
        if self.verified { Ok(()) } else { write!(out, "\nMore can be seen with --pin-file.") }
    }
}

const fn life_cycle(state: LifeCycle) -> &'static str {
    match state {
        LifeCycle::OpReady => "OP_READY",
        LifeCycle::Initialized => "INITIALIZED",
        LifeCycle::Secured => "SECURED",
        LifeCycle::CardLocked => "CARD_LOCKED",
        LifeCycle::Terminated => "TERMINATED",
    }
}

const fn instrument(instrument: Instrument) -> &'static str {
    match instrument {
        Instrument::Credit => "credit",
        Instrument::Debit => "debit",
        Instrument::Cheque => "cheque-book",
        Instrument::StoredValue => "stored-value",
        Instrument::Loyalty => "loyalty",
        Instrument::Identity => "identity",
        Instrument::Access => "access-pass",
    }
}

fn condition(condition: Condition) -> String {
    match condition.as_bytes() {
        [0x00] => "always".to_owned(),
        [0xFF] => "never".to_owned(),
        [byte] if byte & 0xF0 == 0x10 => format!("PIN {}", byte & 0x0F),
        bytes => format!("condition {}", hex::encode_upper(bytes)),
    }
}

const fn step(step: Step) -> &'static str {
    match step {
        Step::Requested => "requested",
        Step::Approved => "approved",
        Step::Declined => "declined",
        Step::Accepted => "accepted",
        Step::Rejected => "rejected",
        Step::Posted => "posted",
        Step::Released => "released",
    }
}
