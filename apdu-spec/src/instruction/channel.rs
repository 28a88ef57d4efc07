//! MANAGE CHANNEL and GET RESPONSE (ISO/IEC 7816-4, 11.1.2 and 11.1.3).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::CHANNELS;
use crate::{Full, Writer};

/// Opens or closes a logical channel.
///
/// ```text
/// 00 70  00 00  Le 01      opens the first that is free and tells its number
/// 00 70  00  1 to 3        opens this one
/// 00 70  80  1 to 3        closes this one
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManageChannel {
    /// Open any.
    OpenAny,
    /// Open this one.
    Open(u8),
    /// Close this one.
    Close(u8),
}

/// Fetches the rest of a response.
///
/// ```text
/// 00 C0  00 00  Le
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetResponse {
    /// How many bytes at most, at least 1.
    pub length: usize,
}

const OPEN: u8 = 0x00;
const CLOSE: u8 = 0x80;

impl<'a> Wire<'a> for ManageChannel {
    const INSTRUCTION: u8 = 0x70;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.no_data()?;
        match (command.header.p1, command.header.p2) {
            (OPEN, 0) => command.some_expected().map(|()| Self::OpenAny),
            (OPEN, channel @ 1..CHANNELS) => Ok(Self::Open(channel)),
            (CLOSE, channel @ 1..CHANNELS) => Ok(Self::Close(channel)),
            _ => Err(Malformed::Parameters),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, p2, expected) = match *self {
            Self::OpenAny => (OPEN, 0, 1),
            Self::Open(channel) => (OPEN, channel, 0),
            Self::Close(channel) => (CLOSE, channel, 0),
        };
        out.command(Header::iso(Self::INSTRUCTION, p1, p2), expected, |_| Ok(()))
    }
}

impl<'a> Wire<'a> for GetResponse {
    const INSTRUCTION: u8 = 0xC0;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        command.no_data()?;
        command.some_expected()?;
        Ok(Self { length: command.expected })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, 0), self.length, |_| Ok(()))
    }
}
