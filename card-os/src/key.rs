//! The key store: what is said of a key, its value, its counters.
//!
//! A value is given out to an operation alone, and only by [`Counted`]: by then the use is permitted and its counters
//! are durable.

use apdu_spec::key::{Algorithm, KeyAttributes, KeyKind, KeyRecord, Purpose, Template, Usage};
use apdu_spec::limits::CONDITION_MAX;
use apdu_spec::{KeyReference, Reader, Writer};
use embedded_storage::nor_flash::NorFlash;
use protocol::crypto::{Crypto, PublicKey, RustCrypto, Secret, Signature, random_scalar};
use rand_core::RngCore;
use zeroize::Zeroizing;

use crate::access::{Granted, Personalisation};
use crate::context::Context;
use crate::objects;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::session::Ended;
use crate::store::{ObjectId, Store};

/// Bytes of a pair as it is stored: the scalar, and its public key, which costs a multiplication to compute.
const PAIR_LENGTH: usize = 32 + 65;

/// A pair as it is stored.
pub(crate) type PairBytes = Zeroizing<[u8; PAIR_LENGTH]>;

/// A key of the key store, without its value.
pub(crate) struct Key {
    reference: KeyReference,
    attributes: KeyAttributes,
}

impl Key {
    /// The most bytes of the attributes as they are stored: every object with two bytes of tag and length.
    const ATTRIBUTES_MAX: usize = (2 + 1) + (2 + 2) + (2 + CONDITION_MAX) + (2 + 4) + (2 + 1);

    /// The key with this reference.
    pub(crate) fn load<F: NorFlash>(store: &mut Store<F>, reference: KeyReference) -> Result<Self, Refusal> {
        let id = objects::key(reference);
        let length = store.length(id).ok_or(Refusal::ReferenceNotFound)?;
        let mut bytes = [0; Self::ATTRIBUTES_MAX];
        let bytes = bytes.get_mut(..length).ok_or(Refusal::Fault)?;
        store.read(id, 0, bytes)?;
        let attributes = Reader::all(bytes, KeyAttributes::parse).map_err(|_| Refusal::Fault)?;
        Ok(Self { reference, attributes })
    }

    /// What is said of it.
    pub(crate) fn attributes(&self) -> &KeyAttributes {
        &self.attributes
    }

    /// What it is for.
    pub(crate) fn purpose(&self) -> Purpose {
        self.attributes.purpose
    }

    /// Refuses what the key is not for; without an algorithm, the key's own is meant.
    pub(crate) fn serving(
        self,
        template: Template,
        usage: Usage,
        algorithm: Option<Algorithm>,
    ) -> Result<Self, Refusal> {
        let is_of_it = algorithm.is_none_or(|algorithm| algorithm == self.purpose().algorithm());
        if is_of_it && self.purpose().serves(template, usage) { Ok(self) } else { Err(Refusal::OutOfOrder) }
    }

    /// Its public half, which anyone may see.
    pub(crate) fn public<F: NorFlash>(&self, store: &mut Store<F>) -> Result<PublicKey, Refusal> {
        let offset = match self.purpose().kind() {
            KeyKind::Pair => 32,
            KeyKind::Public => 0,
            KeyKind::Aes => return Err(Refusal::OutOfOrder),
        };
        let mut public = PublicKey([0; 65]);
        read_value(store, self.reference, offset, &mut public.0)?;
        Ok(public)
    }
}

impl Granted<Key> {
    /// Durably counts a use, and a try where a host authenticates with the key, before it is made.
    pub(crate) fn count<F: NorFlash>(self, store: &mut Store<F>) -> Result<Counted, Refusal> {
        let key = self.into_subject();
        store.length(objects::key_value(key.reference)).ok_or(Refusal::ReferenceNotFound)?;
        if key.attributes.uses.is_some() {
            let id = objects::key_uses(key.reference);
            let mut left = [0; 4];
            store.read(id, 0, &mut left)?;
            let left = u32::from_be_bytes(left).checked_sub(1).ok_or(Refusal::KeyBlocked)?;
            store.write(id, &left.to_be_bytes())?;
        }
        if key.attributes.tries.is_some() {
            let left = tries_left(store, key.reference)?.checked_sub(1).ok_or(Refusal::KeyBlocked)?;
            store.write(objects::key_authentication_tries(key.reference), &[left])?;
        }
        store.commit()?;
        Ok(Counted(key))
    }
}

/// A key whose use is permitted and counted.
pub(crate) struct Counted(Key);

impl Counted {
    pub(crate) fn reference(&self) -> KeyReference {
        self.0.reference
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.0.purpose().algorithm()
    }

    /// Signs a hash with the private half.
    pub(crate) fn sign<P: Platform>(
        &self,
        context: &mut Context<'_, P>,
        hash: &[u8; 32],
    ) -> Result<Signature, Refusal> {
        let key = RustCrypto::signing_key(&self.secret(context.store)?).map_err(|_| Refusal::Fault)?;
        // Into the nonce goes entropy, so that a fault in one of two equal signatures tells nothing.
        let mut hedge = Zeroizing::new([0; 32]);
        context.random()?.fill_bytes(hedge.as_mut_slice());
        Ok(RustCrypto::sign_digest(&key, hash, hedge.as_slice()))
    }

    /// The public half.
    pub(crate) fn public<F: NorFlash>(&self, store: &mut Store<F>) -> Result<PublicKey, Refusal> {
        self.0.public(store)
    }

    /// The failed authentications that are still allowed.
    pub(crate) fn tries_left<F: NorFlash>(&self, store: &mut Store<F>) -> Result<u8, Refusal> {
        tries_left(store, self.0.reference)
    }

    /// Gives all tries back.
    pub(crate) fn restore_tries<F: NorFlash>(&self, store: &mut Store<F>) -> Result<(), Refusal> {
        let tries = self.0.attributes.tries.ok_or(Refusal::Fault)?;
        Ok(store.write(objects::key_authentication_tries(self.0.reference), &[tries])?)
    }

    /// The private scalar, or the AES key.
    pub(crate) fn secret<F: NorFlash, const N: usize>(&self, store: &mut Store<F>) -> Result<Secret<N>, Refusal> {
        let mut bytes = Zeroizing::new([0; N]);
        read_value(store, self.0.reference, 0, bytes.as_mut_slice())?;
        Ok(Secret::from(*bytes))
    }
}

fn tries_left<F: NorFlash>(store: &mut Store<F>, reference: KeyReference) -> Result<u8, Refusal> {
    let mut left = [0];
    store.read(objects::key_authentication_tries(reference), 0, &mut left)?;
    Ok(left[0])
}

fn read_value<F: NorFlash>(
    store: &mut Store<F>,
    reference: KeyReference,
    offset: usize,
    out: &mut [u8],
) -> Result<(), Refusal> {
    let id = objects::key_value(reference);
    store.length(id).ok_or(Refusal::ReferenceNotFound)?;
    Ok(store.read(id, offset, out)?)
}

/// Creates or replaces a key.
pub(crate) fn personalise<P: Platform>(
    context: &mut Context<'_, P>,
    granted: &Granted<Personalisation>,
    record: &KeyRecord<'_>,
) -> Result<(), Refusal> {
    let KeyRecord { reference, attributes, value } = record;
    remove(context, granted, *reference)?;
    let mut bytes = [0; Key::ATTRIBUTES_MAX];
    let mut out = Writer::new(&mut bytes);
    attributes.encode(&mut out)?;
    context.store.write(objects::key(*reference), out.written())?;
    fill_counters(context, *reference, attributes)?;
    match (attributes.purpose.kind(), value) {
        (KeyKind::Pair, None) => Ok(()),
        (KeyKind::Pair, Some(scalar)) => {
            context.require_import(false)?;
            let pair = pair_of(&secret(scalar)?)?;
            Ok(context.store.write(objects::key_value(*reference), pair.as_slice())?)
        }
        (KeyKind::Public, Some(point)) => {
            let point = PublicKey((*point).try_into().map_err(|_| Refusal::Fault)?);
            if !RustCrypto::is_point(&point) {
                return Err(Refusal::WRONG_DATA);
            }
            Ok(context.store.write(objects::key_value(*reference), &point.0)?)
        }
        (KeyKind::Aes, Some(key)) => {
            context.require_import(true)?;
            Ok(context.store.write(objects::key_value(*reference), key)?)
        }
        (KeyKind::Public | KeyKind::Aes, None) => Err(Refusal::Fault),
    }
}

/// Removes a key.
pub(crate) fn delete<P: Platform>(
    context: &mut Context<'_, P>,
    granted: &Granted<Personalisation>,
    reference: KeyReference,
) -> Result<(), Refusal> {
    context.store.length(objects::key(reference)).ok_or(Refusal::ReferenceNotFound)?;
    remove(context, granted, reference)
}

/// Makes a new pair for a key, whose counters begin anew.
pub(crate) fn generate<P: Platform>(
    context: &mut Context<'_, P>,
    _: &Granted<Personalisation>,
    key: &Key,
) -> Result<(), Refusal> {
    if key.purpose().kind() != KeyKind::Pair {
        return Err(Refusal::OutOfOrder);
    }
    let pair = new_pair(context)?;
    context.store.write(objects::key_value(key.reference), pair.as_slice())?;
    fill_counters(context, key.reference, &key.attributes)
}

/// A new pair.
pub(crate) fn new_pair<P: Platform>(context: &mut Context<'_, P>) -> Result<PairBytes, Refusal> {
    pair_of(&random_scalar::<RustCrypto>(&mut context.random()?))
}

/// The pair of a scalar, if it is one.
fn pair_of(scalar: &Secret<32>) -> Result<PairBytes, Refusal> {
    let key = RustCrypto::signing_key(scalar).map_err(|_| Refusal::WRONG_DATA)?;
    let mut bytes = Zeroizing::new([0; PAIR_LENGTH]);
    let mut out = Writer::new(bytes.as_mut_slice());
    out.put(scalar.as_bytes())?;
    out.put(&RustCrypto::verification_key(&key).0)?;
    Ok(bytes)
}

fn secret<const N: usize>(bytes: &[u8]) -> Result<Secret<N>, Refusal> {
    let bytes: Zeroizing<[u8; N]> = Zeroizing::new(bytes.try_into().map_err(|_| Refusal::Fault)?);
    Ok(Secret::from(*bytes))
}

fn remove<P: Platform>(
    context: &mut Context<'_, P>,
    _: &Granted<Personalisation>,
    reference: KeyReference,
) -> Result<(), Refusal> {
    let (key, value) = (objects::key(reference), objects::key_value(reference));
    for id in [key, value, objects::key_uses(reference), objects::key_authentication_tries(reference)] {
        if context.store.length(id).is_some() {
            context.store.delete(id)?;
        }
    }
    context.ended = Some(Ended::Key(reference));
    Ok(())
}

fn fill_counters<P: Platform>(
    context: &mut Context<'_, P>,
    reference: KeyReference,
    attributes: &KeyAttributes,
) -> Result<(), Refusal> {
    let mut fill = |id: ObjectId, count: &[u8]| context.store.write(id, count);
    if let Some(uses) = attributes.uses {
        fill(objects::key_uses(reference), &uses.to_be_bytes())?;
    }
    if let Some(tries) = attributes.tries {
        fill(objects::key_authentication_tries(reference), &[tries])?;
    }
    Ok(())
}
