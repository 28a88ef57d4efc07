//! GET STATUS and SET STATUS (GlobalPlatform Card Specification 2.3.1, 11.4 and 11.10): what is on the card, and in
//! which state.

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::{AID_LENGTH_MAX, SHORT_EXPECTED_MAX};
use crate::{Aid, Full, LifeCycle, ParseError, Reader, Tag, Writer};

/// Tells what is registered, and in which state.
///
/// ```text
/// 80 F2  subset  02  Lc  4F L beginning of the name  [5C L tags to tell]  Le
///
/// answer: entries
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetStatus<'a> {
    /// Of what kind.
    pub subset: Subset,
    /// Those whose names begin so, at most 16 bytes; all, if it is empty.
    pub name: &'a [u8],
    /// The data objects to tell, as tags one after another; all, if it is `None`.
    pub tags: Option<&'a [u8]>,
}

/// What GET STATUS is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subset {
    /// The issuer security domain, whose state is the card's.
    Issuer,
    /// Applications, and the security domains of providers.
    Applications,
    /// Executable load files.
    LoadFiles,
    /// Executable load files and their modules.
    LoadFilesAndModules,
}

/// An entry of the registry.
///
/// ```text
/// E3 L  4F L name  9F70 01 state  C5 03 privileges  [CC L name of the security domain it belongs to]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryEntry<'a> {
    /// Its name.
    pub name: Aid<'a>,
    /// The byte of a [`LifeCycle`], or of a [`DomainState`](crate::life_cycle::DomainState).
    pub state: u8,
    /// What it may do (Card Specification 2.3.1, tables 11-7 to 11-9).
    pub privileges: [u8; 3],
    /// The security domain that it belongs to.
    pub domain: Option<Aid<'a>>,
}

/// Takes the card to another life cycle state, or locks or unlocks a provider's security domain with its record.
///
/// ```text
/// 80 F0  80  state
/// 80 F0  40  80 lock | 00 unlock  Lc  name of the security domain
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetStatus<'a> {
    /// The card's new state.
    Card(LifeCycle),
    /// Whether a domain is locked.
    Domain {
        /// Its name.
        name: Aid<'a>,
        /// Lock it, or unlock it.
        lock: bool,
    },
}

impl Tag {
    const ENTRY: Self = Self(0xE3);
    const ENTRY_NAME: Self = Self(0x4F);
    const STATE: Self = Self(0x9F70);
    const PRIVILEGES: Self = Self(0xC5);
    const BELONGS_TO: Self = Self(0xCC);
}

impl Subset {
    const fn parse(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0x80 => Ok(Self::Issuer),
            0x40 => Ok(Self::Applications),
            0x20 => Ok(Self::LoadFiles),
            0x10 => Ok(Self::LoadFilesAndModules),
            _ => Err(Malformed::Parameters),
        }
    }

    const fn to_byte(self) -> u8 {
        match self {
            Self::Issuer => 0x80,
            Self::Applications => 0x40,
            Self::LoadFiles => 0x20,
            Self::LoadFilesAndModules => 0x10,
        }
    }
}

impl<'a> RegistryEntry<'a> {
    /// Appends the entry: the data objects whose tags are in `tags`, or all.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, tags: Option<&[u8]>, out: &mut Writer<'_>) -> Result<(), Full> {
        let is_wanted = |tag| tags.is_none_or(|tags| Tag::list(tags).any(|wanted| wanted == Ok(tag)));
        let state = [self.state];
        let fields = [
            (Tag::ENTRY_NAME, Some(self.name.as_bytes())),
            (Tag::STATE, Some(state.as_slice())),
            (Tag::PRIVILEGES, Some(&self.privileges[..])),
            (Tag::BELONGS_TO, self.domain.map(|domain| domain.as_bytes())),
        ];
        out.template(Tag::ENTRY, |out| {
            fields.into_iter().filter(|(tag, _)| is_wanted(*tag)).try_for_each(|(tag, value)| match value {
                Some(value) => out.field(tag, value),
                None => Ok(()),
            })
        })
    }

    /// The next entry of an answer that tells everything.
    ///
    /// # Errors
    /// [`ParseError`] when there is none.
    pub fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        Reader::all(input.field(Tag::ENTRY)?, |entry| {
            Ok(Self {
                name: Aid::parse(entry.field(Tag::ENTRY_NAME)?)?,
                state: entry.field_u8(Tag::STATE)?,
                privileges: *entry.field_array(Tag::PRIVILEGES)?,
                domain: entry.optional_field(Tag::BELONGS_TO)?.map(Aid::parse).transpose()?,
            })
        })
    }
}

impl GetStatus<'static> {
    /// Asks for the card's state.
    pub const CARD: Self = GetStatus { subset: Subset::Issuer, name: &[], tags: None };
}

impl GetStatus<'_> {
    /// The card's state in an answer to [`CARD`](GetStatus::CARD).
    ///
    /// # Errors
    /// [`ParseError`] when it is not one.
    pub fn parse_answer(answer: &[u8]) -> Result<LifeCycle, ParseError> {
        LifeCycle::parse(Reader::all(answer, RegistryEntry::parse)?.state)
    }
}

/// Answers in BER-TLV, from the first entry on.
const ALL_IN_TLV: u8 = 0x02;

impl<'a> Wire<'a> for GetStatus<'a> {
    const INSTRUCTION: u8 = 0xF2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let subset = Subset::parse(command.header.p1)?;
        command.parameters(command.header.p1, ALL_IN_TLV)?;
        let (name, tags) = Reader::all(command.data, |input| {
            Ok((input.field(Tag::ENTRY_NAME)?, input.optional_field(Tag::TAG_LIST)?))
        })?;
        if name.len() > AID_LENGTH_MAX || tags.is_some_and(|tags| Tag::list(tags).any(|tag| tag.is_err())) {
            return Err(ParseError::Invalid.into());
        }
        Ok(Self { subset, name, tags })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::proprietary(Self::INSTRUCTION, self.subset.to_byte(), ALL_IN_TLV);
        out.command(header, SHORT_EXPECTED_MAX, |out| {
            out.field(Tag::ENTRY_NAME, self.name)?;
            self.tags.map_or(Ok(()), |tags| out.field(Tag::TAG_LIST, tags))
        })
    }
}

/// P1 of SET STATUS: the issuer security domain, which stands for the card.
const CARD: u8 = 0x80;

/// P1 of SET STATUS: an application or a security domain.
const APPLICATION: u8 = 0x40;

/// P2 of SET STATUS about a domain: the bit that locks. The others say nothing.
const LOCK: u8 = 0x80;

impl<'a> Wire<'a> for SetStatus<'a> {
    const INSTRUCTION: u8 = 0xF0;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let Header { p1, p2, .. } = command.header;
        match p1 {
            CARD => {
                let state = LifeCycle::parse(p2).map_err(|_| Malformed::Parameters)?;
                command.no_data()?;
                Ok(Self::Card(state))
            }
            APPLICATION => Ok(Self::Domain { name: Aid::parse(command.data)?, lock: p2 & LOCK != 0 }),
            _ => Err(Malformed::Parameters),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, p2, data) = match self {
            Self::Card(state) => (CARD, state.to_byte(), &[][..]),
            Self::Domain { name, lock } => (APPLICATION, if *lock { LOCK } else { 0 }, name.as_bytes()),
        };
        out.command(Header::proprietary(Self::INSTRUCTION, p1, p2), 0, |out| out.put(data))
    }
}
