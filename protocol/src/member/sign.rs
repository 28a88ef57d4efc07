//! From what a member says to its signed node.

use rand_core::CryptoRngCore;

use super::Session;
use crate::codec::BufferFull;
use crate::crypto::{Crypto, Hasher, Secret};
use crate::error::Rejected;
use crate::hpke::SenderContext;
use crate::keys::Field;
use crate::label;
use crate::limits;
use crate::message::Kind;
use crate::message::request::{NodeHasher, SEALED_SIGNATURE_LENGTH, SIGNATURE_LENGTH};
use crate::seal::seal_in_place;
use crate::transcript;
use crate::types::Digest;

/// What a member says is written; its signature waits for the children that the node combines.
pub struct Unsigned<C: Crypto, Next> {
    kind: Kind,
    own: [u8; 32],
    signer: Signer<C>,
    next: Next,
}

/// The children stream in.
pub struct Combining<C: Crypto, Next> {
    hasher: NodeHasher<C>,
    missing: u8,
    signer: Signer<C>,
    next: Next,
}

/// The node is complete; only its signature is missing.
pub struct Complete<C: Crypto> {
    node: Digest,
    signer: Signer<C>,
}

/// The node is signed and sent; the provider's answer is awaited.
pub struct Awaiting<Next> {
    pub(super) request: Digest,
    pub(super) next: Next,
}

struct Signer<C: Crypto> {
    key: Secret<32>,
    seal: SignatureSeal<C>,
}

/// How a signature travels.
pub(super) enum SignatureSeal<C: Crypto> {
    /// As it is.
    Open,
    /// As the second message of cryptogram 1's HPKE context.
    Cryptogram1(SenderContext<C>),
    /// Under a traffic key.
    Traffic(Secret<16>),
}

impl<C: Crypto, Next> Unsigned<C, Next> {
    pub(super) fn new(kind: Kind, own: &[u8], key: Secret<32>, seal: SignatureSeal<C>, next: Next) -> Self {
        let mut hasher = C::Sha256::new();
        hasher.update(own);
        Self { kind, own: hasher.finish(), signer: Signer { key, seal }, next }
    }

    /// The same with what is to be remembered until the answer comes.
    pub(super) fn then<Other>(self, next: Other) -> Unsigned<C, Other> {
        Unsigned { kind: self.kind, own: self.own, signer: self.signer, next }
    }

    /// Begins the node: `children` digests and signatures follow, at most [`limits::CHILDREN_MAX`].
    pub fn combine(self, children: u8) -> Result<Combining<C, Next>, Rejected> {
        if usize::from(children) > limits::CHILDREN_MAX {
            return Err(Rejected::TooLarge("count of children"));
        }
        let hasher = NodeHasher::new(self.kind, &self.own, children);
        Ok(Combining { hasher, missing: children, signer: self.signer, next: self.next })
    }
}

impl<C: Crypto, Next> Combining<C, Next> {
    /// How many children are still to come.
    #[must_use]
    pub const fn missing(&self) -> u8 {
        self.missing
    }

    /// Adds the next child: its node's digest and its signature as they travel. The signature of this node will say
    /// that they were received, nothing more.
    pub fn child(&mut self, digest: &Digest, signature: &[u8]) -> Result<(), Rejected> {
        if !matches!(signature.len(), SIGNATURE_LENGTH | SEALED_SIGNATURE_LENGTH) {
            return Err(Rejected::NotForThis("a child's signature"));
        }
        self.missing = self.missing.checked_sub(1).ok_or(Rejected::TooLarge("count of children"))?;
        self.hasher.child(digest, signature);
        Ok(())
    }

    /// Ends the node: its signature is to be made, and what waits for the answer. All children must have been added.
    ///
    /// Signing takes much stack; so the two part ways before.
    pub fn complete(self) -> Result<(Complete<C>, Awaiting<Next>), Rejected> {
        if self.missing != 0 {
            return Err(Rejected::NotForThis("the count of children"));
        }
        let request = self.hasher.finish();
        Ok((Complete { node: request, signer: self.signer }, Awaiting { request, next: self.next }))
    }

    /// Ends the node and signs it, writes the signature as it travels and gives its length.
    pub fn sign(self, random: &mut impl CryptoRngCore, out: &mut [u8]) -> Result<(usize, Awaiting<Next>), Rejected> {
        let (complete, awaiting) = self.complete()?;
        Ok((complete.sign(random, out)?, awaiting))
    }
}

impl<C: Crypto> Complete<C> {
    /// Signs the node, writes the signature as it travels and gives its length.
    pub fn sign(mut self, random: &mut impl CryptoRngCore, out: &mut [u8]) -> Result<usize, Rejected> {
        let hedge = Secret::<32>::random(random);
        self.signer.sign(&self.node, hedge.as_bytes(), out)
    }
}

impl<C: Crypto> Signer<C> {
    fn sign(&mut self, node: &Digest, hedge: &[u8], out: &mut [u8]) -> Result<usize, Rejected> {
        let key = C::signing_key(&self.key).map_err(Rejected::not_verified("the signing key"))?;
        let signature = C::sign(&key, &transcript::signed::<C>(label::NODE_SIGNATURE, node), hedge);
        out.get_mut(..SIGNATURE_LENGTH).ok_or(BufferFull)?.copy_from_slice(&signature.0);
        let sealed = match &mut self.seal {
            SignatureSeal::Open => return Ok(SIGNATURE_LENGTH),
            SignatureSeal::Cryptogram1(context) => {
                seal_in_place(out, SIGNATURE_LENGTH, |plain| context.seal(node.as_bytes(), plain))
            }
            SignatureSeal::Traffic(key) => {
                seal_in_place(out, SIGNATURE_LENGTH, |plain| C::aes128_gcm_seal(key, &[0; 12], node.as_bytes(), plain))
            }
        };
        Ok(sealed?)
    }
}

impl Session {
    /// A message of this session, written and ready to be signed.
    pub(super) fn unsigned<C: Crypto, Next>(&self, kind: Kind, own: &[u8], next: Next) -> Unsigned<C, Next> {
        let seal = if self.hidden {
            SignatureSeal::Traffic(self.keys.private::<C>(kind, Field::Signature))
        } else {
            SignatureSeal::Open
        };
        Unsigned::new(kind, own, self.signing.clone(), seal, next)
    }
}

impl<Next> Awaiting<Next> {
    /// The digest of the member's node: what the answer must be for.
    #[must_use]
    pub const fn request(&self) -> &Digest {
        &self.request
    }
}
