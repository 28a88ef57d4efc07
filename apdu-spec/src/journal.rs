//! The transaction journal: what a card remembers of the transactions it took part in.

use crate::provider::ProviderReference;
use crate::{Full, ParseError, Reader, Writer};

/// How far a transaction got, from this card's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The card gave out a transaction request; it may or may not have arrived.
    Requested,
    /// The provider approved; the card has not acknowledged yet.
    Approved,
    /// The provider declined: the end.
    Declined,
    /// The card accepted the response.
    Accepted,
    /// The card rejected the response.
    Rejected,
    /// The final notice says the money moved: the end.
    Posted,
    /// The final notice says nothing moved: the end.
    Released,
}

impl Step {
    /// The step a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            1 => Self::Requested,
            2 => Self::Approved,
            3 => Self::Declined,
            4 => Self::Accepted,
            5 => Self::Rejected,
            6 => Self::Posted,
            7 => Self::Released,
            _ => return Err(ParseError::Invalid),
        })
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Requested => 1,
            Self::Approved => 2,
            Self::Declined => 3,
            Self::Accepted => 4,
            Self::Rejected => 5,
            Self::Posted => 6,
            Self::Released => 7,
        }
    }
}

/// One transaction.
///
/// ```text
/// sequence (4)  provider (1)  transaction (16)  kind (1)  role (1)  amount (8)  currency (3)  step (1)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Counts the card's transactions, from 1.
    pub sequence: u32,
    /// The provider record.
    pub provider: ProviderReference,
    /// The transaction identification.
    pub transaction: [u8; 16],
    /// The kind of transaction, as the transaction protocol numbers them.
    pub kind: u8,
    /// The card's role in it, as the transaction protocol numbers them.
    pub role: u8,
    /// The amount, in minor units.
    pub amount: u64,
    /// The currency, ISO 4217 letters.
    pub currency: [u8; 3],
    /// How far it got.
    pub step: Step,
}

impl JournalEntry {
    /// Bytes of an entry.
    pub const LENGTH: usize = 4 + 1 + 16 + 1 + 1 + 8 + 3 + 1;

    /// From its bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are not an entry.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            Ok(Self {
                sequence: u32::from_be_bytes(*input.array()?),
                provider: ProviderReference::parse(input.u8()?)?,
                transaction: *input.array()?,
                kind: input.u8()?,
                role: input.u8()?,
                amount: u64::from_be_bytes(*input.array()?),
                currency: *input.array()?,
                step: Step::parse(input.u8()?)?,
            })
        })
    }

    /// Appends the entry.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&self.sequence.to_be_bytes())?;
        out.put_u8(self.provider.number())?;
        out.put(&self.transaction)?;
        out.put(&[self.kind, self.role])?;
        out.put(&self.amount.to_be_bytes())?;
        out.put(&self.currency)?;
        out.put_u8(self.step.to_byte())
    }
}
