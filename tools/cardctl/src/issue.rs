//! Makes an empty card somebody's card.

use std::fmt;

use anyhow::{Context, Result, ensure};
use apdu_spec::file::{FileDescriptor, FileState};
use apdu_spec::instruction::{
    CreateFile, GenerateKeyPair, GetChallenge, GetStatus, Occurrence, Pair, Select, SelectAnswer, Selector, SetStatus,
    StoreData, Target, UpdateBinary,
};
use apdu_spec::key::Template;
use apdu_spec::pin::PinRecord;
use apdu_spec::{Aid, Fcp, FileId, LifeCycle, SecurityAttributes, ShortFileId, Tag, Writer};
use host_terminal::card::Card;
use serde_json::{Value, json};

use crate::directory;
use crate::files;
use crate::pkcs15::{self, Key, SERIAL_NUMBER_LENGTH, View};
use crate::profile::{Account, Profile, SigningKey};

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
    holder: String,
    accounts: Vec<IssuedAccount>,
    keys: Vec<Key>,
}

struct IssuedAccount {
    record: u8,
    provider: [u8; 16],
    name: String,
    account: String,
    key: [u8; 65],
}

/// Personalises the card and makes it SECURED. Where this fails, the card still takes all of it again.
pub(crate) async fn issue(card: &mut Card, profile: &Profile) -> Result<Issued> {
    select_issuer_domain(card).await?;
    let state = GetStatus::parse_answer(&card.send("GET STATUS", &GetStatus::CARD).await?);
    let state = state.ok().context("the card does not tell its life cycle state")?;
    ensure!(state < LifeCycle::Secured, "this card was issued already: take an empty one");

    let issued = personalise(card, profile).await.context("the card is not finished, and can be issued again")?;
    for next in [LifeCycle::Initialized, LifeCycle::Secured].into_iter().filter(|next| *next > state) {
        card.send("SET STATUS", &SetStatus::Card(next)).await?;
    }
    Ok(issued)
}

async fn personalise(card: &mut Card, profile: &Profile) -> Result<Issued> {
    pkcs15::withdraw(card).await?;
    directory::withdraw(card).await?;
    select_issuer_domain(card).await?;
    write_holder(card, &profile.holder).await.context("the holder's file")?;
    for pin in &profile.pins {
        let record = PinRecord::new(pin.reference, pin.tries, &pin.value);
        let stored = card.send("STORE DATA", &StoreData::Pin(record)).await;
        stored.with_context(|| format!("PIN {}", pin.reference.number()))?;
    }
    let mut accounts = Vec::new();
    for account in &profile.accounts {
        let issued = open_account(card, account).await;
        accounts.push(issued.with_context(|| format!("provider {}", account.name))?);
    }
    let mut keys = Vec::new();
    for key in &profile.keys {
        keys.push(make_key(card, key).await.with_context(|| format!("key {}", key.label))?);
    }
    let issued = Issued { holder: profile.holder.clone(), accounts, keys };
    let has_keys = !issued.keys.is_empty();
    directory::write_both(card, if has_keys { &pkcs15::APPLICATIONS } else { &[] }).await?;
    if has_keys {
        publish_keys(card, &issued).await.context("the list of keys")?;
    }
    select_issuer_domain(card).await?;
    Ok(issued)
}

async fn publish_keys(card: &mut Card, issued: &Issued) -> Result<()> {
    let challenge = card.send("GET CHALLENGE", &GetChallenge { length: SERIAL_NUMBER_LENGTH }).await?;
    let serial_number = challenge.try_into().ok().context("the card's answer is no random number")?;
    let view = View { label: issued.holder.clone(), serial_number, keys: issued.keys.clone() };
    pkcs15::publish(card, &view).await
}

async fn select_issuer_domain(card: &mut Card) -> Result<()> {
    let selector = Selector::Name(Aid::ISSUER_SECURITY_DOMAIN.as_bytes(), Occurrence::First);
    card.send("SELECT", &Select { selector, answer: SelectAnswer::Nothing }).await?;
    Ok(())
}

async fn write_holder(card: &mut Card, name: &str) -> Result<()> {
    // An attempt before this one may have left it.
    files::delete(card, FileId::CARDHOLDER).await?;
    let parameters = Fcp {
        descriptor: FileDescriptor::Transparent { size: HOLDER_FILE_SIZE },
        id: FileId::CARDHOLDER,
        name: None,
        short_id: ShortFileId::parse(HOLDER_SHORT_ID).ok(),
        state: FileState::Activated,
        security: SecurityAttributes::parse_expanded(HOLDER_FILE_SECURITY).ok().context("no such condition")?,
    };
    card.send("CREATE FILE", &CreateFile { parameters }).await?;
    let mut space = [0; HOLDER_FILE_SIZE as usize];
    let mut content = Writer::new(&mut space);
    content.field(HOLDER_NAME, name.as_bytes()).ok().context("the name is too long")?;
    let update = UpdateBinary { file: Target::Current, offset: 0, data: content.written() };
    card.send("UPDATE BINARY", &update).await?;
    Ok(())
}

async fn open_account(card: &mut Card, account: &Account) -> Result<IssuedAccount> {
    card.send("STORE DATA", &StoreData::Provider(account.record()?)).await?;
    let generate = GenerateKeyPair { pair: Pair::Provider(account.reference), generate: true };
    let answer = card.send("GENERATE ASYMMETRIC KEY PAIR", &generate).await?;
    let key = GenerateKeyPair::parse_answer(&answer).ok().context("the card's answer is no public key")?;
    Ok(IssuedAccount {
        record: account.reference.number(),
        provider: account.provider,
        name: account.name.clone(),
        account: account.number.clone(),
        key: *key,
    })
}

async fn make_key(card: &mut Card, key: &SigningKey) -> Result<Key> {
    card.send("STORE DATA", &StoreData::Key(key.record()?)).await?;
    let generate = GenerateKeyPair { pair: Pair::Key(Template::Signature, key.reference), generate: true };
    let answer = card.send("GENERATE ASYMMETRIC KEY PAIR", &generate).await?;
    let public_key = GenerateKeyPair::parse_answer(&answer).ok().context("the card's answer is no public key")?;
    Ok(Key { reference: key.reference, label: key.label.clone(), pin: key.pin, public_key: *public_key })
}

impl Issued {
    pub(crate) fn json(&self) -> Value {
        let keys = self.accounts.iter().map(|issued| {
            json!({
                "record": issued.record,
                "provider": hex::encode(issued.provider),
                "name": issued.name,
                "account": issued.account,
                "verification_key": hex::encode(issued.key),
            })
        });
        let signing_keys = self.keys.iter().map(|key| {
            json!({
                "reference": key.reference.number(),
                "label": key.label,
                "public_key": hex::encode(key.public_key),
            })
        });
        json!({
            "holder": self.holder,
            "life_cycle": "SECURED",
            "keys": keys.collect::<Vec<_>>(),
            "signing_keys": signing_keys.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Issued {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "The card is {}'s.", self.holder)?;
        if !self.accounts.is_empty() {
            write!(out, " Its providers must know its keys before it can be used:")?;
        }
        for issued in &self.accounts {
            let key = hex::encode(issued.key);
            write!(out, "\n\n{} (record {})\n", issued.name, issued.record)?;
            write!(out, "  service-provider register-key --account {} --key {key}", issued.account)?;
        }
        for key in &self.keys {
            let public_key = hex::encode(key.public_key);
            write!(out, "\n\n{} (key {:02X})\n  {public_key}", key.label, key.reference.number())?;
        }
        Ok(())
    }
}
