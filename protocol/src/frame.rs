//! Frames: how messages travel over a byte stream between hops.
//!
//! ```text
//! frame = length of the message (4 bytes)  request number (8 bytes)  message        big-endian
//! ```
//!
//! Whoever opened the connection numbers its requests; an answer carries its request's number, so that many exchanges
//! share one connection. A length above [`limits::MESSAGE_MAX`] is refused before memory is taken for it.

use crate::error::Malformed;
use crate::limits;

/// Bytes of a frame's header.
pub const HEADER_LENGTH: usize = 12;

/// What stands in front of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The request's number on its connection, or the number of the request that this answers.
    pub number: u64,
    /// Bytes of the message that follows.
    pub length: usize,
}

impl FrameHeader {
    /// Reads a header.
    pub fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, Malformed> {
        let [a, b, c, d, number @ ..] = *bytes;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > limits::MESSAGE_MAX {
            return Err(Malformed::TooLarge("frame"));
        }
        Ok(Self { number: u64::from_be_bytes(number), length })
    }

    /// Writes the header of a message of `length` bytes.
    pub fn encode(&self) -> Result<[u8; HEADER_LENGTH], Malformed> {
        if self.length > limits::MESSAGE_MAX {
            return Err(Malformed::TooLarge("frame"));
        }
        let length = u32::try_from(self.length).map_err(|_| Malformed::TooLarge("frame"))?;
        let mut bytes = [0; HEADER_LENGTH];
        let (front, back) = bytes.split_at_mut(4);
        front.copy_from_slice(&length.to_be_bytes());
        back.copy_from_slice(&self.number.to_be_bytes());
        Ok(bytes)
    }
}
