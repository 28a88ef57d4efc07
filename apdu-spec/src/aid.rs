//! Application identifiers (ISO/IEC 7816-4, 8.2.1.2).

use crate::ParseError;

/// The name of an application: 5 to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aid<'a>(&'a [u8]);

impl<'a> Aid<'a> {
    /// The issuer security domain (GlobalPlatform Card Specification 2.3.1, H.6).
    pub const ISSUER_SECURITY_DOMAIN: Aid<'static> = Aid(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]);
    /// The transaction application: a proprietary, unregistered name (category F), "SYMBOLON", version 1.
    pub const TRANSACTION: Aid<'static> = Aid(b"\xF0SYMBOLON\x01");

    /// A name from its bytes.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] when there are fewer than 5 or more than 16.
    pub const fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.len() {
            5..=16 => Ok(Self(bytes)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}
