//! The card's answers, owned by the terminal.

use apdu_spec::access::Requirement;
use apdu_spec::instruction::PinReference;
use apdu_spec::provider::{Instrument, ProviderInfo, ProviderReference};
use apdu_spec::transaction::{self as wire, FinalAnswer, KeyExchangeAnswer, PeerKey, TransactionAnswer};
use apdu_spec::{Condition, ParseError, Reader, Tag};
use protocol::types::{Currency, Ending, Number, ProviderId, ReasonCode, TransactionId};

/// What anyone may see of an account on a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number on the card.
    pub reference: ProviderReference,
    /// Who serves it.
    pub provider: ProviderId,
    /// What to call it.
    pub name: String,
    /// What it is for.
    pub instrument: Instrument,
    /// What has to be so before the card uses it.
    pub condition: Condition,
}

impl Account {
    pub(super) fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, ParseError> {
        let mut input = Reader::new(bytes);
        let mut accounts = Vec::new();
        while !input.is_empty() {
            let info = Reader::all(input.field(Tag::PROVIDER)?, ProviderInfo::parse)?;
            accounts.push(Self {
                reference: info.reference,
                provider: ProviderId(*info.provider),
                name: info.name.to_owned(),
                instrument: info.instrument,
                condition: info.condition,
            });
        }
        Ok(accounts)
    }

    /// The PIN that the card asks for before it uses the account, if it asks for one; the last, if for several.
    #[must_use]
    pub fn pin(&self) -> Option<PinReference> {
        let mut pin = None;
        self.condition.is_met(|requirement| {
            if let Requirement::Pin(reference) = requirement {
                pin = Some(reference);
            }
            true
        });
        pin
    }
}

/// Why the provider refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For a program.
    pub code: ReasonCode,
    /// For a person.
    pub line: String,
}

impl From<wire::Reason<'_>> for Reason {
    fn from(reason: wire::Reason<'_>) -> Self {
        Self { code: ReasonCode(reason.code), line: reason.line.to_owned() }
    }
}

/// A member whose name the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its number in the group.
    pub number: Number,
    /// Its account's holder.
    pub name: String,
}

impl From<wire::Party<'_>> for Party {
    fn from(party: wire::Party<'_>) -> Self {
        Self { number: party.number, name: party.name.to_owned() }
    }
}

/// The provider's answer to a key exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The provider's name for the transaction.
    pub transaction: TransactionId,
    /// The member's number in the group.
    pub number: Number,
    /// How many members it has.
    pub count: Number,
    /// Why there is no session, where there is none.
    pub refused: Option<Reason>,
    /// The verified names of those who proved their accounts.
    pub parties: Vec<Party>,
    /// The other members' keys, where they were asked for and may be known.
    pub peers: Vec<PeerKey>,
    /// The provider's plain text.
    pub plain_text: Vec<u8>,
}

impl Opened {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let answer = KeyExchangeAnswer::parse(bytes)?;
        Ok(Self {
            transaction: TransactionId(*answer.transaction),
            number: answer.number,
            count: answer.count,
            refused: answer.refused.map(Reason::from),
            parties: answer.parties.map(Party::from).collect(),
            peers: answer.peers.collect(),
            plain_text: answer.plain_text.to_vec(),
        })
    }
}

/// What the provider decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It will be done when all have acknowledged.
    Approved,
    /// It will not be done.
    Declined(Reason),
    /// How the transaction that was asked about stands; `None`: it has not ended yet.
    Stands(Option<Ending>),
}

/// The provider's answer to a transaction request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What it decided.
    pub verdict: Verdict,
    /// The amount, in minor units.
    pub amount: u64,
    /// The currency.
    pub currency: Currency,
    /// The verified names, once more.
    pub parties: Vec<Party>,
    /// A line for the receipt.
    pub receipt: String,
    /// The provider's plain text.
    pub plain_text: Vec<u8>,
}

impl Decided {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let answer = TransactionAnswer::parse(bytes)?;
        Ok(Self {
            verdict: match answer.outcome {
                wire::Outcome::Approved => Verdict::Approved,
                wire::Outcome::Declined(reason) => Verdict::Declined(reason.into()),
                wire::Outcome::Stands(end) => Verdict::Stands(end.map(ending)),
            },
            amount: answer.amount,
            currency: Currency(answer.currency),
            parties: answer.parties.map(Party::from).collect(),
            receipt: answer.receipt.to_owned(),
            plain_text: answer.plain_text.to_vec(),
        })
    }
}

/// The provider's final notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub ending: Ending,
    /// A line for the receipt.
    pub receipt: String,
    /// The provider's plain text.
    pub plain_text: Vec<u8>,
}

impl Ended {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let answer = FinalAnswer::parse(bytes)?;
        Ok(Self {
            ending: ending(answer.ending),
            receipt: answer.receipt.to_owned(),
            plain_text: answer.plain_text.to_vec(),
        })
    }
}

const fn ending(ending: wire::Ending) -> Ending {
    match ending {
        wire::Ending::Posted => Ending::Posted,
        wire::Ending::Released => Ending::Released,
    }
}
