//! VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER (ISO/IEC 7816-4, 11.5.6, 11.5.7 and 11.5.10).

use core::ops::RangeInclusive;

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN, PIN_REFERENCE_MAX};
use crate::{Full, ParseError, Writer};

/// Which PIN, 1 to [`PIN_REFERENCE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinReference(u8);

impl PinReference {
    /// A reference from its number.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a number outside 1 to [`PIN_REFERENCE_MAX`].
    pub const fn parse(number: u8) -> Result<Self, ParseError> {
        match number {
            1..=PIN_REFERENCE_MAX => Ok(Self(number)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    fn from_p2(command: &Command<'_>) -> Result<Self, Malformed> {
        Self::parse(command.header.p2).map_err(|_| Malformed::Parameters)
    }
}

impl From<PinReference> for u8 {
    fn from(reference: PinReference) -> Self {
        reference.0
    }
}

/// Compares a PIN, or asks about it.
///
/// ```text
/// 00 20  00  reference  Lc PIN    compares: 9000, or 63Cx with the tries left
/// 00 20  00  reference            asks: 9000 verified, 63Cx tries left, 6983 blocked
/// 00 20  FF  reference            forgets that it was verified
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verify<'a> {
    /// Which PIN.
    pub reference: PinReference,
    /// What to do.
    pub part: VerifyPart<'a>,
}

/// What VERIFY does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum VerifyPart<'a> {
    /// Compare.
    Compare(&'a [u8]),
    /// Tell whether it is verified, and the tries left if not.
    Ask,
    /// Forget that it was verified.
    Forget,
}

/// Replaces a PIN.
///
/// ```text
/// 00 24  00  reference  Lc  old PIN, new PIN     it counts as a try
/// 00 24  01  reference  Lc  new PIN              under the PIN's condition for being chosen
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChangeReferenceData<'a> {
    /// Which PIN.
    pub reference: PinReference,
    /// What is brought.
    pub part: ChangePart<'a>,
}

/// What CHANGE REFERENCE DATA brings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ChangePart<'a> {
    /// The old PIN, directly followed by the new one; the card knows how long the old one is.
    OldAndNew(&'a [u8]),
    /// The new PIN.
    New(&'a [u8]),
}

/// Gives a PIN all its tries back.
///
/// ```text
/// 00 2C  00  reference  Lc  resetting code, new PIN     it counts as a try of the code
/// 00 2C  01  reference  Lc  resetting code              likewise
/// 00 2C  02  reference  Lc  new PIN                     under the PIN's condition for being unblocked
/// 00 2C  03  reference                                  likewise
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResetRetryCounter<'a> {
    /// Which PIN.
    pub reference: PinReference,
    /// What is brought.
    pub part: ResetPart<'a>,
}

/// What RESET RETRY COUNTER brings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ResetPart<'a> {
    /// The resetting code, directly followed by the new PIN; the card knows how long the code is.
    CodeAndNew(&'a [u8]),
    /// The resetting code.
    Code(&'a [u8]),
    /// The new PIN.
    New(&'a [u8]),
    /// Nothing.
    Nothing,
}

impl<'a> Wire<'a> for Verify<'a> {
    const INSTRUCTION: u8 = 0x20;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let reference = PinReference::from_p2(command)?;
        let part = match (command.header.p1, command.data) {
            (0x00, []) => VerifyPart::Ask,
            (0x00, value) if value.len() <= PIN_LENGTH_MAX => VerifyPart::Compare(value),
            (0xFF, []) => VerifyPart::Forget,
            (0x00 | 0xFF, _) => return Err(Malformed::Length),
            _ => return Err(Malformed::Parameters),
        };
        Ok(Self { reference, part })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, data): (u8, &[u8]) = match self.part {
            VerifyPart::Compare(value) => (0x00, value),
            VerifyPart::Ask => (0x00, &[]),
            VerifyPart::Forget => (0xFF, &[]),
        };
        out.command(Header::iso(Self::INSTRUCTION, p1, self.reference.number()), 0, |out| out.put(data))
    }
}

/// How long one PIN can be.
const ONE: RangeInclusive<usize> = PIN_LENGTH_MIN..=PIN_LENGTH_MAX;
/// How long two PINs can be.
const TWO: RangeInclusive<usize> = 2 * PIN_LENGTH_MIN..=2 * PIN_LENGTH_MAX;

impl<'a> Wire<'a> for ChangeReferenceData<'a> {
    const INSTRUCTION: u8 = 0x24;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let reference = PinReference::from_p2(command)?;
        let (part, lengths) = match command.header.p1 {
            0x00 => (ChangePart::OldAndNew(command.data), TWO),
            0x01 => (ChangePart::New(command.data), ONE),
            _ => return Err(Malformed::Parameters),
        };
        if lengths.contains(&command.data.len()) { Ok(Self { reference, part }) } else { Err(Malformed::Length) }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, data) = match self.part {
            ChangePart::OldAndNew(data) => (0x00, data),
            ChangePart::New(data) => (0x01, data),
        };
        out.command(Header::iso(Self::INSTRUCTION, p1, self.reference.number()), 0, |out| out.put(data))
    }
}

impl<'a> Wire<'a> for ResetRetryCounter<'a> {
    const INSTRUCTION: u8 = 0x2C;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let reference = PinReference::from_p2(command)?;
        let (part, lengths) = match command.header.p1 {
            0x00 => (ResetPart::CodeAndNew(command.data), TWO),
            0x01 => (ResetPart::Code(command.data), ONE),
            0x02 => (ResetPart::New(command.data), ONE),
            0x03 => (ResetPart::Nothing, 0..=0),
            _ => return Err(Malformed::Parameters),
        };
        if lengths.contains(&command.data.len()) { Ok(Self { reference, part }) } else { Err(Malformed::Length) }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, data): (u8, &[u8]) = match self.part {
            ResetPart::CodeAndNew(data) => (0x00, data),
            ResetPart::Code(data) => (0x01, data),
            ResetPart::New(data) => (0x02, data),
            ResetPart::Nothing => (0x03, &[]),
        };
        out.command(Header::iso(Self::INSTRUCTION, p1, self.reference.number()), 0, |out| out.put(data))
    }
}
