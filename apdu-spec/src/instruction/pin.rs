//! VERIFY and CHANGE REFERENCE DATA (ISO/IEC 7816-4, 11.5.6 and 11.5.7), and PINs as personalisation brings them.

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN, PIN_REFERENCE_MAX, PIN_TRIES_MAX};
use crate::{Full, ParseError, Reader, Tag, Writer};

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

/// Replaces a PIN, the old one in hand. It counts as a try.
///
/// ```text
/// 00 24  00  reference  Lc  old PIN, new PIN
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChangeReferenceData<'a> {
    /// Which PIN.
    pub reference: PinReference,
    /// The old PIN, directly followed by the new one; the card knows how long the old one is.
    pub old_and_new: &'a [u8],
}

/// A PIN as personalisation brings it.
///
/// ```text
/// A1 L  80 01 reference  81 01 tries  82 L PIN
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PinRecord<'a> {
    /// Which PIN.
    pub reference: PinReference,
    /// How many wrong PINs in a row block it, 1 to [`PIN_TRIES_MAX`].
    pub tries: u8,
    /// Its value, [`PIN_LENGTH_MIN`] to [`PIN_LENGTH_MAX`] bytes.
    pub value: &'a [u8],
}

impl<'a> PinRecord<'a> {
    const TRIES: Tag = Tag(0x81);
    const VALUE: Tag = Tag(0x82);

    /// From the data objects inside the template.
    ///
    /// # Errors
    /// [`ParseError`] when they are not a PIN.
    pub fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let reference = PinReference::parse(input.field_u8(Tag::REFERENCE)?)?;
        let tries = input.field_u8(Self::TRIES)?;
        let value = input.field(Self::VALUE)?;
        if !(1..=PIN_TRIES_MAX).contains(&tries) || !(PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&value.len()) {
            return Err(ParseError::Invalid);
        }
        Ok(Self { reference, tries, value })
    }

    /// Appends the data objects.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(Tag::REFERENCE, &[self.reference.number()])?;
        out.field(Self::TRIES, &[self.tries])?;
        out.field(Self::VALUE, self.value)
    }
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

impl<'a> Wire<'a> for ChangeReferenceData<'a> {
    const INSTRUCTION: u8 = 0x24;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let reference = PinReference::from_p2(command)?;
        command.parameters(0, reference.number())?;
        if !(2 * PIN_LENGTH_MIN..=2 * PIN_LENGTH_MAX).contains(&command.data.len()) {
            return Err(Malformed::Length);
        }
        Ok(Self { reference, old_and_new: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::iso(Self::INSTRUCTION, 0, self.reference.number());
        out.command(header, 0, |out| out.put(self.old_and_new))
    }
}
