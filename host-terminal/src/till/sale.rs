//! A sale with both cards at this terminal, kept in the day book.

use apdu_spec::journal::JournalEntry;
use protocol::amount::Amount;
use protocol::message::Kind;
use protocol::types::{Role, TransactionId};

use super::book::{Book, End, Entry, State};
use super::recall::Recall;
use crate::PROVIDER;
use crate::attached::Attached;
use crate::card::{Decided, Opened, Part};
use crate::error::{Error, Failure};
use crate::hop::Upstream;
use crate::member::{Above, Combined};
use crate::offer::Offer;
use crate::purse::{Purse, SignedDescriptor};
use crate::receipt::{Conclusion, Receipt};
use crate::sell::Sale;
use crate::status::{Earlier, inquire, is_open};
use crate::transact::{Plan, transact};

/// Of so many earlier payments of a customer's card the end is asked for before the next one: the newest.
pub const EARLIER_MAX: usize = 3;

/// A shop's day book and the way to its provider.
pub struct Till {
    /// The day book.
    pub book: Book,
    pub(super) provider: Upstream,
}

/// How far a sale is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The cards and the provider agree on keys.
    Opening,
    /// The request leaves; from here on it cannot be called off.
    Asking,
    /// The provider has approved; the acknowledgment leaves.
    Confirming,
    /// It did not go on; what is held is called off.
    CallingOff,
}

/// What came of a sale.
#[derive(Debug)]
pub struct Sold {
    /// What the day book has of it; nothing where it ended before the provider had named it.
    pub entry: Option<Entry>,
    /// Why it did not go to its end; or, of one that did, why the customer's card or the book does not know.
    pub error: Option<Error>,
}

/// A payment that the customer's card did not know the end of.
#[derive(Debug)]
pub struct EarlierPayment {
    /// How much.
    pub amount: Amount,
    /// How it ended; an error where that could not be learnt.
    pub conclusion: Result<Conclusion, Error>,
}

impl Till {
    /// With this book and this provider. Requests to it must be sent more than once ([`Upstream::new`]).
    #[must_use]
    pub const fn new(book: Book, provider: Upstream) -> Self {
        Self { book, provider }
    }

    /// The provider's descriptor of this moment.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn descriptor(&self) -> Result<SignedDescriptor, Error> {
        SignedDescriptor::fetch(&self.provider, PROVIDER).await
    }

    /// Asks for the ends of payments that the customer's card does not know, as of a customer who left too early.
    ///
    /// # Errors
    /// [`Error::CustomerCard`] where its journal cannot be read.
    pub async fn earlier_payments(
        &self,
        customer: &mut Purse,
        descriptor: &SignedDescriptor,
    ) -> Result<Vec<EarlierPayment>, Error> {
        let journal = customer.journal().await.map_err(Error::of_customer)?;
        let open = journal.iter().filter(|entry| is_open(entry) && entry.role == Role::PAYER.0).take(EARLIER_MAX);
        let mut payments = Vec::new();
        for entry in open.map(|entry: &JournalEntry| Earlier::from(entry)) {
            let told = inquire(customer, descriptor, &self.provider, &entry).await;
            let conclusion = told.map(|receipt| receipt.conclusion).map_err(|failure| failure.error.of_customer());
            payments.push(EarlierPayment { amount: entry.amount, conclusion });
        }
        Ok(payments)
    }

    /// Sells. Both cards' PINs are compared. The clerk can call it off through `recall`; `tell` is told each step.
    pub async fn sell(
        &mut self,
        shop: &mut Purse,
        customer: &mut Purse,
        descriptor: &SignedDescriptor,
        amount: Amount,
        recall: &Recall,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Sold {
        let offer = Offer { provider: descriptor.provider, amount: amount.minor, currency: amount.currency };
        match self.transact(shop, customer, descriptor, &offer, recall, tell).await {
            Ok((receipt, missed)) => self.conclude(&receipt, amount, missed),
            Err(failure) => self.give_up(failure, shop, descriptor, tell).await,
        }
    }

    async fn transact(
        &mut self,
        shop: &mut Purse,
        customer: &mut Purse,
        descriptor: &SignedDescriptor,
        offer: &Offer,
        recall: &Recall,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<(Receipt, Option<Error>), Failure> {
        shop.prepare(descriptor, PROVIDER).await?;
        customer.prepare(descriptor, PROVIDER).await.map_err(Error::of_customer)?;
        let mut plan = Booked { sale: Sale(offer), book: &mut self.book, recall, tell, transaction: None };
        let mut customer = Attached::new(customer, offer);
        let above = Above::new(&self.provider, PROVIDER);
        let answers = transact(&mut shop.card, &mut plan, &above, &mut customer).await?;
        Ok((answers.into(), customer.missed()))
    }

    fn conclude(&mut self, receipt: &Receipt, amount: Amount, missed: Option<Error>) -> Sold {
        let kept = self.keep_end(receipt, amount);
        Sold { entry: self.book.entry(receipt.transaction).cloned(), error: kept.err().or(missed) }
    }

    fn keep_end(&mut self, receipt: &Receipt, amount: Amount) -> Result<(), Error> {
        if self.book.entry(receipt.transaction).is_none() {
            // No session was given, so that nothing was asked for.
            self.book.opened(receipt.transaction, amount)?;
        }
        Ok(End::of(receipt).map_or(Ok(()), |end| self.book.ended(receipt.transaction, end))?)
    }

    /// What can be done at once about a sale that failed, is; the rest is settled later.
    async fn give_up(
        &mut self,
        failure: Failure,
        shop: &mut Purse,
        descriptor: &SignedDescriptor,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Sold {
        let Failure { error, transaction, requested } = failure;
        let known = transaction.and_then(|transaction| self.book.entry(transaction)).cloned();
        let Some(entry) = known else { return Sold { entry: None, error: Some(error) } };
        if !requested {
            // Where the book does not take it, it is written when the rest is settled.
            drop(self.book.ended(entry.transaction, End::not_done()));
        } else if !matches!(error, Error::Hop { .. } | Error::Card(_)) {
            tell(Step::CallingOff);
            drop(self.settle_one(shop, descriptor, &entry, entry.earlier()).await);
        }
        Sold { entry: self.book.entry(entry.transaction).cloned(), error: Some(error) }
    }
}

impl Entry {
    /// The sale as the provider is asked about it.
    pub(super) fn earlier(&self) -> Earlier {
        let accepted = matches!(self.state, State::Acknowledged(_));
        Earlier { transaction: self.transaction, amount: self.amount, accepted }
    }
}

/// A shop's plan, of which the book knows before it happens.
struct Booked<'a> {
    sale: Sale<'a>,
    book: &'a mut Book,
    recall: &'a Recall,
    tell: &'a mut (dyn FnMut(Step) + Send),
    transaction: Option<TransactionId>,
}

impl Plan for Booked<'_> {
    fn key_exchange(&mut self) -> Part<'_> {
        (self.tell)(Step::Opening);
        self.sale.key_exchange()
    }

    fn transaction(&mut self, opened: &Opened) -> Result<Part<'_>, Error> {
        self.recall.check()?;
        self.book.opened(opened.transaction, self.sale.0.amount())?;
        self.transaction = Some(opened.transaction);
        self.sale.transaction(opened)
    }

    fn acknowledgment(&mut self, decided: &Decided) -> Result<Part<'_>, Error> {
        self.sale.acknowledgment(decided)
    }

    fn leaving(&mut self, message: &Combined) -> Result<(), Error> {
        let Some(transaction) = self.transaction else { return self.recall.check() };
        if message.kind() == Kind::TransactionRequest {
            self.recall.close()?;
            (self.tell)(Step::Asking);
            self.book.requested(transaction)?;
        } else {
            (self.tell)(Step::Confirming);
            self.book.acknowledged(transaction, &message.message)?;
        }
        Ok(())
    }
}
