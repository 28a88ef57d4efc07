//! The key sets of the security domains in the store.
//!
//! Whoever replays a host's commands must never meet the same card challenge again, also where the same keys come back:
//! one sequence counter serves all key sets of a domain, and nothing sets it back, not even the end of its record.

use apdu_spec::Writer;
use apdu_spec::instruction::KeyVersion;
use apdu_spec::limits::{KEY_SETS_MAX, KEY_TRIES_MAX};
use embedded_storage::nor_flash::NorFlash;
use protocol::crypto::Secret;
use zeroize::Zeroizing;

use super::cipher::BLOCK;
use crate::access::Granted;
use crate::application::Domain;
use crate::objects;
use crate::refusal::Refusal;
use crate::store::{ObjectId, Store};

/// Which key set: whose, and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeySetName {
    pub(crate) domain: Domain,
    pub(crate) version: KeyVersion,
}

/// The keys of a security domain with one version.
pub(crate) struct KeySet {
    pub(crate) name: KeySetName,
    pub(crate) encryption: Secret<BLOCK>,
    pub(crate) mac: Secret<BLOCK>,
    /// Encrypts the keys that PUT KEY brings.
    pub(crate) data: Secret<BLOCK>,
}

impl KeySet {
    /// The domain's key set with this version, or its first.
    pub(crate) fn load<F: NorFlash>(
        store: &mut Store<F>,
        domain: Domain,
        version: Option<KeyVersion>,
    ) -> Result<Self, Refusal> {
        let mut versions = versions(store, domain);
        let version = match version {
            None => versions.next(),
            Some(version) => versions.find(|found| *found == version),
        };
        let name = KeySetName { domain, version: version.ok_or(Refusal::ReferenceNotFound)? };
        drop(versions);
        let mut key = |offset| {
            let mut bytes = Zeroizing::new([0; BLOCK]);
            store.read(objects::key_set(name), offset, bytes.as_mut_slice())?;
            Ok::<_, Refusal>(Secret::from(*bytes))
        };
        Ok(Self { name, encryption: key(0)?, mac: key(BLOCK)?, data: key(2 * BLOCK)? })
    }

    /// Keeps this key set, in the place of `replaced` if there is one.
    pub(crate) fn put<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        granted: &Granted<Domain>,
        replaced: Option<KeyVersion>,
    ) -> Result<(), Refusal> {
        let domain = *granted.subject();
        if let Some(version) = replaced {
            remove(store, KeySetName { domain, version })?;
        }
        if store.length(objects::key_set(self.name)).is_some() {
            return Err(Refusal::WRONG_DATA);
        }
        if versions(store, domain).count() >= KEY_SETS_MAX {
            return Err(Refusal::NoSpace);
        }
        let mut bytes = Zeroizing::new([0; 3 * BLOCK]);
        let mut out = Writer::new(bytes.as_mut_slice());
        for key in [&self.encryption, &self.mac, &self.data] {
            out.put(key.as_bytes())?;
        }
        store.write(objects::key_set(self.name), out.written())?;
        reserve_sequence(store, domain)?;
        Ok(store.write(objects::key_tries(self.name), &[KEY_TRIES_MAX])?)
    }
}

/// The versions of a domain's key sets, the lowest first.
pub(crate) fn versions<F: NorFlash>(store: &Store<F>, domain: Domain) -> impl Iterator<Item = KeyVersion> + '_ {
    store.ids(objects::key_sets(domain)).filter_map(|ObjectId(id)| {
        let [.., version] = id.to_be_bytes();
        KeyVersion::parse(version).ok()
    })
}

/// Whose keys open a secure channel with this domain: its own, and as long as it has none the issuer's (Card
/// Specification 2.3.1, 7.2).
pub(crate) fn keeper<F: NorFlash>(store: &Store<F>, domain: Domain) -> Domain {
    if versions(store, domain).next().is_some() { domain } else { Domain::Issuer }
}

/// Deletes a key set, unless it is the domain's last that can still open a secure channel.
pub(crate) fn delete<F: NorFlash>(
    store: &mut Store<F>,
    granted: &Granted<Domain>,
    version: KeyVersion,
) -> Result<(), Refusal> {
    let domain = *granted.subject();
    remove(store, KeySetName { domain, version })?;
    let mut after = None;
    while let Some(version) = next_version(store, domain, after) {
        if tries_left(store, KeySetName { domain, version })? > 0 {
            return Ok(());
        }
        after = Some(version);
    }
    Err(Refusal::OutOfOrder)
}

/// Deletes all key sets of a domain that ends.
pub(crate) fn delete_all<F: NorFlash>(store: &mut Store<F>, domain: Domain) -> Result<(), Refusal> {
    while let Some(version) = next_version(store, domain, None) {
        remove(store, KeySetName { domain, version })?;
    }
    Ok(())
}

/// The failed authentications that are still allowed, 0 when the key set is blocked.
pub(crate) fn tries_left<F: NorFlash>(store: &mut Store<F>, name: KeySetName) -> Result<u8, Refusal> {
    let mut left = [0];
    store.read(objects::key_tries(name), 0, &mut left)?;
    Ok(left[0])
}

/// Durably counts a try, before it is made.
pub(crate) fn count_try<F: NorFlash>(store: &mut Store<F>, name: KeySetName) -> Result<(), Refusal> {
    let left = tries_left(store, name)?.checked_sub(1).ok_or(Refusal::KeyBlocked)?;
    store.write(objects::key_tries(name), &[left])?;
    Ok(store.commit()?)
}

/// Gives all tries back.
pub(crate) fn restore_tries<F: NorFlash>(store: &mut Store<F>, name: KeySetName) -> Result<(), Refusal> {
    Ok(store.write(objects::key_tries(name), &[KEY_TRIES_MAX])?)
}

/// The last number of a domain's sequence counter.
pub(crate) fn sequence<F: NorFlash>(store: &mut Store<F>, domain: Domain) -> Result<u32, Refusal> {
    let mut bytes = [0; 4];
    if store.length(objects::sequence_counter(domain)).is_some() {
        store.read(objects::sequence_counter(domain), 0, &mut bytes)?;
    }
    Ok(u32::from_be_bytes(bytes))
}

/// Makes the sequence counter if there is none: on a card that is full by then, no channel could be opened.
pub(crate) fn reserve_sequence<F: NorFlash>(store: &mut Store<F>, domain: Domain) -> Result<(), Refusal> {
    let last = sequence(store, domain)?;
    Ok(store.write(objects::sequence_counter(domain), &last.to_be_bytes())?)
}

/// The next number of the sequence counter, three bytes. A counter at its end opens no channel any more.
pub(crate) fn next_sequence<F: NorFlash>(store: &mut Store<F>, domain: Domain) -> Result<[u8; 3], Refusal> {
    let bytes @ [overflow, next @ ..] = (sequence(store, domain)? + 1).to_be_bytes();
    if overflow != 0 {
        return Err(Refusal::KeyBlocked);
    }
    store.write(objects::sequence_counter(domain), &bytes)?;
    Ok(next)
}

fn remove<F: NorFlash>(store: &mut Store<F>, name: KeySetName) -> Result<(), Refusal> {
    if store.length(objects::key_set(name)).is_none() {
        return Err(Refusal::ReferenceNotFound);
    }
    store.delete(objects::key_set(name))?;
    Ok(store.delete(objects::key_tries(name))?)
}

fn next_version<F: NorFlash>(store: &Store<F>, domain: Domain, after: Option<KeyVersion>) -> Option<KeyVersion> {
    versions(store, domain).find(|version| after.is_none_or(|after| *version > after))
}
