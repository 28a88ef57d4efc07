//! GENERATE ASYMMETRIC KEY PAIR (ISO/IEC 7816-8, 5.1).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::SHORT_EXPECTED_MAX;
use crate::provider::ProviderReference;
use crate::{Full, ParseError, Reader, Tag, Writer};

/// Makes the registered signing key of a provider record on the card, or tells its public half.
///
/// ```text
/// 00 47  80 00  05  B6 03  84 01 provider record  Le    makes a pair (once) and tells the public key
/// 00 47  81 00  05  B6 03  84 01 provider record  Le    tells the public key
///
/// answer: 7F49 43  86 41 P-256 point, uncompressed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenerateKeyPair {
    /// The provider record.
    pub provider: ProviderReference,
    /// Make a new pair first.
    pub generate: bool,
}

impl GenerateKeyPair {
    const SIGNATURE_TEMPLATE: Tag = Tag(0xB6);
    const KEY_REFERENCE: Tag = Tag(0x84);
    const PUBLIC_KEY: Tag = Tag(0x7F49);
    const POINT: Tag = Tag(0x86);

    /// Appends the answer.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode_answer(public_key: &[u8; 65], out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(Self::PUBLIC_KEY, |out| out.field(Self::POINT, public_key))
    }

    /// The public key in an answer.
    ///
    /// # Errors
    /// [`ParseError`] when it is not one.
    pub fn parse_answer(answer: &[u8]) -> Result<&[u8; 65], ParseError> {
        let template = Reader::all(answer, |input| input.field(Self::PUBLIC_KEY))?;
        Reader::all(template, |input| input.field_array(Self::POINT))
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
        let template = Reader::all(command.data, |input| input.field(Self::SIGNATURE_TEMPLATE))?;
        let reference = Reader::all(template, |input| input.field_u8(Self::KEY_REFERENCE))?;
        Ok(Self { provider: ProviderReference::parse(reference)?, generate })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::iso(Self::INSTRUCTION, if self.generate { 0x80 } else { 0x81 }, 0x00);
        out.command(header, SHORT_EXPECTED_MAX, |out| {
            out.template(Self::SIGNATURE_TEMPLATE, |out| out.field(Self::KEY_REFERENCE, &[self.provider.number()]))
        })
    }
}
