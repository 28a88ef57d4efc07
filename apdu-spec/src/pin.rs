//! PINs as personalisation brings them.

use crate::instruction::PinReference;
use crate::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN, PIN_TRIES_MAX};
use crate::{Condition, Full, ParseError, Reader, Tag, Writer};

/// A PIN as personalisation brings it.
///
/// ```text
/// A1 L  80 01 reference  81 01 tries  82 L PIN  (the objects of PinRules)
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PinRecord<'a> {
    /// Which PIN.
    pub reference: PinReference,
    /// How many wrong PINs in a row block it, 1 to [`PIN_TRIES_MAX`].
    pub tries: u8,
    /// Its value, [`PIN_LENGTH_MIN`] to [`PIN_LENGTH_MAX`] bytes.
    pub value: &'a [u8],
    /// How else than with itself it can be changed.
    pub rules: PinRules,
}

/// How a PIN can be unblocked, and changed without the old one.
///
/// ```text
/// [83 01 resetting code]  [84 L condition for being unblocked]  [85 L condition for being chosen]
/// ```
///
/// What is left out cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinRules {
    /// The PIN whose value is the resetting code; another one.
    pub resetting_code: Option<PinReference>,
    /// What has to be so before RESET RETRY COUNTER works without a code.
    pub unblocking: Condition,
    /// What has to be so before CHANGE REFERENCE DATA works without the old PIN. It does so until the PIN was changed,
    /// in whatever way: a transport PIN gives way to one that the holder chooses.
    pub choosing: Condition,
}

impl PinRules {
    /// The PIN is changed with itself alone, and stays blocked.
    pub const NONE: Self = Self { resetting_code: None, unblocking: Condition::NEVER, choosing: Condition::NEVER };

    const RESETTING_CODE: Tag = Tag(0x83);
    const UNBLOCKING: Tag = Tag(0x84);
    const CHOOSING: Tag = Tag(0x85);

    /// From the data objects, which may all be missing.
    ///
    /// # Errors
    /// [`ParseError`] when they are not rules.
    pub fn parse(input: &mut Reader<'_>) -> Result<Self, ParseError> {
        let code = input.optional_array(Self::RESETTING_CODE)?.map(|[number]| PinReference::parse(*number));
        let mut condition = |tag| input.optional_field(tag)?.map_or(Ok(Condition::NEVER), Condition::parse);
        let (unblocking, choosing) = (condition(Self::UNBLOCKING)?, condition(Self::CHOOSING)?);
        Ok(Self { resetting_code: code.transpose()?, unblocking, choosing })
    }

    /// Appends the data objects; what cannot be done is left out.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        if let Some(code) = self.resetting_code {
            out.field(Self::RESETTING_CODE, &[code.number()])?;
        }
        for (tag, condition) in [(Self::UNBLOCKING, self.unblocking), (Self::CHOOSING, self.choosing)] {
            if condition != Condition::NEVER {
                out.field(tag, condition.as_bytes())?;
            }
        }
        Ok(())
    }
}

impl<'a> PinRecord<'a> {
    const TRIES: Tag = Tag(0x81);
    const VALUE: Tag = Tag(0x82);

    /// A PIN that is changed with itself alone.
    #[must_use]
    pub const fn new(reference: PinReference, tries: u8, value: &'a [u8]) -> Self {
        Self { reference, tries, value, rules: PinRules::NONE }
    }

    /// From the data objects inside the template.
    ///
    /// # Errors
    /// [`ParseError`] when they are not a PIN.
    pub fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let reference = PinReference::parse(input.field_u8(Tag::REFERENCE)?)?;
        let tries = input.field_u8(Self::TRIES)?;
        let value = input.field(Self::VALUE)?;
        let rules = PinRules::parse(input)?;
        let is_possible =
            (1..=PIN_TRIES_MAX).contains(&tries) && (PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&value.len());
        if !is_possible || rules.resetting_code == Some(reference) {
            return Err(ParseError::Invalid);
        }
        Ok(Self { reference, tries, value, rules })
    }

    /// Appends the data objects.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(Tag::REFERENCE, &[self.reference.number()])?;
        out.field(Self::TRIES, &[self.tries])?;
        out.field(Self::VALUE, self.value)?;
        self.rules.encode(out)
    }
}
