//! The back end in Rust alone: no allocator, no operating system, constant time.

use aes::Aes128;
use aes_gcm::{AeadInPlace, Aes128Gcm, KeyInit};
use cmac::{Cmac, Mac as _};
use ecdsa::hazmat::SignPrimitive;
use ecdsa::signature::hazmat::PrehashVerifier;
use hkdf::{Hkdf, HkdfExtract};
use hmac::Hmac;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{FieldBytes, NonZeroScalar};
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{Crypto, HKDF_OUTPUT_MAX, Hasher, Invalid, PublicKey, Secret, Signature, random_scalar};

/// The RustCrypto crates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RustCrypto;

/// An ECDSA private key.
pub struct SigningKey(Zeroizing<NonZeroScalar>);

/// An ECDH private key.
pub struct AgreementKey(Zeroizing<NonZeroScalar>);

impl Crypto for RustCrypto {
    type SigningKey = SigningKey;
    type AgreementKey = AgreementKey;
    type Sha256 = Sha256;

    fn signing_key(scalar: &Secret<32>) -> Result<SigningKey, Invalid> {
        parse_scalar(scalar).map(SigningKey)
    }

    fn verification_key(key: &SigningKey) -> PublicKey {
        public_key(&key.0)
    }

    fn sign(key: &SigningKey, message: &[u8], hedge: &[u8]) -> Signature {
        Self::sign_digest(key, &Sha256::digest(message).into(), hedge)
    }

    fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), Invalid> {
        signature.check_low_s()?;
        Self::verify_digest(key, &Sha256::digest(message).into(), signature)
    }

    fn agreement_key(scalar: &Secret<32>) -> Result<AgreementKey, Invalid> {
        parse_scalar(scalar).map(AgreementKey)
    }

    fn generate_agreement_key(random: &mut impl CryptoRngCore) -> AgreementKey {
        let Ok(key) = Self::agreement_key(&random_scalar::<Self>(random)) else {
            unreachable!("a random scalar is a scalar")
        };
        key
    }

    fn agreement_public_key(key: &AgreementKey) -> PublicKey {
        public_key(&key.0)
    }

    fn agree(key: &AgreementKey, peer: &PublicKey) -> Result<Secret<32>, Invalid> {
        peer.check_uncompressed()?;
        let peer = p256::PublicKey::from_sec1_bytes(&peer.0).map_err(|_| Invalid)?;
        let shared = p256::ecdh::diffie_hellman(&*key.0, peer.as_affine());
        Ok(Secret::filled(|bytes| bytes.copy_from_slice(shared.raw_secret_bytes())))
    }

    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
            unreachable!("HMAC takes a key of any length")
        };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    fn hkdf_extract(salt: &[u8], parts: &[&[u8]]) -> Secret<32> {
        let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
        parts.iter().for_each(|part| extract.input_ikm(part));
        let (mut prk, _) = extract.finalize();
        let secret = Secret::filled(|bytes| bytes.copy_from_slice(&prk));
        prk.zeroize();
        secret
    }

    fn hkdf_expand(prk: &Secret<32>, info: &[&[u8]], out: &mut [u8]) {
        assert!(out.len() <= HKDF_OUTPUT_MAX, "HKDF-Expand gives no more than {HKDF_OUTPUT_MAX} bytes");
        let Ok(hkdf) = Hkdf::<Sha256>::from_prk(prk.as_bytes()) else { unreachable!("a PRK has a hash's length") };
        let Ok(()) = hkdf.expand_multi_info(info, out) else { unreachable!("the length was checked") };
    }

    fn aes128_gcm_seal(key: &Secret<16>, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> [u8; 16] {
        let cipher = Aes128Gcm::new(key.as_bytes().into());
        let Ok(tag) = cipher.encrypt_in_place_detached(nonce.into(), associated, in_out) else {
            unreachable!("GCM takes 64 GiB; messages are shorter")
        };
        tag.into()
    }

    fn aes128_gcm_open(
        key: &Secret<16>,
        nonce: &[u8; 12],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Invalid> {
        let cipher = Aes128Gcm::new(key.as_bytes().into());
        cipher.decrypt_in_place_detached(nonce.into(), associated, in_out, tag.into()).map_err(|_| {
            in_out.fill(0);
            Invalid
        })
    }

    fn aes128_cmac(key: &Secret<16>, message: &[u8]) -> [u8; 16] {
        let mut mac = <Cmac<Aes128> as KeyInit>::new(key.as_bytes().into());
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

/// What a card does with a hash that somebody else has computed.
impl RustCrypto {
    /// Signs what has the SHA-256 `digest`, as [`Crypto::sign`] does.
    pub fn sign_digest(key: &SigningKey, digest: &[u8; 32], hedge: &[u8]) -> Signature {
        let Ok((signature, _)) = key.0.try_sign_prehashed_rfc6979::<Sha256>(digest.into(), hedge) else {
            // r or s is zero with a chance of 2⁻²⁵⁵, and no caller can aim at it.
            unreachable!("RFC 6979 gave a nonce without a signature")
        };
        Signature(signature.normalize_s().unwrap_or(signature).to_bytes().into())
    }

    /// Verifies ECDSA over what has the SHA-256 `digest`. Takes the high S too, which other libraries make half of the
    /// time; otherwise as [`Crypto::verify`].
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn verify_digest(key: &PublicKey, digest: &[u8; 32], signature: &Signature) -> Result<(), Invalid> {
        key.check_uncompressed()?;
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.0).map_err(|_| Invalid)?;
        let signature = p256::ecdsa::Signature::from_slice(&signature.0).map_err(|_| Invalid)?;
        key.verify_prehash(digest, &signature).map_err(|_| Invalid)
    }

    /// Whether these bytes are a point of the curve, uncompressed.
    pub fn is_point(key: &PublicKey) -> bool {
        key.check_uncompressed().is_ok() && p256::PublicKey::from_sec1_bytes(&key.0).is_ok()
    }
}

impl Hasher for Sha256 {
    fn new() -> Self {
        <Self as Digest>::new()
    }

    fn update(&mut self, bytes: &[u8]) {
        Digest::update(self, bytes);
    }

    fn finish(self) -> [u8; 32] {
        self.finalize().into()
    }
}

fn parse_scalar(scalar: &Secret<32>) -> Result<Zeroizing<NonZeroScalar>, Invalid> {
    let bytes: &FieldBytes = scalar.as_bytes().into();
    Option::from(NonZeroScalar::from_repr(*bytes)).map(Zeroizing::new).ok_or(Invalid)
}

fn public_key(scalar: &NonZeroScalar) -> PublicKey {
    let point = p256::PublicKey::from_secret_scalar(scalar).to_encoded_point(false);
    let mut bytes = [0; 65];
    bytes.copy_from_slice(point.as_bytes());
    PublicKey(bytes)
}
