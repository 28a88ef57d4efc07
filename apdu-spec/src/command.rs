//! Commands (ISO/IEC 7816-3, 12.1): a header, an optional data field, an optional expected length.
//!
//! ```text
//! case 1   CLA INS P1 P2
//! case 2   CLA INS P1 P2 Le
//! case 3   CLA INS P1 P2 Lc data
//! case 4   CLA INS P1 P2 Lc data Le
//! ```
//!
//! Short: `Lc` is one byte from 1, `Le` one byte, 00 meaning 256. Extended: a 00 before two bytes of `Lc`, or of `Le`
//! where there is no `Lc`; `Le` is two bytes, 0000 meaning 65,536.

use crate::limits::{EXTENDED_EXPECTED_MAX, SHORT_DATA_MAX, SHORT_EXPECTED_MAX};
use crate::{Full, ParseError, Reader, Writer};

/// What the class byte says (ISO/IEC 7816-4, 5.4.1).
///
/// `0` or `8` and the first interindustry coding: bit 5 chaining, bits 4 and 3 secure messaging, bits 2 and 1 the
/// channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// Not ISO's: GlobalPlatform's or the transaction application's.
    pub proprietary: bool,
    /// More of this command follows.
    pub chaining: bool,
    /// How the command is protected.
    pub secure_messaging: SecureMessaging,
    /// The logical channel, 0 to 3.
    pub channel: u8,
}

/// How a command is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecureMessaging {
    /// Not at all.
    #[default]
    None,
    /// In GlobalPlatform's way.
    Proprietary,
    /// In ISO/IEC 7816-4's way, the header left out.
    Iso,
    /// In ISO/IEC 7816-4's way, the header authenticated.
    IsoWithHeader,
}

impl Class {
    /// The class of ISO/IEC 7816 commands on the basic channel.
    pub const ISO: Self =
        Self { proprietary: false, chaining: false, secure_messaging: SecureMessaging::None, channel: 0 };
    /// The class of GlobalPlatform's commands and of the transaction application's on the basic channel.
    pub const PROPRIETARY: Self = Self { proprietary: true, ..Self::ISO };

    /// What a class byte says; `None` for codings the card does not have.
    #[must_use]
    pub const fn parse(byte: u8) -> Option<Self> {
        if byte & 0x60 != 0 {
            return None;
        }
        let secure_messaging = match byte & 0x0C {
            0x00 => SecureMessaging::None,
            0x04 => SecureMessaging::Proprietary,
            0x08 => SecureMessaging::Iso,
            _ => SecureMessaging::IsoWithHeader,
        };
        Some(Self { proprietary: byte & 0x80 != 0, chaining: byte & 0x10 != 0, secure_messaging, channel: byte & 0x03 })
    }

    /// The class byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        let secure_messaging = match self.secure_messaging {
            SecureMessaging::None => 0x00,
            SecureMessaging::Proprietary => 0x04,
            SecureMessaging::Iso => 0x08,
            SecureMessaging::IsoWithHeader => 0x0C,
        };
        ((self.proprietary as u8) << 7) | ((self.chaining as u8) << 4) | secure_messaging | (self.channel & 0x03)
    }
}

/// The four bytes that every command starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// CLA.
    pub class: u8,
    /// INS.
    pub instruction: u8,
    /// P1.
    pub p1: u8,
    /// P2.
    pub p2: u8,
}

impl Header {
    /// An ISO/IEC 7816 command on the basic channel.
    #[must_use]
    pub const fn iso(instruction: u8, p1: u8, p2: u8) -> Self {
        Self { class: Class::ISO.to_byte(), instruction, p1, p2 }
    }

    /// The header without chaining, secure messaging and logical channel: what the command is, however it came.
    #[must_use]
    pub const fn bare(self) -> Self {
        Self { class: self.class & 0x80, ..self }
    }

    /// A GlobalPlatform command, or one of the transaction application, on the basic channel.
    #[must_use]
    pub const fn proprietary(instruction: u8, p1: u8, p2: u8) -> Self {
        Self { class: Class::PROPRIETARY.to_byte(), instruction, p1, p2 }
    }
}

/// A command as it travels, its data borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// CLA, INS, P1, P2.
    pub header: Header,
    /// The data field, `Lc` bytes.
    pub data: &'a [u8],
    /// How many bytes of data the response may have (`Ne`): 0 where there is no `Le`.
    pub expected: usize,
}

impl<'a> Command<'a> {
    /// Splits a command into its parts.
    ///
    /// # Errors
    /// [`ParseError`] when the bytes form none of the seven cases.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            let &[class, instruction, p1, p2] = input.array()?;
            let (data, expected) = match input.remaining() {
                0 => (&[][..], 0),
                1 => (&[][..], short_expected(input)?),
                _ if input.peek() == Some(0) => extended_body(input)?,
                _ => short_body(input)?,
            };
            Ok(Self { header: Header { class, instruction, p1, p2 }, data, expected })
        })
    }

    /// Writes the command, short where it fits.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(self.header, self.expected, |data| data.put(self.data))
    }
}

impl Writer<'_> {
    /// Appends a command whose data field `content` writes; short where it fits, extended otherwise.
    ///
    /// # Errors
    /// [`Full`]; also where the data or the expected length is more than the format can say.
    pub fn command(
        &mut self,
        header: Header,
        expected: usize,
        content: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.put(&[header.class, header.instruction, header.p1, header.p2])?;
        let start = self.len();
        content(self)?;
        let length = self.len() - start;
        if length <= SHORT_DATA_MAX && expected <= SHORT_EXPECTED_MAX {
            self.short_lengths(start, length, expected)
        } else {
            self.extended_lengths(start, length, expected)
        }
    }

    fn short_lengths(&mut self, start: usize, length: usize, expected: usize) -> Result<(), Full> {
        if length > 0 {
            self.insert(start, &[u8::try_from(length).map_err(|_| Full)?])?;
        }
        match expected {
            0 => Ok(()),
            SHORT_EXPECTED_MAX => self.put_u8(0),
            some => self.put_u8(u8::try_from(some).map_err(|_| Full)?),
        }
    }

    fn extended_lengths(&mut self, start: usize, length: usize, expected: usize) -> Result<(), Full> {
        let [high, low] = u16::try_from(length).map_err(|_| Full)?.to_be_bytes();
        match length {
            0 => self.insert(start, &[0])?,
            _ => self.insert(start, &[0, high, low])?,
        }
        match expected {
            0 => Ok(()),
            EXTENDED_EXPECTED_MAX => self.put_u16(0),
            some => self.put_u16(u16::try_from(some).map_err(|_| Full)?),
        }
    }
}

fn short_body<'a>(input: &mut Reader<'a>) -> Result<(&'a [u8], usize), ParseError> {
    let length = input.u8()?;
    let data = input.take(length.into())?;
    let expected = if input.is_empty() { 0 } else { short_expected(input)? };
    Ok((data, expected))
}

fn extended_body<'a>(input: &mut Reader<'a>) -> Result<(&'a [u8], usize), ParseError> {
    let _marker = input.u8()?;
    if input.remaining() == 2 {
        return Ok((&[], extended_expected(input)?));
    }
    let length = input.u16()?;
    if length == 0 {
        return Err(ParseError::Invalid);
    }
    let data = input.take(length.into())?;
    let expected = if input.is_empty() { 0 } else { extended_expected(input)? };
    Ok((data, expected))
}

fn short_expected(input: &mut Reader<'_>) -> Result<usize, ParseError> {
    Ok(match input.u8()? {
        0 => SHORT_EXPECTED_MAX,
        some => some.into(),
    })
}

fn extended_expected(input: &mut Reader<'_>) -> Result<usize, ParseError> {
    Ok(match input.u16()? {
        0 => EXTENDED_EXPECTED_MAX,
        some => some.into(),
    })
}
