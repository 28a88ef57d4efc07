//! What every back end refuses, and what its types never give away.

use protocol::crypto::{Crypto, Invalid, PublicKey, SCALAR_DRAWS_MAX, Secret, Signature, random_scalar};
use rand_core::{CryptoRng, Error, RngCore};

use super::{for_each_back_end, hex_array, secret, with_other_s};

for_each_back_end!(
    scalars_outside_1_to_n,
    points_not_on_the_curve_or_spelled_otherwise,
    signatures_out_of_range_or_with_a_high_s,
    a_failed_open_leaves_zeroes,
    random_scalars_are_drawn_again_and_not_for_ever
);

/// n, the order of P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const ORDER_LESS_1: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";
const ORDER_PLUS_1: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552";
/// p, the prime of its field.
const PRIME: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
/// The generator's coordinates.
const X: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const Y: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

const FIVE_PLUS_PRIME: &str = "ffffffff00000001000000000000000000000001000000000000000000000004";
const Y_OF_FIVE: &str = "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc";

fn scalars_outside_1_to_n<C: Crypto>() {
    let scalars = [
        ([0; 32], false),
        (hex_array(&format!("{:064x}", 1)), true),
        (hex_array(ORDER_LESS_1), true),
        (hex_array(ORDER), false),
        (hex_array(ORDER_PLUS_1), false),
        ([0xff; 32], false),
    ];
    for (scalar, accepted) in scalars {
        let scalar = Secret::from(scalar);
        assert_eq!(C::signing_key(&scalar).is_ok(), accepted);
        assert_eq!(C::agreement_key(&scalar).is_ok(), accepted);
    }
    let one = C::agreement_key(&secret(&scalars[1].0)).unwrap();
    assert_eq!(C::agreement_public_key(&one), point("04", X, Y), "1 times the generator");
}

fn point(form: &str, x: &str, y: &str) -> PublicKey {
    PublicKey(hex_array(&[form, x, y].concat()))
}

fn points_not_on_the_curve_or_spelled_otherwise<C: Crypto>() {
    let zero = "00".repeat(32);
    let off = Y.replace("f5", "f6");
    let refused = [
        point("04", X, &off),
        point("04", &zero, &zero),
        point("00", &zero, &zero),
        point("04", PRIME, Y),
        point("04", X, PRIME),
        point("04", &"ff".repeat(32), &"ff".repeat(32)),
        // The generator with another first byte. 07 is its hybrid form, which some libraries take.
        point("00", X, Y),
        point("02", X, Y),
        point("03", X, Y),
        point("05", X, Y),
        point("06", X, Y),
        point("07", X, Y),
        // 5 is the x of a point, and so is p + 5 where x is reduced before it is looked at.
        point("04", FIVE_PLUS_PRIME, Y_OF_FIVE),
        point("04", Y, X),
    ];
    let key = C::signing_key(&secret(&hex_array::<32>(&format!("{:064x}", 1)))).unwrap();
    let agreement = C::agreement_key(&secret(&[7; 32])).unwrap();
    let signature = C::sign(&key, b"message", &[]);
    assert!(C::verify(&point("04", X, Y), b"message", &signature).is_ok());
    assert!(C::agree(&agreement, &point("04", X, Y)).is_ok());
    assert!(C::agree(&agreement, &point("04", &format!("{:064x}", 5), Y_OF_FIVE)).is_ok());
    for peer in refused {
        assert_eq!(C::verify(&peer, b"message", &signature), Err(Invalid), "{:02x?}", peer.0);
        assert_eq!(C::agree(&agreement, &peer).err(), Some(Invalid), "{:02x?}", peer.0);
    }
    println!("points: {} refused", refused.len());
}

fn signatures_out_of_range_or_with_a_high_s<C: Crypto>() {
    let key = C::signing_key(&secret(&[7; 32])).unwrap();
    let public = C::verification_key(&key);
    let good = C::sign(&key, b"message", &[]);
    C::verify(&public, b"message", &good).unwrap();
    assert!(C::verify(&public, b"message", &with_other_s(&good)).is_err(), "high S");
    for number in ["00".repeat(32), ORDER.into(), ORDER_PLUS_1.into(), "ff".repeat(32)] {
        let number: [u8; 32] = hex_array(&number);
        let (mut r, mut s) = (good, good);
        r.0[..32].copy_from_slice(&number);
        s.0[32..].copy_from_slice(&number);
        assert!(C::verify(&public, b"message", &r).is_err());
        assert!(C::verify(&public, b"message", &s).is_err());
        let both = [number, number].concat();
        assert!(C::verify(&public, b"message", &Signature(both.try_into().unwrap())).is_err());
    }
    // Half the signatures of a library that does not normalise would be high.
    for message in 0..64_u8 {
        let signature = C::sign(&key, &[message], &[]);
        assert!(!super::is_high_s(&signature));
    }
}

fn a_failed_open_leaves_zeroes<C: Crypto>() {
    let (key, nonce, plain) = (secret(&[7; 16]), [1; 12], *b"plain text");
    let mut sealed = plain;
    let tag = C::aes128_gcm_seal(&key, &nonce, b"associated", &mut sealed);
    let open = |key: &Secret<16>, nonce: &[u8; 12], associated: &[u8], mut bytes: [u8; 10], tag: &[u8; 16]| {
        C::aes128_gcm_open(key, nonce, associated, &mut bytes, tag).map(|()| bytes).map_err(|Invalid| bytes)
    };
    assert_eq!(open(&key, &nonce, b"associated", sealed, &tag), Ok(plain));
    let (mut other_bytes, mut other_tag) = (sealed, tag);
    other_bytes[9] ^= 1;
    other_tag[15] ^= 0x80;
    let zero = Err([0; 10]);
    assert_eq!(open(&secret(&[8; 16]), &nonce, b"associated", sealed, &tag), zero);
    assert_eq!(open(&key, &[2; 12], b"associated", sealed, &tag), zero);
    assert_eq!(open(&key, &nonce, b"associated.", sealed, &tag), zero);
    assert_eq!(open(&key, &nonce, b"associated", other_bytes, &tag), zero);
    assert_eq!(open(&key, &nonce, b"associated", sealed, &other_tag), zero);
}

fn random_scalars_are_drawn_again_and_not_for_ever<C: Crypto>() {
    let mut late = Bytes { draws: 0, good_from: SCALAR_DRAWS_MAX };
    assert_eq!(random_scalar::<C>(&mut late), Secret::from([0x11; 32]));
    assert_eq!(late.draws, SCALAR_DRAWS_MAX);
    let broken = std::panic::catch_unwind(|| {
        random_scalar::<C>(&mut Bytes { draws: 0, good_from: usize::MAX });
    });
    assert!(broken.is_err());
}

/// A random source that gives no scalar before draw `good_from`.
struct Bytes {
    draws: usize,
    good_from: usize,
}

impl RngCore for Bytes {
    fn next_u32(&mut self) -> u32 {
        unreachable!("bytes only")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("bytes only")
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.draws += 1;
        out.fill(if self.draws >= self.good_from { 0x11 } else { 0xff });
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Bytes {}

#[test]
fn a_secret_shows_nothing_and_compares_by_content() {
    let secret = Secret::from([0xab_u8; 32]);
    assert_eq!(format!("{secret:?}"), "Secret<32>");
    assert_eq!(secret, Secret::from([0xab; 32]));
    let mut other = [0xab; 32];
    other[31] ^= 1;
    assert_ne!(secret, Secret::from(other));
}

#[test]
fn values_travel_as_their_bytes_alone() {
    let key = point("04", X, Y);
    let signature = Signature([0x5a; 64]);
    let secret = Secret::from([0xc3_u8; 40]);
    let mut buffer = [0; 256];
    let bytes = postcard::to_slice(&(key, signature, &secret), &mut buffer).unwrap().to_vec();
    assert_eq!(bytes, [&key.0[..], &signature.0, secret.as_bytes()].concat());
    assert_eq!(postcard::from_bytes(&bytes), Ok((key, signature, secret)));
    for cut in 0..bytes.len() {
        assert!(postcard::from_bytes::<(PublicKey, Signature, Secret<40>)>(&bytes[..cut]).is_err());
    }
}

#[test]
fn public_values_are_short_in_logs() {
    assert_eq!(format!("{:?}", point("04", X, Y)), "PublicKey(6b17d1f2..)");
    assert_eq!(format!("{:?}", Signature([0x5a; 64])), "Signature(5a5a5a5a..)");
}
