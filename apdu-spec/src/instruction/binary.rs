//! READ, UPDATE, WRITE and ERASE BINARY (ISO/IEC 7816-4, 11.3).
//!
//! ```text
//! even INS   P1 P2: offset (2), at most 7FFF, in the current file
//!                   80 | short id, offset (1) in a file in the current directory
//! odd INS    P1 P2: 0000 the current file, 0001 to 001E a short id, else the identifier of a file in the current
//!                   directory; offsets are data objects 54, contents data objects 53 (or 73)
//! ```
//!
//! Both say the same, but that the odd one reaches any file and the answers are data objects too.

use super::{Malformed, Target, Wire, data_object};
use crate::command::{Command, Header};
use crate::{Full, Reader, ShortFileId, Tag, Writer};

/// Reads from a transparent file.
///
/// ```text
/// 00 B0  P1 P2  Le
/// 00 B1  P1 P2  Lc  54 L offset  Le      answer: 53 L bytes
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBinary {
    /// The file.
    pub file: Target,
    /// The first byte to read.
    pub offset: u16,
    /// How many bytes at most the answer may have, at least 1; where the file ends before, what is there.
    pub length: usize,
    /// Whether the answer is a data object.
    pub odd: bool,
}

/// Writes into a transparent file.
///
/// ```text
/// 00 D6  P1 P2  Lc data
/// 00 D7  P1 P2  Lc  54 L offset  53 L data
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

/// Sets bits in a transparent file: what was there, OR the data.
///
/// ```text
/// 00 D0  P1 P2  Lc data
/// 00 D1  P1 P2  Lc  54 L offset  53 L data
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WriteBinary<'a> {
    /// The file.
    pub file: Target,
    /// Where the first byte goes.
    pub offset: u16,
    /// The bits, at least one byte.
    pub data: &'a [u8],
}

/// Fills a part of a transparent file with zeros.
///
/// ```text
/// 00 0E  P1 P2  [02 end]
/// 00 0F  P1 P2  [Lc  54 L offset  [54 L end]]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraseBinary {
    /// The file.
    pub file: Target,
    /// The first byte to erase.
    pub offset: u16,
    /// The first byte not to erase; `None` is the end of the file.
    pub end: Option<u16>,
}

impl<'a> Wire<'a> for ReadBinary {
    const INSTRUCTION: u8 = 0xB0;
    const ODD: u8 = 0xB1;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.some_expected()?;
        let length = command.expected;
        if command.header.instruction == Self::ODD {
            let offset = Reader::all(command.data, data_object::offset)?;
            return Ok(Self { file: odd_target(command), offset, length, odd: true });
        }
        command.no_data()?;
        let (file, offset) = place(command)?;
        Ok(Self { file, offset, length, odd: false })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        if self.odd {
            let header = odd_header(Self::ODD, self.file);
            return out.command(header, self.length, |data| data_object::put_offset(self.offset, data));
        }
        let header = header(Self::INSTRUCTION, self.file, self.offset).ok_or(Full)?;
        out.command(header, self.length, |_| Ok(()))
    }
}

impl<'a> Wire<'a> for UpdateBinary<'a> {
    const INSTRUCTION: u8 = 0xD6;
    const ODD: u8 = 0xD7;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let (file, offset, data) = parse_data(command, Self::ODD)?;
        Ok(Self { file, offset, data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        encode_data([Self::INSTRUCTION, Self::ODD], self.file, self.offset, self.data, out)
    }
}

impl<'a> Wire<'a> for WriteBinary<'a> {
    const INSTRUCTION: u8 = 0xD0;
    const ODD: u8 = 0xD1;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let (file, offset, data) = parse_data(command, Self::ODD)?;
        Ok(Self { file, offset, data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        encode_data([Self::INSTRUCTION, Self::ODD], self.file, self.offset, self.data, out)
    }
}

impl<'a> Wire<'a> for EraseBinary {
    const INSTRUCTION: u8 = 0x0E;
    const ODD: u8 = 0x0F;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        if command.header.instruction == Self::ODD {
            let (offset, end) = Reader::all(command.data, |input| {
                let offset = if input.is_empty() { 0 } else { data_object::offset(input)? };
                let end = if input.is_empty() { None } else { Some(data_object::offset(input)?) };
                Ok((offset, end))
            })?;
            return Ok(Self { file: odd_target(command), offset, end });
        }
        let (file, offset) = place(command)?;
        let end = match *command.data {
            [] => None,
            [high, low] => Some(u16::from_be_bytes([high, low])),
            _ => return Err(Malformed::Length),
        };
        Ok(Self { file, offset, end })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match header(Self::INSTRUCTION, self.file, self.offset) {
            Some(header) => out.command(header, 0, |data| self.end.map_or(Ok(()), |end| data.put_u16(end))),
            None => out.command(odd_header(Self::ODD, self.file), 0, |data| {
                data_object::put_offset(self.offset, data)?;
                self.end.map_or(Ok(()), |end| data_object::put_offset(end, data))
            }),
        }
    }
}

/// File, offset and content of a command that brings content.
pub(super) fn parse_data<'a>(command: &Command<'a>, odd: u8) -> Result<(Target, u16, &'a [u8]), Malformed> {
    command.some_data()?;
    if command.header.instruction == odd {
        let (offset, data) =
            Reader::all(command.data, |input| Ok((data_object::offset(input)?, data_object::content(input)?)))?;
        return Ok((odd_target(command), offset, data));
    }
    let (file, offset) = place(command)?;
    Ok((file, offset, command.data))
}

/// With the even instruction byte where it can say it.
fn encode_data(
    [even, odd]: [u8; 2],
    file: Target,
    offset: u16,
    content: &[u8],
    out: &mut Writer<'_>,
) -> Result<(), Full> {
    match header(even, file, offset) {
        Some(header) => out.command(header, 0, |data| data.put(content)),
        None => out.command(odd_header(odd, file), 0, |data| put_data(offset, content, data)),
    }
}

/// Offset and content as data objects.
pub(super) fn put_data(offset: u16, content: &[u8], out: &mut Writer<'_>) -> Result<(), Full> {
    data_object::put_offset(offset, out)?;
    out.field(Tag::DISCRETIONARY, content)
}

fn place(command: &Command<'_>) -> Result<(Target, u16), Malformed> {
    let Header { p1, p2, .. } = command.header;
    if p1 & 0x80 == 0 {
        return Ok((Target::Current, u16::from_be_bytes([p1, p2])));
    }
    let short_id = ShortFileId::parse(p1 & 0x7F).map_err(|_| Malformed::Parameters)?;
    Ok((Target::Short(short_id), p2.into()))
}

/// The header with the even instruction byte, which cannot say every place.
pub(super) fn header(instruction: u8, file: Target, offset: u16) -> Option<Header> {
    let (p1, p2) = match (file, offset.to_be_bytes()) {
        (Target::Current, [high @ 0..=0x7F, low]) => (high, low),
        (Target::Short(short_id), [0, low]) => (0x80 | short_id.number(), low),
        (Target::Current | Target::Short(_) | Target::Id(_), _) => return None,
    };
    Some(Header::iso(instruction, p1, p2))
}

fn odd_target(command: &Command<'_>) -> Target {
    data_object::target(command.header.p1, command.header.p2)
}

pub(super) fn odd_header(instruction: u8, file: Target) -> Header {
    let [p1, p2] = data_object::parameters(file);
    Header::iso(instruction, p1, p2)
}
