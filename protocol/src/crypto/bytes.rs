//! Public values of fixed length, and how byte arrays travel.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// P-256 point, uncompressed SEC1 (04‖x‖y): the only form accepted, so that a key has one spelling.
///
/// Any 65 bytes can stand here; whoever uses them as a point checks that they are one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublicKey(#[serde(with = "raw")] pub [u8; 65]);

/// ECDSA signature r‖s, big-endian, S in the lower half.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signature(#[serde(with = "raw")] pub [u8; 64]);

impl PublicKey {
    /// Libraries also know the hybrid form (06 or 07) in the same length; this suite does not.
    pub(super) fn check_uncompressed(&self) -> Result<(), Invalid> {
        if self.0[0] == 0x04 { Ok(()) } else { Err(Invalid) }
    }
}

impl Signature {
    /// Of (r, s) and (r, n − s), both of which ECDSA verifies, this suite knows the one with the smaller s.
    pub(super) fn check_low_s(&self) -> Result<(), Invalid> {
        let (_, s) = self.0.split_at(32);
        if *s <= HALF_ORDER[..] { Ok(()) } else { Err(Invalid) }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        short(f, "PublicKey", self.0.split_at(1).1)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        short(f, "Signature", &self.0)
    }
}

/// The first bytes are enough to tell two values apart in a log.
fn short(f: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8]) -> fmt::Result {
    write!(f, "{name}(")?;
    bytes.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
    f.write_str("..)")
}

/// (n − 1) / 2 for the order n of P-256, big-endian (SP 800-186 section 3.2.1.3).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d,
    0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Byte arrays of any length as serde tuples: in postcard the bytes themselves, without a length. (Serde's own stops at
/// 32.) For `#[serde(with)]`.
pub(crate) mod raw {
    use core::fmt;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeTuple;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        bytes.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
        deserializer.deserialize_tuple(N, Bytes::<N>)
    }

    struct Bytes<const N: usize>;

    impl<'de, const N: usize> Visitor<'de> for Bytes<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{N} bytes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<[u8; N], A::Error> {
            let mut bytes = [0; N];
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = sequence.next_element()?.ok_or_else(|| A::Error::invalid_length(index, &self))?;
            }
            Ok(bytes)
        }
    }
}
