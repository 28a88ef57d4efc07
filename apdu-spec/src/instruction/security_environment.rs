//! MANAGE SECURITY ENVIRONMENT (ISO/IEC 7816-4, 11.5.11).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::key::{Algorithm, KeyReference, Template, Usage};
use crate::limits::PATH_DEPTH_MAX;
use crate::{Full, ParseError, Reader, Tag, Writer};

/// Says with which keys the next operations on this logical channel work.
///
/// ```text
/// 00 22  usage + 01  template  Lc  [80 01 algorithm]  [81 L path]  83|84 01 key reference      SET
/// 00 22  F3  00                                                                                RESTORE: no keys
/// ```
///
/// The objects come in any order. The path of a file (81), which some programs send, says nothing: keys are the card's.
/// The template AA takes an algorithm alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManageSecurityEnvironment {
    /// Names a key in a template.
    Set(ControlReference),
    /// Forgets all that was set.
    Restore,
}

/// What a control reference template says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlReference {
    /// Which template.
    pub template: Template,
    /// To what end.
    pub usage: Usage,
    /// The key; `None` in the template for hash codes.
    pub key: Option<KeyReference>,
    /// The algorithm, which must be the key's.
    pub algorithm: Option<Algorithm>,
}

impl ControlReference {
    fn parse(template: Template, usage: Usage, data: &[u8]) -> Result<Self, ParseError> {
        let mut reference = Self { template, usage, key: None, algorithm: None };
        let mut input = Reader::new(data);
        while !input.is_empty() {
            match (input.object()?, reference.key, reference.algorithm) {
                ((Tag::ALGORITHM, &[byte]), _, None) => reference.algorithm = Some(Algorithm::parse(byte)?),
                ((Tag::PUBLIC_REFERENCE | Tag::PRIVATE_REFERENCE, &[byte]), None, _) => {
                    reference.key = Some(KeyReference::parse(byte)?);
                }
                ((Tag::PATH, path), ..) if is_path(path) => {}
                _ => return Err(ParseError::Invalid),
            }
        }
        let is_whole = match template {
            Template::Hash => reference.key.is_none() && reference.algorithm == Some(Algorithm::Sha256),
            Template::Authentication | Template::Checksum | Template::Signature | Template::Confidentiality => {
                reference.key.is_some()
            }
        };
        if is_whole { Ok(reference) } else { Err(ParseError::Invalid) }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        if let Some(algorithm) = self.algorithm {
            out.field(Tag::ALGORITHM, &[algorithm.to_byte()])?;
        }
        let tag = match self.usage {
            Usage::Compute => Tag::PRIVATE_REFERENCE,
            Usage::Verify | Usage::Both => Tag::PUBLIC_REFERENCE,
        };
        self.key.map_or(Ok(()), |key| out.field(tag, &[key.number()]))
    }
}

fn is_path(path: &[u8]) -> bool {
    path.len() % 2 == 0 && (1..=PATH_DEPTH_MAX).contains(&(path.len() / 2))
}

/// SET, in the low half of P1; the usage is in the high half.
const SET: u8 = 0x01;
const RESTORE: u8 = 0xF3;
/// The only security environment there is to restore: the empty one.
const EMPTY: u8 = 0;

impl<'a> Wire<'a> for ManageSecurityEnvironment {
    const INSTRUCTION: u8 = 0x22;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        if command.header.p1 == RESTORE {
            command.parameters(RESTORE, EMPTY)?;
            command.no_data()?;
            return Ok(Self::Restore);
        }
        let parameters = (command.header.p1 & 0x0F, Usage::parse(command.header.p1 & 0xF0), command.header.p2);
        let (SET, Ok(usage), template) = parameters else { return Err(Malformed::Parameters) };
        let template = Template::parse(template).map_err(|_| Malformed::Parameters)?;
        Ok(Self::Set(ControlReference::parse(template, usage, command.data)?))
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::Set(reference) => {
                let p1 = reference.usage.to_byte() | SET;
                let header = Header::iso(Self::INSTRUCTION, p1, reference.template.to_byte());
                out.command(header, 0, |out| reference.encode(out))
            }
            Self::Restore => out.command(Header::iso(Self::INSTRUCTION, RESTORE, EMPTY), 0, |_| Ok(())),
        }
    }
}

impl Tag {
    const ALGORITHM: Self = Self(0x80);
    const PATH: Self = Self(0x81);
    const PUBLIC_REFERENCE: Self = Self(0x83);
    const PRIVATE_REFERENCE: Self = Self(0x84);
}
