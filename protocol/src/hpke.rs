//! Hybrid public key encryption, RFC 9180, base mode, with one suite: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
//! AES-128-GCM. Written over [`Crypto`], so that every back end's P-256 serves it, and without an allocator.
//!
//! The export interface and the other modes are left out: nothing here uses them.

use core::marker::PhantomData;

use rand_core::CryptoRngCore;

use crate::crypto::{Crypto, Invalid, PublicKey, Secret};

/// The most parts `info` may come in.
pub const INFO_PARTS_MAX: usize = 8;

/// `"KEM"` and the KEM's number (RFC 9180 sections 4.1 and 7.1).
const KEM_SUITE: &[u8] = b"KEM\x00\x10";
/// `"HPKE"` and the numbers of KEM, KDF and AEAD (RFC 9180 sections 5.1 and 7).
const HPKE_SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x01";
const VERSION: &[u8] = b"HPKE-v1";
/// Base mode (RFC 9180 table 1).
const MODE: u8 = 0x00;

/// Opens a context to `recipient`, and the encapsulated key that lets it do the same (`SetupBaseS`).
///
/// `info` is the concatenation of its parts, at most [`INFO_PARTS_MAX`]. Refuses a `recipient` that is not a point.
pub fn setup_sender<C: Crypto>(
    recipient: &PublicKey,
    info: &[&[u8]],
    random: &mut impl CryptoRngCore,
) -> Result<(PublicKey, SenderContext<C>), Invalid> {
    setup_sender_with(recipient, info, C::generate_agreement_key(random))
}

/// [`setup_sender`] with a given ephemeral key, which must be fresh; it is used up.
pub fn setup_sender_with<C: Crypto>(
    recipient: &PublicKey,
    info: &[&[u8]],
    ephemeral: C::AgreementKey,
) -> Result<(PublicKey, SenderContext<C>), Invalid> {
    let encapsulated = C::agreement_public_key(&ephemeral);
    let shared = shared_secret::<C>(&ephemeral, recipient, &encapsulated, recipient)?;
    Ok((encapsulated, SenderContext(Context::schedule(&shared, info))))
}

/// Opens the context that a sender made for `public`, the public key of `key` (`SetupBaseR`).
///
/// Refuses an `encapsulated` key that is not a point.
pub fn setup_receiver<C: Crypto>(
    key: &C::AgreementKey,
    public: &PublicKey,
    encapsulated: &PublicKey,
    info: &[&[u8]],
) -> Result<ReceiverContext<C>, Invalid> {
    let shared = shared_secret::<C>(key, encapsulated, encapsulated, public)?;
    Ok(ReceiverContext(Context::schedule(&shared, info)))
}

/// Seals; each seal advances the sequence number.
pub struct SenderContext<C>(Context<C>);

/// Opens, in the order of the seals.
pub struct ReceiverContext<C>(Context<C>);

impl<C: Crypto> SenderContext<C> {
    /// Encrypts `in_out` in place and gives the tag.
    pub fn seal(&mut self, associated: &[u8], in_out: &mut [u8]) -> [u8; 16] {
        let tag = C::aes128_gcm_seal(&self.0.key, &self.0.nonce(), associated, in_out);
        self.0.sequence += 1;
        tag
    }
}

impl<C: Crypto> ReceiverContext<C> {
    /// Decrypts `in_out` in place. When the tag is wrong, `in_out` is zeroed and the sequence number stays, so that
    /// junk uses nothing up.
    pub fn open(&mut self, associated: &[u8], in_out: &mut [u8], tag: &[u8; 16]) -> Result<(), Invalid> {
        C::aes128_gcm_open(&self.0.key, &self.0.nonce(), associated, in_out, tag)?;
        self.0.sequence += 1;
        Ok(())
    }
}

/// What both ends hold (RFC 9180 section 5.1). Kept inside the two roles: a receiver that sealed would use a nonce
/// twice.
struct Context<C> {
    key: Secret<16>,
    base_nonce: Secret<12>,
    /// RFC 9180 counts to 2⁹⁶; nobody seals 2⁶⁴ times.
    sequence: u64,
    back_end: PhantomData<fn() -> C>,
}

impl<C: Crypto> Context<C> {
    /// `KeySchedule` without a pre-shared key (RFC 9180 section 5.1).
    fn schedule(shared_secret: &Secret<32>, info: &[&[u8]]) -> Self {
        let psk_id_hash = labeled_extract::<C>(&[], HPKE_SUITE, b"psk_id_hash", &[]);
        let info_hash = labeled_extract::<C>(&[], HPKE_SUITE, b"info_hash", info);
        let context: [&[u8]; 3] = [&[MODE], psk_id_hash.as_bytes(), info_hash.as_bytes()];
        let secret = labeled_extract::<C>(shared_secret.as_bytes(), HPKE_SUITE, b"secret", &[]);
        Self {
            key: labeled_expand::<C, 16>(&secret, HPKE_SUITE, b"key", context),
            base_nonce: labeled_expand::<C, 12>(&secret, HPKE_SUITE, b"base_nonce", context),
            sequence: 0,
            back_end: PhantomData,
        }
    }

    /// The base nonce XOR the sequence number, which stands at its end (`ComputeNonce`).
    fn nonce(&self) -> [u8; 12] {
        let mut nonce = *self.base_nonce.as_bytes();
        for (byte, count) in nonce.iter_mut().rev().zip(self.sequence.to_le_bytes()) {
            *byte ^= count;
        }
        nonce
    }
}

/// `ExtractAndExpand` of a Diffie-Hellman value, the same at both ends (RFC 9180 section 4.1).
fn shared_secret<C: Crypto>(
    key: &C::AgreementKey,
    peer: &PublicKey,
    encapsulated: &PublicKey,
    recipient: &PublicKey,
) -> Result<Secret<32>, Invalid> {
    let dh = C::agree(key, peer)?;
    let prk = labeled_extract::<C>(&[], KEM_SUITE, b"eae_prk", &[dh.as_bytes()]);
    Ok(labeled_expand::<C, 32>(&prk, KEM_SUITE, b"shared_secret", [&encapsulated.0, &recipient.0, &[]]))
}

/// `LabeledExtract` (RFC 9180 section 4).
fn labeled_extract<C: Crypto>(salt: &[u8], suite: &[u8], label: &[u8], material: &[&[u8]]) -> Secret<32> {
    assert!(material.len() <= INFO_PARTS_MAX, "at most {INFO_PARTS_MAX} parts");
    let mut parts: [&[u8]; 3 + INFO_PARTS_MAX] = [&[]; 3 + INFO_PARTS_MAX];
    let labeled = [VERSION, suite, label];
    for (part, bytes) in parts.iter_mut().zip(labeled.iter().chain(material)) {
        *part = bytes;
    }
    C::hkdf_extract(salt, &parts)
}

/// `LabeledExpand` to `N` bytes (RFC 9180 section 4).
fn labeled_expand<C: Crypto, const N: usize>(
    prk: &Secret<32>,
    suite: &[u8],
    label: &[u8],
    info: [&[u8]; 3],
) -> Secret<N> {
    const { assert!(N <= u8::MAX as usize) };
    let [first, second, third] = info;
    // The check above makes the length one byte, and the cast exact.
    #[expect(clippy::cast_possible_truncation, reason = "checked at compile time")]
    let length = [0, N as u8];
    Secret::filled(|out| C::hkdf_expand(prk, &[&length, VERSION, suite, label, first, second, third], out))
}
