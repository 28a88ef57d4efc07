//! What a transaction came to.

use protocol::amount::Amount;
use protocol::types::{Currency, Ending, TransactionId};

use crate::card::{Decided, Ended, Opened, Party, Reason, Verdict};

/// What a transaction came to, as the provider signed it for this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction.
    pub transaction: TransactionId,
    /// How it ended.
    pub conclusion: Conclusion,
    /// The amount, where the provider has said one.
    pub amount: Option<Amount>,
    /// The verified names.
    pub parties: Vec<Party>,
    /// The provider's line, often empty.
    pub line: String,
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The money moved, for good.
    Posted,
    /// Nothing moved.
    Released,
    /// The provider will not do it: nothing moved.
    Declined(Reason),
    /// The provider gave no session: nothing moved.
    Refused(Reason),
    /// It has not ended yet.
    Open,
}

impl Receipt {
    pub(crate) fn refused(opened: Opened, reason: Reason) -> Self {
        Self {
            transaction: opened.transaction,
            conclusion: Conclusion::Refused(reason),
            amount: None,
            parties: opened.parties,
            line: String::new(),
        }
    }

    /// After a decision that needs no acknowledgment; an approval is not one.
    pub(crate) fn decided(transaction: TransactionId, decided: Decided) -> Result<Self, Decided> {
        let conclusion = match &decided.verdict {
            Verdict::Approved => return Err(decided),
            Verdict::Declined(reason) => Conclusion::Declined(reason.clone()),
            Verdict::Stands(None) => Conclusion::Open,
            Verdict::Stands(Some(ending)) => Conclusion::from(*ending),
        };
        let amount = Some(amount(decided.amount, decided.currency));
        Ok(Self { transaction, conclusion, amount, parties: decided.parties, line: decided.receipt })
    }

    pub(crate) fn ended(transaction: TransactionId, decided: Decided, ended: Ended) -> Self {
        let line = if ended.receipt.is_empty() { decided.receipt } else { ended.receipt };
        Self {
            transaction,
            conclusion: Conclusion::from(ended.ending),
            amount: Some(amount(decided.amount, decided.currency)),
            parties: decided.parties,
            line,
        }
    }
}

impl From<Ending> for Conclusion {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Posted => Self::Posted,
            Ending::Released => Self::Released,
        }
    }
}

const fn amount(minor: u64, currency: Currency) -> Amount {
    Amount { minor, currency }
}
