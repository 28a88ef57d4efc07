//! What the cryptographic floor costs, for each back end: `cargo bench -p protocol --bench crypto`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use protocol::crypto::{AwsLc, Crypto, Hasher, Invalid, RustCrypto, Secret, random_scalar};
use protocol::hpke;
use rand::rngs::OsRng;

/// Bytes in one message: about a sealed field or a signed part.
const MESSAGE: usize = 256;
/// How long each figure is measured.
const TIME: Duration = Duration::from_millis(200);

fn main() -> Result<(), Invalid> {
    println!("{:<34} {:>12} {:>12}", format!("µs, {MESSAGE}-byte messages"), "RustCrypto", "AwsLc");
    for ((name, rust_crypto), (_, aws_lc)) in figures::<RustCrypto>()?.into_iter().zip(figures::<AwsLc>()?) {
        println!("{name:<34} {rust_crypto:>12.2} {aws_lc:>12.2}");
    }
    Ok(())
}

/// Each operation with its time in microseconds.
fn figures<C: Crypto>() -> Result<Vec<(&'static str, f64)>, Invalid> {
    let mut figures = asymmetric::<C>()?;
    figures.extend(symmetric::<C>());
    Ok(figures)
}

fn asymmetric<C: Crypto>() -> Result<Vec<(&'static str, f64)>, Invalid> {
    let message = [0x5a; MESSAGE];
    let scalar = random_scalar::<C>(&mut OsRng);
    let signing = C::signing_key(&scalar)?;
    let verification = C::verification_key(&signing);
    let signature = C::sign(&signing, &message, &[]);
    let agreement = C::generate_agreement_key(&mut OsRng);
    let public = C::agreement_public_key(&agreement);
    let (encapsulated, mut sender) = hpke::setup_sender::<C>(&public, &[b"info"], &mut OsRng)?;
    let mut sealed = message;
    let tag = sender.seal(&[], &mut sealed);
    Ok(vec![
        ("signing_key", time(|| C::signing_key(&scalar))),
        ("sign", time(|| C::sign(&signing, &message, &[]))),
        ("verify", time(|| C::verify(&verification, &message, &signature))),
        ("agreement_key", time(|| C::agreement_key(&scalar))),
        ("agreement_key + public key", time(|| C::agreement_key(&scalar).map(|key| C::agreement_public_key(&key)))),
        (
            "generate_agreement_key + public key",
            time(|| C::agreement_public_key(&C::generate_agreement_key(&mut OsRng))),
        ),
        ("agree", time(|| C::agree(&agreement, &public))),
        (
            "hpke: set up sender, seal",
            time(|| {
                hpke::setup_sender::<C>(&public, &[b"info"], &mut OsRng)
                    .map(|(_, mut sender)| sender.seal(&[], &mut [0; MESSAGE]))
            }),
        ),
        (
            "hpke: set up receiver, open",
            time(|| {
                let mut receiver = hpke::setup_receiver::<C>(&agreement, &public, &encapsulated, &[b"info"])?;
                receiver.open(&[], &mut sealed.clone(), &tag)
            }),
        ),
    ])
}

fn symmetric<C: Crypto>() -> Vec<(&'static str, f64)> {
    let message = [0x5a; MESSAGE];
    let (key, prk) = (Secret::random(&mut OsRng), Secret::random(&mut OsRng));
    vec![
        (
            "SHA-256",
            time(|| {
                let mut hasher = C::Sha256::new();
                hasher.update(&message);
                hasher.finish()
            }),
        ),
        ("HMAC-SHA256", time(|| C::hmac_sha256(prk.as_bytes(), &[&message]))),
        ("HKDF-Extract", time(|| C::hkdf_extract(prk.as_bytes(), &[&message]))),
        ("HKDF-Expand, 16 bytes", time(|| C::hkdf_expand(&prk, &[b"label"], &mut [0; 16]))),
        ("AES-128-GCM, key and seal", time(|| C::aes128_gcm_seal(&key, &[0; 12], &[], &mut [0; MESSAGE]))),
        ("AES-128-CMAC, key and tag", time(|| C::aes128_cmac(&key, &message))),
    ]
}

/// Microseconds one call of `operation` takes, the least of several rounds.
fn time<R>(mut operation: impl FnMut() -> R) -> f64 {
    let mut round = |calls: u32| {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(operation());
        }
        start.elapsed()
    };
    let mut calls = 1;
    while round(calls) < TIME / 10 {
        calls *= 2;
    }
    let least = (0..10).map(|_| round(calls)).min().unwrap_or_default();
    least.as_secs_f64() * 1e6 / f64::from(calls)
}
