//! Descriptor: the provider's keys of the day, signed by its root key, which is all that a member needs to start.

use serde::{Deserialize, Serialize};

use super::{Kind, SUITE_1};
use crate::codec::{self, BufferFull};
use crate::crypto::{Crypto, PublicKey, Signature};
use crate::error::{Malformed, Rejected};
use crate::label;
use crate::transcript;
use crate::types::{KeyId, ProviderId};

/// The provider's keys of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Counts up with every rotation. A card refuses one lower than it has seen.
    pub version: u32,
    /// The provider.
    pub provider: ProviderId,
    /// Cryptogram 1 is sealed to this key.
    pub encryption: PublicKey,
    /// Verifies the provider's batches.
    pub verification: PublicKey,
    /// Validity, seconds since 1970-01-01 UTC, both ends included. Checked by terminals and providers; a card has no
    /// clock.
    pub not_before: u64,
    /// The last second in which it may be used.
    pub not_after: u64,
}

/// Greatest length of a signed descriptor.
pub const SIGNED_MAX: usize = 5 + 16 + 65 + 65 + 10 + 10 + 64;

impl Descriptor {
    /// Reads a signed descriptor, whose signature must be that of `root`.
    pub fn verify<C: Crypto>(signed: &[u8], root: &PublicKey) -> Result<Self, Rejected> {
        let (descriptor, rest) = codec::decode_first::<Self>(signed)?;
        let signature: Signature = codec::decode(rest)?;
        if descriptor.provider != provider_id::<C>(root) {
            return Err(Rejected::NotForThis("the descriptor"));
        }
        let message = signed_message::<C>(codec::before(signed, rest));
        C::verify(root, &message, &signature).map_err(Rejected::not_verified("the descriptor's signature"))?;
        Ok(descriptor)
    }

    /// Reads a signed descriptor without checking its signature: for a card, whose store holds what it has verified,
    /// and for a terminal, which looks and does not decide.
    pub fn read_unverified(signed: &[u8]) -> Result<Self, Malformed> {
        let (descriptor, signature) = codec::decode_first::<Self>(signed)?;
        codec::decode::<Signature>(signature)?;
        Ok(descriptor)
    }

    /// Writes this descriptor and the root key's signature on it, and gives the length.
    pub fn sign<C: Crypto>(&self, root: &C::SigningKey, hedge: &[u8], out: &mut [u8]) -> Result<usize, BufferFull> {
        let length = codec::encode(self, out)?;
        let (written, space) = out.split_at_mut_checked(length).ok_or(BufferFull)?;
        Ok(length + codec::encode(&C::sign(root, &signed_message::<C>(written), hedge), space)?)
    }

    /// The identification of this descriptor's keys: a digest of all of it.
    #[must_use]
    pub fn key_id<C: Crypto>(&self) -> KeyId {
        let mut bytes = [0; SIGNED_MAX];
        let length = codec::encode(self, &mut bytes).unwrap_or(0);
        KeyId(first_half(transcript::digest::<C>(label::KEY_ID, &[bytes.get(..length).unwrap_or_default()]).0))
    }
}

/// The identification of the provider whose root verification key this is.
#[must_use]
pub fn provider_id<C: Crypto>(root: &PublicKey) -> ProviderId {
    ProviderId(first_half(transcript::digest::<C>(label::PROVIDER_ID, &[&root.0]).0))
}

/// The signed descriptor that a descriptor message carries.
pub fn parse(message: &[u8]) -> Result<&[u8], Malformed> {
    let signed = super::expect(message, Kind::Descriptor)?;
    super::at_most(signed, SIGNED_MAX, "descriptor")?;
    Ok(signed)
}

/// What the root key signs: suite 1 and the descriptor's bytes.
fn signed_message<C: Crypto>(descriptor: &[u8]) -> [u8; 32] {
    transcript::digest::<C>(label::DESCRIPTOR_SIGNATURE, &[&[SUITE_1], descriptor]).0
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(digest.split_at(16).0);
    half
}
