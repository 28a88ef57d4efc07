//! READ, UPDATE, APPEND, WRITE and ERASE RECORD (ISO/IEC 7816-4, 11.4).
//!
//! ```text
//! P1: a record's number, 1 to 254, or its identifier, which is its first byte; 00 in place of either: see below
//! P2: short id << 3 | mode, the short id 0 for the current file
//!
//! mode 0 first, 1 last, 2 next, 3 previous record with the identifier; identifier 00: any
//!      4 the record with the number; number 00: the current one
//!      5 from the number to the last record, 6 from the last record to the number
//! ```
//!
//! A record found by its identifier becomes the current one. In a cyclic file record 1 is the newest.

use super::{Malformed, Target, Wire, data_object};
use crate::command::{Command, Header};
use crate::limits::RECORDS_MAX;
use crate::{Full, Reader, ShortFileId, Tag, Writer};

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordSelector {
    /// By its number, 1 to 254; 0 is the current record.
    Number(u8),
    /// By its identifier, its first byte; 0 is any.
    Identifier(u8, Position),
}

/// Which of the records with an identifier, in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The first.
    First,
    /// The last.
    Last,
    /// The first behind the current one.
    Next,
    /// The last before the current one.
    Previous,
}

/// One record, or several in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordRange {
    /// One.
    One(RecordSelector),
    /// From this number to the last record; 0 is the current record.
    ToLast(u8),
    /// From the last record down to this number; 0 is the current record.
    FromLast(u8),
}

/// Reads records, or a part of one.
///
/// ```text
/// 00 B2  P1 P2  Le                         as many bytes as are there and expected
/// 00 B3  P1 P2  Lc  54 L offset  Le        part of one record; answer: 53 L bytes
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRecord {
    /// The file.
    pub file: Target,
    /// Which.
    pub records: RecordRange,
    /// The first byte to read, where only a part is asked for and comes in a data object.
    pub part: Option<u16>,
    /// How many bytes at most the answer may have, at least 1.
    pub length: usize,
}

/// Replaces one record. The previous one of any in a cyclic file: as [`AppendRecord`].
///
/// ```text
/// 00 DC  P1 P2  Lc data      mode 0 to 4
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpdateRecord<'a> {
    /// The file.
    pub file: Target,
    /// Which.
    pub record: RecordSelector,
    /// The new content, at least one byte.
    pub data: &'a [u8],
}

/// Changes a part of one record.
///
/// ```text
/// 00 DD  number  short id << 3 | combination  Lc  54 L offset  53 L data
///
/// combination: 4 replace, 5 AND, 6 OR, 7 XOR
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpdateRecordPart<'a> {
    /// The file.
    pub file: Target,
    /// The record's number, 1 to 254; 0 is the current record.
    pub number: u8,
    /// How the new bytes and those that are there make the result.
    pub combination: Combination,
    /// Where the first byte goes.
    pub offset: u16,
    /// The bytes, at least one.
    pub data: &'a [u8],
}

/// How new bytes and those that are there make the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combination {
    /// The new ones.
    Replace,
    /// The bits that both have.
    And,
    /// The bits that one of them has.
    Or,
    /// The bits that they do not share.
    Xor,
}

/// Sets bits in one record. The previous one of any in a cyclic file: as [`AppendRecord`].
///
/// ```text
/// 00 D2  P1 P2  Lc data      mode 0 to 4
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WriteRecord<'a> {
    /// The file.
    pub file: Target,
    /// Which.
    pub record: RecordSelector,
    /// The bits, as many bytes as the record has.
    pub data: &'a [u8],
}

/// Adds a record: behind the last one; in a cyclic file as number 1, and if that is full in the place of the oldest.
///
/// ```text
/// 00 E2  00  short id << 3  Lc data
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AppendRecord<'a> {
    /// The file.
    pub file: Target,
    /// The content, at least one byte.
    pub data: &'a [u8],
}

/// Fills records with zeros; they stay there.
///
/// ```text
/// 00 0C  number  short id << 3 | mode      mode 4 or 5
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraseRecord {
    /// The file.
    pub file: Target,
    /// The first record's number, 1 to 254; 0 is the current record.
    pub number: u8,
    /// Whether those behind it are erased too.
    pub to_last: bool,
}

pub(super) const BY_NUMBER: u8 = 0x04;
pub(super) const TO_LAST: u8 = 0x05;
const FROM_LAST: u8 = 0x06;

impl<'a> Wire<'a> for ReadRecord {
    const INSTRUCTION: u8 = 0xB2;
    const ODD: u8 = 0xB3;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.some_expected()?;
        let (file, mode) = target(command)?;
        let records = RecordRange::parse(mode, number(command)?)?;
        let part = if command.header.instruction == Self::ODD {
            match records {
                RecordRange::One(_) => Some(Reader::all(command.data, data_object::offset)?),
                RecordRange::ToLast(_) | RecordRange::FromLast(_) => return Err(Malformed::Parameters),
            }
        } else {
            command.no_data()?;
            None
        };
        Ok(Self { file, records, part, length: command.expected })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (mode, p1) = self.records.encode();
        let p2 = p2(self.file, mode)?;
        match self.part {
            None => out.command(Header::iso(Self::INSTRUCTION, p1, p2), self.length, |_| Ok(())),
            Some(offset) => {
                out.command(Header::iso(Self::ODD, p1, p2), self.length, |data| data_object::put_offset(offset, data))
            }
        }
    }
}

impl<'a> Wire<'a> for UpdateRecord<'a> {
    const INSTRUCTION: u8 = 0xDC;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.some_data()?;
        let (file, mode) = target(command)?;
        Ok(Self { file, record: RecordSelector::parse(mode, number(command)?)?, data: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (mode, p1) = self.record.encode();
        out.command(Header::iso(Self::INSTRUCTION, p1, p2(self.file, mode)?), 0, |data| data.put(self.data))
    }
}

impl<'a> Wire<'a> for UpdateRecordPart<'a> {
    const INSTRUCTION: u8 = 0xDD;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let (file, mode) = target(command)?;
        let number = number(command)?;
        let combination = match mode {
            0x04 => Combination::Replace,
            0x05 => Combination::And,
            0x06 => Combination::Or,
            0x07 => Combination::Xor,
            _ => return Err(Malformed::Parameters),
        };
        let (offset, data) =
            Reader::all(command.data, |input| Ok((data_object::offset(input)?, data_object::content(input)?)))?;
        Ok(Self { file, number, combination, offset, data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let mode = match self.combination {
            Combination::Replace => 0x04,
            Combination::And => 0x05,
            Combination::Or => 0x06,
            Combination::Xor => 0x07,
        };
        out.command(Header::iso(Self::INSTRUCTION, self.number, p2(self.file, mode)?), 0, |data| {
            data_object::put_offset(self.offset, data)?;
            data.field(Tag::DISCRETIONARY, self.data)
        })
    }
}

impl<'a> Wire<'a> for WriteRecord<'a> {
    const INSTRUCTION: u8 = 0xD2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        UpdateRecord::parse(command).map(|UpdateRecord { file, record, data }| Self { file, record, data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (mode, p1) = self.record.encode();
        out.command(Header::iso(Self::INSTRUCTION, p1, p2(self.file, mode)?), 0, |data| data.put(self.data))
    }
}

impl<'a> Wire<'a> for AppendRecord<'a> {
    const INSTRUCTION: u8 = 0xE2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.some_data()?;
        match (command.header.p1, target(command)?) {
            (0, (file, 0)) => Ok(Self { file, data: command.data }),
            _ => Err(Malformed::Parameters),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, p2(self.file, 0)?), 0, |data| data.put(self.data))
    }
}

impl<'a> Wire<'a> for EraseRecord {
    const INSTRUCTION: u8 = 0x0C;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.no_data()?;
        let number = number(command)?;
        match target(command)? {
            (file, BY_NUMBER) => Ok(Self { file, number, to_last: false }),
            (file, TO_LAST) => Ok(Self { file, number, to_last: true }),
            _ => Err(Malformed::Parameters),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let mode = if self.to_last { TO_LAST } else { BY_NUMBER };
        out.command(Header::iso(Self::INSTRUCTION, self.number, p2(self.file, mode)?), 0, |_| Ok(()))
    }
}

impl RecordSelector {
    pub(super) fn parse(mode: u8, p1: u8) -> Result<Self, Malformed> {
        Ok(match mode {
            0x00 => Self::Identifier(p1, Position::First),
            0x01 => Self::Identifier(p1, Position::Last),
            0x02 => Self::Identifier(p1, Position::Next),
            0x03 => Self::Identifier(p1, Position::Previous),
            BY_NUMBER => Self::Number(p1),
            _ => return Err(Malformed::Parameters),
        })
    }

    pub(super) fn encode(self) -> (u8, u8) {
        match self {
            Self::Identifier(identifier, Position::First) => (0x00, identifier),
            Self::Identifier(identifier, Position::Last) => (0x01, identifier),
            Self::Identifier(identifier, Position::Next) => (0x02, identifier),
            Self::Identifier(identifier, Position::Previous) => (0x03, identifier),
            Self::Number(number) => (BY_NUMBER, number),
        }
    }
}

impl RecordRange {
    fn parse(mode: u8, p1: u8) -> Result<Self, Malformed> {
        match mode {
            TO_LAST => Ok(Self::ToLast(p1)),
            FROM_LAST => Ok(Self::FromLast(p1)),
            _ => RecordSelector::parse(mode, p1).map(Self::One),
        }
    }

    fn encode(self) -> (u8, u8) {
        match self {
            Self::One(selector) => selector.encode(),
            Self::ToLast(number) => (TO_LAST, number),
            Self::FromLast(number) => (FROM_LAST, number),
        }
    }
}

/// P1; `FF` is reserved.
pub(super) fn number(command: &Command<'_>) -> Result<u8, Malformed> {
    match command.header.p1 {
        number @ 0..=RECORDS_MAX => Ok(number),
        _ => Err(Malformed::Parameters),
    }
}

/// P2: the file and the mode.
pub(super) fn target(command: &Command<'_>) -> Result<(Target, u8), Malformed> {
    let p2 = command.header.p2;
    let file = match p2 >> 3 {
        0 => Target::Current,
        number => ShortFileId::parse(number).map(Target::Short).map_err(|_| Malformed::Parameters)?,
    };
    Ok((file, p2 & 0x07))
}

pub(super) fn p2(file: Target, mode: u8) -> Result<u8, Full> {
    match file {
        Target::Current => Ok(mode),
        Target::Short(short_id) => Ok(short_id.number() << 3 | mode),
        Target::Id(_) => Err(Full),
    }
}
