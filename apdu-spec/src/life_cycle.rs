//! The card's life cycle (GlobalPlatform Card Specification 2.3.1, 5.1 and table 11-6).

use crate::ParseError;

/// A state of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifeCycle {
    /// Empty; personalisation may begin.
    OpReady,
    /// Some of the personalisation is done.
    Initialized,
    /// Personalised and in its holder's hands: access conditions hold, and personalisation in the clear is over for
    /// good.
    Secured,
    /// Blocked for the time being.
    CardLocked,
    /// At its end.
    Terminated,
}

impl LifeCycle {
    /// The state a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        match byte {
            0x01 => Ok(Self::OpReady),
            0x07 => Ok(Self::Initialized),
            0x0F => Ok(Self::Secured),
            0x7F => Ok(Self::CardLocked),
            0xFF => Ok(Self::Terminated),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::OpReady => 0x01,
            Self::Initialized => 0x07,
            Self::Secured => 0x0F,
            Self::CardLocked => 0x7F,
            Self::Terminated => 0xFF,
        }
    }
}

/// A state of a provider's security domain (Card Specification 2.3.1, 5.3.2 and table 11-5).
///
/// INSTALLED is left at once: a domain is SELECTABLE (07) from the beginning, PERSONALIZED (0F) with key sets of its
/// own, and LOCKED (80 and the state it had).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainState {
    /// It has key sets of its own.
    pub is_personalized: bool,
    /// The issuer has taken it and its record out of use.
    pub is_locked: bool,
}

impl DomainState {
    const SELECTABLE: u8 = 0x07;
    const PERSONALIZED: u8 = 0x0F;
    const LOCKED: u8 = 0x80;

    /// The state a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        let is_personalized = match byte & !Self::LOCKED {
            Self::SELECTABLE => false,
            Self::PERSONALIZED => true,
            _ => return Err(ParseError::Invalid),
        };
        Ok(Self { is_personalized, is_locked: byte & Self::LOCKED != 0 })
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        let state = if self.is_personalized { Self::PERSONALIZED } else { Self::SELECTABLE };
        state | if self.is_locked { Self::LOCKED } else { 0 }
    }
}
