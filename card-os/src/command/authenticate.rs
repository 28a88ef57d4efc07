//! INTERNAL AUTHENTICATE, EXTERNAL AUTHENTICATE and MUTUAL AUTHENTICATE, with keys of the key store.

use apdu_spec::instruction::{Authenticate, InternalAuthenticate, Proof};
use apdu_spec::key::{Algorithm, Template, Usage};
use apdu_spec::{KeyReference, Writer};
use protocol::crypto::{Crypto, RustCrypto, Signature};
use subtle::ConstantTimeEq;

use super::Handle;
use crate::context::Context;
use crate::hash::sha256;
use crate::key::{Counted, Key};
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for InternalAuthenticate<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let key = context.authentication_key(self.key, Usage::Compute)?;
        context.prove(&key, &Proof::Internal(self.challenge), reply)
    }
}

/// The card's challenge serves once, whatever comes of it. A try is durable before the proof is looked at.
impl Handle for Authenticate<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let card = &context.channel.challenge.take().ok_or(Refusal::OutOfOrder)?;
        let usage = if self.challenge.is_some() { Usage::Both } else { Usage::Verify };
        let key = context.authentication_key(self.key, usage)?;
        let expected = match self.challenge {
            Some(host) => Proof::MutualHost { card, host },
            None => Proof::External(card),
        };
        if !context.is_proved(&key, &expected, self.proof)? {
            context.channel.authenticated.remove(key.reference());
            return Err(Refusal::WrongProof { left: key.tries_left(context.store)? });
        }
        if let Some(host) = self.challenge {
            context.prove(&key, &Proof::MutualCard { card, host }, reply)?;
        }
        key.restore_tries(context.store)?;
        context.channel.authenticated.insert(key.reference());
        Ok(())
    }
}

impl<P: Platform> Context<'_, P> {
    /// The key that the command or the security environment names, its use permitted and counted.
    fn authentication_key(&mut self, named: Option<KeyReference>, usage: Usage) -> Result<Counted, Refusal> {
        let current = self.channel.environment.get(Template::Authentication, usage);
        let reference = named.or(current).ok_or(Refusal::OutOfOrder)?;
        let key = Key::load(self.store, reference)?.serving(Template::Authentication, usage, None)?;
        self.permit_key_use(key)?.count(self.store)
    }

    /// Appends the card's proof.
    fn prove(&mut self, key: &Counted, proof: &Proof<'_>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let mut space = [0; Proof::LENGTH_MAX];
        let message = message(proof, key.reference(), &mut space)?;
        if key.algorithm() == Algorithm::Ecdsa {
            Ok(reply.put(&key.sign(self, &sha256(message))?.0)?)
        } else {
            Ok(reply.put(&RustCrypto::aes128_cmac(&key.secret(self.store)?, message))?)
        }
    }

    /// Whether the other side's proof is right.
    fn is_proved(&mut self, key: &Counted, proof: &Proof<'_>, given: &[u8]) -> Result<bool, Refusal> {
        let mut space = [0; Proof::LENGTH_MAX];
        let message = message(proof, key.reference(), &mut space)?;
        if key.algorithm() == Algorithm::Ecdsa {
            let Ok(signature) = given.try_into().map(Signature) else { return Ok(false) };
            Ok(RustCrypto::verify_digest(&key.public(self.store)?, &sha256(message), &signature).is_ok())
        } else {
            let right = RustCrypto::aes128_cmac(&key.secret(self.store)?, message);
            Ok(right.ct_eq(given).into())
        }
    }
}

fn message<'a>(proof: &Proof<'_>, key: KeyReference, space: &'a mut [u8]) -> Result<&'a [u8], Refusal> {
    let mut out = Writer::new(space);
    proof.encode(key, &mut out)?;
    let length = out.len();
    Ok(space.get(..length).unwrap_or_default())
}
