//! What the issuer's security domain tells of a card.

use anyhow::{Context, Result, bail, ensure};
use apdu_spec::instruction::{
    CardObject, GetCardData, GetStatus, KeyVersion, Occurrence, RegistryEntry, Selector, Subset,
};
use apdu_spec::life_cycle::DomainState;
use apdu_spec::provider::ProviderReference;
use apdu_spec::{Aid, LifeCycle, Reader, Status, Tag};
use host_terminal::card::{Card, CardError};

use crate::files::{is_there, select};

/// In key information (Card Specification 2.3.1, table 11-27): of each key its identifier, version, type, length.
const KEY_INFORMATION: Tag = Tag(0xC0);
/// Free bytes of non-volatile memory in extended card resources.
const FREE: Tag = Tag(0x82);
const APPLICATIONS: Tag = Tag(0x81);

/// A provider record's security domain.
pub(crate) struct Domain {
    pub(crate) reference: ProviderReference,
    pub(crate) state: DomainState,
}

/// Selects the issuer's security domain.
pub(crate) async fn select_issuer(card: &mut Card) -> Result<()> {
    let name = Selector::Name(Aid::ISSUER_SECURITY_DOMAIN.as_bytes(), Occurrence::First);
    let is_ours = is_there(select(card, name).await)?;
    ensure!(is_ours, "this is another kind of card: it has no issuer security domain of this name");
    Ok(())
}

/// The card's life cycle state.
pub(crate) async fn life_cycle(card: &mut Card) -> Result<LifeCycle> {
    let state = GetStatus::parse_answer(&card.send("GET STATUS", &GetStatus::CARD).await?);
    state.ok().context("the card does not tell its life cycle state")
}

/// The card can be used: it is neither locked nor terminated.
pub(crate) async fn must_be_usable(card: &mut Card) -> Result<()> {
    match life_cycle(card).await? {
        LifeCycle::CardLocked => bail!("the card is blocked: its issuer unblocks it with `cardctl unblock`"),
        LifeCycle::Terminated => bail!("the card is terminated"),
        LifeCycle::OpReady | LifeCycle::Initialized | LifeCycle::Secured => Ok(()),
    }
}

/// The security domains of providers: one for every record, also for one that is locked.
pub(crate) async fn domains(card: &mut Card) -> Result<Vec<Domain>> {
    let status = GetStatus { subset: Subset::Applications, name: &[], tags: None };
    let answer = card.send("GET STATUS", &status).await?;
    let mut input = Reader::new(&answer);
    let mut domains = Vec::new();
    while !input.is_empty() {
        let entry = RegistryEntry::parse(&mut input).ok().context("the card's answer is no registry")?;
        let mut all = ProviderReference::all();
        if let Some(reference) = all.find(|reference| Aid::provider_security_domain(*reference) == entry.name) {
            let state = DomainState::parse(entry.state).ok().context("there is no such state of a domain")?;
            domains.push(Domain { reference, state });
        }
    }
    Ok(domains)
}

/// The versions of the selected domain's key sets.
pub(crate) async fn key_versions(card: &mut Card) -> Result<Vec<KeyVersion>> {
    let answer = object(card, CardObject::KEYS).await?.context("the card does not tell its key sets")?;
    let mut input = Reader::new(&answer);
    let mut versions = Vec::new();
    while !input.is_empty() {
        let key = input.field(KEY_INFORMATION).ok().context("the card's answer is no list of keys")?;
        versions.extend(key.get(1).and_then(|version| KeyVersion::parse(*version).ok()));
    }
    versions.dedup();
    Ok(versions)
}

/// How many secure channels the selected domain has begun.
pub(crate) async fn sequence_counter(card: &mut Card) -> Result<Option<u32>> {
    let counter = object(card, CardObject::SEQUENCE_COUNTER).await?;
    Ok(counter.map(|counter| counter.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))))
}

/// Free bytes of flash.
pub(crate) async fn free_memory(card: &mut Card) -> Result<Option<u32>> {
    let resources = object(card, CardObject::RESOURCES).await?;
    let free = resources.as_deref().and_then(|resources| {
        let mut input = Reader::new(resources);
        input.field(APPLICATIONS).ok()?;
        Some(u32::from_be_bytes(input.field(FREE).ok()?.try_into().ok()?))
    });
    Ok(free)
}

/// A data object of the selected domain, if it has it.
pub(crate) async fn object(card: &mut Card, object: CardObject) -> Result<Option<Vec<u8>>> {
    match card.ask("GET DATA", &GetCardData { object }).await? {
        (_, Status::REFERENCE_NOT_FOUND) => Ok(None),
        (answer, Status::OK) => {
            let value = Reader::all(&answer, |input| input.field(object.tag()));
            Ok(Some(value.ok().context("the card's answer to GET DATA is none")?.to_vec()))
        }
        (_, status) => Err(CardError::Refused { command: "GET DATA".to_owned(), status }.into()),
    }
}
