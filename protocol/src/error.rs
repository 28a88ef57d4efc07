//! What can be wrong with bytes that came from outside.

use core::fmt;

use crate::codec::BufferFull;
use crate::crypto::Invalid;

/// The bytes are not a message of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The message ends early, or a field has no such value.
    Undecodable,
    /// Something follows the message.
    TrailingBytes,
    /// The message means something but is not spelt the one way in which it is written.
    NotCanonical,
    /// The suite byte names no suite.
    UnknownSuite(u8),
    /// The kind byte names no kind, or not the one expected here.
    UnexpectedKind(u8),
    /// The named thing is larger than its limit in [`crate::limits`].
    TooLarge(&'static str),
    /// The nodes do not form one tree, or the parts no batch.
    Structure,
}

/// A message that a party does not accept. It has changed nothing: the right message is still awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The bytes are not a message.
    Malformed(Malformed),
    /// A signature, seal, proof or challenge answer is wrong: which one, for our own eyes.
    NotVerified(&'static str),
    /// Right in itself, but for another request, group, member or provider.
    NotForThis(&'static str),
    /// The key identification or descriptor is not one in use.
    UnknownKey,
    /// The output does not fit the buffer given for it, or a value its limit.
    TooLarge(&'static str),
}

impl From<Malformed> for Rejected {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<BufferFull> for Rejected {
    fn from(_: BufferFull) -> Self {
        Self::TooLarge("output buffer")
    }
}

impl Rejected {
    /// For `map_err` on a check whose failure says no more than its name.
    pub(crate) const fn not_verified(what: &'static str) -> impl Fn(Invalid) -> Self {
        move |_| Self::NotVerified(what)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable => f.write_str("the message ends early or a field has no such value"),
            Self::TrailingBytes => f.write_str("bytes follow the message"),
            Self::NotCanonical => f.write_str("the message is not spelt canonically"),
            Self::UnknownSuite(suite) => write!(f, "suite {suite:#04x} is not known"),
            Self::UnexpectedKind(kind) => write!(f, "message kind {kind:#04x} is not expected here"),
            Self::TooLarge(what) => write!(f, "{what} is larger than its limit"),
            Self::Structure => f.write_str("the nodes do not form one tree, or the parts no batch"),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::NotVerified(what) => write!(f, "{what} does not verify"),
            Self::NotForThis(what) => write!(f, "{what} belongs to something else"),
            Self::UnknownKey => f.write_str("the key identification is not one in use"),
            Self::TooLarge(what) => write!(f, "{what} is too large"),
        }
    }
}

impl core::error::Error for Malformed {}
impl core::error::Error for Rejected {}
