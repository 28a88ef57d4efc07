//! Security attributes of a file (ISO/IEC 7816-4, 5.4.3).

use super::{Access, Condition};
use crate::command::Header;
use crate::limits::{COMPACT_ATTRIBUTES_MAX, SECURITY_ATTRIBUTES_MAX};
use crate::{ParseError, Reader, Tag};

/// Who may do what with a file: access rules in one of two formats.
///
/// Compact, tag 8C:
///
/// ```text
/// access mode byte   one bit an operation, the highest first
/// condition byte     for each bit that is set, in the order of the bits from high to low
/// ```
///
/// Expanded, tag AB: rules, each an access mode data object and one security condition data object, at most
/// [`SECURITY_ATTRIBUTES_MAX`] bytes:
///
/// ```text
/// 80 01 access mode byte             the operations whose bits are set
/// 81 to 8F L  headers                the commands with such headers: of CLA, INS, P1, P2 those are given, in this
///                                    order, whose bits (8, 4, 2, 1) are set in the tag; for example 84 L INS...
/// ```
///
/// An operation is permitted when one rule that covers it has its condition met; what no rule covers is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecurityAttributes<'a> {
    format: Format,
    bytes: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Compact,
    Expanded,
}

impl SecurityAttributes<'static> {
    /// No operation is permitted.
    pub const NOTHING: Self = Self { format: Format::Compact, bytes: &[0x00] };
}

impl<'a> SecurityAttributes<'a> {
    /// Attributes in compact format.
    ///
    /// # Errors
    /// [`ParseError`] when they are not well formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            let mode = access_mode(input.u8()?)?;
            for _ in 0..mode.count_ones() {
                Condition::from_byte(input.u8()?)?;
            }
            Ok(Self { format: Format::Compact, bytes })
        })
    }

    /// Attributes in expanded format.
    ///
    /// # Errors
    /// [`ParseError`] when they are not well formed.
    pub fn parse_expanded(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() > SECURITY_ATTRIBUTES_MAX {
            return Err(ParseError::Invalid);
        }
        let mut input = Reader::new(bytes);
        while !input.is_empty() {
            Rule::parse(&mut input)?;
        }
        Ok(Self { format: Format::Expanded, bytes })
    }

    /// Attributes as a data object; `None` for one that holds something else.
    ///
    /// # Errors
    /// [`ParseError`] when they are not well formed.
    pub fn parse_object(tag: Tag, value: &'a [u8]) -> Result<Option<Self>, ParseError> {
        match tag {
            Tag::SECURITY_ATTRIBUTES => Self::parse(value).map(Some),
            Tag::EXPANDED_ATTRIBUTES => Self::parse_expanded(value).map(Some),
            _ => Ok(None),
        }
    }

    /// The tag that tells the format.
    #[must_use]
    pub const fn tag(self) -> Tag {
        match self.format {
            Format::Compact => Tag::SECURITY_ATTRIBUTES,
            Format::Expanded => Tag::EXPANDED_ATTRIBUTES,
        }
    }

    /// The bytes, without tag and length.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The conditions of the rules that cover this access. It is permitted when one of them is met.
    pub fn conditions(self, access: Access) -> impl Iterator<Item = Condition> {
        let (compact, expanded): (_, &[u8]) = match self.format {
            Format::Compact => (compact(self.bytes, access.operation.bit()), &[]),
            Format::Expanded => (None, self.bytes),
        };
        let mut rules = Reader::new(expanded);
        let covering = core::iter::from_fn(move || Rule::parse(&mut rules).ok());
        compact.into_iter().chain(covering.filter(move |rule| rule.covers(access)).map(|rule| rule.condition))
    }
}

/// The condition of the operation with this bit.
fn compact(bytes: &[u8], bit: u8) -> Option<Condition> {
    let (&mode, conditions) = bytes.split_first()?;
    if mode & bit == 0 {
        return None;
    }
    let before = (mode & !(bit | (bit - 1))).count_ones() as usize;
    conditions.get(before).and_then(|byte| Condition::from_byte(*byte).ok())
}

/// An access rule in expanded format.
struct Rule<'a> {
    mode: Mode<'a>,
    condition: Condition,
}

/// What a rule covers.
enum Mode<'a> {
    Operations(u8),
    /// Which of CLA, INS, P1, P2 are given, and these.
    Headers(u8, &'a [u8]),
}

impl<'a> Rule<'a> {
    fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let mode = match input.object()? {
            (Tag(0x80), &[mode]) => Mode::Operations(access_mode(mode)?),
            (Tag(tag @ 0x81..=0x8F), headers) => {
                let given = u8::try_from(tag & 0x0F).map_err(|_| ParseError::Invalid)?;
                if headers.is_empty() || headers.len() % given.count_ones() as usize != 0 {
                    return Err(ParseError::Invalid);
                }
                Mode::Headers(given, headers)
            }
            _ => return Err(ParseError::Invalid),
        };
        Ok(Self { mode, condition: Condition::parse(input.whole_object()?)? })
    }

    fn covers(&self, access: Access) -> bool {
        match self.mode {
            Mode::Operations(mode) => mode & access.operation.bit() != 0,
            Mode::Headers(given, headers) => {
                let width = given.count_ones() as usize;
                headers.chunks_exact(width.max(1)).any(|values| is_header(access.header, given, values))
            }
        }
    }
}

/// Whether the bytes of `header` that are given have these values.
fn is_header(header: Header, given: u8, values: &[u8]) -> bool {
    let fields = [(8, header.class), (4, header.instruction), (2, header.p1), (1, header.p2)];
    let given = fields.into_iter().filter(|(bit, _)| given & bit != 0).map(|(_, field)| field);
    given.eq(values.iter().copied())
}

/// An access mode byte whose bits have the standard's meaning.
fn access_mode(byte: u8) -> Result<u8, ParseError> {
    if byte & 0x80 == 0 { Ok(byte) } else { Err(ParseError::Invalid) }
}

const _: () = assert!(COMPACT_ATTRIBUTES_MAX <= SECURITY_ATTRIBUTES_MAX, "whatever the format, there is one limit");
