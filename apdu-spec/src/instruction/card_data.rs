//! GET DATA (GlobalPlatform Card Specification 2.3.1, 11.3): what a security domain tells about the card and itself,
//! and what SELECT tells about a security domain (11.9).

use super::{KeyVersion, Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::{SHORT_DATA_MAX, SHORT_EXPECTED_MAX};
use crate::{Aid, FileId, Full, ParseError, Reader, Tag, Writer};

/// Tells a data object of the selected security domain, or which files there are.
///
/// ```text
/// 80 CA  tag (2 bytes)  Le
/// 80 CA  2F 00  02  5C 00  Le      the list of applications; the data may be left out
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetCardData {
    /// P1 and P2.
    pub object: CardObject,
}

/// A data object of a security domain or of the current directory, named by P1 and P2 of GET DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardObject(pub u16);

impl CardObject {
    /// The issuer identification number.
    pub const ISSUER_NUMBER: Self = Self(0x0042);
    /// The card image number.
    pub const CARD_NUMBER: Self = Self(0x0045);
    /// Card recognition data: [`encode_recognition`].
    pub const RECOGNITION: Self = Self(0x0066);
    /// The sequence counter of Secure Channel Protocol '03'.
    pub const SEQUENCE_COUNTER: Self = Self(0x00C1);
    /// Key information: [`encode_keys`].
    pub const KEYS: Self = Self(0x00E0);
    /// The list of applications: [`encode_application`] for each.
    pub const APPLICATIONS: Self = Self(0x2F00);
    /// Extended card resources: [`Resources`].
    pub const RESOURCES: Self = Self(0xFF21);
    /// The files in the current directory: [`FileList`]. The card's own, and told whatever is selected.
    pub const FILES: Self = Self(0xFF22);

    /// The tag of the object that answers.
    #[must_use]
    pub const fn tag(self) -> Tag {
        Tag(self.0 as u32)
    }
}

/// Extended card resources (ETSI TS 102 226, 8.2.1.7.2).
///
/// ```text
/// FF21 L  81 01 applications  82 04 free bytes of non-volatile memory  83 02 free bytes of volatile memory
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// How many applications there are.
    pub applications: u8,
    /// Free bytes of flash.
    pub free: u32,
}

/// The files in a directory, in ascending order of their identifiers.
///
/// ```text
/// FF22 L  identifier (2 bytes)...
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileList<'a>(&'a [u8]);

impl Tag {
    const MANAGEMENT_DATA: Self = Self(0x73);
    const PROPRIETARY: Self = Self(0xA5);
    const PRODUCTION_DATA: Self = Self(0x9F6E);
    const DATA_FIELD_MAX: Self = Self(0x9F65);
    const OBJECT_IDENTIFIER: Self = Self(0x06);
    const KEY_INFORMATION: Self = Self(0xC0);
    const APPLICATION: Self = Self(0x61);
    const APPLICATION_NAME: Self = Self(0x4F);
}

/// `globalPlatform`, 1.2.840.114283; what follows it says what is meant (Card Specification 2.3.1, H.1).
const GLOBAL_PLATFORM: [u8; 6] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B];

/// Templates of the management data, and the arcs after `globalPlatform`.
const MANAGEMENT_DATA: [(Tag, &[u8]); 3] = [
    // Card management type and version: Card Specification 2.3.1.
    (Tag(0x60), &[0x02, 0x02, 0x03, 0x01]),
    // Card identification scheme.
    (Tag(0x63), &[0x03]),
    // Secure channel protocol '03' with i = 70.
    (Tag(0x64), &[0x04, 0x03, 0x70]),
];

/// Operating system, its release date, its release level, two bytes each: none of them registered.
const PRODUCTION_DATA: [u8; 6] = [0x00; 6];

/// Key type AES, 16 bytes.
const KEY_TYPE: [u8; 2] = [0x88, 0x10];

/// The key identifiers of a key set: ENC, MAC, DEK.
const KEY_IDENTIFIERS: [u8; 3] = [1, 2, 3];

/// Appends card recognition data.
///
/// ```text
/// 66 L  73 L  06 07 globalPlatform 1  60 0C 06 0A version  63 09 06 07 identification  64 0B 06 09 SCP03, i = 70
/// ```
///
/// # Errors
/// [`Full`].
pub fn encode_recognition(out: &mut Writer<'_>) -> Result<(), Full> {
    out.template(CardObject::RECOGNITION.tag(), encode_management)
}

/// Appends the file control information of a security domain.
///
/// ```text
/// 6F L  84 L name  A5 L  73 L (as in card recognition data)  9F6E 06 production data  9F65 01 FF
/// ```
///
/// # Errors
/// [`Full`].
pub fn encode_domain(name: Aid<'_>, out: &mut Writer<'_>) -> Result<(), Full> {
    out.template(Tag::FCI, |out| {
        out.field(Tag::NAME, name.as_bytes())?;
        out.template(Tag::PROPRIETARY, |out| {
            encode_management(out)?;
            out.field(Tag::PRODUCTION_DATA, &PRODUCTION_DATA)?;
            // What every host can send in one command, MAC included; extended and chained commands take more.
            out.field(Tag::DATA_FIELD_MAX, &[u8::try_from(SHORT_DATA_MAX).map_err(|_| Full)?])
        })
    })
}

/// Appends the key information template of these key sets.
///
/// ```text
/// E0 L  (C0 04 identifier version 88 10)...
/// ```
///
/// # Errors
/// [`Full`].
pub fn encode_keys(versions: impl Iterator<Item = KeyVersion>, out: &mut Writer<'_>) -> Result<(), Full> {
    let [kind, length] = KEY_TYPE;
    out.template(CardObject::KEYS.tag(), |out| {
        for version in versions {
            for identifier in KEY_IDENTIFIERS {
                out.field(Tag::KEY_INFORMATION, &[identifier, version.number(), kind, length])?;
            }
        }
        Ok(())
    })
}

/// Appends one application of the list: `61 L 4F L name`.
///
/// # Errors
/// [`Full`].
pub fn encode_application(name: Aid<'_>, out: &mut Writer<'_>) -> Result<(), Full> {
    out.template(Tag::APPLICATION, |out| out.field(Tag::APPLICATION_NAME, name.as_bytes()))
}

impl Resources {
    /// Appends the object.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(CardObject::RESOURCES.tag(), |out| {
            out.field(Tag(0x81), &[self.applications])?;
            out.field(Tag(0x82), &self.free.to_be_bytes())?;
            // Applications get none.
            out.field(Tag(0x83), &[0, 0])
        })
    }
}

impl<'a> FileList<'a> {
    /// Puts an identifier where it belongs among those that were written.
    ///
    /// # Errors
    /// [`Full`].
    pub fn insert(id: FileId, out: &mut Writer<'_>) -> Result<(), Full> {
        let smaller = FileList(out.written()).iter().filter(|other| *other < id).count();
        out.insert(smaller * size_of::<u16>(), &id.0.to_be_bytes())
    }

    /// Makes the object of the identifiers that were written.
    ///
    /// # Errors
    /// [`Full`].
    pub fn enclose(out: &mut Writer<'_>) -> Result<(), Full> {
        out.enclose(CardObject::FILES.tag(), 0)
    }

    /// What an answer tells.
    ///
    /// # Errors
    /// [`ParseError`] unless these are identifiers in ascending order.
    pub fn parse(answer: &'a [u8]) -> Result<Self, ParseError> {
        let list = Self(Reader::all(answer, |input| input.field(CardObject::FILES.tag()))?);
        let is_ascending = list.iter().zip(list.iter().skip(1)).all(|(one, next)| one < next);
        let is_whole = list.0.len() % size_of::<u16>() == 0;
        if is_ascending && is_whole { Ok(list) } else { Err(ParseError::Invalid) }
    }

    /// The identifiers.
    pub fn iter(&self) -> impl Iterator<Item = FileId> + 'a {
        self.0.chunks_exact(size_of::<u16>()).filter_map(|id| Some(FileId(u16::from_be_bytes(id.try_into().ok()?))))
    }
}

fn encode_management(out: &mut Writer<'_>) -> Result<(), Full> {
    let object_identifier = |out: &mut Writer<'_>, arcs: &[u8]| {
        out.template(Tag::OBJECT_IDENTIFIER, |out| {
            out.put(&GLOBAL_PLATFORM)?;
            out.put(arcs)
        })
    };
    out.template(Tag::MANAGEMENT_DATA, |out| {
        object_identifier(out, &[0x01])?;
        MANAGEMENT_DATA.iter().try_for_each(|(tag, arcs)| out.template(*tag, |out| object_identifier(out, arcs)))
    })
}

/// An empty tag list: everything.
const ALL_TAGS: [u8; 2] = [0x5C, 0x00];

impl<'a> Wire<'a> for GetCardData {
    const INSTRUCTION: u8 = 0xCA;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let object = CardObject(u16::from_be_bytes([command.header.p1, command.header.p2]));
        if object != CardObject::APPLICATIONS {
            command.no_data()?;
        } else if !command.data.is_empty() && command.data != ALL_TAGS {
            return Err(ParseError::Invalid.into());
        }
        Ok(Self { object })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let [p1, p2] = self.object.0.to_be_bytes();
        let data = if self.object == CardObject::APPLICATIONS { &ALL_TAGS[..] } else { &[] };
        out.command(Header::proprietary(Self::INSTRUCTION, p1, p2), SHORT_EXPECTED_MAX, |out| out.put(data))
    }
}
