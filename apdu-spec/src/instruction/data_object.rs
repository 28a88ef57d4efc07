//! What commands with an odd instruction byte have in their data fields: data objects for offsets and for contents, and
//! a file identifier in P1 and P2 (ISO/IEC 7816-4, 11.3.1 and 11.4.1).

use super::Target;
use crate::{FileId, Full, ParseError, Reader, ShortFileId, Tag, Writer};

impl Tag {
    /// An offset.
    pub const OFFSET: Self = Self(0x54);
    /// Bytes of any kind.
    pub const DISCRETIONARY: Self = Self(0x53);
    /// Data objects of any kind.
    pub const DISCRETIONARY_TEMPLATE: Self = Self(0x73);
}

/// The value of an offset data object; one that is behind the end of every file is as good as another.
pub(super) fn offset(input: &mut Reader<'_>) -> Result<u16, ParseError> {
    match input.field(Tag::OFFSET)? {
        [] => Err(ParseError::Invalid),
        bytes => Ok(bytes
            .iter()
            .fold(0_u16, |offset, byte| offset.checked_mul(0x100).map_or(u16::MAX, |high| high | u16::from(*byte)))),
    }
}

/// The content, at least one byte.
pub(super) fn content<'a>(input: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    match input.object()? {
        (Tag::DISCRETIONARY | Tag::DISCRETIONARY_TEMPLATE, content @ [_, ..]) => Ok(content),
        _ => Err(ParseError::Invalid),
    }
}

pub(super) fn put_offset(offset: u16, out: &mut Writer<'_>) -> Result<(), Full> {
    match offset.to_be_bytes() {
        [0, low] => out.field(Tag::OFFSET, &[low]),
        both => out.field(Tag::OFFSET, &both),
    }
}

/// The file that P1 and P2 name: 0000 is the current one, 0001 to 001E are short identifiers.
pub(super) fn target(p1: u8, p2: u8) -> Target {
    match (p1, p2, ShortFileId::parse(p2)) {
        (0, 0, _) => Target::Current,
        (0, _, Ok(short_id)) => Target::Short(short_id),
        _ => Target::Id(FileId(u16::from_be_bytes([p1, p2]))),
    }
}

/// P1 and P2.
pub(super) fn parameters(file: Target) -> [u8; 2] {
    match file {
        Target::Current => [0, 0],
        Target::Short(short_id) => [0, short_id.number()],
        Target::Id(id) => id.0.to_be_bytes(),
    }
}
