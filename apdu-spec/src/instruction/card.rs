//! The card as a whole: GET CHALLENGE (ISO/IEC 7816-4, 11.5.3); STORE DATA, SET STATUS and GET STATUS (GlobalPlatform
//! Card Specification 2.3.1, 11.11, 11.10 and 11.4).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::key::{KeyRecord, KeyReference};
use crate::limits::{CHALLENGE_MAX, SHORT_EXPECTED_MAX};
use crate::pin::PinRecord;
use crate::provider::ProviderRecord;
use crate::{Aid, Full, LifeCycle, ParseError, Reader, Tag, Writer};

/// Random bytes.
///
/// ```text
/// 00 84  00 00  Le
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetChallenge {
    /// How many, 1 to [`CHALLENGE_MAX`].
    pub length: usize,
}

/// Brings a PIN, a provider record or a key, or takes a key away. Possible until the card is SECURED, and by its
/// issuer; what has the same reference is replaced.
///
/// ```text
/// 80 E2  90 00  Lc  A1 L PIN | A2 L provider record | A3 L key | A3 03 80 01 key reference      (one block, BER-TLV)
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StoreData<'a> {
    /// A PIN.
    Pin(PinRecord<'a>),
    /// A provider record.
    Provider(ProviderRecord<'a>),
    /// A key.
    Key(KeyRecord<'a>),
    /// No key any more.
    DeleteKey(KeyReference),
}

/// Takes the card to another life cycle state.
///
/// ```text
/// 80 F0  80  state
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetStatus {
    /// The new state.
    pub state: LifeCycle,
}

/// Tells the card's life cycle state.
///
/// ```text
/// 80 F2  80 02  02  4F 00  Le
///
/// answer: E3 L  4F 08 A000000151000000  9F70 01 state
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetStatus;

impl<'a> Wire<'a> for GetChallenge {
    const INSTRUCTION: u8 = 0x84;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        command.no_data()?;
        match command.expected {
            length @ 1..=CHALLENGE_MAX => Ok(Self { length }),
            _ => Err(Malformed::Length),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, 0), self.length, |_| Ok(()))
    }
}

/// The only and last block, in BER-TLV (GlobalPlatform Card Specification 2.3.1, table 11-89).
const ONE_BLOCK: u8 = 0x90;

impl<'a> Wire<'a> for StoreData<'a> {
    const INSTRUCTION: u8 = 0xE2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(ONE_BLOCK, 0)?;
        let (tag, template) = Reader::all(command.data, Reader::object)?;
        Ok(match tag {
            Tag::PIN => Self::Pin(Reader::all(template, PinRecord::parse)?),
            Tag::PROVIDER => Self::Provider(Reader::all(template, ProviderRecord::parse)?),
            Tag::KEY => Reader::all(template, Self::parse_key)?,
            _ => return Err(ParseError::Invalid.into()),
        })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::proprietary(Self::INSTRUCTION, ONE_BLOCK, 0);
        out.command(header, 0, |out| match self {
            Self::Pin(pin) => out.template(Tag::PIN, |out| pin.encode(out)),
            Self::Provider(provider) => out.template(Tag::PROVIDER, |out| provider.encode(out)),
            Self::Key(key) => out.template(Tag::KEY, |out| key.encode(out)),
            Self::DeleteKey(key) => out.template(Tag::KEY, |out| out.field(Tag::REFERENCE, &[key.number()])),
        })
    }
}

impl<'a> StoreData<'a> {
    /// A reference alone says that there is to be no such key.
    fn parse_key(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let reference = KeyReference::parse(input.field_u8(Tag::REFERENCE)?)?;
        if input.is_empty() {
            return Ok(Self::DeleteKey(reference));
        }
        KeyRecord::parse(reference, input).map(Self::Key)
    }
}

/// P1 of SET STATUS and GET STATUS: the issuer security domain, which stands for the card.
const CARD: u8 = 0x80;

impl<'a> Wire<'a> for SetStatus {
    const INSTRUCTION: u8 = 0xF0;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let state = LifeCycle::parse(command.header.p2).map_err(|_| Malformed::Parameters)?;
        command.parameters(CARD, state.to_byte())?;
        command.no_data()?;
        Ok(Self { state })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::proprietary(Self::INSTRUCTION, CARD, self.state.to_byte()), 0, |_| Ok(()))
    }
}

impl GetStatus {
    const ENTRY: Tag = Tag(0xE3);
    const NAME: Tag = Tag(0x4F);
    const STATE: Tag = Tag(0x9F70);

    /// Appends the answer.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode_answer(state: LifeCycle, out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(Self::ENTRY, |out| {
            out.field(Self::NAME, Aid::ISSUER_SECURITY_DOMAIN.as_bytes())?;
            out.field(Self::STATE, &[state.to_byte()])
        })
    }

    /// The state in an answer.
    ///
    /// # Errors
    /// [`ParseError`] when it is not one.
    pub fn parse_answer(answer: &[u8]) -> Result<LifeCycle, ParseError> {
        let entry = Reader::all(answer, |input| input.field(Self::ENTRY))?;
        Reader::all(entry, |input| {
            let _name = input.field(Self::NAME)?;
            LifeCycle::parse(input.field_u8(Self::STATE)?)
        })
    }
}

impl<'a> Wire<'a> for GetStatus {
    const INSTRUCTION: u8 = 0xF2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(CARD, 0x02)?;
        if command.data == [0x4F, 0x00] { Ok(Self) } else { Err(ParseError::Invalid.into()) }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::proprietary(Self::INSTRUCTION, CARD, 0x02);
        out.command(header, SHORT_EXPECTED_MAX, |out| out.put(&[0x4F, 0x00]))
    }
}
