//! The cryptographic floor against published vectors, against foreign implementations, and the back ends against each
//! other. Every test of a back end is one generic function, run for each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a panic fails the test"
)]

mod back_ends;
mod hpke_foreign;
mod hpke_vectors;
mod refusals;
mod rfc;
mod scalar;
mod wycheproof;

/// Runs generic test functions for each back end.
macro_rules! for_each_back_end {
    ($($name:ident),+ $(,)?) => {
        mod rust_crypto {
            $(#[test] fn $name() { super::$name::<protocol::crypto::RustCrypto>() })+
        }
        mod aws_lc {
            $(#[test] fn $name() { super::$name::<protocol::crypto::AwsLc>() })+
        }
    };
}
use for_each_back_end;

use protocol::crypto::{PublicKey, Secret, Signature};

/// Bytes from hexadecimal digits; spaces and line ends are for the reader.
fn hex(digits: &str) -> Vec<u8> {
    let digits: String = digits.split_whitespace().collect();
    hex::decode(digits).unwrap()
}

/// `N` bytes from hexadecimal digits.
fn hex_array<const N: usize>(digits: &str) -> [u8; N] {
    hex(digits).try_into().unwrap()
}

fn secret<const N: usize>(bytes: &[u8]) -> Secret<N> {
    <[u8; N]>::try_from(bytes).unwrap().into()
}

/// The key of these bytes, where they have a key's length.
fn public_key(bytes: &[u8]) -> Option<PublicKey> {
    bytes.try_into().ok().map(PublicKey)
}

/// What ECDSA accepts as well as `signature`: s taken from the group's order.
fn with_other_s(signature: &Signature) -> Signature {
    let signature = p256::ecdsa::Signature::from_slice(&signature.0).unwrap();
    let (r, s) = signature.split_scalars();
    Signature(p256::ecdsa::Signature::from_scalars(r, -*s).unwrap().to_bytes().into())
}

fn is_high_s(signature: &Signature) -> bool {
    p256::ecdsa::Signature::from_slice(&signature.0).is_ok_and(|signature| signature.normalize_s().is_some())
}
