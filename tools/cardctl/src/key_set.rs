//! The issuer's key sets: bringing, replacing, deleting and listing them.

use anyhow::{Context, Result, ensure};
use apdu_spec::Status;
use apdu_spec::instruction::{Delete, KeyBlock, KeyVersion, PutKey};
use host_terminal::card::{Card, CardError};
use zeroize::Zeroizing;

use crate::key_file::{Block, Keys, check_value, encrypted};
use crate::profile::KeySet;
use crate::registry;

/// Brings a key set to the selected security domain, in the place of `replaced`. In a secure channel its keys travel
/// under `channel`'s DEK, before SECURED in the clear.
pub(crate) async fn put(
    card: &mut Card,
    set: &KeySet,
    replaced: Option<KeyVersion>,
    channel: Option<&Keys>,
) -> Result<()> {
    let keys = set.keys.in_order();
    let wrap = |key: &Block| Zeroizing::new(channel.map_or(*key, |channel| encrypted(&channel.data, key)));
    let [encryption, mac, data] = keys.map(wrap);
    let checks = keys.map(check_value);
    let [first, second, third] = &checks;
    let keys = [(&encryption, first), (&mac, second), (&data, third)].map(|(value, check)| KeyBlock { value, check });
    let answer = card.send("PUT KEY", &PutKey { replaced, version: set.version, keys }).await?;
    let expected: Vec<u8> = [set.version.number()].into_iter().chain(checks.concat()).collect();
    ensure!(answer == expected, "the card took other keys than were sent to it");
    Ok(())
}

/// Brings the key sets of a profile, each in the place of one with the same version.
pub(crate) async fn put_all(card: &mut Card, sets: &[KeySet], channel: Option<&Keys>) -> Result<()> {
    let there = registry::key_versions(card).await?;
    for set in sets {
        let replaced = there.contains(&set.version).then_some(set.version);
        put(card, set, replaced, channel).await.with_context(|| format!("key set {}", set.version.number()))?;
    }
    Ok(())
}

/// Deletes a key set of the selected security domain.
pub(crate) async fn delete(card: &mut Card, version: KeyVersion) -> Result<()> {
    match card.ask("DELETE", &Delete::KeySet(version)).await? {
        (_, Status::OK) => Ok(()),
        (_, Status::REFERENCE_NOT_FOUND) => anyhow::bail!("there is no key set {}", version.number()),
        (_, Status::CONDITIONS_NOT_SATISFIED) => {
            anyhow::bail!("key set {} is the last one, and stays: put another one first", version.number())
        }
        (_, status) => Err(CardError::Refused { command: "DELETE".to_owned(), status }.into()),
    }
}
