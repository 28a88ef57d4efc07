//! The keys of the key store. No command lists them: the card is asked of each number for what such a key could be
//! named, which tells whether it is there and what it is for.

use anyhow::Result;
use apdu_spec::instruction::{ControlReference, ManageSecurityEnvironment, Pair};
use apdu_spec::key::{Template, Usage};
use apdu_spec::limits::{KEY_REFERENCE_MAX, KEY_REFERENCE_MIN};
use apdu_spec::{KeyReference, Status};
use host_terminal::card::Card;

use super::public_key;

/// A key, without what is secret of it.
pub(crate) struct FoundKey {
    pub(crate) reference: KeyReference,
    /// What it is for, in words: "signing".
    pub(crate) purposes: Vec<&'static str>,
    /// Where it has one.
    pub(crate) public_key: Option<[u8; 65]>,
}

/// What a key can be named for.
const PURPOSES: [(Template, Usage, &str); 9] = [
    (Template::Signature, Usage::Compute, "signing"),
    (Template::Signature, Usage::Verify, "verifying signatures"),
    (Template::Confidentiality, Usage::Compute, "deciphering or agreeing on a secret"),
    (Template::Confidentiality, Usage::Verify, "enciphering"),
    (Template::Checksum, Usage::Compute, "computing checksums"),
    (Template::Checksum, Usage::Verify, "verifying checksums"),
    (Template::Authentication, Usage::Compute, "proving that it is the card"),
    (Template::Authentication, Usage::Verify, "authenticating a host"),
    (Template::Authentication, Usage::Both, "mutual authentication"),
];

pub(super) async fn keys(card: &mut Card) -> Result<Vec<FoundKey>> {
    let mut keys = Vec::new();
    for reference in (KEY_REFERENCE_MIN..=KEY_REFERENCE_MAX).filter_map(|number| KeyReference::parse(number).ok()) {
        keys.extend(key(card, reference).await?);
    }
    card.send("MANAGE SECURITY ENVIRONMENT", &ManageSecurityEnvironment::Restore).await?;
    Ok(keys)
}

async fn key(card: &mut Card, reference: KeyReference) -> Result<Option<FoundKey>> {
    let mut found = FoundKey { reference, purposes: Vec::new(), public_key: None };
    for (template, usage, words) in PURPOSES {
        let named = ControlReference { template, usage, key: Some(reference), algorithm: None };
        let set = ManageSecurityEnvironment::Set(named);
        match card.ask("MANAGE SECURITY ENVIRONMENT", &set).await?.1 {
            Status::REFERENCE_NOT_FOUND => return Ok(None),
            Status::OK => {
                found.purposes.push(words);
                let has_pair = template != Template::Checksum && found.public_key.is_none();
                if has_pair {
                    found.public_key = public_key(card, Pair::Key(template, found.reference)).await?;
                }
            }
            _ => {}
        }
    }
    Ok(Some(found))
}
