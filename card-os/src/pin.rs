//! PINs: how they are kept, compared and replaced.
//!
//! A PIN is kept as a salted HMAC. Whoever can read the flash can still try all short PINs; the salt and the digest
//! keep the PIN itself, which people use elsewhere, from lying there in the clear, and make the comparison one of equal
//! lengths.

use apdu_spec::instruction::PinReference;
use apdu_spec::limits::{CONDITION_MAX, PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use apdu_spec::pin::{PinRecord, PinRules};
use apdu_spec::{Condition, Malformed, Reader, Writer};
use protocol::crypto::{Crypto, RustCrypto};
use rand_core::RngCore;
use subtle::ConstantTimeEq;

use crate::access::{Granted, Personalisation};
use crate::context::Context;
use crate::objects;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::session::Ended;

/// What the card keeps of a PIN.
///
/// ```text
/// tries (1)  length (1)  salt (16)  digest (32)  rules, as personalisation brings them
/// ```
pub(crate) struct Pin {
    reference: PinReference,
    /// The tries after a right PIN.
    tries: u8,
    /// Bytes of the PIN.
    length: u8,
    salt: [u8; 16],
    digest: [u8; 32],
    rules: PinRules,
}

impl Pin {
    /// The most bytes of what is kept.
    const LENGTH_MAX: usize = 1 + 1 + 16 + 32 + (2 + 1) + 2 * (2 + CONDITION_MAX);

    /// The PIN with this reference.
    pub(crate) fn load<P: Platform>(context: &mut Context<'_, P>, reference: PinReference) -> Result<Self, Refusal> {
        let id = objects::pin(reference);
        let length = context.store.length(id).ok_or(Refusal::ReferenceNotFound)?;
        let mut bytes = [0; Self::LENGTH_MAX];
        let bytes = bytes.get_mut(..length).ok_or(Refusal::Fault)?;
        context.store.read(id, 0, bytes)?;
        let pin = Reader::all(bytes, |input| {
            let (tries, length) = (input.u8()?, input.u8()?);
            let (salt, digest) = (*input.array()?, *input.array()?);
            Ok(Self { reference, tries, length, salt, digest, rules: PinRules::parse(input)? })
        });
        pin.map_err(|_| Refusal::Fault)
    }

    /// Which PIN it is.
    pub(crate) fn reference(&self) -> PinReference {
        self.reference
    }

    /// How it can be unblocked and changed.
    pub(crate) fn rules(&self) -> &PinRules {
        &self.rules
    }

    /// Compares `value`; the PIN is verified afterwards, or is not.
    pub(crate) fn verify<P: Platform>(&self, context: &mut Context<'_, P>, value: &[u8]) -> Result<(), Refusal> {
        self.compare(context, value)?;
        context.channel.verified.insert(self.reference);
        Ok(())
    }

    /// Compares `value`. Whoever does not know the PIN has not verified it.
    pub(crate) fn compare<P: Platform>(&self, context: &mut Context<'_, P>, value: &[u8]) -> Result<(), Refusal> {
        let outcome = self.count_and_compare(context, value);
        if outcome.is_err() {
            context.channel.verified.remove(self.reference);
        }
        outcome
    }

    /// The try is durably counted before the comparison starts, and given back, durably too, after a right one, so that
    /// cutting the power never gains a guess.
    fn count_and_compare<P: Platform>(&self, context: &mut Context<'_, P>, value: &[u8]) -> Result<(), Refusal> {
        let left = self.tries_left(context)?.checked_sub(1).ok_or(Refusal::PinBlocked)?;
        self.set_tries_left(context, left)?;
        if !bool::from(digest(&self.salt, value).ct_eq(&self.digest)) {
            return Err(Refusal::WrongPin { left });
        }
        self.set_tries_left(context, self.tries)
    }

    /// The tries left, 0 when it is blocked.
    pub(crate) fn tries_left<P: Platform>(&self, context: &mut Context<'_, P>) -> Result<u8, Refusal> {
        let mut left = [0];
        context.store.read(objects::pin_tries(self.reference), 0, &mut left)?;
        Ok(left[0])
    }

    /// The beginning of `both`, as long as this PIN is, and the rest. Too short a field is all beginning: a wrong PIN
    /// like any other, which tells nothing about the length.
    pub(crate) fn split<'a>(&self, both: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        both.split_at_checked(self.length.into()).unwrap_or((both, &[]))
    }

    /// The PIN that is its resetting code.
    pub(crate) fn resetting_code<P: Platform>(&self, context: &mut Context<'_, P>) -> Result<Self, Refusal> {
        let code = self.rules.resetting_code.ok_or(Refusal::NoResettingCode)?;
        context.store.length(objects::pin(code)).ok_or(Refusal::NoResettingCode)?;
        Self::load(context, code)
    }

    fn set_tries_left<P: Platform>(&self, context: &mut Context<'_, P>, left: u8) -> Result<(), Refusal> {
        context.store.write(objects::pin_tries(self.reference), &[left])?;
        Ok(context.store.commit()?)
    }
}

impl Granted<Pin> {
    /// Replaces the PIN, once and for all where it was a transport PIN. It is not verified any more: whoever knew the
    /// old one need not know this one.
    pub(crate) fn replace<P: Platform>(&self, context: &mut Context<'_, P>, value: &[u8]) -> Result<(), Refusal> {
        let Pin { reference, tries, rules, .. } = *self.subject();
        let rules = PinRules { choosing: Condition::NEVER, ..rules };
        store(context, &PinRecord { reference, tries, value, rules })?;
        forget(context, reference);
        Ok(())
    }

    /// Gives the PIN all its tries back. It is not verified by that.
    pub(crate) fn unblock<P: Platform>(&self, context: &mut Context<'_, P>) -> Result<(), Refusal> {
        let pin = self.subject();
        context.store.write(objects::pin_tries(pin.reference), &[pin.tries])?;
        forget(context, pin.reference);
        Ok(())
    }
}

/// Creates or replaces a PIN.
pub(crate) fn personalise<P: Platform>(
    context: &mut Context<'_, P>,
    _: &Granted<Personalisation>,
    pin: &PinRecord<'_>,
) -> Result<(), Refusal> {
    store(context, pin)?;
    context.store.write(objects::pin_tries(pin.reference), &[pin.tries])?;
    forget(context, pin.reference);
    Ok(())
}

/// The PIN as it was is not verified any more, on any channel.
fn forget<P: Platform>(context: &mut Context<'_, P>, reference: PinReference) {
    context.channel.verified.remove(reference);
    context.ended = Some(Ended::Pin(reference));
}

fn store<P: Platform>(context: &mut Context<'_, P>, pin: &PinRecord<'_>) -> Result<(), Refusal> {
    if !(PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&pin.value.len()) {
        return Err(Malformed::Length.into());
    }
    let mut salt = [0; 16];
    context.random()?.fill_bytes(&mut salt);
    let length = u8::try_from(pin.value.len()).map_err(|_| Refusal::Fault)?;
    let mut bytes = [0; Pin::LENGTH_MAX];
    let mut out = Writer::new(&mut bytes);
    out.put(&[pin.tries, length])?;
    out.put(&salt)?;
    out.put(&digest(&salt, pin.value))?;
    pin.rules.encode(&mut out)?;
    Ok(context.store.write(objects::pin(pin.reference), out.written())?)
}

fn digest(salt: &[u8; 16], value: &[u8]) -> [u8; 32] {
    RustCrypto::hmac_sha256(salt, &[value])
}
