//! Changes a card that was issued, through the issuer's secure channel.

use std::fmt;

use anyhow::{Context, Result, ensure};
use host_terminal::card::Card;
use serde_json::{Value, json};

use crate::key_file::Keys;
use crate::pkcs15::{self, Key};
use crate::profile::{CardFile, Profile};
use crate::secure_channel::Options;
use crate::write::{self, WrittenAccount};
use crate::{directory, issue, key_set, registry};

/// What was changed.
pub(crate) struct Changed {
    pins: usize,
    files: usize,
    key_sets: usize,
    accounts: Vec<WrittenAccount>,
    keys: Vec<Key>,
}

/// What is secret in a profile must not be read on the way.
pub(crate) fn permits(profile: &Profile, options: Options) -> Result<()> {
    ensure!(
        options.level.encrypts_commands() || !profile.has_secrets(),
        "level {:02X} does not encrypt: PINs, accounts and secret keys would be readable on the way. Take 03, 13 or 33",
        options.level.to_byte()
    );
    Ok(())
}

/// Brings all that the profile says; `keys` are those of the secure channel that `card` is talked to through.
pub(crate) async fn personalise(card: &mut Card, profile: &Profile, keys: &Keys) -> Result<Changed> {
    let changed = change(card, profile, keys).await;
    changed.context("the card has some of the changes, and takes all of them again")
}

async fn change(card: &mut Card, profile: &Profile, channel: &Keys) -> Result<Changed> {
    registry::select_issuer(card).await?;
    write::numbers_and_pins(card, profile).await?;
    let accounts = write::accounts(card, &profile.accounts).await?;
    let keys = write::keys(card, profile).await?;
    write::files(card, &profile.files).await?;
    let mut applications: Vec<_> = profile.files.iter().filter_map(CardFile::application).collect();
    if !keys.is_empty() && pkcs15::add(card, &keys).await.context("the list of keys")? {
        applications.extend(pkcs15::APPLICATIONS);
    }
    if !applications.is_empty() {
        directory::add(card, &applications).await?;
    }
    // Last: the keys that opened the channel may go.
    registry::select_issuer(card).await?;
    key_set::put_all(card, &profile.key_sets, Some(channel)).await?;
    let (pins, files, key_sets) = (profile.pins.len(), profile.files.len(), profile.key_sets.len());
    Ok(Changed { pins, files, key_sets, accounts, keys })
}

impl Changed {
    pub(crate) fn json(&self) -> Value {
        json!({
            "pins": self.pins,
            "files": self.files,
            "key_sets": self.key_sets,
            "keys": issue::accounts_json(&self.accounts),
            "signing_keys": issue::keys_json(&self.keys),
        })
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pins, files, key_sets, accounts, keys } = self;
        let counts = [
            (*pins, "PIN"),
            (accounts.len(), "account"),
            (keys.len(), "signing key"),
            (*files, "file"),
            (*key_sets, "key set"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> =
            counts.map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" })).collect();
        match counts.as_slice() {
            [] => write!(out, "The card is changed.")?,
            _ => write!(out, "New on the card, or in the place of others: {}.", counts.join(", "))?,
        }
        issue::show(out, accounts, keys)
    }
}
