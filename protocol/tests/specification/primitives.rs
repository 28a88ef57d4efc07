//! The formulas of `PROTOCOL.md` over the plain libraries, without a line of the crate under test.

use aes_gcm::{AeadInPlace, Aes128Gcm, KeyInit};
use cmac::Cmac;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use hpke::aead::{AeadTag, AesGcm128};
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use sha2::{Digest, Sha256};

/// SHA-256 over the label and the fields, each behind its length (section 2).
pub(crate) fn digest(label: &str, fields: &[&[u8]]) -> [u8; 32] {
    let label = format!("symbolon/1 {label}");
    let mut hash = Sha256::new();
    for field in [label.as_bytes()].iter().chain(fields) {
        hash.update(u32::try_from(field.len()).unwrap().to_be_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub(crate) fn cmac(key: &[u8], message: &[u8]) -> [u8; 16] {
    let mut mac = <Cmac<aes::Aes128> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub(crate) fn extract(salt: &[u8], material: &[u8]) -> [u8; 32] {
    Hkdf::<Sha256>::extract(Some(salt), material).0.into()
}

pub(crate) fn expand(prk: &[u8], info: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    Hkdf::<Sha256>::from_prk(prk).unwrap().expand(info, &mut key).unwrap();
    key
}

/// AES-128-GCM with nonce zero; the tag is the last 16 bytes.
pub(crate) fn open(key: &[u8], associated: &[u8], sealed: &[u8]) -> Vec<u8> {
    let (cipher, tag) = sealed.split_last_chunk::<16>().unwrap();
    let mut plain = cipher.to_vec();
    Aes128Gcm::new_from_slice(key)
        .unwrap()
        .decrypt_in_place_detached(&[0; 12].into(), associated, &mut plain, tag.into())
        .expect("a seal opens");
    plain
}

pub(crate) fn public_key(scalar: &[u8]) -> [u8; 65] {
    let key = p256::SecretKey::from_slice(scalar).unwrap().public_key();
    key.to_encoded_point(false).as_bytes().try_into().unwrap()
}

pub(crate) fn verify(key: &[u8], message: &[u8], signature: &[u8]) {
    let signature = Signature::from_slice(signature).unwrap();
    assert!(signature.normalize_s().is_none(), "S is in the lower half");
    VerifyingKey::from_sec1_bytes(key).unwrap().verify(message, &signature).expect("a signature verifies");
}

type Suite = DhP256HkdfSha256;

/// A receiver's HPKE context, by crate `hpke`.
pub(crate) struct Receiver(hpke::aead::AeadCtxR<AesGcm128, HkdfSha256, Suite>);

impl Receiver {
    pub(crate) fn new(scalar: &[u8], encapsulated: &[u8], info: &[u8]) -> Self {
        let key = <Suite as Kem>::PrivateKey::from_bytes(scalar).unwrap();
        let encapsulated = <Suite as Kem>::EncappedKey::from_bytes(encapsulated).unwrap();
        Self(hpke::setup_receiver(&OpModeR::Base, &key, &encapsulated, info).unwrap())
    }

    pub(crate) fn open(&mut self, associated: &[u8], sealed: &[u8]) -> Vec<u8> {
        let (cipher, tag) = sealed.split_last_chunk::<16>().unwrap();
        let mut plain = cipher.to_vec();
        let tag = AeadTag::from_bytes(tag).unwrap();
        self.0.open_in_place_detached(&mut plain, associated, &tag).expect("an HPKE seal opens");
        plain
    }
}

/// The root of an RFC 6962 tree, by its recursive definition.
pub(crate) fn merkle_root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [leaf] => sha256(&[&[0], leaf]),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[&[1], &merkle_root(left), &merkle_root(right)])
        }
    }
}

/// The path of leaf `number`, by its recursive definition (RFC 6962, section 2.1.1).
pub(crate) fn merkle_path(number: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if number < left.len() {
        (merkle_path(number, left), merkle_root(right))
    } else {
        (merkle_path(number - left.len(), right), merkle_root(left))
    };
    path.push(sibling);
    path
}

/// The largest power of two below `count`.
const fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}
