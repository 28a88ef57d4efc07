//! What the card hands to its terminal of the provider's answers, once their signatures and seals hold.

use super::{Parties, PeerKeys, text};
use crate::{Full, ParseError, Reader, Tag, Writer};

const PARTY: Tag = Tag(0xA4);
const PEER_KEY: Tag = Tag(0xA5);
const PLAIN_TEXT: Tag = Tag(0x86);
const RECEIPT: Tag = Tag(0x87);

/// Why the provider refuses.
///
/// ```text
/// 80 02 code  81 L line
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// For a program, as the transaction protocol numbers them.
    pub code: u16,
    /// For a person.
    pub line: &'a str,
}

impl<'a> Reason<'a> {
    const CODE: Tag = Tag(0x80);
    const LINE: Tag = Tag(0x81);

    fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            let code = u16::from_be_bytes(*input.field_array(Self::CODE)?);
            Ok(Self { code, line: text(input.field(Self::LINE)?)? })
        })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(Self::CODE, &self.code.to_be_bytes())?;
        out.field(Self::LINE, self.line.as_bytes())
    }
}

/// A member whose name the provider vouches for.
///
/// ```text
/// A4 L  80 02 number  81 L name
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    /// Its number in the group.
    pub number: u16,
    /// The name of its account's holder.
    pub name: &'a str,
}

impl<'a> Party<'a> {
    const NUMBER: Tag = Tag(0x80);
    const NAME: Tag = Tag(0x81);

    pub(super) fn parse_optional(input: &mut Reader<'a>) -> Result<Option<Self>, ParseError> {
        let Some(party) = input.optional_field(PARTY)? else { return Ok(None) };
        let party = Reader::all(party, |input| {
            let number = u16::from_be_bytes(*input.field_array(Self::NUMBER)?);
            Ok(Self { number, name: text(input.field(Self::NAME)?)? })
        })?;
        Ok(Some(party))
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(PARTY, |out| {
            out.field(Self::NUMBER, &self.number.to_be_bytes())?;
            out.field(Self::NAME, self.name.as_bytes())
        })
    }
}

/// Another member's verification key.
///
/// ```text
/// A5 L  80 02 number  81 41 P-256, uncompressed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerKey {
    /// Its number in the group.
    pub number: u16,
    /// The key.
    pub key: [u8; 65],
}

impl PeerKey {
    const NUMBER: Tag = Tag(0x80);
    const KEY: Tag = Tag(0x81);

    pub(super) fn parse_optional(input: &mut Reader<'_>) -> Result<Option<Self>, ParseError> {
        let Some(peer) = input.optional_field(PEER_KEY)? else { return Ok(None) };
        let peer = Reader::all(peer, |input| {
            let number = u16::from_be_bytes(*input.field_array(Self::NUMBER)?);
            Ok(Self { number, key: *input.field_array(Self::KEY)? })
        })?;
        Ok(Some(peer))
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.template(PEER_KEY, |out| {
            out.field(Self::NUMBER, &self.number.to_be_bytes())?;
            out.field(Self::KEY, &self.key)
        })
    }
}

/// Answer to RECEIVE of a key exchange response. Whoever encodes one may bring any iterators of ascending `parties` and
/// `peers`.
///
/// ```text
/// 80 10 transaction identification  81 02 number  82 02 count  [A3 L (the objects of Reason): refused]
/// (A4 Party)...  (A5 PeerKey)...  [86 L plain text]
/// ```
#[derive(Clone, Debug)]
pub struct KeyExchangeAnswer<'a, P = Parties<'a>, K = PeerKeys<'a>> {
    /// The provider's name for the transaction.
    pub transaction: &'a [u8; 16],
    /// The member's number in the group.
    pub number: u16,
    /// How many members it has.
    pub count: u16,
    /// Why there is no session, where there is none.
    pub refused: Option<Reason<'a>>,
    /// The verified names of those who proved their accounts.
    pub parties: P,
    /// The keys of the other members, where they were asked for and may be known.
    pub peers: K,
    /// The provider's plain text.
    pub plain_text: &'a [u8],
}

const TRANSACTION: Tag = Tag(0x80);
const NUMBER: Tag = Tag(0x81);
const COUNT: Tag = Tag(0x82);
const REFUSED: Tag = Tag(0xA3);

impl<'a> KeyExchangeAnswer<'a> {
    /// From its bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are something else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            Ok(Self {
                transaction: input.field_array(TRANSACTION)?,
                number: u16::from_be_bytes(*input.field_array(NUMBER)?),
                count: u16::from_be_bytes(*input.field_array(COUNT)?),
                refused: input.optional_field(REFUSED)?.map(Reason::parse).transpose()?,
                parties: Parties::parse(input)?,
                peers: PeerKeys::parse(input)?,
                plain_text: input.optional_bytes(PLAIN_TEXT)?,
            })
        })
    }
}

impl<'p, P, K> KeyExchangeAnswer<'_, P, K>
where
    P: Iterator<Item = Party<'p>> + Clone,
    K: Iterator<Item = PeerKey> + Clone,
{
    /// Appends it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(TRANSACTION, self.transaction)?;
        out.field(NUMBER, &self.number.to_be_bytes())?;
        out.field(COUNT, &self.count.to_be_bytes())?;
        if let Some(reason) = &self.refused {
            out.template(REFUSED, |out| reason.encode(out))?;
        }
        self.parties.clone().try_for_each(|party| party.encode(out))?;
        self.peers.clone().try_for_each(|peer| peer.encode(out))?;
        out.optional_bytes(PLAIN_TEXT, self.plain_text)
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The money moved, for good.
    Posted,
    /// Nothing moved.
    Released,
}

/// What the provider decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It will be done when all have acknowledged.
    Approved,
    /// It will not be done.
    Declined(Reason<'a>),
    /// Answer to an inquiry: how the transaction that it refers to stands. `None`: it has not ended yet.
    Stands(Option<Ending>),
}

/// Answer to RECEIVE of a transaction response. Whoever encodes one may bring any iterator of ascending `parties`.
///
/// ```text
/// 80 01 outcome: 0 approved, 1 declined, 2 not ended yet, 3 stands posted, 4 stands released
/// [A1 L (the objects of Reason): with 1 alone]  82 08 amount  83 03 currency  (A4 Party)...
/// [86 L plain text]  [87 L receipt]
/// ```
#[derive(Clone, Debug)]
pub struct TransactionAnswer<'a, P = Parties<'a>> {
    /// The decision.
    pub outcome: Outcome<'a>,
    /// The amount as the provider understood it, in minor units.
    pub amount: u64,
    /// The currency likewise, ISO 4217 letters.
    pub currency: [u8; 3],
    /// The verified names: the same that the key exchange gave.
    pub parties: P,
    /// The provider's plain text.
    pub plain_text: &'a [u8],
    /// A line for the receipt.
    pub receipt: &'a str,
}

const OUTCOME: Tag = Tag(0x80);
const DECLINED: Tag = Tag(0xA1);
const AMOUNT: Tag = Tag(0x82);
const CURRENCY: Tag = Tag(0x83);

impl<'a> Outcome<'a> {
    fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(match input.field_u8(OUTCOME)? {
            0 => Self::Approved,
            1 => Self::Declined(Reason::parse(input.field(DECLINED)?)?),
            2 => Self::Stands(None),
            3 => Self::Stands(Some(Ending::Posted)),
            4 => Self::Stands(Some(Ending::Released)),
            _ => return Err(ParseError::Invalid),
        })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let byte = match self {
            Self::Approved => 0,
            Self::Declined(_) => 1,
            Self::Stands(None) => 2,
            Self::Stands(Some(Ending::Posted)) => 3,
            Self::Stands(Some(Ending::Released)) => 4,
        };
        out.field(OUTCOME, &[byte])?;
        match self {
            Self::Declined(reason) => out.template(DECLINED, |out| reason.encode(out)),
            Self::Approved | Self::Stands(_) => Ok(()),
        }
    }
}

impl<'a> TransactionAnswer<'a> {
    /// From its bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are something else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            Ok(Self {
                outcome: Outcome::parse(input)?,
                amount: u64::from_be_bytes(*input.field_array(AMOUNT)?),
                currency: *input.field_array(CURRENCY)?,
                parties: Parties::parse(input)?,
                plain_text: input.optional_bytes(PLAIN_TEXT)?,
                receipt: input.optional_text(RECEIPT)?,
            })
        })
    }
}

impl<'p, P: Iterator<Item = Party<'p>> + Clone> TransactionAnswer<'_, P> {
    /// Appends it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.outcome.encode(out)?;
        out.field(AMOUNT, &self.amount.to_be_bytes())?;
        out.field(CURRENCY, &self.currency)?;
        self.parties.clone().try_for_each(|party| party.encode(out))?;
        out.optional_bytes(PLAIN_TEXT, self.plain_text)?;
        out.optional_bytes(RECEIPT, self.receipt.as_bytes())
    }
}

/// Answer to RECEIVE of a final notice.
///
/// ```text
/// 80 01 ending: 0 posted, 1 released  [86 L plain text]  [87 L receipt]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalAnswer<'a> {
    /// How it ended.
    pub ending: Ending,
    /// The provider's plain text.
    pub plain_text: &'a [u8],
    /// A line for the receipt.
    pub receipt: &'a str,
}

impl<'a> FinalAnswer<'a> {
    const ENDING: Tag = Tag(0x80);

    /// From its bytes.
    ///
    /// # Errors
    /// [`ParseError`] when they are something else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            Ok(Self {
                ending: match input.field_u8(Self::ENDING)? {
                    0 => Ending::Posted,
                    1 => Ending::Released,
                    _ => return Err(ParseError::Invalid),
                },
                plain_text: input.optional_bytes(PLAIN_TEXT)?,
                receipt: input.optional_text(RECEIPT)?,
            })
        })
    }

    /// Appends it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let ending = match self.ending {
            Ending::Posted => 0,
            Ending::Released => 1,
        };
        out.field(Self::ENDING, &[ending])?;
        out.optional_bytes(PLAIN_TEXT, self.plain_text)?;
        out.optional_bytes(RECEIPT, self.receipt.as_bytes())
    }
}
