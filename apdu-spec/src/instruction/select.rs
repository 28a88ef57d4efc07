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
///     bits 2, 1: 00 the first, 01 the last, 10 the next, 11 the previous (by name only)
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
    /// The last.
    Last,
    /// The first behind the current one.
    Next,
    /// The last before the current one.
    Previous,
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

/// P1.
const BY_NAME: u8 = 0x04;

/// The bits of P2 that say which.
const OCCURRENCE: u8 = 0x03;

impl<'a> Wire<'a> for Select<'a> {
    const INSTRUCTION: u8 = 0xA4;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let Header { p1, p2, .. } = command.header;
        let answer = match p2 & !OCCURRENCE {
            0x00 => SelectAnswer::Fci,
            0x04 => SelectAnswer::Fcp,
            0x0C => SelectAnswer::Nothing,
            _ => return Err(Malformed::Parameters),
        };
        let occurrence = match p2 & OCCURRENCE {
            0x00 => Occurrence::First,
            0x01 if p1 == BY_NAME => Occurrence::Last,
            0x02 if p1 == BY_NAME => Occurrence::Next,
            0x03 if p1 == BY_NAME => Occurrence::Previous,
            _ => return Err(Malformed::Parameters),
        };
        Ok(Self { selector: Selector::parse(command, occurrence)?, answer })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let named = if let Selector::Name(_, occurrence) = self.selector { occurrence } else { Occurrence::First };
        let occurrence = match named {
            Occurrence::First => 0x00,
            Occurrence::Last => 0x01,
            Occurrence::Next => 0x02,
            Occurrence::Previous => 0x03,
        };
        let (answer, expected) = match self.answer {
            SelectAnswer::Fci => (0x00, SHORT_EXPECTED_MAX),
            SelectAnswer::Fcp => (0x04, SHORT_EXPECTED_MAX),
            SelectAnswer::Nothing => (0x0C, 0),
        };
        let header = Header::iso(Self::INSTRUCTION, self.selector.p1(), answer | occurrence);
        out.command(header, expected, |data| self.selector.put(data))
    }
}

impl<'a> Selector<'a> {
    /// What P1 and the data field say; `occurrence` goes with a name.
    pub(super) fn parse(command: &Command<'a>, occurrence: Occurrence) -> Result<Self, Malformed> {
        let data = command.data;
        Ok(match command.header.p1 {
            0x00 if data.is_empty() => Self::MasterFile,
            0x00 => Self::File(file_id(data)?),
            0x01 => Self::ChildDirectory(file_id(data)?),
            0x02 => Self::ElementaryFile(file_id(data)?),
            0x03 => command.no_data().map(|()| Self::Parent)?,
            BY_NAME if data.len() <= AID_LENGTH_MAX => Self::Name(data, occurrence),
            BY_NAME => return Err(Malformed::Length),
            0x08 => Self::PathFromMasterFile(FileIds::parse(data)?),
            0x09 => Self::PathFromCurrent(FileIds::parse(data)?),
            _ => return Err(Malformed::Parameters),
        })
    }

    pub(super) fn p1(self) -> u8 {
        match self {
            Self::MasterFile | Self::File(_) => 0x00,
            Self::ChildDirectory(_) => 0x01,
            Self::ElementaryFile(_) => 0x02,
            Self::Parent => 0x03,
            Self::Name(..) => BY_NAME,
            Self::PathFromMasterFile(_) => 0x08,
            Self::PathFromCurrent(_) => 0x09,
        }
    }

    /// Writes the data field.
    pub(super) fn put(self, data: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::MasterFile | Self::Parent => Ok(()),
            Self::File(id) | Self::ChildDirectory(id) | Self::ElementaryFile(id) => data.put_u16(id.0),
            Self::Name(name, _) => data.put(name),
            Self::PathFromMasterFile(path) | Self::PathFromCurrent(path) => data.put(path.0),
        }
    }
}

fn file_id(data: &[u8]) -> Result<FileId, Malformed> {
    data.try_into().map(|id| FileId(u16::from_be_bytes(id))).map_err(|_| Malformed::Length)
}
