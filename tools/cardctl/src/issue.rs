//! Makes an empty card somebody's card.

use std::fmt;

use anyhow::{Context, Result, ensure};
use apdu_spec::file::{FileDescriptor, FileState};
use apdu_spec::instruction::{Selector, SetStatus};
use apdu_spec::{Fcp, FileId, LifeCycle, SecurityAttributes, ShortFileId, Tag, Writer};
use host_terminal::card::Card;
use serde_json::{Value, json};

use crate::files::{Content, make, remove, select};
use crate::pkcs15::{self, Key};
use crate::profile::{CardFile, Profile};
use crate::write::{self, WrittenAccount};
use crate::{directory, key_set, registry, words};

/// The holder's name (ISO/IEC 7816-6).
const HOLDER_NAME: Tag = Tag(0x5F20);

/// The short identifier of the file with the holder's information.
const HOLDER_SHORT_ID: u8 = 1;

/// Bytes of that file.
const HOLDER_FILE_SIZE: u16 = 160;

/// Its holder alone reads it, changes it, and says who else may: all with PIN 1 (ISO/IEC 7816-4, 5.4.3.2). The rules
/// cover reading and updating by the access mode byte, and PUT DATA by its instruction byte.
const HOLDER_FILE_SECURITY: &[u8] = &[0x80, 1, 0x03, 0x9E, 1, 0x11, 0x84, 1, 0xDB, 0x9E, 1, 0x11];

/// A card that was issued.
pub(crate) struct Issued {
    pub(crate) holder: String,
    state: LifeCycle,
    has_key_set: bool,
    pub(crate) accounts: Vec<WrittenAccount>,
    pub(crate) keys: Vec<Key>,
}

/// Personalises the card and takes it to the state that the profile says. Where this fails, the card still takes all of
/// it again.
pub(crate) async fn issue(card: &mut Card, profile: &Profile) -> Result<Issued> {
    registry::select_issuer(card).await?;
    let state = registry::life_cycle(card).await?;
    ensure!(state < LifeCycle::Secured, "this card was issued already: {}", instead(card, state).await?);
    ensure!(state <= profile.state, "the card is {} already, and no card goes back", words::life_cycle(state));

    let issued = personalise(card, profile).await.context("the card is not finished, and can be issued again")?;
    let steps = [LifeCycle::Initialized, LifeCycle::Secured].into_iter();
    for next in steps.filter(|next| *next > state && *next <= profile.state) {
        card.send("SET STATUS", &SetStatus::Card(next)).await?;
    }
    Ok(issued)
}

/// What to do about a card in this state, which was issued. Without a key set nobody changes it any more.
async fn instead(card: &mut Card, state: LifeCycle) -> Result<&'static str> {
    let can_change = state == LifeCycle::Secured && !registry::key_versions(card).await?.is_empty();
    Ok(if can_change {
        "take an empty one, or change this one with `cardctl personalise`"
    } else {
        "take an empty one"
    })
}

async fn personalise(card: &mut Card, profile: &Profile) -> Result<Issued> {
    withdraw(card, profile).await?;
    registry::select_issuer(card).await?;
    write::numbers_and_pins(card, profile).await?;
    let accounts = write::accounts(card, &profile.accounts).await?;
    let keys = write::keys(card, profile).await?;
    key_set::put_all(card, &profile.key_sets, None).await?;
    write_holder(card, &profile.holder).await.context("the holder's file")?;
    write::files(card, &profile.files).await?;
    let named = profile.files.iter().filter_map(CardFile::application);
    let listed: &[directory::Application<'_>] = if keys.is_empty() { &[] } else { &pkcs15::APPLICATIONS };
    let applications: Vec<_> = listed.iter().copied().chain(named).collect();
    directory::write_both(card, &applications).await?;
    if !keys.is_empty() {
        pkcs15::publish(card, &profile.holder, &keys).await.context("the list of keys")?;
    }
    registry::select_issuer(card).await?;
    let (holder, has_key_set) = (profile.holder.clone(), !profile.key_sets.is_empty());
    Ok(Issued { holder, state: profile.state, has_key_set, accounts, keys })
}

/// Deletes the files that an attempt before may have left.
async fn withdraw(card: &mut Card, profile: &Profile) -> Result<()> {
    pkcs15::withdraw(card).await?;
    directory::withdraw(card).await?;
    write::withdraw_files(card, &profile.files).await?;
    select(card, Selector::MasterFile).await?;
    remove(card, FileId::CARDHOLDER).await
}

async fn write_holder(card: &mut Card, name: &str) -> Result<()> {
    let parameters = Fcp {
        descriptor: FileDescriptor::Transparent { size: HOLDER_FILE_SIZE },
        id: FileId::CARDHOLDER,
        name: None,
        short_id: ShortFileId::parse(HOLDER_SHORT_ID).ok(),
        state: FileState::Creation,
        security: SecurityAttributes::parse_expanded(HOLDER_FILE_SECURITY).ok().context("no such condition")?,
    };
    let mut space = [0; HOLDER_FILE_SIZE as usize];
    let mut content = Writer::new(&mut space);
    content.field(HOLDER_NAME, name.as_bytes()).ok().context("the name is too long")?;
    select(card, Selector::MasterFile).await?;
    make(card, parameters, &Content::Bytes(content.written().to_vec())).await
}

/// What is to be registered with providers, as programs read it.
pub(crate) fn accounts_json(accounts: &[WrittenAccount]) -> Value {
    let accounts = accounts.iter().map(|account| {
        json!({
            "record": account.record,
            "provider": hex::encode(account.provider),
            "name": account.name,
            "account": account.account,
            "verification_key": hex::encode(account.key),
        })
    });
    accounts.collect()
}

/// The command that makes a provider know a card's key.
pub(crate) fn register_key(account: &WrittenAccount) -> String {
    format!("service-provider register-key --account {} --key {}", account.account, hex::encode(account.key))
}

pub(crate) fn keys_json(keys: &[Key]) -> Value {
    let keys = keys.iter().map(|key| {
        json!({
            "reference": key.reference.number(),
            "label": key.label,
            "public_key": hex::encode(key.public_key),
        })
    });
    keys.collect()
}

impl Issued {
    pub(crate) fn json(&self) -> Value {
        json!({
            "holder": self.holder,
            "life_cycle": words::life_cycle(self.state),
            "keys": accounts_json(&self.accounts),
            "signing_keys": keys_json(&self.keys),
        })
    }
}

/// The accounts and keys that were made, for people.
pub(crate) fn show(out: &mut fmt::Formatter<'_>, accounts: &[WrittenAccount], keys: &[Key]) -> fmt::Result {
    if !accounts.is_empty() {
        write!(out, " Its providers must know its keys before it can be used:")?;
    }
    for account in accounts {
        write!(out, "\n\n{} (record {})\n  {}", account.name, account.record, register_key(account))?;
    }
    for key in keys {
        let public_key = hex::encode(key.public_key);
        write!(out, "\n\n{} (key {:02X})\n  {public_key}", key.label, key.reference.number())?;
    }
    Ok(())
}

impl fmt::Display for Issued {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "The card is {}'s.", self.holder)?;
        if self.state < LifeCycle::Secured {
            write!(out, " It is {}, and anyone can still change it.", words::life_cycle(self.state))?;
        } else if !self.has_key_set {
            write!(out, " It has no key set: it stays as it is for ever.")?;
        }
        show(out, &self.accounts, &self.keys)
    }
}
