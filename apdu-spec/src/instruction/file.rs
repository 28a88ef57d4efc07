//! CREATE FILE, DELETE FILE, ACTIVATE FILE, DEACTIVATE FILE, TERMINATE EF, TERMINATE DF and TERMINATE CARD USAGE
//! (ISO/IEC 7816-9, 9.3).

use super::{Malformed, Occurrence, Selector, Wire};
use crate::command::{Command, Header};
use crate::{Fcp, FileState, Full, ParseError, Reader, Tag, Writer};

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
/// 00 INS  00 00            the current file, or directory
/// 00 INS  00 00  02 id     a file in the current directory
/// 00 INS  p1 00  [L ids]   one that SELECT with P1 01, 02, 03, 08 or 09 selects
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCommand<'a, const INSTRUCTION: u8> {
    /// Which, not by name; [`Selector::File`] is in the current directory here. `None` is the current file, or
    /// directory.
    pub file: Option<Selector<'a>>,
}

/// Takes a file out of use until it is activated.
pub type DeactivateFile<'a> = FileCommand<'a, 0x04>;

/// Takes a file into use, after its creation or after it was taken out of use.
pub type ActivateFile<'a> = FileCommand<'a, 0x44>;

/// Deletes a file; a directory must be empty.
pub type DeleteFile<'a> = FileCommand<'a, 0xE4>;

/// Ends a directory's life: it and the files in it can only be deleted.
pub type TerminateDirectory<'a> = FileCommand<'a, 0xE6>;

/// Ends an elementary file's life: it can only be deleted.
pub type TerminateFile<'a> = FileCommand<'a, 0xE8>;

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

impl<'a, const INSTRUCTION: u8> Wire<'a> for FileCommand<'a, INSTRUCTION> {
    const INSTRUCTION: u8 = INSTRUCTION;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(command.header.p1, 0)?;
        let file = Selector::parse(command, Occurrence::First)?;
        if matches!(file, Selector::Name(..)) {
            return Err(Malformed::Parameters);
        }
        Ok(Self { file: Some(file).filter(|file| *file != Selector::MasterFile) })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        // The form that would be the master file's is the current file's.
        let file = self.file.unwrap_or(Selector::MasterFile);
        out.command(Header::iso(INSTRUCTION, file.p1(), 0), 0, |data| file.put(data))
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
