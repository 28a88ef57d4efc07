//! The key store, against a library that is not the card's: what it signs verifies, and under no other key.

use protocol::crypto::{AwsLc, Crypto, Hasher, PublicKey, Signature};

use crate::{TestCard, card_on, empty_flash};

/// The response's data; its status must be 9000.
fn done(card: &mut TestCard, command: &[u8]) -> Vec<u8> {
    let mut response = card.transmit(command).unwrap();
    let data = response.len() - 2;
    assert_eq!(response[data..], [0x90, 0x00], "{command:02X?}");
    response.truncate(data);
    response
}

/// A command with data and `Le` of 00.
fn command(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    [&header[..], &[u8::try_from(data.len()).unwrap()], data, &[0]].concat()
}

/// Makes a pair that signs without condition, names it for signing, and gives its public key.
fn signing_pair(card: &mut TestCard, reference: u8) -> PublicKey {
    let attributes = [0x80, 1, reference, 0x81, 1, 1, 0x82, 2, 0xB6, 0x40, 0x84, 1, 0];
    done(card, &[&[0x80, 0xE2, 0x90, 0x00, 15, 0xA3, 13][..], &attributes].concat());
    let answer = done(card, &command([0x00, 0x47, 0x80, 0x00], &[0xB6, 3, 0x84, 1, reference]));
    name(card, reference);
    PublicKey(answer[5..].try_into().unwrap())
}

fn name(card: &mut TestCard, reference: u8) {
    done(card, &[0x00, 0x22, 0x41, 0xB6, 3, 0x84, 1, reference]);
}

fn sha256(message: &[u8]) -> [u8; 32] {
    let mut hasher = <AwsLc as Crypto>::Sha256::new();
    hasher.update(message);
    hasher.finish()
}

#[test]
fn what_the_card_signs_verifies_with_another_library_and_only_under_its_key() {
    let mut card = card_on(empty_flash());
    let keys = [0x21, 0x3E].map(|reference| (reference, signing_pair(&mut card, reference)));
    for (reference, key) in &keys {
        name(&mut card, *reference);
        for message in 0..20_u8 {
            let hash = sha256(&[message]);
            let signature = done(&mut card, &command([0x00, 0x2A, 0x9E, 0x9A], &hash));
            let signature = Signature(signature.try_into().unwrap());
            for (_, other) in &keys {
                assert_eq!(AwsLc::verify(other, &[message], &signature).is_ok(), other == key);
            }
            assert!(AwsLc::verify(key, &[message, 0], &signature).is_err());
        }
    }
}
