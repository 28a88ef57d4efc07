//! What a transaction came to.

use protocol::amount::Amount;
use protocol::types::{Ending, TransactionId};

use crate::card::{Party, Reason, Verdict};
use crate::transact::Answers;

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

impl From<Answers> for Receipt {
    fn from(answers: Answers) -> Self {
        let conclusion = conclusion(&answers);
        let Answers { opened, decided, ended } = answers;
        let transaction = opened.transaction;
        let Some(decided) = decided else {
            return Self { transaction, conclusion, amount: None, parties: opened.parties, line: String::new() };
        };
        let amount = Some(Amount { minor: decided.amount, currency: decided.currency });
        let last = ended.map(|ended| ended.receipt).filter(|receipt| !receipt.is_empty());
        Self { transaction, conclusion, amount, parties: decided.parties, line: last.unwrap_or(decided.receipt) }
    }
}

fn conclusion(answers: &Answers) -> Conclusion {
    if let Some(reason) = &answers.opened.refused {
        return Conclusion::Refused(reason.clone());
    }
    if let Some(ended) = &answers.ended {
        return ended.ending.into();
    }
    match answers.decided.as_ref().map(|decided| &decided.verdict) {
        Some(Verdict::Declined(reason)) => Conclusion::Declined(reason.clone()),
        Some(Verdict::Stands(Some(ending))) => Conclusion::from(*ending),
        Some(Verdict::Stands(None) | Verdict::Approved) | None => Conclusion::Open,
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
