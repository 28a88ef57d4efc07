//! GET DATA and PUT DATA (ISO/IEC 7816-4, 11.5).
//!
//! ```text
//! even INS   P1 P2: the tag of one data object in the current file, one byte (00 first) or two; its value
//! odd INS    P1 P2: 0000 the current file, 0001 to 001E a short id, 3FFF the current directory, else the identifier of
//!                   a file in the current directory; whole data objects
//! ```

use super::{Malformed, Target, Wire, data_object};
use crate::command::{Command, Header};
use crate::limits::SHORT_EXPECTED_MAX;
use crate::{Full, ParseError, Reader, SecurityAttributes, Tag, Writer};

/// Tells data objects of a file.
///
/// ```text
/// 00 CA  tag    Le                  answer: the value
/// 00 CB  P1 P2  Lc  5C L tags  Le   answer: the data objects with these tags; no tags: all
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetData<'a> {
    /// The file.
    pub file: Target,
    /// What to tell.
    pub request: DataRequest<'a>,
}

/// What GET DATA tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataRequest<'a> {
    /// The value of one data object, whose tag has one or two bytes, of the current file.
    Value(Tag),
    /// Whole data objects.
    Objects(Tags<'a>),
}

/// A tag list: tags, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags<'a>(&'a [u8]);

/// Puts data objects into a file, in the place of those that are there; what comes with an empty value goes.
///
/// ```text
/// 00 DA  tag    [Lc value]      one, of the current file
/// 00 DB  P1 P2  Lc  objects     any number
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutData<'a> {
    /// The file.
    pub file: DataFile,
    /// What is put.
    pub object: DataObject<'a>,
}

/// The file whose data objects a command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFile {
    /// An elementary file.
    File(Target),
    /// The current directory.
    Directory,
}

/// What PUT DATA brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataObject<'a> {
    /// Other control parameters: new security attributes.
    ///
    /// ```text
    /// 62 L  8C L compact | AB L expanded security attributes
    /// ```
    SecurityAttributes(SecurityAttributes<'a>),
    /// The value of one data object, whose tag has one or two bytes; empty, it goes.
    Value(Tag, &'a [u8]),
    /// Whole data objects, at least one.
    Objects(Objects<'a>),
}

/// Data objects, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objects<'a>(&'a [u8]);

impl Tag {
    /// A tag list.
    pub const TAG_LIST: Self = Self(0x5C);
}

impl<'a> Tags<'a> {
    /// A list from its bytes; an empty one stands for all tags.
    ///
    /// # Errors
    /// [`ParseError`] when they are no tags.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut input = Reader::new(bytes);
        while !input.is_empty() {
            input.tag()?;
        }
        Ok(Self(bytes))
    }

    /// Whether all tags are meant.
    #[must_use]
    pub const fn is_all(self) -> bool {
        self.0.is_empty()
    }

    /// The tags, in order.
    pub fn iter(self) -> impl Iterator<Item = Tag> + use<'a> {
        let mut input = Reader::new(self.0);
        core::iter::from_fn(move || input.tag().ok())
    }
}

impl<'a> Objects<'a> {
    /// Data objects from their bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are none.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut input = Reader::new(bytes);
        input.object()?;
        while !input.is_empty() {
            input.object()?;
        }
        Ok(Self(bytes))
    }

    /// Tags and values, in order.
    pub fn iter(self) -> impl Iterator<Item = (Tag, &'a [u8])> + use<'a> {
        let mut input = Reader::new(self.0);
        core::iter::from_fn(move || input.object().ok())
    }
}

impl<'a> Wire<'a> for GetData<'a> {
    const INSTRUCTION: u8 = 0xCA;
    const ODD: u8 = 0xCB;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        if command.header.instruction == Self::INSTRUCTION {
            command.no_data()?;
            return Ok(Self { file: Target::Current, request: DataRequest::Value(tag(command)?) });
        }
        let tags = Reader::all(command.data, |input| Tags::parse(input.field(Tag::TAG_LIST)?))?;
        match file(command) {
            DataFile::File(file) => Ok(Self { file, request: DataRequest::Objects(tags) }),
            DataFile::Directory => Err(Malformed::Parameters),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match (self.request, self.file) {
            (DataRequest::Value(tag), Target::Current) => {
                out.command(tag_header(Self::INSTRUCTION, tag)?, SHORT_EXPECTED_MAX, |_| Ok(()))
            }
            (DataRequest::Value(_), _) => Err(Full),
            (DataRequest::Objects(tags), file) => {
                out.command(file_header(Self::ODD, DataFile::File(file)), SHORT_EXPECTED_MAX, |data| {
                    data.field(Tag::TAG_LIST, tags.0)
                })
            }
        }
    }
}

impl<'a> Wire<'a> for PutData<'a> {
    const INSTRUCTION: u8 = 0xDA;
    const ODD: u8 = 0xDB;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        if command.header.instruction == Self::INSTRUCTION {
            let object = DataObject::Value(tag(command)?, command.data);
            return Ok(Self { file: DataFile::File(Target::Current), object });
        }
        let objects = Objects::parse(command.data)?;
        let object = match objects.iter().next() {
            Some((Tag::FCP, _)) => {
                let parameters = Reader::all(command.data, |input| input.field(Tag::FCP))?;
                let (tag, value) = Reader::all(parameters, Reader::object)?;
                let security = SecurityAttributes::parse_object(tag, value)?.ok_or(ParseError::Invalid)?;
                DataObject::SecurityAttributes(security)
            }
            _ => DataObject::Objects(objects),
        };
        Ok(Self { file: file(command), object })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = file_header(Self::ODD, self.file);
        match (self.object, self.file) {
            (DataObject::SecurityAttributes(security), _) => out
                .command(header, 0, |out| out.template(Tag::FCP, |out| out.field(security.tag(), security.as_bytes()))),
            (DataObject::Objects(objects), _) => out.command(header, 0, |data| data.put(objects.0)),
            (DataObject::Value(tag, value), DataFile::File(Target::Current)) => {
                out.command(tag_header(Self::INSTRUCTION, tag)?, 0, |data| data.put(value))
            }
            (DataObject::Value(..), _) => Err(Full),
        }
    }
}

/// The tag that P1 and P2 say.
fn tag(command: &Command<'_>) -> Result<Tag, Malformed> {
    let both = [command.header.p1, command.header.p2];
    let bytes = if let [0, single] = &both { core::slice::from_ref(single) } else { &both[..] };
    Reader::all(bytes, Reader::tag).map_err(|_| Malformed::Parameters)
}

fn tag_header(instruction: u8, tag: Tag) -> Result<Header, Full> {
    let [p1, p2] = u16::try_from(tag.0).map_err(|_| Full)?.to_be_bytes();
    Ok(Header::iso(instruction, p1, p2))
}

fn file(command: &Command<'_>) -> DataFile {
    match (command.header.p1, command.header.p2) {
        (0x3F, 0xFF) => DataFile::Directory,
        (p1, p2) => DataFile::File(data_object::target(p1, p2)),
    }
}

fn file_header(instruction: u8, file: DataFile) -> Header {
    let [p1, p2] = match file {
        DataFile::Directory => [0x3F, 0xFF],
        DataFile::File(target) => data_object::parameters(target),
    };
    Header::iso(instruction, p1, p2)
}
