//! SEARCH BINARY and SEARCH RECORD (ISO/IEC 7816-4, 11.3.8 and 11.4.9).

use super::record::{BY_NUMBER, TO_LAST, number, p2, target};
use super::{Malformed, Position, RecordSelector, Target, Wire, binary};
use crate::command::{Command, Header};
use crate::{Full, ParseError, Writer};

/// Tells where in a transparent file a string of bytes is, the first time from an offset on.
///
/// ```text
/// 00 A0  P1 P2 (as READ BINARY)  Lc string  [Le]                      answer: offset (2)
/// 00 A1  P1 P2 (as READ BINARY)  Lc  54 L offset  53 L string  [Le]   answer: 54 L offset
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SearchBinary<'a> {
    /// The file.
    pub file: Target,
    /// Where to begin.
    pub offset: u16,
    /// What to find, at least one byte.
    pub string: &'a [u8],
    /// Whether the answer is a data object.
    pub odd: bool,
    /// Whether there is to be an answer.
    pub tell: bool,
}

/// Tells which records of a file hold a string of bytes, and makes the first that was found the current one.
///
/// ```text
/// 00 A2  identifier  short id << 3 | mode  Lc string  [Le]             mode 0 first, 1 last, 2 next, 3 previous
/// 00 A2  number      short id << 3 | mode  Lc string  [Le]             mode 4 forward, 5 backward from this record
/// 00 A2  number      short id << 3 | 06    Lc  how what string  [Le]   enhanced
///
/// mode 0 to 3: among the records with this identifier, 00 any, from the one that the mode says: from the first and the
///              next one forward, from the last and the previous one backward
///
/// how:  00 what is the offset from which the string may lie in the record; 04 it may lie behind the first byte `what`
///       plus 0 forward, 1 backward from this record; 2 forward from the next, 3 backward from the previous record
///
/// answer: the numbers, a byte each, in the order found; at most Le
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SearchRecord<'a> {
    /// The file.
    pub file: Target,
    /// Which records, in which order.
    pub search: Search,
    /// What to find, at least one byte.
    pub string: &'a [u8],
    /// How many numbers to tell at most.
    pub length: usize,
}

/// Which records are searched, and where in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Those with an identifier, 0 any, from this one on: forward from the first or the next, backward from the last or
    /// the previous.
    Identified(u8, Position),
    /// Those around one with a number.
    Numbered {
        /// The record's number, 1 to 254; 0 is the current record.
        number: u8,
        /// Where to go from there.
        direction: Direction,
        /// Where in a record the string may begin.
        begin: Begin,
    },
}

/// Which records are searched, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From this one to the last.
    Forward,
    /// From this one to the first.
    Backward,
    /// From the next one to the last.
    ForwardFromNext,
    /// From the previous one to the first.
    BackwardFromPrevious,
}

/// Where in a record a string may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At this byte, counted from 0, or behind it.
    Offset(u8),
    /// Behind the first byte with this value.
    Behind(u8),
}

const ENHANCED: u8 = 0x06;
const BEHIND: u8 = 0x04;

impl<'a> Wire<'a> for SearchBinary<'a> {
    const INSTRUCTION: u8 = 0xA0;
    const ODD: u8 = 0xA1;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let (file, offset, string) = binary::parse_data(command, Self::ODD)?;
        let odd = command.header.instruction == Self::ODD;
        Ok(Self { file, offset, string, odd, tell: command.expected > 0 })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let expected = match (self.tell, self.odd) {
            (false, _) => 0,
            (true, false) => 2,
            (true, true) => 4,
        };
        if self.odd {
            let header = binary::odd_header(Self::ODD, self.file);
            return out.command(header, expected, |data| binary::put_data(self.offset, self.string, data));
        }
        let header = binary::header(Self::INSTRUCTION, self.file, self.offset).ok_or(Full)?;
        out.command(header, expected, |data| data.put(self.string))
    }
}

impl<'a> Wire<'a> for SearchRecord<'a> {
    const INSTRUCTION: u8 = 0xA2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let (file, mode) = target(command)?;
        let number = number(command)?;
        let simple = |direction| Search::Numbered { number, direction, begin: Begin::Offset(0) };
        let (search, string) = match (mode, command.data) {
            (BY_NUMBER, string) => (simple(Direction::Forward), string),
            (TO_LAST, string) => (simple(Direction::Backward), string),
            (ENHANCED, [how, what, string @ ..]) => {
                let (direction, begin) = (Direction::parse(how & 3)?, begin(*how, *what)?);
                (Search::Numbered { number, direction, begin }, string)
            }
            (ENHANCED, _) => return Err(ParseError::Truncated.into()),
            (mode, string) => match RecordSelector::parse(mode, number)? {
                RecordSelector::Identifier(identifier, position) => (Search::Identified(identifier, position), string),
                RecordSelector::Number(_) => return Err(Malformed::Parameters),
            },
        };
        if string.is_empty() {
            return Err(Malformed::Length);
        }
        Ok(Self { file, search, string, length: command.expected })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (mode, p1, indication) = match self.search {
            Search::Identified(identifier, position) => {
                let (mode, p1) = RecordSelector::Identifier(identifier, position).encode();
                (mode, p1, None)
            }
            Search::Numbered { number, direction, begin } => match (direction, begin) {
                (Direction::Forward, Begin::Offset(0)) => (BY_NUMBER, number, None),
                (Direction::Backward, Begin::Offset(0)) => (TO_LAST, number, None),
                (direction, Begin::Offset(offset)) => (ENHANCED, number, Some([direction.to_byte(), offset])),
                (direction, Begin::Behind(value)) => (ENHANCED, number, Some([BEHIND | direction.to_byte(), value])),
            },
        };
        let header = Header::iso(Self::INSTRUCTION, p1, p2(self.file, mode)?);
        out.command(header, self.length, |data| {
            indication.map_or(Ok(()), |indication| data.put(&indication))?;
            data.put(self.string)
        })
    }
}

impl Direction {
    const fn parse(bits: u8) -> Result<Self, ParseError> {
        match bits {
            0 => Ok(Self::Forward),
            1 => Ok(Self::Backward),
            2 => Ok(Self::ForwardFromNext),
            3 => Ok(Self::BackwardFromPrevious),
            _ => Err(ParseError::Invalid),
        }
    }

    const fn to_byte(self) -> u8 {
        match self {
            Self::Forward => 0,
            Self::Backward => 1,
            Self::ForwardFromNext => 2,
            Self::BackwardFromPrevious => 3,
        }
    }
}

const fn begin(how: u8, what: u8) -> Result<Begin, ParseError> {
    match how & !3 {
        0 => Ok(Begin::Offset(what)),
        BEHIND => Ok(Begin::Behind(what)),
        _ => Err(ParseError::Invalid),
    }
}
