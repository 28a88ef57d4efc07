//! Vectors printed in RFCs.

use protocol::crypto::{Crypto, Hasher, RustCrypto, Secret, Signature};

use super::{for_each_back_end, hex, hex_array, is_high_s, secret, with_other_s};

for_each_back_end!(
    sha256_of_fips_180,
    hmac_of_rfc_4231,
    hkdf_of_rfc_5869,
    cmac_of_rfc_4493,
    key_and_verification_of_rfc_6979
);

fn sha256_of_fips_180<C: Crypto>() {
    let vectors: [(&[&[u8]], &str); 3] = [
        (&[], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (&[b"a", b"", b"bc"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            &[b"abcdbcdecdefdefgefghfghighijhijk", b"ijkljklmklmnlmnomnopnopq"],
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ];
    for (parts, digest) in vectors {
        let mut hasher = C::Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        assert_eq!(hasher.clone().finish(), hex_array(digest));
        hasher.update(b"more");
        assert_ne!(hasher.finish(), hex_array(digest));
    }
    println!("SHA-256: {} vectors", vectors.len());
}

/// RFC 4231 sections 4.2 to 4.8: key, data, the first bytes of the MAC.
fn hmac_of_rfc_4231<C: Crypto>() {
    let long =
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374";
    let longer = "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b\
        2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a652064\
        6174612e20546865206b6579206e6565647320746f20626520686173686564206265666f72652062\
        65696e6720757365642062792074686520484d414320616c676f726974686d2e";
    let vectors = [
        (
            "0b".repeat(20),
            "4869205468657265".into(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            "4a656665".into(),
            "7768617420646f2079612077616e7420666f72206e6f7468696e673f".into(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ("aa".repeat(20), "dd".repeat(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            "0102030405060708090a0b0c0d0e0f10111213141516171819".into(),
            "cd".repeat(50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        ("0c".repeat(20), "546573742057697468205472756e636174696f6e".into(), "a3b6167473100ee06e0c796c2955552b"),
        ("aa".repeat(131), long.into(), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        ("aa".repeat(131), longer.into(), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];
    for (key, data, mac) in &vectors {
        let (key, data, mac) = (hex(key), hex(data), hex(mac));
        assert!(C::hmac_sha256(&key, &[&data]).starts_with(&mac));
        let (head, tail) = data.split_at(3);
        assert!(C::hmac_sha256(&key, &[head, &[], tail]).starts_with(&mac), "parts are concatenated");
    }
    println!("HMAC-SHA256: {} vectors", vectors.len());
}

/// RFC 5869 appendices A.1 to A.3: input, salt, info, PRK, output.
fn hkdf_of_rfc_5869<C: Crypto>() {
    let count = |range: std::ops::RangeInclusive<u8>| hex::encode(range.collect::<Vec<_>>());
    let vectors = [
        (
            "0b".repeat(22),
            count(0x00..=0x0c),
            count(0xf0..=0xf9),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            count(0x00..=0x4f),
            count(0x60..=0xaf),
            count(0xb0..=0xff),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
             da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            "0b".repeat(22),
            String::new(),
            String::new(),
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (input, salt, info, prk, output) in &vectors {
        let (input, info, output) = (hex(input), hex(info), hex(output));
        let (head, tail) = input.split_at(7);
        let extracted = C::hkdf_extract(&hex(salt), &[head, tail]);
        assert_eq!(extracted, Secret::from(hex_array(prk)));
        let mut expanded = vec![0; output.len()];
        C::hkdf_expand(&extracted, &[&info, &[]], &mut expanded);
        assert_eq!(expanded, output);
    }
    println!("HKDF-SHA256: {} vectors", vectors.len());
}

/// RFC 4493 section 4: the first bytes of one message.
fn cmac_of_rfc_4493<C: Crypto>() {
    let key = secret(&hex("2b7e151628aed2a6abf7158809cf4f3c"));
    let message = hex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
                       30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710");
    let vectors = [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ];
    for (length, mac) in vectors {
        assert_eq!(C::aes128_cmac(&key, &message[..length]), hex_array(mac));
    }
    println!("AES-128-CMAC: {} vectors", vectors.len());
}

/// RFC 6979 appendix A.2.5: x, U.
const KEY: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const PUBLIC_KEY: &str = "04 60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6
                             7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
/// RFC 6979 appendix A.2.5, SHA-256: message, r and s. The first s is high; ours is the other.
const SIGNATURES: [(&[u8], &str, bool); 2] = [
    (
        b"sample",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716
         f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        true,
    ),
    (
        b"test",
        "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367
         019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        false,
    ),
];

fn key_and_verification_of_rfc_6979<C: Crypto>() {
    let scalar = secret(&hex(KEY));
    let public = C::verification_key(&C::signing_key(&scalar).unwrap());
    assert_eq!(public.0, hex_array(PUBLIC_KEY));
    assert_eq!(C::agreement_public_key(&C::agreement_key(&scalar).unwrap()), public);
    for (message, signature, high) in SIGNATURES {
        let signature = Signature(hex_array(signature));
        assert_eq!(is_high_s(&signature), high);
        assert_eq!(C::verify(&public, message, &signature).is_ok(), !high);
        assert_eq!(C::verify(&public, message, &with_other_s(&signature)).is_ok(), high);
        assert!(C::verify(&public, b"other", &with_other_s(&signature)).is_err());
    }
    println!("ECDSA of RFC 6979, verified: {} vectors", SIGNATURES.len());
}

/// Only this back end promises bytes: the other draws its nonces.
#[test]
fn signatures_of_rfc_6979() {
    let key = RustCrypto::signing_key(&secret(&hex(KEY))).unwrap();
    for (message, signature, high) in SIGNATURES {
        let printed = Signature(hex_array(signature));
        let expected = if high { with_other_s(&printed) } else { printed };
        assert_eq!(RustCrypto::sign(&key, message, &[]), expected);
    }
    println!("ECDSA of RFC 6979, signed: {} vectors", SIGNATURES.len());
}

/// RFC 6979 section 3.6: added data changes the nonce, and nothing else.
#[test]
fn a_hedged_signature_is_another_one_that_verifies() {
    let key = RustCrypto::signing_key(&secret(&hex(KEY))).unwrap();
    let sign = |hedge: &[u8]| RustCrypto::sign(&key, b"sample", hedge);
    assert_eq!(sign(b"hedge"), sign(b"hedge"));
    assert_ne!(sign(b"hedge"), sign(b"hedgf"));
    assert_ne!(sign(b"hedge"), sign(b""));
    RustCrypto::verify(&RustCrypto::verification_key(&key), b"sample", &sign(b"hedge")).unwrap();
}
