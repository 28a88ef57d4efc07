//! DELETE (GlobalPlatform Card Specification 2.3.1, 11.2).

use super::{KeyVersion, Malformed, Wire};
use crate::command::{Command, Header};
use crate::{Aid, Full, ParseError, Reader, Tag, Writer};

/// Deletes a key set of the selected security domain, or a provider record with its security domain.
///
/// ```text
/// 80 E4  00 00|80  03  D2 01 key version
/// 80 E4  00 00|80  Lc  4F L name of the security domain       answer: 00
/// ```
///
/// Keys of one version are one set: `D0`, which would take one of them out, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delete<'a> {
    /// The keys with this version.
    KeySet(KeyVersion),
    /// The security domain with this name.
    Domain(Aid<'a>),
}

impl Delete<'_> {
    /// What [`Delete::Domain`] answers: a confirmation of no bytes.
    pub const CONFIRMATION: [u8; 1] = [0x00];

    const VERSION: Tag = Tag(0xD2);
    const NAME: Tag = Tag(0x4F);
}

impl<'a> Wire<'a> for Delete<'a> {
    const INSTRUCTION: u8 = 0xE4;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        // P2 80: and what belongs to it, which is so in any case.
        command.parameters(0x00, command.header.p2 & 0x80)?;
        Ok(match Reader::all(command.data, Reader::object)? {
            (Self::VERSION, [version]) => Self::KeySet(KeyVersion::parse(*version)?),
            (Self::NAME, name) => Self::Domain(Aid::parse(name)?),
            _ => return Err(ParseError::Invalid.into()),
        })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::proprietary(Self::INSTRUCTION, 0x00, 0x00);
        match self {
            Self::KeySet(version) => out.command(header, 0, |out| out.field(Self::VERSION, &[version.number()])),
            Self::Domain(name) => out.command(header, 1, |out| out.field(Self::NAME, name.as_bytes())),
        }
    }
}
