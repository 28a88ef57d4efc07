//! The bytes in flash: page headers, records and their checksums.

use super::ObjectId;
use crate::limits::CHUNK_LENGTH;

/// Units behind a page header that say, each alone, that the page was opened.
pub(super) const MARKS: usize = 4;

/// Offset of the first record of a page: behind the header and its marks, each a unit of at most 8 bytes.
pub(super) const BODY: usize = PageHeader::LENGTH + MARKS * 8;

/// What a mark reads as, cut to a unit. Neither blank nor all zero, so that no stage of an interrupted erasure passes
/// for it.
pub(super) const OPENED: [u8; 8] = *b"\x5E\xA1\x5E\xA1\x5E\xA1\x5E\xA1";

/// Bytes of a record before its payload.
pub(super) const RECORD_HEADER: usize = 12;

/// Bytes of the longest record, padding included.
pub(super) const RECORD_MAX: usize = 256;

const _: () = assert!((RECORD_HEADER + CHUNK_LENGTH).next_multiple_of(8) <= RECORD_MAX);

/// One chunk of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) id: ObjectId,
    pub(super) chunk: u8,
}

/// The first 24 bytes of a page in use, written after the records that were moved into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// The page's number in the log; the page lies in slot `sequence % pages`.
    pub(super) sequence: u32,
    /// The oldest page still in the log.
    pub(super) first: u32,
    /// Where the log ends in the page before, in bytes; what lies behind never counted.
    pub(super) previous_end: usize,
    /// Where the records end that were moved in before this header was written, in bytes.
    pub(super) moved_end: usize,
}

impl PageHeader {
    pub(super) const LENGTH: usize = 24;
    const MAGIC: [u8; 4] = *b"Sym\x01";

    pub(super) fn encode(&self, geometry: Geometry) -> [u8; Self::LENGTH] {
        let mut out = [0; Self::LENGTH];
        let fields = [
            (0, u32::from_le_bytes(Self::MAGIC)),
            (4, self.sequence),
            (8, self.first),
            (12, in_steps(self.previous_end) | (in_steps(self.moved_end) << 16)),
            (16, geometry.encode()),
        ];
        for (offset, value) in fields {
            put_u32(&mut out, offset, value);
        }
        let checksum = crc32(!0, out.get(..20).unwrap_or_default());
        put_u32(&mut out, 20, checksum);
        out
    }

    /// The header in these bytes, if it is one of a store of this shape.
    pub(super) fn parse(bytes: &[u8; Self::LENGTH], geometry: Geometry) -> Option<Self> {
        let ends = get_u32(bytes, 12);
        let header = Self {
            sequence: get_u32(bytes, 4),
            first: get_u32(bytes, 8),
            previous_end: (ends & 0xFFFF) as usize * STEP,
            moved_end: (ends >> 16) as usize * STEP,
        };
        (header.encode(geometry) == *bytes && header.is_sane(geometry)).then_some(header)
    }

    fn is_sane(&self, geometry: Geometry) -> bool {
        let place_ok = |end: usize| (BODY..=geometry.page).contains(&end) && end % geometry.unit == 0;
        let length = u64::from(self.sequence) + 1;
        let log = length.checked_sub(self.first.into());
        // The upper half of the numbers is never reached: pages wear out long before.
        self.sequence < u32::MAX / 2
            && log.is_some_and(|pages| pages >= 1 && pages < geometry.pages as u64)
            && place_ok(self.moved_end)
            && place_ok(self.previous_end)
    }
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A transaction gives the chunk this payload.
    Change,
    /// The chunk's committed payload, moved here out of a page that is being emptied; `doomed` says that the running
    /// transaction had already removed the chunk when it was moved.
    Kept { doomed: bool },
    /// A transaction removes the chunks from the key's to `last`.
    Remove { last: u8 },
}

/// A record's header; the payload follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) key: Key,
    pub(super) length: u8,
    /// First of its transaction: whatever was pending before is dropped.
    pub(super) begin: bool,
    /// Last of its transaction: what is pending, this included, becomes valid. A seal follows.
    pub(super) commit: bool,
}

impl Record {
    const CHANGE: u8 = 1;
    const KEPT: u8 = 2;
    const REMOVE: u8 = 3;
    const BEGIN: u8 = 0x10;
    const COMMIT: u8 = 0x20;
    const DOOMED: u8 = 0x40;

    /// Bytes this record takes in flash, without a seal.
    pub(super) fn size(&self, geometry: Geometry) -> usize {
        geometry.record_size(self.length.into())
    }

    /// Writes the header into `out`, whose payload is already there; `place` is where in flash the record will lie.
    pub(super) fn encode(&self, out: &mut [u8; RECORD_MAX], sequence: u32, offset: usize) {
        let (kind, last) = match self.kind {
            Kind::Change => (Self::CHANGE, 0),
            Kind::Kept { doomed } => (Self::KEPT | if doomed { Self::DOOMED } else { 0 }, 0),
            Kind::Remove { last } => (Self::REMOVE, last),
        };
        let flags = if self.begin { Self::BEGIN } else { 0 } | if self.commit { Self::COMMIT } else { 0 };
        put_u32(out, 0, u32::from_le_bytes([kind | flags, self.length, self.key.chunk, last]));
        put_u32(out, 4, self.key.id.0);
        let checksum = Self::checksum(out, self.length, sequence, offset);
        put_u32(out, 8, checksum);
        let end = RECORD_HEADER + usize::from(self.length);
        out.iter_mut().skip(end).take(8).for_each(|byte| *byte = 0xFF);
    }

    /// The header in these bytes if its own fields are possible; the checksum is not looked at.
    pub(super) fn parse_header(bytes: &[u8; RECORD_MAX]) -> Option<Self> {
        let [tag, length, chunk, last] = get_u32(bytes, 0).to_le_bytes();
        let flags = tag & 0xF0;
        let kind = match tag & 0x0F {
            Self::CHANGE => Kind::Change,
            Self::KEPT => Kind::Kept { doomed: flags & Self::DOOMED != 0 },
            Self::REMOVE if length == 0 && chunk <= last => Kind::Remove { last },
            _ => return None,
        };
        let allowed = match kind {
            Kind::Change | Kind::Remove { .. } => Self::BEGIN | Self::COMMIT,
            Kind::Kept { .. } => Self::DOOMED,
        };
        let zero_ok = matches!(kind, Kind::Remove { .. }) || last == 0;
        (flags & !allowed == 0 && zero_ok && usize::from(length) <= CHUNK_LENGTH).then_some(Self {
            kind,
            key: Key { id: ObjectId(get_u32(bytes, 4)), chunk },
            length,
            begin: flags & Self::BEGIN != 0,
            commit: flags & Self::COMMIT != 0,
        })
    }

    /// Whether the bytes are exactly what was written at this place.
    pub(super) fn is_intact(&self, bytes: &[u8; RECORD_MAX], sequence: u32, offset: usize) -> bool {
        get_u32(bytes, 8) == Self::checksum(bytes, self.length, sequence, offset)
    }

    /// Covers the place too, so that bytes of another place or of the page's last life are no record here.
    fn checksum(bytes: &[u8; RECORD_MAX], length: u8, sequence: u32, offset: usize) -> u32 {
        let place = (u64::from(sequence) << 32) | u64::from(in_steps(offset));
        let crc = crc32(!0, &place.to_le_bytes());
        let crc = crc32(crc, bytes.get(..8).unwrap_or_default());
        crc32(crc, bytes.get(RECORD_HEADER..RECORD_HEADER + usize::from(length)).unwrap_or_default())
    }
}

/// The shape of the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes programmed at once: every record and seal starts at a multiple of it.
    pub(super) unit: usize,
    /// Bytes erased at once.
    pub(super) page: usize,
    /// Pages of the store.
    pub(super) pages: usize,
}

impl Geometry {
    /// Bytes in flash of a record with a payload of `length` bytes.
    pub(super) fn record_size(self, length: usize) -> usize {
        (RECORD_HEADER + length).next_multiple_of(self.unit)
    }

    /// Bytes in flash of an object of `length` bytes.
    pub(super) fn footprint(self, length: usize) -> usize {
        let rest = length % CHUNK_LENGTH;
        let tail = if rest != 0 || length == 0 { self.record_size(rest) } else { 0 };
        length / CHUNK_LENGTH * self.record_size(CHUNK_LENGTH) + tail
    }

    /// Bytes of records the store takes: two pages less than there are (the spare and the one being emptied), and in
    /// each page a record's worth that may be too small for the next record.
    pub(super) fn capacity(self) -> usize {
        self.pages.saturating_sub(2) * (self.page.saturating_sub(BODY + RECORD_MAX))
    }

    /// The slot of a page of the log.
    pub(super) fn slot(self, sequence: u32) -> usize {
        sequence as usize % self.pages
    }

    /// Address of a byte of a page of the log.
    pub(super) fn address(self, sequence: u32, offset: usize) -> u32 {
        narrow(self.slot(sequence) * self.page + offset)
    }

    fn encode(self) -> u32 {
        narrow(self.pages) | (narrow(self.unit) << 8) | (in_steps(self.page) << 16)
    }
}

/// Offsets and places are counted in steps of this many bytes, the smallest unit.
pub(super) const STEP: usize = 4;

fn in_steps(bytes: usize) -> u32 {
    narrow(bytes / STEP)
}

/// A size or an address of the store as 32 bits: all are below 256 KiB, checked when the store starts.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
pub(super) const fn narrow(value: usize) -> u32 {
    value as u32
}

fn get_u32(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..offset + 4).and_then(|part| part.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn put_u32(bytes: &mut [u8], offset: usize, value: u32) {
    if let Some(part) = bytes.get_mut(offset..offset + 4) {
        part.copy_from_slice(&value.to_le_bytes());
    }
}

/// CRC-32 (ISO 3309, reflected) continued from `crc`, without the final complement.
fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        let index = (crc ^ u32::from(*byte)) & 0xFF;
        CRC_TABLE.get(index as usize).copied().unwrap_or(0) ^ (crc >> 8)
    })
}

static CRC_TABLE: [u32; 256] = crc_table();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which checks the bounds")]
const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = narrow(byte);
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}
