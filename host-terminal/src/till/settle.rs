//! Sales whose end was lost, as by a crash or a broken connection, are brought to it.

use std::collections::BTreeMap;

use apdu_spec::journal::JournalEntry;
use protocol::amount::Amount;
use protocol::types::{Currency, Role, TransactionId};

use super::book::{End, Entry, How, State};
use super::sale::Till;
use crate::PROVIDER;
use crate::cancel::call_off;
use crate::error::{Error, Failure};
use crate::member::check_refusal;
use crate::purse::{Purse, SignedDescriptor};
use crate::receipt::{Conclusion, Receipt};
use crate::status::{Earlier, inquire, is_open};

impl Till {
    /// Brings what is open to its end, with the shop's card, its PIN compared: acknowledgments that may not have
    /// arrived are sent again, the same bytes; what was asked for and not acknowledged is called off; and the provider
    /// says how each ended. Sales that the card remembers and the book does not, because it was lost, are taken into it
    /// first. Gives how many ends became known.
    ///
    /// # Errors
    /// [`Error`]: what is not settled yet stays open.
    pub async fn settle(&mut self, shop: &mut Purse) -> Result<usize, Error> {
        self.end_unsent()?;
        let journal = shop.journal().await?;
        self.take_in(&journal)?;
        let open: Vec<Entry> = self.book.open_entries().cloned().collect();
        if open.is_empty() {
            return Ok(0);
        }
        let remembered: BTreeMap<_, _> =
            journal.iter().map(|entry| (entry.transaction, Earlier::from(entry))).collect();
        let descriptor = self.descriptor().await?;
        let mut settled = 0;
        for entry in open {
            let earlier = remembered.get(entry.transaction.as_bytes()).copied().unwrap_or_else(|| entry.earlier());
            settled += usize::from(self.settle_one(shop, &descriptor, &entry, earlier).await?);
        }
        Ok(settled)
    }

    /// Whether the end of this one is known now.
    pub(super) async fn settle_one(
        &mut self,
        shop: &mut Purse,
        descriptor: &SignedDescriptor,
        entry: &Entry,
        earlier: Earlier,
    ) -> Result<bool, Error> {
        let told = if let State::Acknowledged(message) = &entry.state {
            let answer = self.provider.ask(message).await.map_err(Error::hop(PROVIDER))?;
            // Whatever it answers: the inquiry tells in a way that the card verifies.
            let told = inquire(shop, descriptor, &self.provider, &earlier).await;
            let is_open = matches!(&told, Ok(Receipt { conclusion: Conclusion::Open, .. }));
            if is_open && check_refusal(&answer).is_err() {
                // The customer's card has said something that does not count, and would keep it open.
                call_off(shop, descriptor, &self.provider, &earlier).await
            } else {
                told
            }
        } else {
            call_off(shop, descriptor, &self.provider, &earlier).await
        };
        match told {
            Ok(receipt) => self.keep(entry.transaction, &receipt),
            Err(Failure { error: Error::NotTold { .. }, .. }) => Ok(false),
            Err(failure) => Err(failure.error),
        }
    }

    fn keep(&mut self, transaction: TransactionId, receipt: &Receipt) -> Result<bool, Error> {
        let Some(end) = End::of(receipt) else { return Ok(false) };
        // It is the inquiry that was declined: what it asked for never came to a decision.
        let end = if end.how == How::Declined { End::not_done() } else { end };
        self.book.ended(transaction, end)?;
        Ok(true)
    }

    /// Of what was not requested nothing has left.
    fn end_unsent(&mut self) -> Result<(), Error> {
        let unsent = self.book.open_entries().filter(|entry| entry.state == State::Opened);
        let unsent: Vec<TransactionId> = unsent.map(|entry| entry.transaction).collect();
        unsent.into_iter().try_for_each(|transaction| Ok(self.book.ended(transaction, End::not_done())?))
    }

    fn take_in(&mut self, journal: &[JournalEntry]) -> Result<(), Error> {
        for entry in journal.iter().filter(|entry| is_open(entry) && entry.role == Role::PAYEE.0) {
            let transaction = TransactionId(entry.transaction);
            if self.book.entry(transaction).is_none() {
                let amount = Amount { minor: entry.amount, currency: Currency(entry.currency) };
                self.book.opened(transaction, amount)?;
                self.book.requested(transaction)?;
            }
        }
        Ok(())
    }
}
