//! Provider records and their keys in the store.

use apdu_spec::limits::{ACCOUNT_INFORMATION_MAX, CONDITION_MAX, PROVIDER_ID_MAX, PROVIDER_NAME_MAX, STORE_DATA_MAX};
use apdu_spec::provider::{Policy, ProviderInfo, ProviderRecord, ProviderReference, ProviderUpdate};
use apdu_spec::{Condition, Reader, Writer};
use embedded_storage::nor_flash::NorFlash;
use protocol::crypto::{PublicKey, RustCrypto, Secret};
use protocol::message::descriptor::provider_id;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::access::{Granted, Personalisation};
use crate::application::Domain;
use crate::context::Context;
use crate::key;
use crate::objects;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::secure_channel::key_set;
use crate::store::{ObjectId, Store};
use crate::transaction::{descriptor, journal};

/// The most bytes of a record as it is stored: every object with two bytes of tag and length.
const RECORD_MAX: usize = (2 + 1)
    + (2 + PROVIDER_ID_MAX)
    + (2 + PROVIDER_NAME_MAX)
    + (2 + 1)
    + (2 + CONDITION_MAX)
    + (2 + ACCOUNT_INFORMATION_MAX)
    + (2 + 16)
    + (2 + 65)
    + (2 + Policy::LENGTH)
    + (2 + CONDITION_MAX);

const _: () = assert!(4 + RECORD_MAX + 16 <= STORE_DATA_MAX, "a record fits into blocks, encrypted");

/// A provider record, read from the store; its bytes are the data objects that personalisation brought.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Provider {
    bytes: [u8; RECORD_MAX],
    length: usize,
    is_locked: bool,
}

impl Provider {
    /// The record with this reference.
    pub(crate) fn load<F: NorFlash>(store: &mut Store<F>, reference: ProviderReference) -> Result<Self, Refusal> {
        let id = objects::provider(reference);
        let length = store.length(id).ok_or(Refusal::ReferenceNotFound)?;
        let mut provider = Self { bytes: [0; RECORD_MAX], length, is_locked: is_locked(store, reference) };
        store.read(id, 0, provider.bytes.get_mut(..length).ok_or(Refusal::Fault)?)?;
        Ok(provider)
    }

    /// Whether its issuer has taken it out of use.
    pub(crate) fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// What it says, secrets included: not to leave the card but through the transaction protocol.
    pub(crate) fn record(&self) -> Result<ProviderRecord<'_>, Refusal> {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        Reader::all(bytes, ProviderRecord::parse).map_err(|_| Refusal::Fault)
    }

    /// What anyone may see of it.
    pub(crate) fn info(&self) -> Result<ProviderInfo<'_>, Refusal> {
        Ok(self.record()?.info)
    }
}

/// Whether there is such a record.
pub(crate) fn exists<F: NorFlash>(store: &Store<F>, reference: ProviderReference) -> bool {
    store.length(objects::provider(reference)).is_some()
}

/// Whether the record is locked.
pub(crate) fn is_locked<F: NorFlash>(store: &Store<F>, reference: ProviderReference) -> bool {
    store.length(objects::domain_lock(reference)) == Some(LOCKED.len())
}

/// What a record's lock object holds. Its length tells, and locking takes no room that a full card might not have.
const LOCKED: [u8; 2] = [0; 2];
const UNLOCKED: [u8; 1] = [0; 1];

/// A provider record's registered signing key.
pub(crate) struct SigningKey {
    scalar: Secret<32>,
    public: PublicKey,
}

impl SigningKey {
    /// The key of the record that the permission is for.
    pub(crate) fn load<F: NorFlash>(store: &mut Store<F>, provider: &Granted<Provider>) -> Result<Self, Refusal> {
        let id = objects::signing_key(provider.subject().info()?.reference);
        store.length(id).ok_or(Refusal::ReferenceNotFound)?;
        let mut scalar = Zeroizing::new([0; 32]);
        let mut public = PublicKey([0; 65]);
        store.read(id, 0, scalar.as_mut_slice())?;
        store.read(id, 32, &mut public.0)?;
        Ok(Self { scalar: Secret::from(*scalar), public })
    }

    /// The private half.
    pub(crate) fn scalar(&self) -> &Secret<32> {
        &self.scalar
    }

    /// The public half.
    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// Creates or replaces a record, whose provider must be the root key's. What belonged to the one it replaces goes with
/// it.
pub(crate) fn personalise<P: Platform>(
    context: &mut Context<'_, P>,
    _: &Granted<Personalisation>,
    record: &ProviderRecord<'_>,
) -> Result<(), Refusal> {
    let reference = record.info.reference;
    verify_root(record)?;
    forget_belongings(context, reference)?;
    // The room that its transactions need, before files take it.
    descriptor::reserve(context.store, reference)?;
    context.store.write(objects::without_pin(reference), &[0])?;
    context.store.write(objects::domain_lock(reference), &UNLOCKED)?;
    key_set::reserve_sequence(context.store, Domain::Provider(reference))?;
    write(context, record)
}

/// Changes a record. What its provider signed with another root key counts no longer.
pub(crate) fn update<P: Platform>(
    context: &mut Context<'_, P>,
    provider: &Granted<Provider>,
    update: &ProviderUpdate<'_>,
) -> Result<(), Refusal> {
    let record = provider.subject().record()?;
    let changed = update.apply(record);
    verify_root(&changed)?;
    if changed.root_key != record.root_key {
        descriptor::reserve(context.store, record.info.reference)?;
    }
    write(context, &changed)
}

/// Gives a record another access condition; everything else of it stays.
pub(crate) fn set_condition<P: Platform>(
    context: &mut Context<'_, P>,
    provider: &Granted<Provider>,
    condition: Condition,
) -> Result<(), Refusal> {
    let record = provider.subject().record()?;
    write(context, &ProviderRecord { info: ProviderInfo { condition, ..record.info }, ..record })
}

/// Locks or unlocks a record and its security domain.
pub(crate) fn set_lock<P: Platform>(
    context: &mut Context<'_, P>,
    reference: ProviderReference,
    lock: bool,
) -> Result<(), Refusal> {
    if !exists(context.store, reference) {
        return Err(Refusal::ReferenceNotFound);
    }
    let object: &[u8] = if lock { &LOCKED } else { &UNLOCKED };
    context.store.write(objects::domain_lock(reference), object)?;
    context.transaction.end_with(reference);
    Ok(())
}

/// The identifier is the root key's.
fn verify_root(record: &ProviderRecord<'_>) -> Result<(), Refusal> {
    let identifier = provider_id::<RustCrypto>(&PublicKey(*record.root_key));
    if identifier.as_bytes() == record.info.provider { Ok(()) } else { Err(Refusal::WRONG_DATA) }
}

/// Keeps the record. A session with the one before ends.
fn write<P: Platform>(context: &mut Context<'_, P>, record: &ProviderRecord<'_>) -> Result<(), Refusal> {
    let reference = record.info.reference;
    let mut bytes = Zeroizing::new([0; RECORD_MAX]);
    let mut out = Writer::new(bytes.as_mut_slice());
    record.encode(&mut out)?;
    context.store.write(objects::provider(reference), out.written())?;
    context.transaction.end_with(reference);
    Ok(())
}

/// Deletes a record and its security domain.
pub(crate) fn delete<P: Platform>(
    context: &mut Context<'_, P>,
    _: &Granted<Personalisation>,
    reference: ProviderReference,
) -> Result<(), Refusal> {
    if !exists(context.store, reference) {
        return Err(Refusal::ReferenceNotFound);
    }
    forget_belongings(context, reference)?;
    context.store.delete(objects::provider(reference))?;
    context.transaction.end_with(reference);
    Ok(())
}

/// What belongs to a record must not fall to the one that comes in its place.
fn forget_belongings<P: Platform>(context: &mut Context<'_, P>, reference: ProviderReference) -> Result<(), Refusal> {
    key_set::delete_all(context.store, Domain::Provider(reference))?;
    journal::forget(context.store, reference)?;
    delete_if_there(context, objects::domain_lock(reference))?;
    for id in [objects::signing_key(reference), objects::descriptor(reference), objects::without_pin(reference)] {
        delete_if_there(context, id)?;
    }
    Ok(())
}

fn delete_if_there<P: Platform>(context: &mut Context<'_, P>, id: ObjectId) -> Result<(), Refusal> {
    if context.store.length(id).is_some() { Ok(context.store.delete(id)?) } else { Ok(()) }
}

/// Makes a new registered signing key.
pub(crate) fn generate_key<P: Platform>(
    context: &mut Context<'_, P>,
    _: &Granted<Provider>,
    reference: ProviderReference,
) -> Result<(), Refusal> {
    let pair = key::new_pair(context)?;
    context.store.write(objects::signing_key(reference), pair.as_slice())?;
    context.transaction.end_with(reference);
    Ok(())
}
