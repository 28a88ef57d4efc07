//! Tells what is on a card, as far as it tells.

mod json;
mod keys;
mod show;
mod tree;

use anyhow::{Context, Result, ensure};
use apdu_spec::instruction::{
    CardObject, GenerateKeyPair, KeyVersion, Occurrence, Pair, PinReference, Selector, Verify, VerifyPart,
};
use apdu_spec::journal::JournalEntry;
use apdu_spec::limits::PIN_REFERENCE_MAX;
use apdu_spec::{Aid, LifeCycle, Status};
use host_terminal::card::{Account, Card, CardError, Pin};

pub(crate) use self::json::SHAPE;
pub(crate) use self::keys::FoundKey;
pub(crate) use self::tree::{FoundContent, FoundFile, file, tree};
use crate::files::{is_there, select};
use crate::registry::{self, Domain};
use crate::secret::Secret;

/// What is on a card.
pub(crate) struct Found {
    pub(crate) atr: Vec<u8>,
    pub(crate) state: LifeCycle,
    pub(crate) issuer_number: Option<Vec<u8>>,
    pub(crate) card_number: Option<Vec<u8>>,
    /// Bytes of flash.
    pub(crate) free: Option<u32>,
    pub(crate) pins: Vec<FoundPin>,
    pub(crate) key_sets: Vec<KeyVersion>,
    /// Secure channels that were begun with the issuer's domain.
    pub(crate) channels: Option<u32>,
    pub(crate) keys: Vec<FoundKey>,
    pub(crate) records: Vec<FoundRecord>,
    /// In the order of the tree, each directory before what is in it.
    pub(crate) files: Vec<FoundFile>,
    pub(crate) journal: Vec<JournalEntry>,
    /// The PINs that were verified.
    pub(crate) verified: Vec<u8>,
}

pub(crate) struct FoundPin {
    pub(crate) number: u8,
    pub(crate) state: PinState,
}

/// What a PIN takes still.
#[derive(Clone, Copy)]
pub(crate) enum PinState {
    /// It is verified, and then does not tell its tries.
    Verified,
    /// So many wrong ones in a row, 0 once it is blocked.
    TriesLeft(u8),
}

/// A provider record.
pub(crate) struct FoundRecord {
    pub(crate) domain: Domain,
    /// The key sets that its provider has brought.
    pub(crate) key_sets: Vec<KeyVersion>,
    /// What the card says of the account; nothing while it is locked.
    pub(crate) account: Option<Account>,
    /// What it signs with, where that may be known.
    pub(crate) public_key: Option<[u8; 65]>,
}

/// A PIN that somebody has given.
pub(crate) struct Given {
    pub(crate) reference: PinReference,
    pub(crate) value: Secret,
}

/// Asks a card for everything that it tells, after these PINs were verified. A locked or terminated card tells little.
pub(crate) async fn inspect(card: &mut Card, given: Vec<Given>) -> Result<Found> {
    registry::select_issuer(card).await?;
    let atr = card.atr().to_vec();
    let state = registry::life_cycle(card).await?;
    let is_usable = state <= LifeCycle::Secured;
    // Before one is verified: then each tells how many tries it has left.
    let pins = if is_usable { pins(card).await? } else { Vec::new() };
    let verified = given.iter().map(|pin| pin.reference.number()).collect();
    for pin in given {
        verify(card, pin).await?;
    }
    let mut found = Found {
        atr,
        state,
        issuer_number: registry::object(card, CardObject::ISSUER_NUMBER).await?,
        card_number: registry::object(card, CardObject::CARD_NUMBER).await?,
        free: registry::free_memory(card).await?,
        pins,
        key_sets: registry::key_versions(card).await?,
        channels: registry::sequence_counter(card).await?,
        keys: Vec::new(),
        records: Vec::new(),
        files: Vec::new(),
        journal: Vec::new(),
        verified,
    };
    if is_usable {
        found.keys = keys::keys(card).await?;
        found.records = records(card).await?;
        found.files = tree(card).await?;
        card.select().await?;
        found.journal = card.journal().await?;
    }
    Ok(found)
}

/// All PINs that there are.
pub(crate) async fn pins(card: &mut Card) -> Result<Vec<FoundPin>> {
    let mut pins = Vec::new();
    for reference in (1..=PIN_REFERENCE_MAX).filter_map(|number| PinReference::parse(number).ok()) {
        if let Some(state) = pin_state(card, reference).await? {
            pins.push(FoundPin { number: reference.number(), state });
        }
    }
    Ok(pins)
}

/// How it is with a PIN; `None` where there is no such PIN.
async fn pin_state(card: &mut Card, reference: PinReference) -> Result<Option<PinState>> {
    match card.send("VERIFY", &Verify { reference, part: VerifyPart::Ask }).await {
        Err(CardError::Refused { status: Status::REFERENCE_NOT_FOUND, .. }) => Ok(None),
        Err(CardError::WrongPin { left }) => Ok(Some(PinState::TriesLeft(left))),
        Err(CardError::PinBlocked) => Ok(Some(PinState::TriesLeft(0))),
        other => {
            ensure!(other?.is_empty(), "the card's answer to VERIFY has data");
            Ok(Some(PinState::Verified))
        }
    }
}

async fn verify(card: &mut Card, pin: Given) -> Result<()> {
    let number = pin.reference.number();
    let value = Pin::new(pin.value).with_context(|| format!("PIN {number}: no card takes a PIN of this length"))?;
    card.verify(pin.reference, &value).await.with_context(|| format!("PIN {number}"))
}

async fn records(card: &mut Card) -> Result<Vec<FoundRecord>> {
    let domains = registry::domains(card).await?;
    card.select().await?;
    let mut accounts = card.accounts().await?;
    let mut records = Vec::new();
    for domain in domains {
        let at = accounts.iter().position(|account| account.reference == domain.reference);
        let account = at.map(|at| accounts.swap_remove(at));
        let name = Selector::Name(Aid::provider_security_domain(domain.reference).as_bytes(), Occurrence::First);
        let is_selected = is_there(select(card, name).await)?;
        let key_sets = if is_selected { registry::key_versions(card).await? } else { Vec::new() };
        let public_key = public_key(card, Pair::Provider(domain.reference)).await?;
        records.push(FoundRecord { domain, key_sets, account, public_key });
    }
    registry::select_issuer(card).await?;
    Ok(records)
}

/// The public key of a pair, or of another kind of key that has one; `None` where there is none or it may not be known.
async fn public_key(card: &mut Card, pair: Pair) -> Result<Option<[u8; 65]>> {
    let tell = GenerateKeyPair { pair, generate: false };
    let (answer, status) = card.ask("GENERATE ASYMMETRIC KEY PAIR", &tell).await?;
    let key = GenerateKeyPair::parse_answer(&answer).ok().filter(|_| status == Status::OK);
    Ok(key.copied())
}
