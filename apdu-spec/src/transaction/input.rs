//! What the terminal supplies: for BUILD, and the children for SIGN.

use super::{DIGEST_LENGTH, Numbers, SIGNATURE_LENGTHS};
use crate::{Full, ParseError, Reader, Tag, Writer};

/// Which key signs for this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshKey {
    /// The registered one.
    No,
    /// A fresh one that nothing ties to the registered one.
    Unendorsed,
    /// A fresh one that the registered one vouches for.
    Endorsed,
}

impl FreshKey {
    const fn parse(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            0 => Self::No,
            1 => Self::Unendorsed,
            2 => Self::Endorsed,
            _ => return Err(ParseError::Invalid),
        })
    }

    const fn to_byte(self) -> u8 {
        match self {
            Self::No => 0,
            Self::Unendorsed => 1,
            Self::Endorsed => 2,
        }
    }
}

/// For BUILD of a key exchange request.
///
/// ```text
/// 80 01 options  81 01 fresh key: 0 no, 1 unendorsed, 2 endorsed  82 01 prove the account: 0, 1
/// [83 L plain text]  [84 L sensitive data]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyExchangeInput<'a> {
    /// What the member asks for, the bits as the transaction protocol numbers them.
    pub options: u8,
    /// Which key signs.
    pub fresh_key: FreshKey,
    /// Whether the account is proved, so that the other members are given its holder's name.
    pub prove_account: bool,
    /// Text that anybody on the way may read.
    pub plain_text: &'a [u8],
    /// Data for the provider alone.
    pub sensitive: &'a [u8],
}

impl<'a> KeyExchangeInput<'a> {
    const OPTIONS: Tag = Tag(0x80);
    const FRESH_KEY: Tag = Tag(0x81);
    const PROVE_ACCOUNT: Tag = Tag(0x82);
    const PLAIN_TEXT: Tag = Tag(0x83);
    const SENSITIVE: Tag = Tag(0x84);

    /// From its bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are something else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            Ok(Self {
                options: input.field_u8(Self::OPTIONS)?,
                fresh_key: FreshKey::parse(input.field_u8(Self::FRESH_KEY)?)?,
                prove_account: match input.field_u8(Self::PROVE_ACCOUNT)? {
                    0 => false,
                    1 => true,
                    _ => return Err(ParseError::Invalid),
                },
                plain_text: input.optional_bytes(Self::PLAIN_TEXT)?,
                sensitive: input.optional_bytes(Self::SENSITIVE)?,
            })
        })
    }

    /// Appends it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(Self::OPTIONS, &[self.options])?;
        out.field(Self::FRESH_KEY, &[self.fresh_key.to_byte()])?;
        out.field(Self::PROVE_ACCOUNT, &[u8::from(self.prove_account)])?;
        out.optional_bytes(Self::PLAIN_TEXT, self.plain_text)?;
        out.optional_bytes(Self::SENSITIVE, self.sensitive)
    }
}

/// For BUILD of a transaction request. Whoever encodes one may bring any iterator of ascending `counterparties`.
///
/// ```text
/// 80 01 kind  81 01 role  82 08 amount  83 03 currency  84 2n numbers of counterparties  [85 10 reference]
/// [86 L plain text]  [87 L sensitive data]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionInput<'a, N = Numbers<'a>> {
    /// The kind of transaction, as the transaction protocol numbers them.
    pub kind: u8,
    /// The member's part in it, likewise.
    pub role: u8,
    /// The amount, in minor units.
    pub amount: u64,
    /// The currency, ISO 4217 letters.
    pub currency: [u8; 3],
    /// With whom.
    pub counterparties: N,
    /// The earlier transaction that this one is about.
    pub reference: Option<&'a [u8; 16]>,
    /// Text that anybody on the way may read.
    pub plain_text: &'a [u8],
    /// Data for the provider alone.
    pub sensitive: &'a [u8],
}

const KIND: Tag = Tag(0x80);
const ROLE: Tag = Tag(0x81);
const AMOUNT: Tag = Tag(0x82);
const CURRENCY: Tag = Tag(0x83);
const COUNTERPARTIES: Tag = Tag(0x84);
const REFERENCE: Tag = Tag(0x85);
const PLAIN_TEXT: Tag = Tag(0x86);
const SENSITIVE: Tag = Tag(0x87);

impl<'a> TransactionInput<'a> {
    /// From its bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are something else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            Ok(Self {
                kind: input.field_u8(KIND)?,
                role: input.field_u8(ROLE)?,
                amount: u64::from_be_bytes(*input.field_array(AMOUNT)?),
                currency: *input.field_array(CURRENCY)?,
                counterparties: Numbers::parse(input.field(COUNTERPARTIES)?)?,
                reference: match input.optional_field(REFERENCE)? {
                    Some(reference) => Some(reference.try_into().map_err(|_| ParseError::Invalid)?),
                    None => None,
                },
                plain_text: input.optional_bytes(PLAIN_TEXT)?,
                sensitive: input.optional_bytes(SENSITIVE)?,
            })
        })
    }
}

impl<N: Iterator<Item = u16> + Clone> TransactionInput<'_, N> {
    /// Appends it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(KIND, &[self.kind])?;
        out.field(ROLE, &[self.role])?;
        out.field(AMOUNT, &self.amount.to_be_bytes())?;
        out.field(CURRENCY, &self.currency)?;
        out.template(COUNTERPARTIES, |out| self.counterparties.clone().try_for_each(|number| out.put_u16(number)))?;
        if let Some(reference) = self.reference {
            out.field(REFERENCE, reference)?;
        }
        out.optional_bytes(PLAIN_TEXT, self.plain_text)?;
        out.optional_bytes(SENSITIVE, self.sensitive)
    }
}

/// What a member says to a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Do it.
    Accept,
    /// Do not.
    Reject,
}

/// For BUILD of an acknowledgment.
///
/// ```text
/// 80 01 decision: 0 accept, 1 reject  [81 L plain text]  [82 L data]  [83 L sensitive data]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcknowledgmentInput<'a> {
    /// Accept or reject.
    pub decision: Decision,
    /// Text that anybody on the way may read.
    pub plain_text: &'a [u8],
    /// Data for the provider and, where the group shares a key, for the group.
    pub data: &'a [u8],
    /// Data for the provider alone.
    pub sensitive: &'a [u8],
}

impl<'a> AcknowledgmentInput<'a> {
    const DECISION: Tag = Tag(0x80);
    const PLAIN_TEXT: Tag = Tag(0x81);
    const DATA: Tag = Tag(0x82);
    const SENSITIVE: Tag = Tag(0x83);

    /// From its bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are something else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            Ok(Self {
                decision: match input.field_u8(Self::DECISION)? {
                    0 => Decision::Accept,
                    1 => Decision::Reject,
                    _ => return Err(ParseError::Invalid),
                },
                plain_text: input.optional_bytes(Self::PLAIN_TEXT)?,
                data: input.optional_bytes(Self::DATA)?,
                sensitive: input.optional_bytes(Self::SENSITIVE)?,
            })
        })
    }

    /// Appends it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let decision = match self.decision {
            Decision::Accept => 0,
            Decision::Reject => 1,
        };
        out.field(Self::DECISION, &[decision])?;
        out.optional_bytes(Self::PLAIN_TEXT, self.plain_text)?;
        out.optional_bytes(Self::DATA, self.data)?;
        out.optional_bytes(Self::SENSITIVE, self.sensitive)
    }
}

/// A node that the member's node combines, for SIGN. Not a TLV: its parts have one order and known lengths.
///
/// ```text
/// digest (32)  length (1): 40 or 50  signature (64, or 80 where it is sealed)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child<'a> {
    /// The node's digest.
    pub digest: &'a [u8; DIGEST_LENGTH],
    /// Its signature, as it travels; of one of [`SIGNATURE_LENGTHS`].
    pub signature: &'a [u8],
}

impl<'a> Child<'a> {
    /// Takes one from the front of `input`.
    ///
    /// # Errors
    /// [`ParseError`] when there is none.
    pub fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let digest = input.array()?;
        let length = input.u8()?.into();
        if !SIGNATURE_LENGTHS.contains(&length) {
            return Err(ParseError::Invalid);
        }
        Ok(Self { digest, signature: input.take(length)? })
    }

    /// Appends it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(self.digest)?;
        out.put_u8(u8::try_from(self.signature.len()).map_err(|_| Full)?)?;
        out.put(self.signature)
    }
}
