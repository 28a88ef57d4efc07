//! The parts of a condition in expanded format: what can be required, and how requirements are joined.

use crate::instruction::{KeyVersion, PinReference, SecurityLevel};
use crate::{Full, KeyReference, ParseError, Reader, Tag, Writer};

/// One thing that can be required.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requirement {
    /// This PIN was verified.
    Pin(PinReference),
    /// The holder of this key was authenticated, by EXTERNAL or MUTUAL AUTHENTICATE.
    Key(KeyReference),
    /// The command came through the secure channel of this key set, at this level or a higher one.
    SecureChannel(KeyVersion, SecurityLevel),
    /// The user gives a sign of being there, now.
    UserPresent,
}

/// How many of the parts of a template have to be met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quorum {
    /// One.
    Any,
    /// All.
    All,
    /// This many, 1 to all.
    AtLeast(u8),
}

/// What a security condition data object says.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// Always, or never.
    Constant(bool),
    /// A security condition byte, not yet looked at.
    Byte(u8),
    /// One thing that is required.
    Requirement(Requirement),
    /// Security condition data objects, of which so many have to be met.
    Template(Quorum, Reader<'a>),
}

const ALWAYS: Tag = Tag(0x90);
const NEVER: Tag = Tag(0x97);
const BYTE: Tag = Tag(0x9E);
const AUTHENTICATION: Tag = Tag(0xA4);
const CHECKSUM: Tag = Tag(0xB4);
const CONFIDENTIALITY: Tag = Tag(0xB8);
const ANY: Tag = Tag(0xA0);
const ALL: Tag = Tag(0xAF);
const USER_PRESENT: Tag = Tag(0xC0);
const AT_LEAST: Tag = Tag(0xE0);

const THRESHOLD: Tag = Tag(0x80);
const REFERENCE: Tag = Tag(0x83);
const USAGE: Tag = Tag(0x95);

/// Usage qualifiers (ISO/IEC 7816-4, 10.3.4).
const USER_AUTHENTICATION: u8 = 0x08;
const EXTERNAL_AUTHENTICATION: u8 = 0x80;
const IN_COMMANDS: u8 = 0x10;
const IN_COMMANDS_AND_RESPONSES: u8 = 0x30;

impl<'a> Part<'a> {
    /// From the data object's tag and value.
    ///
    /// # Errors
    /// [`ParseError`] when it is none.
    pub fn parse(tag: Tag, value: &'a [u8]) -> Result<Self, ParseError> {
        Ok(match (tag, value) {
            (ALWAYS, []) => Self::Constant(true),
            (NEVER, []) => Self::Constant(false),
            (BYTE, &[byte]) => Self::Byte(byte),
            (USER_PRESENT, []) => Self::Requirement(Requirement::UserPresent),
            (AUTHENTICATION | CHECKSUM | CONFIDENTIALITY, _) => Self::Requirement(Requirement::parse(tag, value)?),
            (ANY, _) => Self::Template(Quorum::Any, Reader::new(value)),
            (ALL, _) => Self::Template(Quorum::All, Reader::new(value)),
            (AT_LEAST, _) => {
                let mut parts = Reader::new(value);
                Self::Template(Quorum::AtLeast(parts.field_u8(THRESHOLD)?), parts)
            }
            _ => return Err(ParseError::Invalid),
        })
    }
}

impl Requirement {
    /// From a control reference template.
    fn parse(tag: Tag, template: &[u8]) -> Result<Self, ParseError> {
        let (reference, usage) =
            Reader::all(template, |input| Ok((input.field_u8(REFERENCE)?, input.field_u8(USAGE)?)))?;
        let through = |level| Ok(Self::SecureChannel(KeyVersion::parse(reference)?, level));
        match (tag, usage) {
            (AUTHENTICATION, USER_AUTHENTICATION) => PinReference::parse(reference).map(Self::Pin),
            (AUTHENTICATION, EXTERNAL_AUTHENTICATION) => KeyReference::parse(reference).map(Self::Key),
            (CHECKSUM, IN_COMMANDS) => through(SecurityLevel::C_MAC),
            (CHECKSUM, IN_COMMANDS_AND_RESPONSES) => through(SecurityLevel::C_MAC_R_MAC),
            (CONFIDENTIALITY, IN_COMMANDS) => through(SecurityLevel::C_ENC),
            (CONFIDENTIALITY, IN_COMMANDS_AND_RESPONSES) => through(SecurityLevel::C_ENC_R_ENC),
            _ => Err(ParseError::Invalid),
        }
    }

    /// Appends the security condition data object. A level that no object says, 13, is written as the next higher one.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (tag, reference, usage) = match self {
            Self::UserPresent => return out.field(USER_PRESENT, &[]),
            Self::Pin(pin) => (AUTHENTICATION, pin.number(), USER_AUTHENTICATION),
            Self::Key(key) => (AUTHENTICATION, key.number(), EXTERNAL_AUTHENTICATION),
            Self::SecureChannel(version, level) => {
                let tag = if level.encrypts_commands() { CONFIDENTIALITY } else { CHECKSUM };
                let usage = if level.authenticates_responses() { IN_COMMANDS_AND_RESPONSES } else { IN_COMMANDS };
                (tag, version.number(), usage)
            }
        };
        out.template(tag, |out| {
            out.field(REFERENCE, &[reference])?;
            out.field(USAGE, &[usage])
        })
    }
}

impl Quorum {
    /// Appends the template; `parts` appends the security condition data objects in it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(
        self,
        out: &mut Writer<'_>,
        parts: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        match self {
            Self::Any => out.template(ANY, |out| parts(out)),
            Self::All => out.template(ALL, |out| parts(out)),
            Self::AtLeast(threshold) => out.template(AT_LEAST, |out| {
                out.field(THRESHOLD, &[threshold])?;
                parts(out)
            }),
        }
    }
}
