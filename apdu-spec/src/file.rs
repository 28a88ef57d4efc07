//! Files: identifiers, descriptors and file control parameters (ISO/IEC 7816-4, 5.3 and 7.3.3).

use crate::limits::{RECORD_SIZE_MAX, RECORDS_MAX, TRANSPARENT_SIZE_MAX};
use crate::{Aid, Full, ParseError, Reader, SecurityAttributes, Tag, Writer};

/// A file's identifier, unique among the files of one directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u16);

impl FileId {
    /// The master file, the root.
    pub const MASTER_FILE: Self = Self(0x3F00);
    /// EF.DIR, the list of applications.
    pub const DIRECTORY: Self = Self(0x2F00);
    /// EF.ATR/INFO, what the card can do.
    pub const ATR_INFO: Self = Self(0x2F01);
    /// The cardholder's own information, as this project places it.
    pub const CARDHOLDER: Self = Self(0x5F00);

    /// Whether a new file may have this identifier: not the master file's, the current directory's (3FFF), or a
    /// reserved one.
    #[must_use]
    pub const fn is_free(self) -> bool {
        !matches!(self.0, 0x0000 | 0x3F00 | 0x3FFF | 0xFFFF)
    }
}

/// A file's short identifier, 1 to 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortFileId(u8);

impl ShortFileId {
    /// An identifier from its number.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a number outside 1 to 30.
    pub const fn parse(number: u8) -> Result<Self, ParseError> {
        match number {
            1..=30 => Ok(Self(number)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// A file's life cycle status (ISO/IEC 7816-4, 7.4.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileState {
    /// Just made: being filled, its own conditions not in force.
    Creation,
    /// Likewise, a step further, for whoever tells the two apart.
    Initialization,
    /// In use.
    #[default]
    Activated,
    /// Out of use for the time being.
    Deactivated,
    /// At its end.
    Terminated,
}

impl FileState {
    /// The state a life cycle status byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        match byte {
            0x01 => Ok(Self::Creation),
            0x03 => Ok(Self::Initialization),
            0x05 | 0x07 => Ok(Self::Activated),
            0x04 | 0x06 => Ok(Self::Deactivated),
            0x0C..=0x0F => Ok(Self::Terminated),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The life cycle status byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Creation => 0x01,
            Self::Initialization => 0x03,
            Self::Activated => 0x05,
            Self::Deactivated => 0x04,
            Self::Terminated => 0x0C,
        }
    }
}

/// What kind of file it is, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileDescriptor {
    /// A directory: the master file or a dedicated file.
    Directory,
    /// A sequence of `size` bytes.
    Transparent {
        /// Bytes, at most [`TRANSPARENT_SIZE_MAX`].
        size: u16,
    },
    /// Records of one length.
    LinearFixed(Records),
    /// Records of different lengths.
    LinearVariable(Records),
    /// Records of one length, the newest first; when the file is full, the oldest gives way.
    Cyclic(Records),
    /// BER-TLV data objects.
    DataObjects {
        /// Bytes of the data objects together, at most; at most [`TRANSPARENT_SIZE_MAX`].
        size: u16,
    },
}

/// The shape of a file of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records {
    /// Bytes in a record, at most; 1 to [`RECORD_SIZE_MAX`].
    pub size: u16,
    /// Records in the file, at most; 1 to [`RECORDS_MAX`].
    pub count: u8,
}

impl FileDescriptor {
    /// Whether it is a directory.
    #[must_use]
    pub const fn is_directory(self) -> bool {
        matches!(self, Self::Directory)
    }

    /// The shape of its records, if it has records.
    #[must_use]
    pub const fn records(self) -> Option<Records> {
        match self {
            Self::LinearFixed(records) | Self::LinearVariable(records) | Self::Cyclic(records) => Some(records),
            Self::Directory | Self::Transparent { .. } | Self::DataObjects { .. } => None,
        }
    }

    /// From the value of tag 82 and, for a transparent file, of tag 80.
    fn parse(bytes: &[u8], size: Option<u16>) -> Result<Self, ParseError> {
        match (bytes, size) {
            ([0x38], None) => Ok(Self::Directory),
            ([0x01] | [0x01, _], Some(size @ 1..=TRANSPARENT_SIZE_MAX)) => Ok(Self::Transparent { size }),
            ([0x39] | [0x39, _], Some(size @ 1..=TRANSPARENT_SIZE_MAX)) => Ok(Self::DataObjects { size }),
            ([0x02, rest @ ..], None) => Ok(Self::LinearFixed(Records::parse(rest)?)),
            ([0x04, rest @ ..], None) => Ok(Self::LinearVariable(Records::parse(rest)?)),
            ([0x06, rest @ ..], None) => Ok(Self::Cyclic(Records::parse(rest)?)),
            _ => Err(ParseError::Invalid),
        }
    }

    fn encode(self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::Directory => out.field(Tag::DESCRIPTOR, &[0x38]),
            Self::Transparent { size } => {
                out.field(Tag::SIZE, &size.to_be_bytes())?;
                out.field(Tag::DESCRIPTOR, &[0x01])
            }
            Self::DataObjects { size } => {
                out.field(Tag::SIZE, &size.to_be_bytes())?;
                out.field(Tag::DESCRIPTOR, &[0x39])
            }
            Self::LinearFixed(records) => out.template(Tag::DESCRIPTOR, |out| records.encode(0x02, out)),
            Self::LinearVariable(records) => out.template(Tag::DESCRIPTOR, |out| records.encode(0x04, out)),
            Self::Cyclic(records) => out.template(Tag::DESCRIPTOR, |out| records.encode(0x06, out)),
        }
    }
}

/// The data coding byte (ISO/IEC 7816-4, table 118): WRITE sets bits, a data unit is a byte.
pub const DATA_CODING: u8 = 0x41;

impl Records {
    /// `data coding byte, record size (2), records (1 or 2)`, as they follow the descriptor byte.
    fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (size, count) = match *bytes {
            [_, high, low, count] | [_, high, low, 0, count] => (u16::from_be_bytes([high, low]), count),
            _ => return Err(ParseError::Invalid),
        };
        if !(1..=RECORD_SIZE_MAX).contains(&size) || !(1..=RECORDS_MAX).contains(&count) {
            return Err(ParseError::Invalid);
        }
        Ok(Self { size, count })
    }

    fn encode(self, kind: u8, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&[kind, DATA_CODING])?;
        out.put_u16(self.size)?;
        out.put_u8(self.count)
    }
}

impl Tag {
    /// File control parameters.
    pub const FCP: Self = Self(0x62);
    /// File control information.
    pub const FCI: Self = Self(0x6F);
    /// Bytes in a transparent file, or in a file of data objects at most.
    pub const SIZE: Self = Self(0x80);
    /// File descriptor byte and, for records, coding, size and count.
    pub const DESCRIPTOR: Self = Self(0x82);
    /// File identifier.
    pub const FILE_ID: Self = Self(0x83);
    /// Name of a dedicated file: its AID.
    pub const NAME: Self = Self(0x84);
    /// Short file identifier, in the high five bits; an empty value means there is none.
    pub const SHORT_FILE_ID: Self = Self(0x88);
    /// Life cycle status byte.
    pub const LIFE_CYCLE: Self = Self(0x8A);
    /// Security attributes in compact format.
    pub const SECURITY_ATTRIBUTES: Self = Self(0x8C);
    /// Security attributes in expanded format.
    pub const EXPANDED_ATTRIBUTES: Self = Self(0xAB);
}

/// A file's control parameters: what CREATE FILE takes and SELECT tells.
///
/// ```text
/// 62 L  [80 02 size]  82 L descriptor  83 02 identifier  [84 L name]  [88 01 short identifier << 3]  [8A 01 state]
///       [8C L compact security attributes | AB L expanded security attributes]
/// ```
///
/// In what the card takes, the order is free; unknown objects are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fcp<'a> {
    /// Kind and size.
    pub descriptor: FileDescriptor,
    /// The identifier.
    pub id: FileId,
    /// The name of a directory that is an application.
    pub name: Option<Aid<'a>>,
    /// The short identifier of an elementary file.
    pub short_id: Option<ShortFileId>,
    /// Where it is in its life.
    pub state: FileState,
    /// Who may do what.
    pub security: SecurityAttributes<'a>,
}

impl<'a> Fcp<'a> {
    /// From the data objects inside the template.
    ///
    /// # Errors
    /// [`ParseError`] when they are not the parameters of a file.
    pub fn parse(template: &'a [u8]) -> Result<Self, ParseError> {
        let mut parts = Parts::default();
        let mut input = Reader::new(template);
        while !input.is_empty() {
            let (tag, value) = input.object()?;
            parts.take(tag, value)?;
        }
        parts.finish()
    }

    /// Appends the template, under the tag that the client asked for.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, tag: Tag, out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(tag, |out| {
            self.descriptor.encode(out)?;
            out.field(Tag::FILE_ID, &self.id.0.to_be_bytes())?;
            if let Some(name) = self.name {
                out.field(Tag::NAME, name.as_bytes())?;
            }
            if let Some(short_id) = self.short_id {
                out.field(Tag::SHORT_FILE_ID, &[short_id.number() << 3])?;
            }
            out.field(Tag::LIFE_CYCLE, &[self.state.to_byte()])?;
            out.field(self.security.tag(), self.security.as_bytes())
        })
    }
}

#[derive(Default)]
struct Parts<'a> {
    size: Option<&'a [u8]>,
    descriptor: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    short_id: Option<&'a [u8]>,
    life_cycle: Option<&'a [u8]>,
    security: Option<SecurityAttributes<'a>>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, tag: Tag, value: &'a [u8]) -> Result<(), ParseError> {
        if let Some(security) = SecurityAttributes::parse_object(tag, value)? {
            return if self.security.replace(security).is_some() { Err(ParseError::Invalid) } else { Ok(()) };
        }
        let part = match tag {
            Tag::SIZE => &mut self.size,
            Tag::DESCRIPTOR => &mut self.descriptor,
            Tag::FILE_ID => &mut self.id,
            Tag::NAME => &mut self.name,
            Tag::SHORT_FILE_ID => &mut self.short_id,
            Tag::LIFE_CYCLE => &mut self.life_cycle,
            _ => return Err(ParseError::Invalid),
        };
        if part.replace(value).is_some() { Err(ParseError::Invalid) } else { Ok(()) }
    }

    fn finish(self) -> Result<Fcp<'a>, ParseError> {
        let state = match self.life_cycle {
            None => FileState::Activated,
            Some(&[byte]) => FileState::parse(byte)?,
            Some(_) => return Err(ParseError::Invalid),
        };
        let size = self.size.map(be_u16).transpose()?;
        let descriptor = FileDescriptor::parse(self.descriptor.ok_or(ParseError::Truncated)?, size)?;
        let name = self.name.map(Aid::parse).transpose()?;
        let short_id = match self.short_id {
            None | Some([]) => None,
            Some(&[byte]) if byte & 0x07 == 0 => Some(ShortFileId::parse(byte >> 3)?),
            Some(_) => return Err(ParseError::Invalid),
        };
        let security = self.security.unwrap_or(SecurityAttributes::NOTHING);
        if if descriptor.is_directory() { short_id.is_some() } else { name.is_some() } {
            return Err(ParseError::Invalid);
        }
        let id = FileId(be_u16(self.id.ok_or(ParseError::Truncated)?)?);
        Ok(Fcp { descriptor, id, name, short_id, state, security })
    }
}

fn be_u16(bytes: &[u8]) -> Result<u16, ParseError> {
    bytes.try_into().map(u16::from_be_bytes).map_err(|_| ParseError::Invalid)
}
