//! READ RECORD, UPDATE RECORD and APPEND RECORD (ISO/IEC 7816-4, 11.4.3 to 11.4.6).

use super::{Malformed, Target, Wire};
use crate::command::{Command, Header};
use crate::limits::RECORDS_MAX;
use crate::{Full, ShortFileId, Writer};

/// Reads one record.
///
/// ```text
/// 00 B2  number  short id << 3 | 04  Le     short id 0: the current file
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRecord {
    /// The file.
    pub file: Target,
    /// The record's number, 1 to 254.
    pub number: u8,
    /// How many bytes at most, at least 1; where the record ends before, what is there.
    pub length: usize,
}

/// Replaces one record.
///
/// ```text
/// 00 DC  number  short id << 3 | 04  Lc data
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpdateRecord<'a> {
    /// The file.
    pub file: Target,
    /// The record's number, 1 to 254.
    pub number: u8,
    /// The new content, at least one byte.
    pub data: &'a [u8],
}

/// Adds a record behind the last one.
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

/// P1 is a record number.
const BY_NUMBER: u8 = 0x04;

impl<'a> Wire<'a> for ReadRecord {
    const INSTRUCTION: u8 = 0xB2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.no_data()?;
        command.some_expected()?;
        Ok(Self { file: target(command, BY_NUMBER)?, number: number(command)?, length: command.expected })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::iso(Self::INSTRUCTION, self.number, p2(self.file, BY_NUMBER));
        out.command(header, self.length, |_| Ok(()))
    }
}

impl<'a> Wire<'a> for UpdateRecord<'a> {
    const INSTRUCTION: u8 = 0xDC;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.some_data()?;
        Ok(Self { file: target(command, BY_NUMBER)?, number: number(command)?, data: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::iso(Self::INSTRUCTION, self.number, p2(self.file, BY_NUMBER));
        out.command(header, 0, |data| data.put(self.data))
    }
}

impl<'a> Wire<'a> for AppendRecord<'a> {
    const INSTRUCTION: u8 = 0xE2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.some_data()?;
        if command.header.p1 != 0 {
            return Err(Malformed::Parameters);
        }
        Ok(Self { file: target(command, 0)?, data: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, p2(self.file, 0)), 0, |data| data.put(self.data))
    }
}

fn number(command: &Command<'_>) -> Result<u8, Malformed> {
    match command.header.p1 {
        number @ 1..=RECORDS_MAX => Ok(number),
        _ => Err(Malformed::Parameters),
    }
}

fn target(command: &Command<'_>, mode: u8) -> Result<Target, Malformed> {
    let p2 = command.header.p2;
    if p2 & 0x07 != mode {
        return Err(Malformed::Parameters);
    }
    match p2 >> 3 {
        0 => Ok(Target::Current),
        number => ShortFileId::parse(number).map(Target::Short).map_err(|_| Malformed::Parameters),
    }
}

fn p2(file: Target, mode: u8) -> u8 {
    match file {
        Target::Current => mode,
        Target::Short(short_id) => short_id.number() << 3 | mode,
    }
}
