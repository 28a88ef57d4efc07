//! PINs: how they are kept and compared.
//!
//! A PIN is kept as a salted HMAC. Whoever can read the flash can still try all short PINs; the salt and the digest
//! keep the PIN itself, which people use elsewhere, from lying there in the clear, and make the comparison one of equal
//! lengths.

use apdu_spec::Malformed;
use apdu_spec::instruction::{PinRecord, PinReference};
use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use protocol::crypto::{Crypto, RustCrypto};
use rand_core::RngCore;
use subtle::ConstantTimeEq;

use crate::access::{Granted, Personalisation};
use crate::context::Context;
use crate::objects;
use crate::platform::Platform;
use crate::refusal::Refusal;

/// What the card keeps of a PIN.
///
/// ```text
/// tries (1)  length (1)  salt (16)  digest (32)
/// ```
pub(crate) struct Pin {
    reference: PinReference,
    /// The tries after a right PIN.
    tries: u8,
    /// Bytes of the PIN.
    length: u8,
    salt: [u8; 16],
    digest: [u8; 32],
}

impl Pin {
    const LENGTH: usize = 1 + 1 + 16 + 32;

    /// The PIN with this reference.
    pub(crate) fn load<P: Platform>(context: &mut Context<'_, P>, reference: PinReference) -> Result<Self, Refusal> {
        let id = objects::pin(reference);
        let length = context.store.length(id).ok_or(Refusal::ReferenceNotFound)?;
        let mut bytes = [0; Self::LENGTH];
        if length != bytes.len() {
            return Err(Refusal::Fault);
        }
        context.store.read(id, 0, &mut bytes)?;
        let [tries, length, rest @ ..] = bytes;
        let (Some((salt, _)), Some((_, digest))) = (rest.split_first_chunk(), rest.split_last_chunk()) else {
            return Err(Refusal::Fault);
        };
        Ok(Self { reference, tries, length, salt: *salt, digest: *digest })
    }

    /// Compares `value`. The try is durably counted before the comparison starts, and given back, durably too, after a
    /// right one, so that cutting the power never gains a guess.
    pub(crate) fn verify<P: Platform>(&self, context: &mut Context<'_, P>, value: &[u8]) -> Result<(), Refusal> {
        context.channel.verified.remove(self.reference);
        let left = self.tries_left(context)?.checked_sub(1).ok_or(Refusal::PinBlocked)?;
        self.set_tries_left(context, left)?;
        if !bool::from(digest(&self.salt, value).ct_eq(&self.digest)) {
            return Err(Refusal::WrongPin { left });
        }
        self.set_tries_left(context, self.tries)?;
        context.channel.verified.insert(self.reference);
        Ok(())
    }

    /// The tries left, 0 when it is blocked.
    pub(crate) fn tries_left<P: Platform>(&self, context: &mut Context<'_, P>) -> Result<u8, Refusal> {
        let mut left = [0];
        context.store.read(objects::pin_tries(self.reference), 0, &mut left)?;
        Ok(left[0])
    }

    /// Compares the beginning of `old_and_new`, as long as this PIN is, and makes the rest the new PIN.
    pub(crate) fn change<P: Platform>(&self, context: &mut Context<'_, P>, old_and_new: &[u8]) -> Result<(), Refusal> {
        // Too short a field is compared whole: a wrong PIN like any other, which tells nothing about the length.
        let (old, new) = old_and_new.split_at_checked(self.length.into()).unwrap_or((old_and_new, &[]));
        self.verify(context, old)?;
        store(context, self.reference, self.tries, new)
    }

    fn set_tries_left<P: Platform>(&self, context: &mut Context<'_, P>, left: u8) -> Result<(), Refusal> {
        context.store.write(objects::pin_tries(self.reference), &[left])?;
        Ok(context.store.commit()?)
    }
}

/// Creates or replaces a PIN.
pub(crate) fn personalise<P: Platform>(
    context: &mut Context<'_, P>,
    _: &Granted<Personalisation>,
    pin: &PinRecord<'_>,
) -> Result<(), Refusal> {
    store(context, pin.reference, pin.tries, pin.value)?;
    Ok(context.store.write(objects::pin_tries(pin.reference), &[pin.tries])?)
}

fn store<P: Platform>(
    context: &mut Context<'_, P>,
    reference: PinReference,
    tries: u8,
    value: &[u8],
) -> Result<(), Refusal> {
    if !(PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&value.len()) {
        return Err(Malformed::Length.into());
    }
    let mut salt = [0; 16];
    context.random()?.fill_bytes(&mut salt);
    let length = u8::try_from(value.len()).map_err(|_| Refusal::Fault)?;
    let mut bytes = [0; Pin::LENGTH];
    let mut out = apdu_spec::Writer::new(&mut bytes);
    out.put(&[tries, length])?;
    out.put(&salt)?;
    out.put(&digest(&salt, value))?;
    Ok(context.store.write(objects::pin(reference), &bytes)?)
}

fn digest(salt: &[u8; 16], value: &[u8]) -> [u8; 32] {
    RustCrypto::hmac_sha256(salt, &[value])
}
