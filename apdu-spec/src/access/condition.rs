//! Security conditions, compact and expanded (ISO/IEC 7816-4, 5.4.3.1 and 5.4.3.2).

use super::requirement::{Part, Quorum, Requirement};
use crate::instruction::{KeyVersion, PinReference, SecurityLevel};
use crate::limits::{CONDITION_DEPTH_MAX, CONDITION_MAX};
use crate::{KeyReference, ParseError, Reader};

/// What has to be so before an operation is done: one security condition byte, or one security condition data object of
/// at most [`CONDITION_MAX`] bytes. An object is never as short as one byte, so the length tells which.
///
/// | byte | meaning |
/// | --- | --- |
/// | 00 | always |
/// | FF | never |
/// | 1n | the user is authenticated: PIN n, 1 to 14 |
/// | 2n | an outside party is authenticated: key 2n of the key store |
/// | 4n | the command came through the secure channel of key set n |
/// | 3n 5n 6n 7n | one of these |
/// | 9n to Fn | all of these |
///
/// ```text
/// 90 00                              always
/// 97 00                              never
/// 9E 01 byte                         as the byte above says
/// A4 06  83 01 PIN  95 01 08         the user is authenticated by this PIN
/// A4 06  83 01 key  95 01 80         the holder of this key of the key store is authenticated
/// B4 06  83 01 version  95 01 u      the command came through this key set's secure channel: u = 10 with a MAC,
///                                    30 with a MAC on the response too
/// B8 06  83 01 version  95 01 u      likewise: u = 10 encrypted, 30 with the response encrypted too
/// C0 00                              the user gives a sign of being there        (this card's own)
/// A0 L  objects                      one of these
/// AF L  objects                      all of these
/// E0 L  80 01 k  objects             k of these, 1 to all                        (this card's own)
/// ```
///
/// Templates are at most [`CONDITION_DEPTH_MAX`] deep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Zeros behind the end.
    bytes: [u8; CONDITION_MAX],
    length: u8,
}

impl Condition {
    /// No condition.
    pub const ALWAYS: Self = Self::byte(ALWAYS);
    /// Cannot be met.
    pub const NEVER: Self = Self::byte(NEVER);

    /// The user is authenticated by the PIN with this reference, 1 to 14.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for another reference.
    pub const fn pin(reference: u8) -> Result<Self, ParseError> {
        Self::from_byte(USER | reference & 0x0F)
    }

    /// The condition a security condition byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn from_byte(byte: u8) -> Result<Self, ParseError> {
        let numbered = byte & 0x70 != 0 && matches!(byte & 0x0F, 1..=14);
        if numbered || byte == ALWAYS || byte == NEVER { Ok(Self::byte(byte)) } else { Err(ParseError::Invalid) }
    }

    /// The condition that a byte or an object says.
    ///
    /// # Errors
    /// [`ParseError`] for bytes that are neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if let [byte] = *bytes {
            return Self::from_byte(byte);
        }
        Reader::all(bytes, Reader::object)?;
        let mut condition = Self { bytes: [0; CONDITION_MAX], length: 0 };
        condition.bytes.get_mut(..bytes.len()).ok_or(ParseError::Invalid)?.copy_from_slice(bytes);
        condition.length = u8::try_from(bytes.len()).map_err(|_| ParseError::Invalid)?;
        walk(bytes, |_| true)?;
        Ok(condition)
    }

    /// The byte or the object.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }

    /// Whether the condition is met, where `holds` tells whether one of its requirements is. It is asked about each
    /// once, in the order in which they stand.
    pub fn is_met(&self, mut holds: impl FnMut(Requirement) -> bool) -> bool {
        match *self.as_bytes() {
            [byte] => byte_is_met(byte, &mut holds),
            // It was walked before without an error; one would mean never.
            _ => walk(self.as_bytes(), holds).unwrap_or(false),
        }
    }

    const fn byte(byte: u8) -> Self {
        let mut bytes = [0; CONDITION_MAX];
        bytes[0] = byte;
        Self { bytes, length: 1 }
    }
}

impl core::fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Condition({:02X?})", self.as_bytes())
    }
}

const ALWAYS: u8 = 0x00;
const NEVER: u8 = 0xFF;
const USER: u8 = 0x10;
const EXTERNAL: u8 = 0x20;
const SECURE_CHANNEL: u8 = 0x40;
const ALL: u8 = 0x80;

fn byte_is_met(byte: u8, holds: &mut impl FnMut(Requirement) -> bool) -> bool {
    if byte == ALWAYS || byte == NEVER {
        return byte == ALWAYS;
    }
    let number = byte & 0x0F;
    let through = |version| Requirement::SecureChannel(version, SecurityLevel::C_MAC);
    let requirements = [
        (USER, PinReference::parse(number).map(Requirement::Pin)),
        (EXTERNAL, KeyReference::parse(EXTERNAL | number).map(Requirement::Key)),
        (SECURE_CHANNEL, KeyVersion::parse(number).map(through)),
    ];
    let mut count = Count::default();
    for (_, requirement) in requirements.into_iter().filter(|(bit, _)| byte & bit != 0) {
        count.add(requirement.is_ok_and(&mut *holds));
    }
    let quorum = if byte & ALL == 0 { Quorum::Any } else { Quorum::All };
    count.reaches(quorum).unwrap_or(false)
}

/// How many parts there are, and how many of them are met.
#[derive(Clone, Copy, Default)]
struct Count {
    parts: u8,
    met: u8,
}

impl Count {
    fn add(&mut self, is_met: bool) {
        self.parts = self.parts.saturating_add(1);
        self.met = self.met.saturating_add(is_met.into());
    }

    /// Whether enough of the parts are met. A template without parts, or with fewer than it asks for, says nothing.
    fn reaches(self, quorum: Quorum) -> Result<bool, ParseError> {
        let needed = match quorum {
            Quorum::Any => 1,
            Quorum::All => self.parts,
            Quorum::AtLeast(needed) => needed,
        };
        if needed == 0 || needed > self.parts { Err(ParseError::Invalid) } else { Ok(self.met >= needed) }
    }
}

/// A template whose parts are being counted.
struct Open<'a> {
    quorum: Quorum,
    parts: Reader<'a>,
    count: Count,
}

impl<'a> Open<'a> {
    fn new(quorum: Quorum, parts: Reader<'a>) -> Self {
        Self { quorum, parts, count: Count::default() }
    }
}

/// The templates that wait for one inside them.
#[derive(Default)]
struct Waiting<'a> {
    templates: [Option<Open<'a>>; CONDITION_DEPTH_MAX],
    depth: usize,
}

impl<'a> Waiting<'a> {
    fn push(&mut self, template: Open<'a>) -> Result<(), ParseError> {
        *self.templates.get_mut(self.depth).ok_or(ParseError::Invalid)? = Some(template);
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) -> Option<Open<'a>> {
        self.depth = self.depth.checked_sub(1)?;
        self.templates.get_mut(self.depth)?.take()
    }
}

/// Goes through one security condition data object from the front to the back, without recursion: a template that waits
/// for one inside it waits in an array.
fn walk(object: &[u8], mut holds: impl FnMut(Requirement) -> bool) -> Result<bool, ParseError> {
    let mut waiting = Waiting::default();
    let mut open = Open::new(Quorum::All, Reader::new(object));
    loop {
        if open.parts.is_empty() {
            let is_met = open.count.reaches(open.quorum)?;
            let Some(outer) = waiting.pop() else { return Ok(is_met) };
            open = outer;
            open.count.add(is_met);
            continue;
        }
        let (tag, value) = open.parts.object()?;
        match Part::parse(tag, value)? {
            Part::Constant(is_met) => open.count.add(is_met),
            Part::Byte(byte) => {
                Condition::from_byte(byte)?;
                open.count.add(byte_is_met(byte, &mut holds));
            }
            Part::Requirement(requirement) => open.count.add(holds(requirement)),
            Part::Template(quorum, parts) => {
                waiting.push(core::mem::replace(&mut open, Open::new(quorum, parts)))?;
            }
        }
    }
}
