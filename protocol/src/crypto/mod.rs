//! The cryptographic floor: suite 1 behind one trait, so that a card and a provider can each bring the library that
//! suits them.
//!
//! | part | standard |
//! | --- | --- |
//! | ECDSA P-256 with SHA-256 | FIPS 186-5; RFC 6979 for the nonce |
//! | ECDH P-256 | SP 800-56A section 5.7.1.2 |
//! | SHA-256, HMAC, HKDF | FIPS 180-4, RFC 2104, RFC 5869 |
//! | AES-128-GCM, AES-128-CMAC | SP 800-38D, SP 800-38B (RFC 4493) |
//!
//! [`RustCrypto`] runs everywhere and reproduces published bytes; `AwsLc` (feature `aws-lc`) is for hosts.
//! One key serves one purpose: an ECDSA key and an ECDH key are different types.

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod bytes;
mod rust_crypto;
mod secret;

#[cfg(feature = "aws-lc")]
pub use aws_lc::AwsLc;
pub use bytes::{PublicKey, Signature};
pub use rust_crypto::RustCrypto;
pub use secret::Secret;

use rand_core::CryptoRngCore;

/// A check failed, or bytes are not a value of their kind. Says no more on purpose: the reason would help only a
/// forger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

impl core::fmt::Display for Invalid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("invalid")
    }
}

impl core::error::Error for Invalid {}

/// The longest output of [`Crypto::hkdf_expand`], bytes (RFC 5869 section 2.3).
pub const HKDF_OUTPUT_MAX: usize = 255 * 32;

/// Suite 1: P-256, SHA-256, AES-128. A back end is a unit struct; all state is in its keys.
pub trait Crypto: 'static {
    /// An ECDSA private key.
    type SigningKey: Send + Sync + 'static;
    /// An ECDH private key.
    type AgreementKey: Send + Sync + 'static;
    /// SHA-256 over parts.
    type Sha256: Hasher;

    /// The ECDSA key of a big-endian scalar; refuses zero and what is not below the group's order.
    fn signing_key(scalar: &Secret<32>) -> Result<Self::SigningKey, Invalid>;

    /// The public key that verifies what `key` signs. May cost a scalar multiplication: keep it.
    fn verification_key(key: &Self::SigningKey) -> PublicKey;

    /// Signs `message` with ECDSA over its SHA-256, S in the lower half.
    ///
    /// `hedge` is entropy added to the nonce's derivation (RFC 6979 section 3.6); empty gives deterministic RFC 6979.
    /// A back end that draws its own nonce ignores it.
    fn sign(key: &Self::SigningKey, message: &[u8], hedge: &[u8]) -> Signature;

    /// Verifies ECDSA over the SHA-256 of `message`. Refuses a high S, r or s outside 1..n, and a key that is not an
    /// uncompressed point of the curve.
    fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), Invalid>;

    /// The ECDH key of a big-endian scalar; refuses zero and what is not below the group's order.
    fn agreement_key(scalar: &Secret<32>) -> Result<Self::AgreementKey, Invalid>;

    /// A new ECDH key, for a key that is used and forgotten: with its public key it costs one multiplication, while
    /// AWS-LC spends two on a given scalar, whose public key it computes twice. A back end that draws its own
    /// randomness ignores `random`.
    fn generate_agreement_key(random: &mut impl CryptoRngCore) -> Self::AgreementKey;

    /// The public key of `key`. May cost a scalar multiplication: keep it.
    fn agreement_public_key(key: &Self::AgreementKey) -> PublicKey;

    /// The x-coordinate both ends of an ECDH share; refuses a `peer` that is not an uncompressed point of the curve.
    fn agree(key: &Self::AgreementKey, peer: &PublicKey) -> Result<Secret<32>, Invalid>;

    /// HMAC-SHA256 of the concatenated `parts`.
    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32];

    /// HKDF-Extract of the concatenated `parts` (RFC 5869 section 2.2).
    fn hkdf_extract(salt: &[u8], parts: &[&[u8]]) -> Secret<32>;

    /// HKDF-Expand with the concatenated `info`, filling `out` (RFC 5869 section 2.3).
    ///
    /// # Panics
    /// When `out` is longer than [`HKDF_OUTPUT_MAX`], which no caller's input decides.
    fn hkdf_expand(prk: &Secret<32>, info: &[&[u8]], out: &mut [u8]);

    /// Encrypts `in_out` in place and gives the tag. A nonce must never meet a key twice.
    fn aes128_gcm_seal(key: &Secret<16>, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> [u8; 16];

    /// Decrypts `in_out` in place; when the tag is wrong, `in_out` is zeroed.
    fn aes128_gcm_open(
        key: &Secret<16>,
        nonce: &[u8; 12],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Invalid>;

    /// AES-128-CMAC of `message`, full length. Compare in constant time.
    fn aes128_cmac(key: &Secret<16>, message: &[u8]) -> [u8; 16];
}

/// A hash over parts.
pub trait Hasher: Clone {
    /// Nothing hashed yet.
    fn new() -> Self;
    /// Appends `bytes` to what is hashed.
    fn update(&mut self, bytes: &[u8]);
    /// The digest of everything appended.
    fn finish(self) -> [u8; 32];
}

/// A private scalar drawn evenly from 1..n (FIPS 186-5 appendix A.2.2, rejection sampling).
///
/// # Panics
/// When [`SCALAR_DRAWS_MAX`] draws give no scalar: each fails with a chance of 2⁻³², so the random source is broken,
/// and no key is better than a known one.
pub fn random_scalar<C: Crypto>(random: &mut impl CryptoRngCore) -> Secret<32> {
    for _ in 0..SCALAR_DRAWS_MAX {
        let candidate = Secret::random(random);
        if C::agreement_key(&candidate).is_ok() {
            return candidate;
        }
    }
    unreachable!("the random source gives no scalar")
}

/// How often [`random_scalar`] draws before it takes the random source for broken.
pub const SCALAR_DRAWS_MAX: usize = 16;
