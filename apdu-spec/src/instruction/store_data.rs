//! STORE DATA (GlobalPlatform Card Specification 2.3.1, 11.11).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::key::{KeyRecord, KeyReference};
use crate::limits::ISSUER_DATA_MAX;
use crate::pin::PinRecord;
use crate::provider::{ProviderRecord, ProviderUpdate};
use crate::{Full, ParseError, Reader, Tag, Writer};

/// Brings data to the selected security domain: in one command, or in blocks.
///
/// ```text
/// 80 E2  90 00  Lc  A1 L PIN | A2 L provider record | A3 L key | A3 03 80 01 key reference
///                   | A4 L changes of the domain's own provider record | 42 L | 45 L
/// 80 E2  kind  block number  Lc  part of the data
///
/// kind: bit 8 the last block; bits 7, 6: 00 in the clear, 11 encrypted with the DEK; bits 5, 4: 00, 10 BER-TLV, 01 DGI
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
    /// Changes of the provider record whose security domain is selected.
    Update(ProviderUpdate<'a>),
    /// The issuer identification number.
    IssuerNumber(&'a [u8]),
    /// The card image number.
    CardNumber(&'a [u8]),
    /// A block of data that are more, encrypted, or in the other format.
    Block(StoreBlock<'a>),
}

/// A block of STORE DATA. What it is part of is understood with the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoreBlock<'a> {
    /// No more follow.
    pub is_last: bool,
    /// From 0.
    pub number: u8,
    /// Of the whole.
    pub form: StoreForm,
    /// The part.
    pub data: &'a [u8],
}

/// How the data that blocks bring are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreForm {
    /// Encrypted with the DEK of the secure channel's key set, padded with 80 and zeros.
    pub is_encrypted: bool,
    /// As a data grouping identifier with its length: 00 and the tag, then one byte, or FF and two. Otherwise BER-TLV.
    pub is_dgi: bool,
}

/// The only and last block, in the clear, in BER-TLV (Card Specification 2.3.1, table 11-89).
const ONE_BLOCK: u8 = 0x90;

const LAST: u8 = 0x80;
const ENCRYPTED: u8 = 0x60;
const BER_TLV: u8 = 0x10;
const DGI: u8 = 0x08;

impl StoreForm {
    const PLAIN: Self = Self { is_encrypted: false, is_dgi: false };

    fn parse(kind: u8) -> Result<Self, Malformed> {
        let is_encrypted = match kind & ENCRYPTED {
            0 => false,
            ENCRYPTED => true,
            _ => return Err(Malformed::Parameters),
        };
        let is_dgi = match kind & !LAST & !ENCRYPTED {
            0 | BER_TLV => false,
            DGI => true,
            _ => return Err(Malformed::Parameters),
        };
        Ok(Self { is_encrypted, is_dgi })
    }

    const fn to_byte(self) -> u8 {
        (if self.is_encrypted { ENCRYPTED } else { 0 }) | (if self.is_dgi { DGI } else { BER_TLV })
    }
}

impl<'a> StoreData<'a> {
    /// What whole data say, in the clear.
    ///
    /// # Errors
    /// [`ParseError`] when they are none of the objects.
    pub fn parse_whole(form: StoreForm, data: &'a [u8]) -> Result<Self, ParseError> {
        let (tag, value) = Reader::all(data, |input| if form.is_dgi { data_group(input) } else { input.object() })?;
        Ok(match tag {
            Tag::PIN => Self::Pin(Reader::all(value, PinRecord::parse)?),
            Tag::PROVIDER => Self::Provider(Reader::all(value, ProviderRecord::parse)?),
            Tag::KEY => Reader::all(value, Self::parse_key)?,
            Tag::PROVIDER_UPDATE => Self::Update(Reader::all(value, ProviderUpdate::parse)?),
            Tag::ISSUER_NUMBER => Self::IssuerNumber(number(value)?),
            Tag::CARD_NUMBER => Self::CardNumber(number(value)?),
            _ => return Err(ParseError::Invalid),
        })
    }

    /// A reference alone says that there is to be no such key.
    fn parse_key(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let reference = KeyReference::parse(input.field_u8(Tag::REFERENCE)?)?;
        if input.is_empty() {
            return Ok(Self::DeleteKey(reference));
        }
        KeyRecord::parse(reference, input).map(Self::Key)
    }
}

impl<'a> Wire<'a> for StoreData<'a> {
    const INSTRUCTION: u8 = 0xE2;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let Header { p1, p2, .. } = command.header;
        let (is_last, form) = (p1 & LAST != 0, StoreForm::parse(p1)?);
        if is_last && p2 == 0 && form == StoreForm::PLAIN {
            return Ok(Self::parse_whole(form, command.data)?);
        }
        command.some_data()?;
        Ok(Self::Block(StoreBlock { is_last, number: p2, form, data: command.data }))
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, p2) = match self {
            Self::Block(block) => (if block.is_last { LAST } else { 0 } | block.form.to_byte(), block.number),
            Self::Pin(_)
            | Self::Provider(_)
            | Self::Key(_)
            | Self::DeleteKey(_)
            | Self::Update(_)
            | Self::IssuerNumber(_)
            | Self::CardNumber(_) => (ONE_BLOCK, 0),
        };
        out.command(Header::proprietary(Self::INSTRUCTION, p1, p2), 0, |out| match self {
            Self::Pin(pin) => out.template(Tag::PIN, |out| pin.encode(out)),
            Self::Provider(provider) => out.template(Tag::PROVIDER, |out| provider.encode(out)),
            Self::Key(key) => out.template(Tag::KEY, |out| key.encode(out)),
            Self::DeleteKey(key) => out.template(Tag::KEY, |out| out.field(Tag::REFERENCE, &[key.number()])),
            Self::Update(update) => out.template(Tag::PROVIDER_UPDATE, |out| update.encode(out)),
            Self::IssuerNumber(number) => out.field(Tag::ISSUER_NUMBER, number),
            Self::CardNumber(number) => out.field(Tag::CARD_NUMBER, number),
            Self::Block(block) => out.put(block.data),
        })
    }
}

impl Tag {
    const ISSUER_NUMBER: Self = Self(0x42);
    const CARD_NUMBER: Self = Self(0x45);
}

fn number(value: &[u8]) -> Result<&[u8], ParseError> {
    if (1..=ISSUER_DATA_MAX).contains(&value.len()) { Ok(value) } else { Err(ParseError::Invalid) }
}

/// A data grouping identifier is written as the tag is, with a zero before it.
fn data_group<'a>(input: &mut Reader<'a>) -> Result<(Tag, &'a [u8]), ParseError> {
    let tag = Tag(input.u16()?.into());
    let length = match input.u8()? {
        0xFF => input.u16()?.into(),
        short => short.into(),
    };
    Ok((tag, input.take(length)?))
}
