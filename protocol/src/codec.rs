//! Values to bytes and back: postcard, of which only one spelling of each value is accepted.
//!
//! postcard alone tolerates bytes after a value and integers spelt longer than they need be. Every decoder here encodes
//! what it understood once more, against the input and without a buffer, and refuses where the two differ: so a digest
//! of bytes is a digest of their meaning.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::error::Malformed;

/// The buffer given for the output is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferFull;

/// Reads one value that takes all of `bytes`.
pub(crate) fn decode<'a, T: Deserialize<'a> + Serialize>(bytes: &'a [u8]) -> Result<T, Malformed> {
    let (value, rest) = decode_first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(Malformed::TrailingBytes) }
}

/// Reads one value from the front of `bytes`, and gives what follows it.
pub(crate) fn decode_first<'a, T: Deserialize<'a> + Serialize>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), Malformed> {
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|_| Malformed::Undecodable)?;
    let rest_again = postcard::serialize_with_flavor(&value, Compare(bytes)).map_err(|_| Malformed::NotCanonical)?;
    if rest_again.len() == rest.len() { Ok((value, rest)) } else { Err(Malformed::NotCanonical) }
}

/// Writes `value` to the front of `out` and gives its length.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut [u8]) -> Result<usize, BufferFull> {
    postcard::to_slice(value, out).map(|written| written.len()).map_err(|_| BufferFull)
}

/// A sink that accepts only the bytes it was given; its output is what they left over.
struct Compare<'a>(&'a [u8]);

impl<'a> Flavor for Compare<'a> {
    type Output = &'a [u8];

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0 = self.0.strip_prefix(bytes).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Self::Output> {
        Ok(self.0)
    }
}

/// The bytes of `whole` in front of `rest`, its end.
pub(crate) fn before<'a>(whole: &'a [u8], rest: &[u8]) -> &'a [u8] {
    whole.get(..whole.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// Writes `value` at the end of `out`. Room is made once: a vector that grows while it is written leaves copies of what
/// may be secret behind.
#[cfg(feature = "alloc")]
pub(crate) fn append<T: Serialize + ?Sized>(value: &T, out: &mut alloc::vec::Vec<u8>) {
    let start = out.len();
    let length = postcard::experimental::serialized_size(value).unwrap_or(0);
    out.resize(start + length, 0);
    // The room is as long as the value: the only errors left are those of types that no message contains.
    let written = encode(value, out.get_mut(start..).unwrap_or_default()).unwrap_or(0);
    out.truncate(start + written);
}
