//! Responses (ISO/IEC 7816-3, 12.1): data, then the status word.

use crate::{ParseError, Status};

/// A response, its data borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The data field, often empty.
    pub data: &'a [u8],
    /// How the command ended.
    pub status: Status,
}

impl<'a> Response<'a> {
    /// Splits a response into data and status word.
    ///
    /// # Errors
    /// [`ParseError::Truncated`] for less than a status word.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (data, status) = bytes.split_last_chunk::<2>().ok_or(ParseError::Truncated)?;
        Ok(Self { data, status: Status(u16::from_be_bytes(*status)) })
    }
}
