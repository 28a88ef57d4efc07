//! Who may do what: security attributes in compact format (ISO/IEC 7816-4, 5.5.3).
//!
//! ```text
//! access mode byte   one bit an operation, the highest first
//! condition byte     for each bit that is set, in the order of the bits from high to low
//! ```
//!
//! An operation whose bit is not set is refused.

use crate::instruction::{KeyVersion, PinReference};
use crate::limits::SECURITY_ATTRIBUTES_MAX;
use crate::{KeyReference, ParseError, Reader};

/// What has to be so before an operation is done: a security condition byte.
///
/// | byte | meaning |
/// | --- | --- |
/// | 00 | always |
/// | FF | never |
/// | 1n | the user is authenticated: PIN n, 1 to 14 |
/// | 2n | an outside party is authenticated: key 2n of the key store |
/// | 4n | the command came through the secure channel of key n |
/// | 3n 5n 6n 7n | one of these |
/// | 9n to Fn | all of these |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Condition(u8);

impl Condition {
    /// No condition.
    pub const ALWAYS: Self = Self(0x00);
    /// Cannot be met.
    pub const NEVER: Self = Self(0xFF);

    const USER: u8 = 0x10;
    const EXTERNAL: u8 = 0x20;
    const SECURE_CHANNEL: u8 = 0x40;
    const ALL: u8 = 0x80;

    /// The user is authenticated by the PIN with this reference, 1 to 14.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for another reference.
    pub const fn pin(reference: u8) -> Result<Self, ParseError> {
        Self::parse(Self::USER | reference & 0x0F)
    }

    /// The condition a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        let numbered = byte & 0x70 != 0 && matches!(byte & 0x0F, 1..=14);
        if numbered || byte == Self::ALWAYS.0 || byte == Self::NEVER.0 {
            Ok(Self(byte))
        } else {
            Err(ParseError::Invalid)
        }
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// Whether the condition is met, where `holds` tells whether one of its parts is.
    pub fn is_met(self, mut holds: impl FnMut(Requirement) -> bool) -> bool {
        if self == Self::ALWAYS || self == Self::NEVER {
            return self == Self::ALWAYS;
        }
        let number = self.0 & 0x0F;
        let mut parts = [
            (Self::USER, PinReference::parse(number).map(Requirement::Pin)),
            (Self::EXTERNAL, KeyReference::parse(Self::EXTERNAL | number).map(Requirement::Key)),
            (Self::SECURE_CHANNEL, KeyVersion::parse(number).map(Requirement::SecureChannel)),
        ]
        .into_iter()
        .filter(|(bit, _)| self.0 & bit != 0);
        let mut holds = |requirement: Result<_, ParseError>| requirement.is_ok_and(&mut holds);
        if self.0 & Self::ALL != 0 {
            parts.all(|(_, requirement)| holds(requirement))
        } else {
            parts.any(|(_, requirement)| holds(requirement))
        }
    }
}

/// One part of a [`Condition`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requirement {
    /// This PIN was verified.
    Pin(PinReference),
    /// The holder of this key was authenticated, by EXTERNAL or MUTUAL AUTHENTICATE.
    Key(KeyReference),
    /// The command came through the secure channel of this key set.
    SecureChannel(KeyVersion),
}

/// An operation on a file, named by its bit in the access mode byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Read the content of an elementary file.
    Read,
    /// Change or erase content of an elementary file.
    Update,
    /// Append a record to an elementary file.
    Append,
    /// Take this file out of use, elementary or dedicated.
    Deactivate,
    /// Take this file into use.
    Activate,
    /// End this file's life.
    Terminate,
    /// Delete this file itself, elementary or dedicated.
    DeleteSelf,
    /// Delete a file in a dedicated file.
    DeleteChild,
    /// Create an elementary file in a dedicated file.
    CreateFile,
    /// Create a dedicated file in a dedicated file.
    CreateDirectory,
}

impl Operation {
    /// The bit in the access mode byte (ISO/IEC 7816-4, tables 19 and 20).
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Read | Self::DeleteChild => 0x01,
            Self::Update | Self::CreateFile => 0x02,
            Self::Append | Self::CreateDirectory => 0x04,
            Self::Deactivate => 0x08,
            Self::Activate => 0x10,
            Self::Terminate => 0x20,
            Self::DeleteSelf => 0x40,
        }
    }
}

/// The security attributes of a file, in compact format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecurityAttributes<'a>(&'a [u8]);

impl<'a> SecurityAttributes<'a> {
    /// No operation is permitted.
    pub const NOTHING: SecurityAttributes<'static> = SecurityAttributes(&[0x00]);

    /// Attributes from their bytes, an access mode byte and the conditions it announces.
    ///
    /// # Errors
    /// [`ParseError`] when they are not well formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            let mode = input.u8()?;
            if mode & 0x80 != 0 || bytes.len() > SECURITY_ATTRIBUTES_MAX {
                return Err(ParseError::Invalid);
            }
            for _ in 0..mode.count_ones() {
                Condition::parse(input.u8()?)?;
            }
            Ok(Self(bytes))
        })
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The condition of `operation`.
    #[must_use]
    pub fn condition(self, operation: Operation) -> Condition {
        let Some((&mode, conditions)) = self.0.split_first() else {
            return Condition::NEVER;
        };
        let bit = operation.bit();
        if mode & bit == 0 {
            return Condition::NEVER;
        }
        let before = (mode & !(bit | (bit - 1))).count_ones() as usize;
        conditions.get(before).and_then(|byte| Condition::parse(*byte).ok()).unwrap_or(Condition::NEVER)
    }
}
