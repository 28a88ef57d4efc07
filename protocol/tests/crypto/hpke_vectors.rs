//! HPKE against the RFC's vectors, and what its contexts refuse.

use protocol::crypto::{Crypto, Invalid, PublicKey};
use protocol::hpke::{self, INFO_PARTS_MAX};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{for_each_back_end, hex, hex_array, secret};

for_each_back_end!(
    encryptions_of_rfc_9180,
    only_the_same_key_info_and_order_open,
    info_is_the_concatenation_of_its_parts,
    keys_that_are_no_points_are_refused
);

const VECTORS: &str = include_str!("../vectors/hpke_rfc9180_a3_1.txt");

fn encryptions_of_rfc_9180<C: Crypto>() {
    let all = |name| VECTORS.lines().filter_map(move |line| line.split_once(": ").filter(|(key, _)| *key == name));
    let one = |name| all(name).next().unwrap().1;
    let key = |name| C::agreement_key(&secret(&hex(one(name)))).unwrap();
    let (recipient, info, plain) = (PublicKey(hex_array(one("pkRm"))), hex(one("info")), hex(one("pt")));
    assert_eq!(C::agreement_public_key(&key("skRm")), recipient);

    let (encapsulated, mut sender) = hpke::setup_sender_with::<C>(&recipient, &[&info], key("skEm")).unwrap();
    assert_eq!(encapsulated.0, hex_array(one("enc")));
    let mut receiver = hpke::setup_receiver::<C>(&key("skRm"), &recipient, &encapsulated, &[&info]).unwrap();
    let mut run = 0;
    for (_, sealed) in all("ct") {
        let associated = format!("Count-{run}");
        let mut bytes = plain.clone();
        let tag = sender.seal(associated.as_bytes(), &mut bytes);
        assert_eq!([&bytes[..], &tag].concat(), hex(sealed), "{associated}");
        receiver.open(associated.as_bytes(), &mut bytes, &tag).unwrap();
        assert_eq!(bytes, plain);
        run += 1;
    }
    println!("HPKE of RFC 9180: {run} encryptions");
    assert_eq!(run, 257);
}

fn only_the_same_key_info_and_order_open<C: Crypto>() {
    let random = &mut StdRng::seed_from_u64(3);
    let (key, other) = (C::generate_agreement_key(random), C::generate_agreement_key(random));
    let (public, other_public) = (C::agreement_public_key(&key), C::agreement_public_key(&other));
    let (encapsulated, mut sender) = hpke::setup_sender::<C>(&public, &[b"info"], random).unwrap();
    let seals = [b"one", b"two"].map(|plain| {
        let mut bytes = *plain;
        let tag = sender.seal(b"associated", &mut bytes);
        (bytes, tag)
    });
    assert_ne!(seals[0].1, seals[1].1);
    let setup =
        |key, public, encapsulated, info| hpke::setup_receiver::<C>(key, public, encapsulated, &[info]).unwrap();
    let (mut first, first_tag) = seals[0];
    for mut receiver in [
        setup(&key, &public, &encapsulated, b"Info"),
        setup(&other, &public, &encapsulated, b"info"),
        setup(&key, &other_public, &encapsulated, b"info"),
        setup(&key, &public, &other_public, b"info"),
    ] {
        let mut bytes = first;
        assert_eq!(receiver.open(b"associated", &mut bytes, &first_tag), Err(Invalid));
        assert_eq!(bytes, [0; 3]);
    }

    let mut receiver = setup(&key, &public, &encapsulated, b"info");
    let (mut second, second_tag) = seals[1];
    assert_eq!(receiver.open(b"associated", &mut second.clone(), &second_tag), Err(Invalid), "too early");
    assert_eq!(receiver.open(b"Associated", &mut first.clone(), &first_tag), Err(Invalid));
    receiver.open(b"associated", &mut first, &first_tag).expect("refusals use nothing up");
    assert_eq!(&first, b"one");
    assert_eq!(receiver.open(b"associated", &mut seals[0].0.clone(), &first_tag), Err(Invalid), "again");
    receiver.open(b"associated", &mut second, &second_tag).unwrap();
    assert_eq!(&second, b"two");
}

fn info_is_the_concatenation_of_its_parts<C: Crypto>() {
    let random = &mut StdRng::seed_from_u64(4);
    let key = C::generate_agreement_key(random);
    let public = C::agreement_public_key(&key);
    let info = b"abcdefgh";
    for count in 1..=INFO_PARTS_MAX {
        let parts: Vec<&[u8]> = info.chunks(info.len().div_ceil(count)).collect();
        let (encapsulated, mut sender) = hpke::setup_sender::<C>(&public, &parts, random).unwrap();
        let mut receiver = hpke::setup_receiver::<C>(&key, &public, &encapsulated, &[info]).unwrap();
        let mut bytes = *b"plain";
        let tag = sender.seal(&[], &mut bytes);
        receiver.open(&[], &mut bytes, &tag).unwrap();
    }
}

fn keys_that_are_no_points_are_refused<C: Crypto>() {
    let random = &mut StdRng::seed_from_u64(5);
    let key = C::generate_agreement_key(random);
    let public = C::agreement_public_key(&key);
    let mut off = public;
    off.0[64] ^= 1;
    for junk in [PublicKey([0; 65]), PublicKey([4; 65]), off] {
        assert!(hpke::setup_sender::<C>(&junk, &[], random).is_err());
        assert!(hpke::setup_receiver::<C>(&key, &public, &junk, &[]).is_err());
    }
}
