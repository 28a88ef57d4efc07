//! SELECT (ISO/IEC 7816-4, 11.2.2).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::{AID_LENGTH_MAX, PATH_DEPTH_MAX, SHORT_EXPECTED_MAX};
use crate::{FileId, Full, Writer};

/// Makes a file or an application the current one.
///
/// ```text
/// 00 A4  00  p2            the master file
/// 00 A4  00  p2  02 id     a file by its identifier: in the current directory, itself, its parent or beside it
/// 00 A4  01  p2  02 id     a directory in the current directory
/// 00 A4  02  p2  02 id     an elementary file in the current directory
/// 00 A4  03  p2            the parent directory
/// 00 A4  04  p2  [L name]  an application by its name or the beginning of its name
/// 00 A4  08  p2  L  ids    a path from the master file, which is left out
/// 00 A4  09  p2  L  ids    a path from the current directory, which is left out
///
/// p2: bits 4, 3: 00 file control information (6F), 01 file control parameters (62), 11 no answer
///     bits 2, 1: 00 the first, 10 the next (by name only)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select<'a> {
    /// Which.
    pub selector: Selector<'a>,
    /// What to tell about it.
    pub answer: SelectAnswer,
}

/// How a file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector<'a> {
    /// The root.
    MasterFile,
    /// Any file near the current directory.
    File(FileId),
    /// A directory in the current directory.
    ChildDirectory(FileId),
    /// An elementary file in the current directory.
    ElementaryFile(FileId),
    /// The parent of the current directory.
    Parent,
    /// An application by the beginning of its name; at most 16 bytes.
    Name(&'a [u8], Occurrence),
    /// A path from the root.
    PathFromMasterFile(FileIds<'a>),
    /// A path from the current directory.
    PathFromCurrent(FileIds<'a>),
}

/// Which of several applications whose names begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// The first.
    First,
    /// The one behind the current one.
    Next,
}

/// What SELECT tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectAnswer {
    /// File control information, template 6F.
    Fci,
    /// File control parameters, template 62.
    Fcp,
    /// Nothing.
    Nothing,
}

/// A path: 1 to [`PATH_DEPTH_MAX`] file identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIds<'a>(&'a [u8]);

impl<'a> FileIds<'a> {
    /// A path from its bytes, two an identifier.
    ///
    /// # Errors
    /// [`Malformed::Length`] when they are none, too many or odd.
    pub const fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.is_empty() || bytes.len() % 2 != 0 || bytes.len() > 2 * PATH_DEPTH_MAX {
            return Err(Malformed::Length);
        }
        Ok(Self(bytes))
    }

    /// The identifiers, in order.
    pub fn iter(self) -> impl Iterator<Item = FileId> + use<'a> {
        self.0.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(|pair| FileId(u16::from_be_bytes(pair)))
    }
}

const OCCURRENCE: u8 = 0x03;
const NEXT: u8 = 0x02;

impl<'a> Wire<'a> for Select<'a> {
    const INSTRUCTION: u8 = 0xA4;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let Header { p1, p2, .. } = command.header;
        let data = command.data;
        let answer = match p2 & !OCCURRENCE {
            0x00 => SelectAnswer::Fci,
            0x04 => SelectAnswer::Fcp,
            0x0C => SelectAnswer::Nothing,
            _ => return Err(Malformed::Parameters),
        };
        let occurrence = match p2 & OCCURRENCE {
            0x00 => Occurrence::First,
            NEXT if p1 == 0x04 => Occurrence::Next,
            _ => return Err(Malformed::Parameters),
        };
        let selector = match p1 {
            0x00 if data.is_empty() => Selector::MasterFile,
            0x00 => Selector::File(file_id(data)?),
            0x01 => Selector::ChildDirectory(file_id(data)?),
            0x02 => Selector::ElementaryFile(file_id(data)?),
            0x03 => command.no_data().map(|()| Selector::Parent)?,
            0x04 if data.len() <= AID_LENGTH_MAX => Selector::Name(data, occurrence),
            0x04 => return Err(Malformed::Length),
            0x08 => Selector::PathFromMasterFile(FileIds::parse(data)?),
            0x09 => Selector::PathFromCurrent(FileIds::parse(data)?),
            _ => return Err(Malformed::Parameters),
        };
        Ok(Self { selector, answer })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, occurrence) = match self.selector {
            Selector::MasterFile | Selector::File(_) => (0x00, 0),
            Selector::ChildDirectory(_) => (0x01, 0),
            Selector::ElementaryFile(_) => (0x02, 0),
            Selector::Parent => (0x03, 0),
            Selector::Name(_, Occurrence::First) => (0x04, 0),
            Selector::Name(_, Occurrence::Next) => (0x04, NEXT),
            Selector::PathFromMasterFile(_) => (0x08, 0),
            Selector::PathFromCurrent(_) => (0x09, 0),
        };
        let (answer, expected) = match self.answer {
            SelectAnswer::Fci => (0x00, SHORT_EXPECTED_MAX),
            SelectAnswer::Fcp => (0x04, SHORT_EXPECTED_MAX),
            SelectAnswer::Nothing => (0x0C, 0),
        };
        let header = Header::iso(Self::INSTRUCTION, p1, answer | occurrence);
        out.command(header, expected, |data| match self.selector {
            Selector::MasterFile | Selector::Parent => Ok(()),
            Selector::File(id) | Selector::ChildDirectory(id) | Selector::ElementaryFile(id) => data.put_u16(id.0),
            Selector::Name(name, _) => data.put(name),
            Selector::PathFromMasterFile(path) | Selector::PathFromCurrent(path) => data.put(path.0),
        })
    }
}

fn file_id(data: &[u8]) -> Result<FileId, Malformed> {
    data.try_into().map(|id| FileId(u16::from_be_bytes(id))).map_err(|_| Malformed::Length)
}
