//! The provider's keys: the current descriptor, and earlier ones for as long as members may still use them.

use protocol::provider::ProviderKeys;
use protocol::types::KeyId;

use crate::Backend;
use crate::time::Timestamp;

/// Descriptors with their private keys, by identification.
pub struct KeyRing(Vec<Entry>);

struct Entry {
    keys: ProviderKeys<Backend>,
    /// The descriptor as the root key signed it.
    signed: Vec<u8>,
}

impl KeyRing {
    /// No keys.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a descriptor's keys and the descriptor as it is signed.
    pub fn add(&mut self, keys: ProviderKeys<Backend>, signed: Vec<u8>) {
        self.0.push(Entry { keys, signed });
    }

    /// The keys of a descriptor, valid or not: a transaction ends under the keys under which it began.
    #[must_use]
    pub fn find(&self, key: &KeyId) -> Option<&ProviderKeys<Backend>> {
        self.0.iter().map(|entry| &entry.keys).find(|keys| keys.id() == key)
    }

    /// The keys of a descriptor that is valid now.
    pub(crate) fn find_valid(&self, key: &KeyId, now: Timestamp) -> Option<&ProviderKeys<Backend>> {
        self.find(key).filter(|keys| is_valid(keys, now))
    }

    /// The signed descriptor of the highest version that is valid now.
    pub(crate) fn current(&self, now: Timestamp) -> Option<&[u8]> {
        let valid = self.0.iter().filter(|entry| is_valid(&entry.keys, now));
        valid.max_by_key(|entry| entry.keys.descriptor().version).map(|entry| entry.signed.as_slice())
    }
}

impl Default for KeyRing {
    fn default() -> Self {
        Self::new()
    }
}

fn is_valid(keys: &ProviderKeys<Backend>, now: Timestamp) -> bool {
    let seconds = now.0 / 1000;
    (keys.descriptor().not_before..=keys.descriptor().not_after).contains(&seconds)
}
