//! Which object of the store holds what: the high byte is the kind, the rest says which one.

use core::ops::RangeInclusive;

use apdu_spec::KeyReference;
use apdu_spec::instruction::{CardObject, PinReference};
use apdu_spec::provider::ProviderReference;

use crate::application::Domain;
use crate::secure_channel::KeySetName;
use crate::store::ObjectId;

/// The card's life cycle state, one byte.
pub(crate) const LIFE_CYCLE: ObjectId = ObjectId(0x0100_0000);

const FILE_HEADER: u32 = 0x0200_0000;
const FILE_CONTENT: u32 = 0x0300_0000;
const FILE_RECORD: u32 = 0x0400_0000;
const PIN: u32 = 0x0500_0000;
const PIN_TRIES: u32 = 0x0600_0000;
const PROVIDER: u32 = 0x0700_0000;
const SIGNING_KEY: u32 = 0x0800_0000;
const DESCRIPTOR: u32 = 0x0900_0000;
const WITHOUT_PIN: u32 = 0x0A00_0000;
const JOURNAL: u32 = 0x0B00_0000;
const KEY_SET: u32 = 0x0C00_0000;
const KEY_TRIES: u32 = 0x0D00_0000;

const SEQUENCE_COUNTER: u32 = 0x0E00_0000;
const DOMAIN_LOCK: u32 = 0x0F00_0000;
const CARD_OBJECT: u32 = 0x1000_0000;
const KEY: u32 = 0x2000_0000;
const KEY_VALUE: u32 = 0x2100_0000;
const KEY_USES: u32 = 0x2200_0000;
const KEY_AUTHENTICATION_TRIES: u32 = 0x2300_0000;

/// Whether whoever reads the flash must not find what such an object once held: keys and what else nobody may know.
pub(crate) fn is_secret(id: ObjectId) -> bool {
    matches!(id.0 & 0xFF00_0000, PIN | PROVIDER | SIGNING_KEY | KEY_SET | KEY_VALUE)
}

/// A file as the store knows it: counted from 0, the master file. Not the file's identifier, which another directory
/// may use again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileNumber(pub(crate) u16);

impl FileNumber {
    pub(crate) const MASTER_FILE: Self = Self(0);

    /// Parent and control parameters.
    pub(crate) fn header(self) -> ObjectId {
        ObjectId(FILE_HEADER | u32::from(self.0))
    }

    /// The bytes of a transparent file.
    pub(crate) fn content(self) -> ObjectId {
        ObjectId(FILE_CONTENT | u32::from(self.0))
    }

    /// One record of a file of records; record 0, which does not exist, is before the first.
    pub(crate) fn record(self, number: u8) -> ObjectId {
        ObjectId(FILE_RECORD | u32::from(self.0) << 8 | u32::from(number))
    }

    /// The file whose header this object is.
    pub(crate) fn of_header(id: ObjectId) -> Option<Self> {
        u16::try_from(id.0.checked_sub(FILE_HEADER)?).ok().map(Self)
    }
}

/// How a PIN is recognised.
pub(crate) fn pin(reference: PinReference) -> ObjectId {
    ObjectId(PIN | u32::from(reference.number()))
}

/// The tries a PIN has left, one byte.
pub(crate) fn pin_tries(reference: PinReference) -> ObjectId {
    ObjectId(PIN_TRIES | u32::from(reference.number()))
}

/// A provider record as personalisation brought it.
pub(crate) fn provider(reference: ProviderReference) -> ObjectId {
    ObjectId(PROVIDER | u32::from(reference.number()))
}

/// A provider record's registered signing key: scalar (32), public key (65).
pub(crate) fn signing_key(reference: ProviderReference) -> ObjectId {
    ObjectId(SIGNING_KEY | u32::from(reference.number()))
}

/// The signed descriptor last accepted from a provider.
pub(crate) fn descriptor(reference: ProviderReference) -> ObjectId {
    ObjectId(DESCRIPTOR | u32::from(reference.number()))
}

/// How many transactions in a row were signed without the PIN, one byte.
pub(crate) fn without_pin(reference: ProviderReference) -> ObjectId {
    ObjectId(WITHOUT_PIN | u32::from(reference.number()))
}

/// A slot of the transaction journal.
pub(crate) fn journal(slot: u8) -> ObjectId {
    ObjectId(JOURNAL | u32::from(slot))
}

/// The keys ENC, MAC and DEK with one version, 16 bytes each.
pub(crate) fn key_set(name: KeySetName) -> ObjectId {
    ObjectId(of_domain(KEY_SET, name.domain) | u32::from(name.version.number()))
}

/// All key sets of a security domain; the last byte is the version.
pub(crate) fn key_sets(domain: Domain) -> RangeInclusive<ObjectId> {
    ObjectId(of_domain(KEY_SET, domain))..=ObjectId(of_domain(KEY_SET, domain) | 0xFF)
}

/// The failed authentications a key set still allows, one byte.
pub(crate) fn key_tries(name: KeySetName) -> ObjectId {
    ObjectId(of_domain(KEY_TRIES, name.domain) | u32::from(name.version.number()))
}

/// How often a secure channel was begun with a security domain, four bytes.
pub(crate) fn sequence_counter(domain: Domain) -> ObjectId {
    ObjectId(of_domain(SEQUENCE_COUNTER, domain))
}

/// Whether a provider record and its security domain are locked: two bytes if they are, else one.
pub(crate) fn domain_lock(reference: ProviderReference) -> ObjectId {
    ObjectId(DOMAIN_LOCK | u32::from(reference.number()))
}

/// A data object that GET DATA tells as it came.
pub(crate) fn card_object(object: CardObject) -> ObjectId {
    ObjectId(CARD_OBJECT | u32::from(object.0))
}

fn of_domain(kind: u32, domain: Domain) -> u32 {
    kind | u32::from(domain.number()) << 8
}

/// What is said of a key of the key store.
pub(crate) fn key(reference: KeyReference) -> ObjectId {
    ObjectId(KEY | u32::from(reference.number()))
}

/// The value of a key of the key store: scalar (32) and public key (65), public key (65), or AES-128 key (16).
pub(crate) fn key_value(reference: KeyReference) -> ObjectId {
    ObjectId(KEY_VALUE | u32::from(reference.number()))
}

/// How often a key of the key store can still be used, four bytes, where that is limited.
pub(crate) fn key_uses(reference: KeyReference) -> ObjectId {
    ObjectId(KEY_USES | u32::from(reference.number()))
}

/// The failed authentications that a key of the key store still allows, one byte.
pub(crate) fn key_authentication_tries(reference: KeyReference) -> ObjectId {
    ObjectId(KEY_AUTHENTICATION_TRIES | u32::from(reference.number()))
}
