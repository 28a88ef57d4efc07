//! The frames between a virtual card and who drives it over a byte stream (TCP).
//!
//! ```text
//! frame = kind 1, length of body 3 (big-endian), body
//! ```
//!
//! The driver sends a request and the card's side gives one answer; there is never more than one request under way.
//!
//! | request | body | answer | body |
//! | --- | --- | --- | --- |
//! | 01 power on | [`VERSION`] | 81 ATR | ISO/IEC 7816-3, 8.2 |
//! | 02 reset | | 81 ATR | |
//! | 03 power off | | 80 done | |
//! | 04 transmit | command APDU | 84 answer | response APDU |
//! | 05 insert the card | | 80 done | |
//! | 06 remove the card | | 80 done | |
//! | 07 user presence | 01 the button is held, 00 it is not | 80 done | |
//! | any | | FF refused | one [`Refusal`] |
//!
//! After [`Refusal::Busy`] and [`Refusal::Malformed`] the card's side closes the connection. When a driver goes away,
//! the card is powered off. The frames carry no protection: they are a cable between two ends on one host.

use crate::reader::ParseError;

/// The version of these frames, the body of power on.
pub const VERSION: u8 = 1;

/// Bytes before a frame's body.
pub const HEADER_LENGTH: usize = 4;

/// The longest body: an extended command APDU with the most data and an `Le` (ISO/IEC 7816-3, 12.1), bytes.
pub const BODY_MAX: usize = 4 + 3 + 65_535 + 2;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Power for the card; asks for the ATR.
    PowerOn = 0x01,
    /// A warm reset; asks for the ATR.
    Reset = 0x02,
    /// Takes power away.
    PowerOff = 0x03,
    /// A command APDU.
    Transmit = 0x04,
    /// Puts the card into the reader.
    Insert = 0x05,
    /// Takes the card out of the reader.
    Remove = 0x06,
    /// Sets whether the user holds the card's button.
    Presence = 0x07,
    /// Done; nothing to tell.
    Done = 0x80,
    /// The card's answer to reset.
    Atr = 0x81,
    /// A response APDU.
    Answer = 0x84,
    /// Not done.
    Refused = 0xFF,
}

impl TryFrom<u8> for Kind {
    type Error = ParseError;

    fn try_from(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            0x01 => Self::PowerOn,
            0x02 => Self::Reset,
            0x03 => Self::PowerOff,
            0x04 => Self::Transmit,
            0x05 => Self::Insert,
            0x06 => Self::Remove,
            0x07 => Self::Presence,
            0x80 => Self::Done,
            0x81 => Self::Atr,
            0x84 => Self::Answer,
            0xFF => Self::Refused,
            _ => return Err(ParseError::Invalid),
        })
    }
}

/// Why a request was not done: the one byte of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// Another driver has the card.
    Busy = 0x01,
    /// The bytes are not a request, or are of another version.
    Malformed = 0x02,
    /// There is no card in the reader.
    Removed = 0x03,
    /// The card has no power yet.
    NotPowered = 0x04,
    /// The card stopped in the middle of the command, as when power fails.
    Mute = 0x05,
    /// The host that holds the card could not store what the card wrote.
    Storage = 0x06,
}

impl TryFrom<u8> for Refusal {
    type Error = ParseError;

    fn try_from(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            0x01 => Self::Busy,
            0x02 => Self::Malformed,
            0x03 => Self::Removed,
            0x04 => Self::NotPowered,
            0x05 => Self::Mute,
            0x06 => Self::Storage,
            _ => return Err(ParseError::Invalid),
        })
    }
}

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// Bytes of the body, at most [`BODY_MAX`].
    length: usize,
}

impl Header {
    /// The header of a frame with a body of `length` bytes; `None` above [`BODY_MAX`].
    #[must_use]
    pub const fn new(kind: Kind, length: usize) -> Option<Self> {
        if length <= BODY_MAX { Some(Self { kind, length }) } else { None }
    }

    /// Reads a header before any memory is taken for the body.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for an unknown kind or a body above [`BODY_MAX`].
    pub fn parse(bytes: [u8; HEADER_LENGTH]) -> Result<Self, ParseError> {
        let [kind, high, middle, low] = bytes;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Self::new(kind.try_into()?, length).ok_or(ParseError::Invalid)
    }

    /// The header's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_LENGTH] {
        let [.., high, middle, low] = self.length.to_be_bytes();
        [self.kind as u8, high, middle, low]
    }

    /// Bytes of the body that follows.
    #[must_use]
    pub const fn length(self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_read_as_it_was_written_and_no_other_is() {
        let mut valid = 0;
        for kind in 0..=u8::MAX {
            for length in [[0, 0, 0], [0, 1, 2], [1, 0, 8], [1, 0, 9], [0xFF, 0xFF, 0xFF]] {
                let [high, middle, low] = length;
                if let Ok(header) = Header::parse([kind, high, middle, low]) {
                    assert_eq!(header.encode(), [kind, high, middle, low]);
                    assert!(header.length() <= BODY_MAX);
                    valid += 1;
                }
            }
        }
        assert_eq!(valid, 11 * 3);
        assert_eq!(Header::new(Kind::Transmit, BODY_MAX).map(Header::encode), Some([0x04, 1, 0, 8]));
        assert_eq!(Header::new(Kind::Transmit, BODY_MAX + 1), None);
    }

    #[test]
    fn every_refusal_has_one_byte() {
        let known = (0..=u8::MAX).filter_map(|byte| Some((byte, Refusal::try_from(byte).ok()?)));
        assert_eq!(known.map(|(byte, refusal)| assert_eq!(refusal as u8, byte)).count(), 6);
    }
}
