//! PUT DATA (ISO/IEC 7816-4, 11.4.6).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::{Full, ParseError, Reader, SecurityAttributes, Tag, Writer};

/// Puts a data object into a file, or in the place of one that is there.
///
/// ```text
/// 00 DB  00 00  Lc  object     the current elementary file
/// 00 DB  3F FF  Lc  object     the current directory
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutData<'a> {
    /// The file.
    pub file: DataFile,
    /// What is put.
    pub object: DataObject<'a>,
}

/// The file whose data objects a command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFile {
    /// The current elementary file.
    Current,
    /// The current directory.
    Directory,
}

/// What PUT DATA brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataObject<'a> {
    /// Other control parameters: new security attributes.
    ///
    /// ```text
    /// 62 L  8C L compact | AB L expanded security attributes
    /// ```
    SecurityAttributes(SecurityAttributes<'a>),
}

impl<'a> Wire<'a> for PutData<'a> {
    const INSTRUCTION: u8 = 0xDB;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let file = match (command.header.p1, command.header.p2) {
            (0x00, 0x00) => DataFile::Current,
            (0x3F, 0xFF) => DataFile::Directory,
            _ => return Err(Malformed::Parameters),
        };
        let parameters = Reader::all(command.data, |input| input.field(Tag::FCP))?;
        let (tag, value) = Reader::all(parameters, Reader::object)?;
        let security = SecurityAttributes::parse_object(tag, value)?.ok_or(ParseError::Invalid)?;
        Ok(Self { file, object: DataObject::SecurityAttributes(security) })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let [p1, p2] = match self.file {
            DataFile::Current => [0x00, 0x00],
            DataFile::Directory => [0x3F, 0xFF],
        };
        out.command(Header::iso(Self::INSTRUCTION, p1, p2), 0, |out| match self.object {
            DataObject::SecurityAttributes(security) => {
                out.template(Tag::FCP, |out| out.field(security.tag(), security.as_bytes()))
            }
        })
    }
}
