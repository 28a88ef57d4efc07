//! A member that lost the end of a transaction asks its provider for it.

use apdu_spec::journal::{JournalEntry, Step};
use protocol::types::{TransactionId, TransactionKind};

use crate::PROVIDER;
use crate::card::{Card, Pin, Reason};
use crate::error::{Error, Failure};
use crate::hop::Upstream;
use crate::member;
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::{Conclusion, Receipt};

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
    let reference = purse.account().reference;
    let journal = purse.card.journal().await.map_err(Error::from)?;
    let mut own = journal.iter().filter(|entry| entry.provider == reference);
    let entry = own.find(|entry| wanted.map_or(is_open(entry), |wanted| entry.transaction == wanted.0));
    let entry = entry.ok_or(Error::NotInJournal)?;

    purse.prepare(&descriptor, PROVIDER).await?;
    let separated = member::leaf(&mut purse.card, &purse::key_exchange(false), provider, PROVIDER).await?;
    let mut opened = purse.card.receive_session(&separated.own).await.map_err(Error::from)?;
    if let Some(reason) = opened.refused.take() {
        return not_told(Receipt::refused(opened, reason), entry);
    }
    let transaction = TransactionId(entry.transaction);
    let part = purse::inquiry(&transaction, entry.amount, entry.currency);
    let separated = member::leaf(&mut purse.card, &part, provider, PROVIDER).await?;
    let decided = purse.card.receive_decision(&separated.own).await.map_err(Error::from)?;
    let misplaced = |_| {
        Error::misbehaved(PROVIDER)(crate::Misbehaviour::Unexpected {
            got: "an approval",
            expected: "the answer to an inquiry",
        })
    };
    not_told(Receipt::decided(transaction, decided).map_err(misplaced)?, entry)
}

/// That the inquiry is refused says nothing about what it asks for, unless the card has not accepted: then nothing can
/// have moved.
fn not_told(receipt: Receipt, entry: &JournalEntry) -> Result<Receipt, Failure> {
    let transaction = TransactionId(entry.transaction);
    match receipt.conclusion {
        Conclusion::Declined(Reason { code, line }) | Conclusion::Refused(Reason { code, line })
            if !matches!(entry.step, Step::Requested | Step::Approved | Step::Rejected | Step::Declined) =>
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

/// Whether the card does not know the end of this transaction.
fn is_open(entry: &JournalEntry) -> bool {
    let ended = matches!(entry.step, Step::Declined | Step::Posted | Step::Released);
    !ended && entry.kind != TransactionKind::INQUIRY.0
}

#[cfg(test)]
mod tests {
    use apdu_spec::provider::ProviderReference;
    use protocol::types::{Currency, ReasonCode};

    use super::*;

    #[test]
    fn a_refused_inquiry_is_no_end_of_what_the_card_has_accepted() {
        let known = [Step::Accepted, Step::Posted, Step::Released];
        let dead = [Step::Requested, Step::Approved, Step::Rejected, Step::Declined];
        for step in known.into_iter().chain(dead) {
            for conclusion in [Conclusion::Declined, Conclusion::Refused] {
                let conclusion = conclusion(Reason { code: ReasonCode::ACCOUNT, line: "no".into() });
                let told = not_told(receipt(conclusion.clone()), &entry(step));
                if dead.contains(&step) {
                    assert_eq!(told.unwrap(), Receipt { transaction: TransactionId([7; 16]), ..receipt(conclusion) });
                } else {
                    let failure = told.unwrap_err();
                    assert!(matches!(failure.error, Error::NotTold { code: ReasonCode::ACCOUNT, .. }), "{step:?}");
                    assert_eq!((failure.transaction, failure.requested), (Some(TransactionId([7; 16])), true));
                }
            }
            assert!(not_told(receipt(Conclusion::Posted), &entry(step)).is_ok());
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
