//! GENERATE ASYMMETRIC KEY PAIR (ISO/IEC 7816-8, 5.1).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::key::{KeyReference, Template};
use crate::limits::SHORT_EXPECTED_MAX;
use crate::provider::ProviderReference;
use crate::{Full, ParseError, Reader, Tag, Writer};

/// Makes a key pair on the card, or tells its public half.
///
/// ```text
/// 00 47  80 00  05  B6 03  84 01 provider record  Le             makes a pair and tells the public key
/// 00 47  81 00  05  B6 03  84 01 provider record  Le             tells the public key
/// 00 47  80|81 00  05  B6|B8|A4 03  84 01 key reference  Le      likewise for a pair of the key store
///
/// answer: 7F49 43  86 41 P-256 point, uncompressed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenerateKeyPair {
    /// Whose or which pair.
    pub pair: Pair,
    /// Make a new pair first.
    pub generate: bool,
}

/// A key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// A provider record's registered signing key.
    Provider(ProviderReference),
    /// A key of the key store, in its template.
    Key(Template, KeyReference),
}

impl Pair {
    fn parse(template: Tag, reference: u8) -> Result<Self, ParseError> {
        let byte = u8::try_from(template.0).map_err(|_| ParseError::Invalid)?;
        match (Template::parse(byte)?, KeyReference::parse(reference)) {
            (Template::Signature, Err(_)) => ProviderReference::parse(reference).map(Self::Provider),
            (Template::Hash | Template::Checksum, _) | (_, Err(_)) => Err(ParseError::Invalid),
            (template, Ok(reference)) => Ok(Self::Key(template, reference)),
        }
    }

    const fn template(self) -> Template {
        match self {
            Self::Provider(_) => Template::Signature,
            Self::Key(template, _) => template,
        }
    }

    const fn reference(self) -> u8 {
        match self {
            Self::Provider(provider) => provider.number(),
            Self::Key(_, key) => key.number(),
        }
    }
}

impl GenerateKeyPair {
    const KEY_REFERENCE: Tag = Tag(0x84);

    /// Appends the answer.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode_answer(public_key: &[u8; 65], out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(Tag::PUBLIC_KEY, |out| out.field(Tag::POINT, public_key))
    }

    /// The public key in an answer.
    ///
    /// # Errors
    /// [`ParseError`] when it is not one.
    pub fn parse_answer(answer: &[u8]) -> Result<&[u8; 65], ParseError> {
        let template = Reader::all(answer, |input| input.field(Tag::PUBLIC_KEY))?;
        Reader::all(template, |input| input.field_array(Tag::POINT))
    }
}

impl<'a> Wire<'a> for GenerateKeyPair {
    const INSTRUCTION: u8 = 0x47;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let generate = match (command.header.p1, command.header.p2) {
            (0x80, 0x00) => true,
            (0x81, 0x00) => false,
            _ => return Err(Malformed::Parameters),
        };
        let (tag, template) = Reader::all(command.data, Reader::object)?;
        let reference = Reader::all(template, |input| input.field_u8(Self::KEY_REFERENCE))?;
        Ok(Self { pair: Pair::parse(tag, reference)?, generate })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::iso(Self::INSTRUCTION, if self.generate { 0x80 } else { 0x81 }, 0x00);
        out.command(header, SHORT_EXPECTED_MAX, |out| {
            let template = Tag(self.pair.template().to_byte().into());
            out.template(template, |out| out.field(Self::KEY_REFERENCE, &[self.pair.reference()]))
        })
    }
}
