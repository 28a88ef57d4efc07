//! HPKE against two foreign implementations, both ways: crate `hpke` and Python's `pyhpke`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ::hpke::aead::{AeadTag, AesGcm128};
use ::hpke::kdf::HkdfSha256;
use ::hpke::kem::DhP256HkdfSha256;
use ::hpke::rand_core::{CryptoRng, RngCore};
use ::hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use protocol::crypto::{Crypto, PublicKey, random_scalar};
use protocol::hpke;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{for_each_back_end, hex, public_key};

for_each_back_end!(crate_hpke_opens_ours, ours_opens_crate_hpke, pyhpke_opens_ours, ours_opens_pyhpke);

type Aead = AesGcm128;
type Kdf = HkdfSha256;
type Foreign = DhP256HkdfSha256;

const ROUNDS: usize = 50;
const INFO: &[u8] = b"info of an exchange";
const ASSOCIATED: [&[u8]; 2] = [b"first", b""];

/// Two messages, as many as one context seals here.
fn messages(random: &mut StdRng) -> [Vec<u8>; 2] {
    [(); 2].map(|()| (0..random.gen_range(0..400)).map(|_| random.r#gen()).collect())
}

fn crate_hpke_opens_ours<C: Crypto>() {
    let random = &mut StdRng::seed_from_u64(6);
    for _ in 0..ROUNDS {
        let (private, public) = Foreign::gen_keypair(&mut NewGeneration(random));
        let recipient = public_key(&public.to_bytes()).unwrap();
        let (encapsulated, mut sender) = hpke::setup_sender::<C>(&recipient, &[INFO], random).unwrap();
        let encapsulated = <Foreign as Kem>::EncappedKey::from_bytes(&encapsulated.0).unwrap();
        let mut receiver =
            ::hpke::setup_receiver::<Aead, Kdf, Foreign>(&OpModeR::Base, &private, &encapsulated, INFO).unwrap();
        for (plain, associated) in messages(random).iter().zip(ASSOCIATED) {
            let mut bytes = plain.clone();
            let tag = AeadTag::from_bytes(&sender.seal(associated, &mut bytes)).unwrap();
            receiver.open_in_place_detached(&mut bytes, associated, &tag).unwrap();
            assert_eq!(bytes, *plain);
        }
    }
    println!("crate hpke opens ours: {ROUNDS} contexts");
}

fn ours_opens_crate_hpke<C: Crypto>() {
    let random = &mut StdRng::seed_from_u64(7);
    for _ in 0..ROUNDS {
        let key = C::generate_agreement_key(random);
        let public = C::agreement_public_key(&key);
        let recipient = <Foreign as Kem>::PublicKey::from_bytes(&public.0).unwrap();
        let (encapsulated, mut sender) =
            ::hpke::setup_sender::<Aead, Kdf, Foreign, _>(&OpModeS::Base, &recipient, INFO, &mut NewGeneration(random))
                .unwrap();
        let encapsulated = public_key(&encapsulated.to_bytes()).unwrap();
        let mut receiver = hpke::setup_receiver::<C>(&key, &public, &encapsulated, &[INFO]).unwrap();
        for (plain, associated) in messages(random).iter().zip(ASSOCIATED) {
            let mut bytes = plain.clone();
            let tag = sender.seal_in_place_detached(&mut bytes, associated).unwrap();
            receiver.open(associated, &mut bytes, tag.to_bytes().as_slice().try_into().unwrap()).unwrap();
            assert_eq!(bytes, *plain);
        }
    }
    println!("ours opens crate hpke: {ROUNDS} contexts");
}

/// Crate `hpke` asks for the next generation of the random traits.
struct NewGeneration<'a>(&'a mut StdRng);

impl RngCore for NewGeneration<'_> {
    fn next_u32(&mut self) -> u32 {
        rand::RngCore::next_u32(self.0)
    }

    fn next_u64(&mut self) -> u64 {
        rand::RngCore::next_u64(self.0)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        rand::RngCore::fill_bytes(self.0, out);
    }
}

impl CryptoRng for NewGeneration<'_> {}

/// One line for the script: its verb, and every argument in hexadecimal digits, `-` where it is empty.
fn line<const N: usize>(verb: &str, arguments: [&[u8]; N]) -> String {
    let digits = arguments.map(|bytes| if bytes.is_empty() { "-".into() } else { hex::encode(bytes) });
    format!("{verb} {}\n", digits.join(" "))
}

/// What the script answers, a list of byte strings for each line.
fn ask_pyhpke(lines: &str) -> Vec<Vec<Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = std::env::var_os("SYMBOLON_PYTHON").map_or_else(|| root.join("target/python/bin/python"), Into::into);
    let Ok(mut child) = Command::new(&python)
        .arg(root.join("tests/interop/pyhpke_peer.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        panic!("no Python at {}: run `cargo xtask test`, which sets it up", python.display())
    };
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "pyhpke_peer.py failed; `cargo xtask test` installs what it needs");
    let answers = String::from_utf8(output.stdout).unwrap();
    let bytes = |word: &str| if word == "-" { Vec::new() } else { hex(word) };
    answers.lines().map(|line| line.split(' ').map(bytes).collect()).collect()
}

fn pyhpke_opens_ours<C: Crypto>() {
    let random = &mut StdRng::seed_from_u64(8);
    let (mut lines, mut expected) = (String::new(), Vec::new());
    for _ in 0..ROUNDS {
        let scalar = random_scalar::<C>(random);
        let recipient = C::agreement_public_key(&C::agreement_key(&scalar).unwrap());
        let (encapsulated, mut sender) = hpke::setup_sender::<C>(&recipient, &[INFO], random).unwrap();
        let plain = messages(random);
        let mut seal = |index: usize| {
            let mut bytes = plain[index].clone();
            let tag = sender.seal(ASSOCIATED[index], &mut bytes);
            [&bytes[..], &tag].concat()
        };
        let (first, second) = (seal(0), seal(1));
        let arguments = [scalar.as_bytes(), &encapsulated.0[..], INFO, ASSOCIATED[0], &first, ASSOCIATED[1], &second];
        lines += &line("open", arguments);
        expected.push(plain.to_vec());
    }
    assert_eq!(ask_pyhpke(&lines), expected);
    println!("pyhpke opens ours: {ROUNDS} contexts");
}

fn ours_opens_pyhpke<C: Crypto>() {
    let random = &mut StdRng::seed_from_u64(9);
    let contexts: Vec<_> = (0..ROUNDS).map(|_| (C::generate_agreement_key(random), messages(random))).collect();
    let lines: String = contexts
        .iter()
        .map(|(key, plain)| {
            let public = C::agreement_public_key(key);
            line("seal", [&public.0, INFO, ASSOCIATED[0], &plain[0], ASSOCIATED[1], &plain[1]])
        })
        .collect();
    let answers = ask_pyhpke(&lines);
    assert_eq!(answers.len(), ROUNDS);
    for ((key, plain), answer) in contexts.iter().zip(answers) {
        let [encapsulated, sealed @ ..] = answer.as_slice() else { panic!("an answer has a key and seals") };
        let encapsulated: PublicKey = public_key(encapsulated).unwrap();
        let mut receiver =
            hpke::setup_receiver::<C>(key, &C::agreement_public_key(key), &encapsulated, &[INFO]).unwrap();
        assert_eq!(sealed.len(), plain.len());
        for ((sealed, plain), associated) in sealed.iter().zip(plain).zip(ASSOCIATED) {
            let (bytes, tag) = sealed.split_last_chunk::<16>().unwrap();
            let mut bytes = bytes.to_vec();
            receiver.open(associated, &mut bytes, tag).unwrap();
            assert_eq!(bytes, *plain);
        }
    }
    println!("ours opens pyhpke: {ROUNDS} contexts");
}
