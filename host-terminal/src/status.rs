//! A member that lost the end of a transaction asks its provider for it.

use apdu_spec::journal::{JournalEntry, Step};
use protocol::amount::Amount;
use protocol::types::{Currency, TransactionId, TransactionKind};

use crate::PROVIDER;
use crate::card::{Card, Decided, Opened, Part, Pin, Reason};
use crate::error::{Error, Failure, Misbehaviour};
use crate::hop::Upstream;
use crate::member::Above;
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::{Conclusion, Receipt};
use crate::transact::{Nobody, Plan, transact};

/// Asks how a transaction ended: this one, or the newest of the card's journal whose end the card does not know.
///
/// # Errors
/// [`Failure`].
pub async fn status(
    card: Card,
    pin: &Pin,
    provider: &Upstream,
    wanted: Option<TransactionId>,
) -> Result<Receipt, Failure> {
    let descriptor = SignedDescriptor::fetch(provider, PROVIDER).await?;
    let here = descriptor.provider;
    let mut purse = Purse::open(card, pin, |account| account.provider == here, Error::NoAccount(here)).await?;
    let is_wanted = |entry: &JournalEntry| wanted.map_or(is_open(entry), |wanted| entry.transaction == wanted.0);
    let entry = purse.journal().await?.into_iter().find(is_wanted);
    inquire(&mut purse, &descriptor, provider, &Earlier::from(&entry.ok_or(Error::NotInJournal)?)).await
}

/// An earlier transaction of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Which.
    pub transaction: TransactionId,
    /// What it was about.
    pub amount: Amount,
    /// Whether the card has said yes to it: then the money may have moved.
    pub accepted: bool,
}

impl From<&JournalEntry> for Earlier {
    fn from(entry: &JournalEntry) -> Self {
        Self {
            transaction: TransactionId(entry.transaction),
            amount: Amount { minor: entry.amount, currency: Currency(entry.currency) },
            accepted: !matches!(entry.step, Step::Requested | Step::Approved | Step::Rejected | Step::Declined),
        }
    }
}

/// Whether the card does not know the end of this transaction.
#[must_use]
pub fn is_open(entry: &JournalEntry) -> bool {
    let ended = matches!(entry.step, Step::Declined | Step::Posted | Step::Released);
    !ended && entry.kind != TransactionKind::INQUIRY.0
}

/// Asks how an earlier transaction ended, with a card whose PIN is compared.
///
/// # Errors
/// [`Failure`].
pub async fn inquire(
    purse: &mut Purse,
    descriptor: &SignedDescriptor,
    provider: &Upstream,
    earlier: &Earlier,
) -> Result<Receipt, Failure> {
    purse.prepare(descriptor, PROVIDER).await?;
    let answers = transact(&mut purse.card, &mut Inquiry(earlier), &Above::new(provider, PROVIDER), &mut Nobody).await;
    // That an inquiry fails leaves nothing else open.
    told(answers.map_err(|failure| failure.error)?.into(), earlier)
}

struct Inquiry<'a>(&'a Earlier);

impl Plan for Inquiry<'_> {
    fn key_exchange(&mut self) -> Part<'_> {
        purse::key_exchange(false)
    }

    fn transaction(&mut self, _: &Opened) -> Result<Part<'_>, Error> {
        Ok(purse::about(TransactionKind::INQUIRY, &self.0.transaction, self.0.amount))
    }

    fn acknowledgment(&mut self, _: &Decided) -> Result<Part<'_>, Error> {
        let what = Misbehaviour::Unexpected { got: "an approval", expected: "the answer to an inquiry" };
        Err(Error::misbehaved(PROVIDER)(what))
    }
}

/// What the answer to an inquiry says of the transaction; the cards themselves compare amounts in approvals alone. That
/// the inquiry is refused says nothing about what it asks for, unless the card has not accepted: then nothing can
/// have moved.
fn told(receipt: Receipt, earlier: &Earlier) -> Result<Receipt, Failure> {
    let transaction = earlier.transaction;
    if receipt.amount.is_some_and(|amount| amount != earlier.amount) {
        return Err(Error::misbehaved(PROVIDER)(Misbehaviour::OtherAmount).into());
    }
    match receipt.conclusion {
        Conclusion::Declined(Reason { code, line }) | Conclusion::Refused(Reason { code, line })
            if earlier.accepted =>
        {
            Err(Failure { error: Error::NotTold { code, line }, transaction: Some(transaction), requested: true })
        }
        Conclusion::Posted
        | Conclusion::Released
        | Conclusion::Declined(_)
        | Conclusion::Refused(_)
        | Conclusion::Open => Ok(Receipt { transaction, ..receipt }),
    }
}

#[cfg(test)]
mod tests {
    use apdu_spec::provider::ProviderReference;
    use protocol::types::ReasonCode;

    use super::*;

    #[test]
    fn a_refused_inquiry_is_no_end_of_what_the_card_has_accepted() {
        let known = [Step::Accepted, Step::Posted, Step::Released];
        let dead = [Step::Requested, Step::Approved, Step::Rejected, Step::Declined];
        for step in known.into_iter().chain(dead) {
            for conclusion in [Conclusion::Declined, Conclusion::Refused] {
                let conclusion = conclusion(Reason { code: ReasonCode::ACCOUNT, line: "no".into() });
                let told = told(receipt(conclusion.clone()), &(&entry(step)).into());
                if dead.contains(&step) {
                    assert_eq!(told.unwrap(), Receipt { transaction: TransactionId([7; 16]), ..receipt(conclusion) });
                } else {
                    let failure = told.unwrap_err();
                    assert!(matches!(failure.error, Error::NotTold { code: ReasonCode::ACCOUNT, .. }), "{step:?}");
                    assert_eq!((failure.transaction, failure.requested), (Some(TransactionId([7; 16])), true));
                }
            }
            assert!(told(receipt(Conclusion::Posted), &(&entry(step)).into()).is_ok());
        }
    }

    #[test]
    fn an_answer_with_another_amount_is_none() {
        let earlier = Earlier::from(&entry(Step::Accepted));
        for (minor, currency) in [(1250, b"EUR"), (1251, b"EUR"), (1250, b"USD")] {
            let amount = Amount { minor, currency: Currency(*currency) };
            let answer = Receipt { amount: Some(amount), ..receipt(Conclusion::Posted) };
            match told(answer, &earlier) {
                Ok(told) => assert_eq!((told.amount, amount), (Some(earlier.amount), earlier.amount)),
                Err(failure) => {
                    assert_ne!(amount, earlier.amount);
                    assert!(matches!(failure.error, Error::Misbehaved { what: Misbehaviour::OtherAmount, .. }));
                }
            }
        }
    }

    fn receipt(conclusion: Conclusion) -> Receipt {
        let transaction = TransactionId([1; 16]);
        Receipt { transaction, conclusion, amount: None, parties: Vec::new(), line: String::new() }
    }

    fn entry(step: Step) -> JournalEntry {
        JournalEntry {
            sequence: 1,
            provider: ProviderReference::all().next().unwrap(),
            transaction: [7; 16],
            kind: TransactionKind::PURCHASE.0,
            role: 1,
            amount: 1250,
            currency: Currency(*b"EUR").0,
            step,
        }
    }
}
