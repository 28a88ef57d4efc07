//! PERFORM SECURITY OPERATION.

use apdu_spec::Writer;
use apdu_spec::instruction::{Cryptogram, HashInput, PerformSecurityOperation};
use apdu_spec::key::{Algorithm, Template, Usage};
use protocol::crypto::{Crypto, PublicKey, RustCrypto, Signature};
use rand_core::RngCore;
use subtle::ConstantTimeEq;

use super::Handle;
use crate::context::Context;
use crate::hash::sha256_of;
use crate::key::{Counted, Key};
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for PerformSecurityOperation<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        match self {
            Self::ComputeSignature(hash) => context.compute_signature(hash, reply),
            Self::VerifySignature { hash, signature } => context.verify_signature(hash, signature),
            Self::Hash { input, tell } => context.hash(&input, tell, reply),
            Self::Encipher(data) => context.encipher(data, reply),
            Self::Decipher(cryptogram) => context.decipher(&cryptogram, reply),
            Self::Agree(point) => context.agree(point, reply),
            Self::ComputeChecksum(data) => context.compute_checksum(data, reply),
            Self::VerifyChecksum { data, checksum } => context.verify_checksum(data, checksum),
        }
    }
}

impl<P: Platform> Context<'_, P> {
    fn compute_signature(&mut self, hash: Option<&[u8; 32]>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let hash = self.given_or_kept(hash)?;
        let key = self.current_key(Template::Signature, Usage::Compute, Algorithm::Ecdsa)?;
        reply.put(&key.sign(self, &hash)?.0)?;
        self.channel.hash = None;
        Ok(())
    }

    fn verify_signature(&mut self, hash: Option<&[u8; 32]>, signature: &[u8; 64]) -> Result<(), Refusal> {
        let hash = self.given_or_kept(hash)?;
        let key = self.current_key(Template::Signature, Usage::Verify, Algorithm::Ecdsa)?;
        let public = key.public(self.store)?;
        let verified = RustCrypto::verify_digest(&public, &hash, &Signature(*signature));
        verified.map_err(|_| Refusal::NotAuthenticated)?;
        self.channel.hash = None;
        Ok(())
    }

    fn hash(&mut self, input: &HashInput<'_>, tell: bool, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let hash = sha256_of(input)?;
        if tell {
            reply.put(&hash)?;
        }
        self.channel.hash = Some(hash);
        Ok(())
    }

    /// The answer is what [`decipher`](Self::decipher) takes.
    fn encipher(&mut self, data: &[u8], reply: &mut Writer<'_>) -> Result<(), Refusal> {
        const NO_PADDING: u8 = 0x00;
        let key = self.current_key(Template::Confidentiality, Usage::Verify, Algorithm::AesGcm)?;
        let key = key.secret(self.store)?;
        let mut nonce = [0; 12];
        self.random()?.fill_bytes(&mut nonce);
        reply.put_u8(NO_PADDING)?;
        reply.put(&nonce)?;
        let text = reply.extend(data.len())?;
        text.copy_from_slice(data);
        let tag = RustCrypto::aes128_gcm_seal(&key, &nonce, &[], text);
        Ok(reply.put(&tag)?)
    }

    fn decipher(&mut self, cryptogram: &Cryptogram<'_>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let Cryptogram { nonce, ciphertext, tag } = cryptogram;
        let key = self.current_key(Template::Confidentiality, Usage::Compute, Algorithm::AesGcm)?;
        let key = key.secret(self.store)?;
        let text = reply.extend(ciphertext.len())?;
        text.copy_from_slice(ciphertext);
        RustCrypto::aes128_gcm_open(&key, nonce, &[], text, tag).map_err(|_| Refusal::NotVerified)
    }

    fn agree(&mut self, point: &[u8; 65], reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let key = self.current_key(Template::Confidentiality, Usage::Compute, Algorithm::Ecdh)?;
        let key = RustCrypto::agreement_key(&key.secret(self.store)?).map_err(|_| Refusal::Fault)?;
        let shared = RustCrypto::agree(&key, &PublicKey(*point)).map_err(|_| Refusal::WRONG_DATA)?;
        Ok(reply.put(shared.as_bytes())?)
    }

    fn compute_checksum(&mut self, data: &[u8], reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let key = self.current_key(Template::Checksum, Usage::Compute, Algorithm::AesCmac)?;
        Ok(reply.put(&RustCrypto::aes128_cmac(&key.secret(self.store)?, data))?)
    }

    fn verify_checksum(&mut self, data: &[u8], checksum: &[u8; 16]) -> Result<(), Refusal> {
        let key = self.current_key(Template::Checksum, Usage::Verify, Algorithm::AesCmac)?;
        let right = RustCrypto::aes128_cmac(&key.secret(self.store)?, data);
        if bool::from(right.ct_eq(checksum)) { Ok(()) } else { Err(Refusal::NotAuthenticated) }
    }

    /// The hash that the command brings, or the one that the card computed before.
    fn given_or_kept(&self, hash: Option<&[u8; 32]>) -> Result<[u8; 32], Refusal> {
        hash.copied().or(self.channel.hash).ok_or(Refusal::OutOfOrder)
    }

    /// The key that the security environment names, its use permitted and counted.
    fn current_key(&mut self, template: Template, usage: Usage, algorithm: Algorithm) -> Result<Counted, Refusal> {
        let reference = self.channel.environment.get(template, usage).ok_or(Refusal::OutOfOrder)?;
        let key = Key::load(self.store, reference)?.serving(template, usage, Some(algorithm))?;
        self.permit_key_use(key)?.count(self.store)
    }
}
