//! The back ends against each other, with keys and messages from a seeded generator: what one makes the other accepts.

use protocol::crypto::{AwsLc, Crypto, RustCrypto, Secret, random_scalar};
use protocol::hpke;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

const ROUNDS: usize = 100;

#[test]
fn rust_crypto_makes_what_aws_lc_accepts() {
    everything_fits::<RustCrypto, AwsLc>(1);
}

#[test]
fn aws_lc_makes_what_rust_crypto_accepts() {
    everything_fits::<AwsLc, RustCrypto>(2);
}

fn everything_fits<A: Crypto, B: Crypto>(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..ROUNDS {
        let mut message = vec![0; random.gen_range(0..600)];
        random.fill_bytes(&mut message);
        keys_agree::<A, B>(&mut random);
        signatures_verify::<A, B>(&mut random, &message);
        symmetric_results_are_equal::<A, B>(&mut random, &message);
        sealed_messages_open::<A, B>(&mut random, &message);
    }
    println!("back ends: {ROUNDS} rounds of agreement, signature, symmetric work and HPKE");
}

fn keys_agree<A: Crypto, B: Crypto>(random: &mut StdRng) {
    let scalar = random_scalar::<A>(random);
    let (a, same) = (A::agreement_key(&scalar).unwrap(), B::agreement_key(&scalar).unwrap());
    assert_eq!(A::agreement_public_key(&a), B::agreement_public_key(&same));
    let b = B::generate_agreement_key(random);
    let (public_a, public_b) = (A::agreement_public_key(&a), B::agreement_public_key(&b));
    let shared = A::agree(&a, &public_b).unwrap();
    assert_eq!(shared, B::agree(&b, &public_a).unwrap());
    assert_eq!(shared, B::agree(&same, &public_b).unwrap());
    assert_ne!(shared, A::agree(&a, &public_a).unwrap());
}

fn signatures_verify<A: Crypto, B: Crypto>(random: &mut StdRng, message: &[u8]) {
    let scalar = random_scalar::<A>(random);
    let (key, same) = (A::signing_key(&scalar).unwrap(), B::signing_key(&scalar).unwrap());
    let public = A::verification_key(&key);
    assert_eq!(public, B::verification_key(&same));
    let signature = A::sign(&key, message, &random.r#gen::<[u8; 32]>());
    B::verify(&public, message, &signature).unwrap();
    A::verify(&public, message, &signature).unwrap();

    let mut forged = signature;
    forged.0[random.gen_range(0..64)] ^= 1 << random.gen_range(0..8);
    assert!(B::verify(&public, message, &forged).is_err());
    assert!(B::verify(&public, &[message, b"."].concat(), &signature).is_err());
    assert!(
        B::verify(&B::verification_key(&B::signing_key(&random_scalar::<B>(random)).unwrap()), message, &signature)
            .is_err()
    );
}

fn symmetric_results_are_equal<A: Crypto, B: Crypto>(random: &mut StdRng, message: &[u8]) {
    let (key, prk) = (Secret::random(random), A::hkdf_extract(b"salt", &[message]));
    assert_eq!(prk, B::hkdf_extract(b"salt", &[message]));
    let (mut a, mut b) = ([0; 100], [0; 100]);
    A::hkdf_expand(&prk, &[message, b"info"], &mut a);
    B::hkdf_expand(&prk, &[message, b"info"], &mut b);
    assert_eq!(a, b);
    assert_eq!(A::hmac_sha256(message, &[b"data"]), B::hmac_sha256(message, &[b"data"]));
    assert_eq!(A::aes128_cmac(&key, message), B::aes128_cmac(&key, message));
    let mut bytes = message.to_vec();
    let tag = A::aes128_gcm_seal(&key, &[7; 12], b"associated", &mut bytes);
    B::aes128_gcm_open(&key, &[7; 12], b"associated", &mut bytes, &tag).unwrap();
    assert_eq!(bytes, message);
}

fn sealed_messages_open<A: Crypto, B: Crypto>(random: &mut StdRng, message: &[u8]) {
    let key = B::generate_agreement_key(random);
    let public = B::agreement_public_key(&key);
    let (encapsulated, mut sender) = hpke::setup_sender::<A>(&public, &[b"info"], random).unwrap();
    let mut receiver = hpke::setup_receiver::<B>(&key, &public, &encapsulated, &[b"info"]).unwrap();
    for associated in [b"first".as_slice(), b"second"] {
        let mut bytes = message.to_vec();
        let tag = sender.seal(associated, &mut bytes);
        receiver.open(associated, &mut bytes, &tag).unwrap();
        assert_eq!(bytes, message);
    }
}
