//! MANAGE SECURITY ENVIRONMENT and PERFORM SECURITY OPERATION.

use apdu_spec::Writer;
use apdu_spec::instruction::{ControlReference, ManageSecurityEnvironment, PerformSecurityOperation};
use apdu_spec::key::{Template, Usage};
use protocol::crypto::RustCrypto;
use rand_core::RngCore;
use zeroize::Zeroizing;

use super::Handle;
use crate::access::Granted;
use crate::context::Context;
use crate::key::Key;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::security_environment::SecurityEnvironment;

/// Says early whether the key is there and serves; the operation asks again.
impl Handle for ManageSecurityEnvironment {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        match self {
            Self::Set(ControlReference { template, usage, key: Some(reference), algorithm }) => {
                let key = Key::load(context.store, reference)?.serving(template, usage)?;
                if algorithm.is_some_and(|algorithm| algorithm != key.purpose().algorithm()) {
                    return Err(Refusal::WRONG_DATA);
                }
                context.channel.environment.set(template, usage, reference);
            }
            // SHA-256, the only algorithm for hash codes, need not be set.
            Self::Set(ControlReference { key: None, .. }) => {}
            Self::Restore => context.channel.environment = SecurityEnvironment::default(),
        }
        Ok(())
    }
}

impl Handle for PerformSecurityOperation<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        match self {
            Self::ComputeSignature(hash) => context.compute_signature(hash, reply),
        }
    }
}

impl<P: Platform> Context<'_, P> {
    fn compute_signature(&mut self, hash: &[u8; 32], reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let key = self.current_key(Template::Signature, Usage::Compute)?.count(self.store)?;
        let key = key.signing_key(self.store)?;
        let signature = RustCrypto::sign_digest(&key, hash, self.hedge()?.as_slice());
        Ok(reply.put(&signature.0)?)
    }

    /// The key that the security environment names, permission to use it given.
    fn current_key(&mut self, template: Template, usage: Usage) -> Result<Granted<Key>, Refusal> {
        let reference = self.channel.environment.get(template, usage).ok_or(Refusal::OutOfOrder)?;
        let key = Key::load(self.store, reference)?.serving(template, usage)?;
        self.permit_key_use(key)
    }

    /// Entropy for a signature's nonce, so that a fault in one of two equal signatures tells nothing.
    fn hedge(&mut self) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        let mut hedge = Zeroizing::new([0; 32]);
        self.random()?.fill_bytes(hedge.as_mut_slice());
        Ok(hedge)
    }
}
