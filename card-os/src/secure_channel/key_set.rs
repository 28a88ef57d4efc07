//! The issuer's key sets in the store.
//!
//! Whoever replays a host's commands must never meet the same card challenge again, also where the same keys come back:
//! one sequence counter serves all key sets, and nothing sets it back.

use apdu_spec::Writer;
use apdu_spec::instruction::KeyVersion;
use apdu_spec::limits::KEY_TRIES_MAX;
use embedded_storage::nor_flash::NorFlash;
use protocol::crypto::Secret;
use zeroize::Zeroizing;

use super::cipher::BLOCK;
use crate::access::{Granted, Personalisation};
use crate::objects;
use crate::refusal::Refusal;
use crate::store::Store;

/// The keys of the issuer security domain with one version.
pub(crate) struct KeySet {
    pub(crate) version: KeyVersion,
    pub(crate) encryption: Secret<BLOCK>,
    pub(crate) mac: Secret<BLOCK>,
    /// Encrypts the keys that PUT KEY brings.
    pub(crate) data: Secret<BLOCK>,
}

impl KeySet {
    /// The key set with this version, or the first there is.
    pub(crate) fn load<F: NorFlash>(store: &mut Store<F>, version: Option<KeyVersion>) -> Result<Self, Refusal> {
        let id = match version {
            Some(version) => objects::key_set(version),
            None => store.ids(objects::KEY_SETS).next().ok_or(Refusal::ReferenceNotFound)?,
        };
        store.length(id).ok_or(Refusal::ReferenceNotFound)?;
        let [.., number] = id.0.to_be_bytes();
        let mut key = |offset| {
            let mut bytes = Zeroizing::new([0; BLOCK]);
            store.read(id, offset, bytes.as_mut_slice())?;
            Ok::<_, Refusal>(Secret::from(*bytes))
        };
        Ok(Self {
            version: KeyVersion::parse(number).map_err(|_| Refusal::Fault)?,
            encryption: key(0)?,
            mac: key(BLOCK)?,
            data: key(2 * BLOCK)?,
        })
    }

    /// Keeps this key set, in the place of `replaced` if there is one.
    pub(crate) fn put<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        _: &Granted<Personalisation>,
        replaced: Option<KeyVersion>,
    ) -> Result<(), Refusal> {
        if let Some(replaced) = replaced {
            if store.length(objects::key_set(replaced)).is_none() {
                return Err(Refusal::ReferenceNotFound);
            }
            store.delete(objects::key_set(replaced))?;
            store.delete(objects::key_tries(replaced))?;
        }
        if store.length(objects::key_set(self.version)).is_some() {
            return Err(Refusal::WRONG_DATA);
        }
        let mut bytes = Zeroizing::new([0; 3 * BLOCK]);
        let mut out = Writer::new(bytes.as_mut_slice());
        for key in [&self.encryption, &self.mac, &self.data] {
            out.put(key.as_bytes())?;
        }
        store.write(objects::key_set(self.version), out.written())?;
        Ok(store.write(objects::key_tries(self.version), &[KEY_TRIES_MAX])?)
    }
}

/// The failed authentications that are still allowed, 0 when the key set is blocked.
pub(crate) fn tries_left<F: NorFlash>(store: &mut Store<F>, version: KeyVersion) -> Result<u8, Refusal> {
    let mut left = [0];
    store.read(objects::key_tries(version), 0, &mut left)?;
    Ok(left[0])
}

/// Durably counts a try, before it is made.
pub(crate) fn count_try<F: NorFlash>(store: &mut Store<F>, version: KeyVersion) -> Result<(), Refusal> {
    let left = tries_left(store, version)?.checked_sub(1).ok_or(Refusal::KeyBlocked)?;
    store.write(objects::key_tries(version), &[left])?;
    Ok(store.commit()?)
}

/// Gives all tries back.
pub(crate) fn restore_tries<F: NorFlash>(store: &mut Store<F>, version: KeyVersion) -> Result<(), Refusal> {
    Ok(store.write(objects::key_tries(version), &[KEY_TRIES_MAX])?)
}

/// The next number of the sequence counter, three bytes. A counter at its end opens no channel any more.
pub(crate) fn next_sequence<F: NorFlash>(store: &mut Store<F>) -> Result<[u8; 3], Refusal> {
    let mut bytes = [0; 4];
    if store.length(objects::SEQUENCE_COUNTER).is_some() {
        store.read(objects::SEQUENCE_COUNTER, 0, &mut bytes)?;
    }
    let [overflow, next @ ..] = (u32::from_be_bytes(bytes) + 1).to_be_bytes();
    if overflow != 0 {
        return Err(Refusal::KeyBlocked);
    }
    let [high, middle, low] = next;
    store.write(objects::SEQUENCE_COUNTER, &[0, high, middle, low])?;
    Ok(next)
}
