//! CREATE FILE, DELETE FILE, ACTIVATE FILE, DEACTIVATE FILE, TERMINATE EF, TERMINATE DF and TERMINATE CARD USAGE
//! (ISO/IEC 7816-9, 9.3).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::{Fcp, FileId, FileState, Full, ParseError, Reader, Tag, Writer};

/// Creates a file in the current directory and makes it the current one. Its content is zeros; a file of records has
/// none. It is in the creation state, in the initialisation state, or activated.
///
/// ```text
/// 00 E0  00 00  Lc  62 L file control parameters
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateFile<'a> {
    /// The new file.
    pub parameters: Fcp<'a>,
}

/// A command on a file as a whole.
///
/// ```text
/// 00 INS  00 00           the current file
/// 00 INS  00 00  02 id    a file in the current directory
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCommand<const INSTRUCTION: u8> {
    /// The file in the current directory; `None` is the current file, or directory.
    pub file: Option<FileId>,
}

/// Takes a file out of use until it is activated.
pub type DeactivateFile = FileCommand<0x04>;

/// Takes a file into use, after its creation or after it was taken out of use.
pub type ActivateFile = FileCommand<0x44>;

/// Deletes a file; a directory must be empty.
pub type DeleteFile = FileCommand<0xE4>;

/// Ends a directory's life: it and the files in it can only be deleted.
pub type TerminateDirectory = FileCommand<0xE6>;

/// Ends an elementary file's life: it can only be deleted.
pub type TerminateFile = FileCommand<0xE8>;

/// Ends the card's life, as SET STATUS does.
///
/// ```text
/// 00 FE  00 00
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminateCardUsage;

impl<'a> Wire<'a> for CreateFile<'a> {
    const INSTRUCTION: u8 = 0xE0;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        let template = Reader::all(command.data, |input| input.field(Tag::FCP))?;
        let parameters = Fcp::parse(template)?;
        match parameters.state {
            FileState::Creation | FileState::Initialization | FileState::Activated => Ok(Self { parameters }),
            FileState::Deactivated | FileState::Terminated => Err(ParseError::Invalid.into()),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, 0), 0, |data| self.parameters.encode(Tag::FCP, data))
    }
}

impl<'a, const INSTRUCTION: u8> Wire<'a> for FileCommand<INSTRUCTION> {
    const INSTRUCTION: u8 = INSTRUCTION;

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
        out.command(Header::iso(INSTRUCTION, 0, 0), 0, |data| match self.file {
            Some(id) => data.put_u16(id.0),
            None => Ok(()),
        })
    }
}

impl<'a> Wire<'a> for TerminateCardUsage {
    const INSTRUCTION: u8 = 0xFE;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        command.no_data()?;
        Ok(Self)
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, 0), 0, |_| Ok(()))
    }
}
