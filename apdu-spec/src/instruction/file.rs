//! CREATE FILE and DELETE FILE (ISO/IEC 7816-9, 9.3.2 and 9.3.3).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::{Fcp, FileId, Full, Reader, Tag, Writer};

/// Creates a file in the current directory and makes it the current one. Its content is zeros; a file of records has
/// none.
///
/// ```text
/// 00 E0  00 00  Lc  62 L file control parameters
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateFile<'a> {
    /// The new file.
    pub parameters: Fcp<'a>,
}

/// Deletes a file; a directory must be empty.
///
/// ```text
/// 00 E4  00 00           the current file
/// 00 E4  00 00  02 id    a file in the current directory
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteFile {
    /// The file in the current directory; `None` is the current file.
    pub file: Option<FileId>,
}

impl<'a> Wire<'a> for CreateFile<'a> {
    const INSTRUCTION: u8 = 0xE0;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        let template = Reader::all(command.data, |input| input.field(Tag::FCP))?;
        Ok(Self { parameters: Fcp::parse(template)? })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, 0), 0, |data| self.parameters.encode(Tag::FCP, data))
    }
}

impl<'a> Wire<'a> for DeleteFile {
    const INSTRUCTION: u8 = 0xE4;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        let file = match *command.data {
            [] => None,
            [high, low] => Some(FileId(u16::from_be_bytes([high, low]))),
            _ => return Err(Malformed::Length),
        };
        Ok(Self { file })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, 0), 0, |data| match self.file {
            Some(id) => data.put_u16(id.0),
            None => Ok(()),
        })
    }
}
