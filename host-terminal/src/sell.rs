//! The merchant's terminal: it serves its offer, combines its customer's messages with its own card's, and hands each
//! the part of the response that is theirs.

use apdu_spec::transaction::Decision;
use protocol::amount::Amount;
use protocol::message::{Kind, bare};
use protocol::types::{Role, TransactionId};

use crate::card::{Card, Decided, Opened, Part, Pin};
use crate::error::{Error, Failure, Misbehaviour};
use crate::hop::{Downstream, Upstream};
use crate::member::{self, Separated};
use crate::offer::{self, Offer};
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::Receipt;
use crate::{CUSTOMER, PROVIDER};

/// A shop: a card that takes money, the way to its provider, and what it asks for.
pub struct Shop {
    purse: Purse,
    provider: Upstream,
    offer: Offer,
}

impl Shop {
    /// Makes the card ready for the provider at the other end of `provider`, and the offer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(card: Card, pin: &Pin, provider: Upstream, amount: Amount) -> Result<Self, Error> {
        let descriptor = SignedDescriptor::fetch(&provider, PROVIDER).await?;
        let here = descriptor.provider;
        let purse = Purse::open(card, pin, |account| account.provider == here, Error::NoAccount(here)).await?;
        let offer = Offer { provider: here, amount: amount.minor, currency: amount.currency };
        Ok(Self { purse, provider, offer })
    }

    /// What it asks for.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Serves one customer to the end; `None` where it went away before it began.
    ///
    /// # Errors
    /// [`Failure`]; the shop can serve the next.
    pub async fn serve(&mut self, mut customer: Downstream) -> Result<Option<Receipt>, Failure> {
        let mut sale = Sale { shop: self, customer: &mut customer, transaction: None, requested: false };
        match sale.run().await {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                let (transaction, requested) = (sale.transaction, sale.requested);
                // The customer may be gone: then there is nobody to tell.
                drop(customer.answer(&farewell(&error)).await);
                Err(Failure { error, transaction, requested })
            }
        }
    }
}

/// One customer, one transaction.
struct Sale<'a> {
    shop: &'a mut Shop,
    customer: &'a mut Downstream,
    transaction: Option<TransactionId>,
    requested: bool,
}

impl Sale<'_> {
    async fn run(&mut self) -> Result<Option<Receipt>, Error> {
        let Some(first) = self.introduce().await? else { return Ok(None) };
        let mut opened = self.exchange_keys(&first).await?;
        self.transaction = Some(opened.transaction);
        if let Some(reason) = opened.refused.take() {
            return Ok(Some(Receipt::refused(opened, reason)));
        }
        let decided = self.request(&opened).await?;
        let decided = match Receipt::decided(opened.transaction, decided) {
            Ok(receipt) => return Ok(Some(receipt)),
            Err(approved) => approved,
        };
        let message = self.next().await?;
        let separated = self.round(&purse::acknowledgment(Decision::Accept), &message).await?;
        let ended = self.shop.purse.card.receive_end(&separated.own).await?;
        Ok(Some(Receipt::ended(opened.transaction, decided, ended)))
    }

    /// Tells the customer what it needs to begin; gives its key exchange request.
    async fn introduce(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let Some(request) = self.customer.request().await.map_err(Error::hop(CUSTOMER))? else { return Ok(None) };
            let answer = if request == offer::request() {
                self.shop.offer.encode()
            } else if request == bare(Kind::DescriptorRequest) {
                self.shop.provider.ask(&request).await.map_err(Error::hop(PROVIDER))?
            } else {
                return Ok(Some(request));
            };
            self.customer.answer(&answer).await.map_err(Error::hop(CUSTOMER))?;
        }
    }

    async fn exchange_keys(&mut self, request: &[u8]) -> Result<Opened, Error> {
        // Junk must not cost the card a session.
        protocol::message::request::Tree::parse(request).map_err(Error::misbehaved(CUSTOMER))?;
        let descriptor = SignedDescriptor::fetch(&self.shop.provider, PROVIDER).await?;
        self.shop.purse.prepare(&descriptor, PROVIDER).await?;
        let separated = self.round(&purse::key_exchange(true), request).await?;
        Ok(self.shop.purse.card.receive_session(&separated.own).await?)
    }

    async fn request(&mut self, opened: &Opened) -> Result<Decided, Error> {
        let message = self.next().await?;
        // The customer's node directly follows the one that combines it.
        let part = purse::purchase(&self.shop.offer, Role::PAYEE, opened.number.saturating_add(1));
        let separated = self.round(&part, &message).await?;
        Ok(self.shop.purse.card.receive_decision(&separated.own).await?)
    }

    async fn next(&mut self) -> Result<Vec<u8>, Error> {
        self.customer.request().await.map_err(Error::hop(CUSTOMER))?.ok_or(Error::CustomerLeft)
    }

    /// Combines the customer's message with the own card's part, forwards, separates, and gives the customer its part.
    async fn round(&mut self, part: &Part<'_>, message: &[u8]) -> Result<Separated, Error> {
        let shop = &mut *self.shop;
        let combined = member::combine(&mut shop.purse.card, part, &[message], CUSTOMER).await?;
        self.requested |= part.kind() == Kind::TransactionRequest;
        let separated = combined.ask(&shop.provider, PROVIDER).await?;
        let branch =
            separated.branches.first().ok_or_else(|| Error::misbehaved(PROVIDER)(Misbehaviour::OtherMembers))?;
        self.customer.answer(branch).await.map_err(Error::hop(CUSTOMER))?;
        Ok(separated)
    }
}

/// What the customer is told: enough to know whom to ask, nothing about the shop.
fn farewell(error: &Error) -> Vec<u8> {
    match error {
        Error::Refused => bare(Kind::Refused).to_vec(),
        Error::Hop { hop: PROVIDER, .. } => offer::stopped("its provider cannot be reached"),
        Error::Misbehaved { hop: CUSTOMER, .. } => offer::stopped("it does not understand this terminal"),
        Error::Card(_) => offer::stopped("its own card does not go on"),
        Error::Hop { .. }
        | Error::Misbehaved { .. }
        | Error::Stopped(_)
        | Error::CustomerLeft
        | Error::NoAccount(_)
        | Error::NotInForce
        | Error::AboveLimit { .. }
        | Error::LimitUnreadable { .. }
        | Error::PayeeUnknown
        | Error::CalledOff
        | Error::NotTold { .. }
        | Error::NotInJournal => offer::stopped("it gives no reason"),
    }
}
