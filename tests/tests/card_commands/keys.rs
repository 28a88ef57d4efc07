//! The key store, against a library that is not the card's: what it signs verifies, and under no other key.

use protocol::crypto::{AwsLc, Crypto, Hasher, PublicKey, Secret, Signature};

use crate::secure_channel::{Keyed, STORE_DATA, open, put_in_the_clear, secured, send};
use crate::{TestCard, card_on, empty_flash};

/// The response's data; its status must be 9000.
pub(crate) fn done(card: &mut TestCard, command: &[u8]) -> Vec<u8> {
    let mut response = card.transmit(command).unwrap();
    let data = response.len() - 2;
    assert_eq!(response[data..], [0x90, 0x00], "{command:02X?}");
    response.truncate(data);
    response
}

/// A command with data and `Le` of 00.
pub(crate) fn command(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    [&header[..], &[u8::try_from(data.len()).unwrap()], data, &[0]].concat()
}

/// Makes a pair that signs without condition, names it for signing, and gives its public key.
fn signing_pair(card: &mut TestCard, reference: u8) -> PublicKey {
    bring(card, reference, &[0x81, 1, 1, 0x82, 2, 0xB6, 0x40, 0x84, 1, 0]);
    let answer = done(card, &command([0x00, 0x47, 0x80, 0x00], &[0xB6, 3, 0x84, 1, reference]));
    name(card, reference);
    PublicKey(answer[5..].try_into().unwrap())
}

fn name(card: &mut TestCard, reference: u8) {
    done(card, &[0x00, 0x22, 0x41, 0xB6, 3, 0x84, 1, reference]);
}

pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
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

/// AES keys come into a SECURED card encrypted alone, private keys not at all, public keys in any secure channel.
#[test]
fn secret_values_come_into_a_secured_card_encrypted_or_not_at_all() {
    let pair = [&[0xA3, 0x2F, 0x80, 1, 0x22, 0x81, 1, 1, 0x82, 2, 0xB6, 0x40, 0x84, 1, 0, 0x87, 32][..], &[7; 32]];
    let secret = [&[0xA3, 0x1F, 0x80, 1, 0x23, 0x81, 1, 3, 0x82, 2, 0xB4, 0x40, 0x84, 1, 0, 0x87, 16][..], &[7; 16]];
    let point = AwsLc::verification_key(&AwsLc::signing_key(&Secret::from([7; 32])).unwrap()).0;
    let public = [&[0xA3, 0x50, 0x80, 1, 0x24, 0x81, 1, 2, 0x82, 2, 0xB6, 0x80, 0x84, 1, 0, 0x87, 65][..], &point];
    let flash = secured();
    for (level, of_secret) in [(0x01, 0x6982), (0x11, 0x6982), (0x03, 0x9000), (0x33, 0x9000)] {
        let mut card = card_on(flash.clone());
        let mut host = open(&mut card, Keyed::ISSUER, level, 8);
        let mut store = |data: [&[u8]; 2]| send(&mut card, &mut host, STORE_DATA, &data.concat()).1;
        assert_eq!([store(pair), store(secret), store(public)], [0x6982, of_secret, 0x9000], "level {level:02X}");
        // A pair that the card makes is another matter.
        let made = &[0xA3, 0x0D, 0x80, 1, 0x22, 0x81, 1, 1, 0x82, 2, 0xB6, 0x40, 0x84, 1, 0][..];
        assert_eq!(store([made, &[]]), 0x9000);
        let generate = send(&mut card, &mut host, [0x00, 0x47, 0x80, 0x00], &[0xB6, 3, 0x84, 1, 0x22]);
        assert_eq!((generate.0.len(), generate.1), (70, 0x9000));
    }
}

/// Tries of the key that authenticates.
const TRIES: u8 = 3;
pub(crate) const SECRET: [u8; 16] = [0x5A; 16];
const MUTUAL: &[u8] = b"symbolon card/1 mutual authenticate, ";

/// Brings a key, given by the objects behind its reference.
pub(crate) fn bring(card: &mut TestCard, reference: u8, objects: &[u8]) {
    let length = u8::try_from(objects.len() + 3).unwrap();
    done(card, &[&[0x80, 0xE2, 0x90, 0x00, length + 2, 0xA3, length, 0x80, 1, reference][..], objects].concat());
}

/// A card with a file that whoever has key 21 reads (its condition is `condition`), and with key 21: of this kind and
/// usage, with this value. SECURED.
pub(crate) fn guarded(usage: u8, kind: u8, value: &[u8]) -> TestCard {
    let mut card = card_on(empty_flash());
    let attributes = [0x81, 1, kind, 0x82, 2, 0xA4, usage, 0x84, 1, 0, 0x86, 1, TRIES, 0x87];
    bring(&mut card, 0x21, &[&attributes[..], &[u8::try_from(value.len()).unwrap()], value].concat());
    done(
        &mut card,
        b"\x00\xE0\x00\x00\x14\x62\x12\x80\x02\x00\x08\x82\x01\x01\x83\x02\x00\x01\x88\x01\x08\x8C\x02\x01\x21",
    );
    put_in_the_clear(&mut card);
    done(&mut card, &[0x80, 0xF0, 0x80, 0x0F]);
    card.power_on().unwrap();
    card
}

/// The status of a command.
fn status(card: &mut TestCard, command: &[u8]) -> u16 {
    let response = card.transmit(command).unwrap();
    u16::from_be_bytes(response[response.len() - 2..].try_into().unwrap())
}

/// The status of reading what key 21 guards, on a logical channel.
fn reading(card: &mut TestCard, channel: u8) -> u16 {
    status(card, &[channel, 0xB0, 0x81, 0x00, 0x08])
}

pub(crate) fn challenge(card: &mut TestCard) -> [u8; 16] {
    done(card, &[0x00, 0x84, 0x00, 0x00, 0x10]).try_into().unwrap()
}

pub(crate) fn cmac(message: &[&[u8]]) -> Vec<u8> {
    AwsLc::aes128_cmac(&Secret::from(SECRET), &message.concat()).to_vec()
}

pub(crate) fn external(proof: &[u8]) -> Vec<u8> {
    [&[0x00, 0x82, 0x00, 0x21, u8::try_from(proof.len()).unwrap()][..], proof].concat()
}

/// What is signed or has its checksum computed in EXTERNAL AUTHENTICATE.
pub(crate) fn external_message(challenge: &[u8; 16]) -> Vec<u8> {
    [&b"symbolon card/1 external authenticate"[..], &[0x21], challenge].concat()
}

/// Through all that may be wrong first: then the right proof opens the file, on its channel, until the reset.
fn assert_authenticates(card: &mut TestCard, prove: impl Fn(&[u8; 16]) -> Vec<u8>) {
    assert_eq!(reading(card, 0), 0x6982);
    let old = challenge(card);
    challenge(card);
    assert_eq!(status(card, &external(&prove(&old))), 0x63C2, "of an old challenge");
    assert_eq!(reading(card, 0), 0x6982);
    let new = challenge(card);
    let proof = external(&prove(&new));
    assert_eq!(status(card, &proof), 0x9000);
    assert_eq!(reading(card, 0), 0x9000);
    assert_eq!(status(card, &proof), 0x6985, "a challenge serves once");
    assert_eq!(reading(card, 0), 0x9000);
    done(card, &[0x00, 0x70, 0x00, 0x01]);
    assert_eq!(reading(card, 1), 0x6982, "another channel's is not this one's");
    for left in (0..TRIES).rev() {
        let mut wrong = external(&prove(&challenge(card)));
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(status(card, &wrong), 0x63C0 | u16::from(left), "the right one gave the tries back");
        assert_eq!(reading(card, 0), 0x6982, "a wrong try ends it");
    }
    let proof = external(&prove(&challenge(card)));
    assert_eq!(status(card, &proof), 0x6983);
    card.power_on().unwrap();
    let proof = external(&prove(&challenge(card)));
    assert_eq!(status(card, &proof), 0x6983, "for ever");
}

#[test]
fn who_proves_to_have_a_secret_key_is_authenticated() {
    assert_authenticates(&mut guarded(0x80, 3, &SECRET), |challenge| cmac(&[&external_message(challenge)]));
}

#[test]
fn who_proves_to_have_a_private_key_is_authenticated() {
    let key = AwsLc::signing_key(&Secret::from([7; 32])).unwrap();
    let public = AwsLc::verification_key(&key);
    assert_authenticates(&mut guarded(0x80, 2, &public.0), |challenge| {
        AwsLc::sign(&key, &external_message(challenge), &[]).0.to_vec()
    });
}

#[test]
fn card_and_host_prove_themselves_to_each_other() {
    let mut card = guarded(0xC0, 3, &SECRET);
    let host = [0x11; 16];
    let challenge = challenge(&mut card);
    let data = [host.to_vec(), cmac(&[MUTUAL, b"host", &[0x21], &challenge, &host])].concat();
    let proof = done(&mut card, &command([0x00, 0x82, 0x00, 0x21], &data));
    assert_eq!(proof, cmac(&[MUTUAL, b"card", &[0x21], &host, &challenge]));
    assert_eq!(reading(&mut card, 0), 0x9000);
    card.power_on().unwrap();
    assert_eq!(reading(&mut card, 0), 0x6982);
}

#[test]
fn who_was_authenticated_is_not_with_the_key_that_takes_its_place() {
    let mut card = guarded(0x80, 3, &SECRET);
    done(&mut card, &[0x00, 0x70, 0x00, 0x01]);
    let challenge: [u8; 16] = done(&mut card, &[0x01, 0x84, 0x00, 0x00, 0x10]).try_into().unwrap();
    let mut proof = external(&cmac(&[&external_message(&challenge)]));
    proof[0] = 0x01;
    assert_eq!(status(&mut card, &proof), 0x9000);
    let mut host = open(&mut card, Keyed::ISSUER, 0x33, 8);
    assert_eq!(reading(&mut card, 1), 0x9000);
    assert_eq!(send(&mut card, &mut host, STORE_DATA, &[0xA3, 0x03, 0x80, 0x01, 0x21]), (vec![], 0x9000));
    assert_eq!(reading(&mut card, 1), 0x6982);
}

#[test]
fn the_card_proves_itself_with_a_pair() {
    let mut card = card_on(empty_flash());
    bring(&mut card, 0x22, &[0x81, 1, 1, 0x82, 2, 0xA4, 0x40, 0x84, 1, 0]);
    let answer = done(&mut card, &command([0x00, 0x47, 0x80, 0x00], &[0xA4, 3, 0x84, 1, 0x22]));
    let key = PublicKey(answer[5..].try_into().unwrap());
    let challenge = [0xC4; 20];
    let signature = done(&mut card, &command([0x00, 0x88, 0x00, 0x22], &challenge));
    let signature = Signature(signature.try_into().unwrap());
    let message = [&b"symbolon card/1 internal authenticate"[..], &[0x22], &challenge].concat();
    AwsLc::verify(&key, &message, &signature).unwrap();
    assert!(AwsLc::verify(&key, &[&message[..], &[0]].concat(), &signature).is_err());
}
