//! A member that lost the end of a transaction asks its provider for it.

use apdu_spec::journal::{JournalEntry, Step};
use protocol::types::{TransactionId, TransactionKind};

use crate::PROVIDER;
use crate::card::{Card, Pin};
use crate::error::{Error, Failure};
use crate::hop::Upstream;
use crate::member;
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::Receipt;

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
        return Ok(Receipt::refused(opened, reason));
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
    Ok(Receipt::decided(transaction, decided).map_err(misplaced)?)
}

/// Whether the card does not know the end of this transaction.
fn is_open(entry: &JournalEntry) -> bool {
    let ended = matches!(entry.step, Step::Declined | Step::Posted | Step::Released);
    !ended && entry.kind != TransactionKind::INQUIRY.0
}
