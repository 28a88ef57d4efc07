//! INITIALIZE UPDATE, EXTERNAL AUTHENTICATE and PUT KEY (GlobalPlatform Card Specification 2.3.1, 11.8 and annex D;
//! Amendment D, Secure Channel Protocol '03', 1.1.2, 7).

use super::{Malformed, Wire};
use crate::command::{Class, Command, Header, SecureMessaging};
use crate::limits::SHORT_EXPECTED_MAX;
use crate::{Full, ParseError, Reader, Writer};

/// The version number of a key set, 1 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyVersion(u8);

impl KeyVersion {
    /// A version from its number.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for 0 and above 127.
    pub const fn parse(number: u8) -> Result<Self, ParseError> {
        match number {
            1..=0x7F => Ok(Self(number)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// 0 stands for none in particular.
    fn optional(number: u8) -> Result<Option<Self>, Malformed> {
        match number {
            0 => Ok(None),
            some => Self::parse(some).map(Some).map_err(|_| Malformed::Parameters),
        }
    }
}

/// How commands and responses in a secure channel are protected.
///
/// | byte | commands | responses |
/// | --- | --- | --- |
/// | 01 | authenticated | |
/// | 03 | authenticated, encrypted | |
/// | 11 | authenticated | authenticated |
/// | 13 | authenticated, encrypted | authenticated |
/// | 33 | authenticated, encrypted | authenticated, encrypted |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityLevel(u8);

impl SecurityLevel {
    /// Commands are authenticated.
    pub const C_MAC: Self = Self(0x01);
    /// Commands are authenticated and encrypted.
    pub const C_ENC: Self = Self(0x03);
    /// Commands and responses are authenticated.
    pub const C_MAC_R_MAC: Self = Self(0x11);
    /// Commands and responses are authenticated and encrypted.
    pub const C_ENC_R_ENC: Self = Self(0x33);

    /// The level a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none, and for 00, which would protect nothing.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        match byte {
            0x01 | 0x03 | 0x11 | 0x13 | 0x33 => Ok(Self(byte)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// Whether everything that `other` protects is protected at this level too.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Command data are encrypted (C-ENC).
    #[must_use]
    pub const fn encrypts_commands(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Responses are authenticated (R-MAC).
    #[must_use]
    pub const fn authenticates_responses(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Response data are encrypted (R-ENC).
    #[must_use]
    pub const fn encrypts_responses(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// Begins a secure channel.
///
/// ```text
/// 80 50  key version (00: any)  00  08|10 host challenge  Le      8 bytes: S8 mode; 16 bytes: S16 mode
///
/// answer: 10 zeros, key version, 03, 70|71, card challenge 8|16, card cryptogram 8|16, sequence counter 3
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitializeUpdate<'a> {
    /// The key set; `None` for the card's first.
    pub version: Option<KeyVersion>,
    /// 8 or 16 random bytes; challenges, cryptograms and MACs of this channel are as long.
    pub host_challenge: &'a [u8],
}

/// Ends the handshake.
///
/// ```text
/// 84 82  level  00  10|20  host cryptogram 8|16, MAC 8|16
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ExternalAuthenticate<'a> {
    /// How what follows is protected.
    pub level: SecurityLevel,
    /// Proves that the host has the keys.
    pub cryptogram: &'a [u8],
    /// The command's own MAC, as long as the cryptogram.
    pub mac: &'a [u8],
}

/// Brings a key set, or puts one in the place of another.
///
/// ```text
/// 80 D8  replaced version (00: none)  81  Lc  new version  3 x (88 11 10 key 16  03 check value 3)      ENC, MAC, DEK
///
/// answer: new version, 3 x check value
/// ```
///
/// The form `88 10 key` is understood too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PutKey<'a> {
    /// The key set that goes.
    pub replaced: Option<KeyVersion>,
    /// The key set that comes.
    pub version: KeyVersion,
    /// Its keys: ENC, MAC, DEK.
    pub keys: [KeyBlock<'a>; 3],
}

/// An AES-128 key as PUT KEY brings it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyBlock<'a> {
    /// The key; in a secure channel encrypted with its DEK.
    pub value: &'a [u8; 16],
    /// The first bytes of sixteen bytes 01, encrypted with the key.
    pub check: &'a [u8; 3],
}

impl<'a> Wire<'a> for InitializeUpdate<'a> {
    const INSTRUCTION: u8 = 0x50;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(command.header.p1, 0)?;
        match command.data.len() {
            8 | 16 => Ok(Self { version: KeyVersion::optional(command.header.p1)?, host_challenge: command.data }),
            _ => Err(Malformed::Length),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::proprietary(Self::INSTRUCTION, self.version.map_or(0, KeyVersion::number), 0);
        out.command(header, SHORT_EXPECTED_MAX, |out| out.put(self.host_challenge))
    }
}

impl<'a> ExternalAuthenticate<'a> {
    /// The header, which the MAC covers: without a logical channel.
    #[must_use]
    pub const fn header(level: SecurityLevel) -> Header {
        let class = Class { secure_messaging: SecureMessaging::Proprietary, ..Class::PROPRIETARY };
        Header { class: class.to_byte(), instruction: Self::INSTRUCTION, p1: level.to_byte(), p2: 0 }
    }
}

impl<'a> Wire<'a> for ExternalAuthenticate<'a> {
    const INSTRUCTION: u8 = 0x82;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let class = Class::parse(command.header.class).ok_or(Malformed::Class)?;
        if class.secure_messaging != SecureMessaging::Proprietary {
            return Err(Malformed::Class);
        }
        let level = SecurityLevel::parse(command.header.p1).map_err(|_| Malformed::Parameters)?;
        command.parameters(level.to_byte(), 0)?;
        match command.data.len() {
            length @ (16 | 32) => {
                let (cryptogram, mac) = command.data.split_at(length / 2);
                Ok(Self { level, cryptogram, mac })
            }
            _ => Err(Malformed::Length),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Self::header(self.level), 0, |out| {
            out.put(self.cryptogram)?;
            out.put(self.mac)
        })
    }
}

/// ENC, MAC and DEK, key identifiers 1 to 3, in one command.
const ALL_FROM_FIRST: u8 = 0x81;

/// Key type AES (GlobalPlatform Card Specification 2.3.1, table 11-16).
const AES: u8 = 0x88;

impl<'a> Wire<'a> for PutKey<'a> {
    const INSTRUCTION: u8 = 0xD8;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let replaced = KeyVersion::optional(command.header.p1)?;
        command.parameters(command.header.p1, ALL_FROM_FIRST)?;
        Ok(Reader::all(command.data, |input| {
            let version = KeyVersion::parse(input.u8()?)?;
            let keys = [KeyBlock::parse(input)?, KeyBlock::parse(input)?, KeyBlock::parse(input)?];
            Ok(Self { replaced, version, keys })
        })?)
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let replaced = self.replaced.map_or(0, KeyVersion::number);
        out.command(Header::proprietary(Self::INSTRUCTION, replaced, ALL_FROM_FIRST), SHORT_EXPECTED_MAX, |out| {
            out.put_u8(self.version.number())?;
            self.keys.iter().try_for_each(|key| key.encode(out))
        })
    }
}

impl<'a> KeyBlock<'a> {
    fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        match (input.u8()?, input.u8()?) {
            (AES, 0x10) => {}
            (AES, 0x11) if input.u8()? == 0x10 => {}
            _ => return Err(ParseError::Invalid),
        }
        let value = input.array()?;
        if input.u8()? != 3 {
            return Err(ParseError::Invalid);
        }
        Ok(Self { value, check: input.array()? })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&[AES, 0x11, 0x10])?;
        out.put(self.value)?;
        out.put_u8(3)?;
        out.put(self.check)
    }
}
