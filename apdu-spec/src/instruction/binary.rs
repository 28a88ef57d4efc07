//! READ BINARY and UPDATE BINARY (ISO/IEC 7816-4, 11.3.3 and 11.3.5).

use super::{Malformed, Target, Wire};
use crate::command::{Command, Header};
use crate::{Full, ShortFileId, Writer};

/// Reads from a transparent file.
///
/// ```text
/// 00 B0  offset (2)  Le              from the current file, offset at most 7FFF
/// 00 B0  80 | short id  offset  Le   from a file in the current directory, offset at most FF
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBinary {
    /// The file.
    pub file: Target,
    /// The first byte to read.
    pub offset: u16,
    /// How many bytes at most, at least 1; where the file ends before, what is there.
    pub length: usize,
}

/// Writes into a transparent file.
///
/// ```text
/// 00 D6  (as READ BINARY)  Lc data
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpdateBinary<'a> {
    /// The file.
    pub file: Target,
    /// Where the first byte goes.
    pub offset: u16,
    /// The bytes, at least one.
    pub data: &'a [u8],
}

impl<'a> Wire<'a> for ReadBinary {
    const INSTRUCTION: u8 = 0xB0;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.no_data()?;
        command.some_expected()?;
        let (file, offset) = place(command)?;
        Ok(Self { file, offset, length: command.expected })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(header(Self::INSTRUCTION, self.file, self.offset)?, self.length, |_| Ok(()))
    }
}

impl<'a> Wire<'a> for UpdateBinary<'a> {
    const INSTRUCTION: u8 = 0xD6;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.some_data()?;
        let (file, offset) = place(command)?;
        Ok(Self { file, offset, data: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(header(Self::INSTRUCTION, self.file, self.offset)?, 0, |data| data.put(self.data))
    }
}

fn place(command: &Command<'_>) -> Result<(Target, u16), Malformed> {
    let Header { p1, p2, .. } = command.header;
    if p1 & 0x80 == 0 {
        return Ok((Target::Current, u16::from_be_bytes([p1, p2])));
    }
    let short_id = ShortFileId::parse(p1 & 0x7F).map_err(|_| Malformed::Parameters)?;
    Ok((Target::Short(short_id), p2.into()))
}

fn header(instruction: u8, file: Target, offset: u16) -> Result<Header, Full> {
    let (p1, p2) = match (file, offset.to_be_bytes()) {
        (Target::Current, [high @ 0..=0x7F, low]) => (high, low),
        (Target::Short(short_id), [0, low]) => (0x80 | short_id.number(), low),
        (Target::Current | Target::Short(_), _) => return Err(Full),
    };
    Ok(Header::iso(instruction, p1, p2))
}
