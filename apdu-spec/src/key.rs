//! Keys of the card's key store.

use crate::ParseError;
use crate::limits::{KEY_REFERENCE_MAX, KEY_REFERENCE_MIN};

/// Which key of the key store, [`KEY_REFERENCE_MIN`] to [`KEY_REFERENCE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyReference(u8);

impl KeyReference {
    /// A reference from its number.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a number outside [`KEY_REFERENCE_MIN`] to [`KEY_REFERENCE_MAX`].
    pub const fn parse(number: u8) -> Result<Self, ParseError> {
        match number {
            KEY_REFERENCE_MIN..=KEY_REFERENCE_MAX => Ok(Self(number)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<KeyReference> for u8 {
    fn from(reference: KeyReference) -> Self {
        reference.0
    }
}
