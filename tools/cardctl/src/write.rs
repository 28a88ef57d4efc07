//! What a profile says, brought to a card: alike before SECURED, and through the issuer's secure channel.

use anyhow::{Context, Result, bail};
use apdu_spec::instruction::{GenerateKeyPair, Pair, Selector, StoreData};
use apdu_spec::provider::ProviderReference;
use host_terminal::card::Card;

use crate::files::{make, remove, select, select_path};
use crate::pkcs15;
use crate::profile::{Account, CardFile, Profile};
use crate::{condition, reading, registry};

/// An account that is on a card now.
pub(crate) struct WrittenAccount {
    pub(crate) record: u8,
    pub(crate) provider: [u8; 16],
    pub(crate) name: String,
    pub(crate) account: String,
    /// What the card signs with; its provider must know it.
    pub(crate) key: [u8; 65],
}

/// The numbers of issuer and card, and the PINs. The issuer's domain must be selected, here and in what follows.
pub(crate) async fn numbers_and_pins(card: &mut Card, profile: &Profile) -> Result<()> {
    if let Some(number) = &profile.issuer_number {
        card.send("STORE DATA", &StoreData::IssuerNumber(number)).await.context("issuer_number")?;
    }
    if let Some(number) = &profile.card_number {
        card.send("STORE DATA", &StoreData::CardNumber(number)).await.context("card_number")?;
    }
    for pin in &profile.pins {
        let stored = card.send("STORE DATA", &StoreData::Pin(pin.record())).await;
        stored.with_context(|| format!("PIN {}", pin.reference.number()))?;
    }
    Ok(())
}

/// Opens accounts, and has the card make a signing key for each.
pub(crate) async fn accounts(card: &mut Card, accounts: &[Account]) -> Result<Vec<WrittenAccount>> {
    let mut taken: Vec<ProviderReference> = accounts.iter().filter_map(|account| account.reference).collect();
    taken.extend(registry::domains(card).await?.iter().map(|domain| domain.reference));
    let mut written = Vec::new();
    for account in accounts {
        let free = || ProviderReference::all().find(|reference| !taken.contains(reference));
        let reference = account.reference.or_else(free).context("there is no room for another provider record")?;
        taken.push(reference);
        let opened = open_account(card, account, reference).await;
        written.push(opened.with_context(|| format!("provider {}", account.name))?);
    }
    Ok(written)
}

async fn open_account(card: &mut Card, account: &Account, reference: ProviderReference) -> Result<WrittenAccount> {
    card.send("STORE DATA", &StoreData::Provider(account.record(reference))).await?;
    Ok(WrittenAccount {
        record: reference.number(),
        provider: account.provider,
        name: account.name.clone(),
        account: account.number.clone(),
        key: make_pair(card, Pair::Provider(reference)).await?,
    })
}

/// Brings keys, and has the card make those that are pairs; gives those that sign.
pub(crate) async fn keys(card: &mut Card, profile: &Profile) -> Result<Vec<pkcs15::Key>> {
    let mut signing = Vec::new();
    for key in &profile.keys {
        let write = async {
            card.send("STORE DATA", &StoreData::Key(key.record())).await?;
            let Some(template) = key.made_in() else { return Ok(()) };
            let public_key = make_pair(card, Pair::Key(template, key.reference)).await?;
            if key.signs() {
                let pin = condition::single_pin(&key.condition);
                signing.push(pkcs15::Key { reference: key.reference, label: key.label.clone(), pin, public_key });
            }
            anyhow::Ok(())
        };
        write.await.with_context(|| format!("key {}", key.label))?;
    }
    Ok(signing)
}

async fn make_pair(card: &mut Card, pair: Pair) -> Result<[u8; 65]> {
    let answer = card.send("GENERATE ASYMMETRIC KEY PAIR", &GenerateKeyPair { pair, generate: true }).await?;
    let key = GenerateKeyPair::parse_answer(&answer).ok().context("the card's answer is no public key")?;
    Ok(*key)
}

/// Makes files, each in the place of one that is there; a directory that is there stays, with what is in it.
pub(crate) async fn files(card: &mut Card, files: &[CardFile]) -> Result<()> {
    for file in files {
        write_file(card, file).await.with_context(|| format!("file {}", file.shown_path()))?;
    }
    Ok(())
}

async fn write_file(card: &mut Card, file: &CardFile) -> Result<()> {
    let (id, parent) = file.path.split_last().context("no path")?;
    let parameters = file.parameters()?;
    select_path(card, parent).await?;
    let has_directory = reading::select(card, Selector::ChildDirectory(*id)).await?.is_some();
    match (parameters.descriptor.is_directory(), has_directory) {
        (true, true) => return Ok(()),
        // What is in it would go with it.
        (false, true) => bail!("there is a directory with this identifier, which stays: choose another one"),
        (true, false) => {}
        (false, false) => remove(card, *id).await?,
    }
    make(card, parameters, &file.content).await
}

/// Deletes what an attempt before may have left.
pub(crate) async fn withdraw_files(card: &mut Card, files: &[CardFile]) -> Result<()> {
    // What is in directories goes with these.
    for file in files.iter().filter(|file| file.path.len() == 1) {
        select(card, Selector::MasterFile).await?;
        for id in &file.path {
            remove(card, *id).await.with_context(|| format!("file {}", file.shown_path()))?;
        }
    }
    Ok(())
}
