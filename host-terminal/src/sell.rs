//! The merchant's terminal: it serves its offer, combines its customer's messages with its own card's, and hands each
//! the part of the response that is theirs.

use apdu_spec::transaction::Decision;
use protocol::amount::Amount;
use protocol::message::request::Tree;
use protocol::message::{Kind, bare};
use protocol::types::Role;

use crate::attached::Attached;
use crate::card::{Card, Decided, Opened, Part, Pin};
use crate::error::{Error, Failure, Misbehaviour, farewell};
use crate::hop::{Downstream, Upstream};
use crate::member::Above;
use crate::offer::{self, Offer};
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::Receipt;
use crate::transact::{Below, Plan, transact};
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

    /// Whether its card still answers: otherwise the shop must be opened again.
    pub async fn is_ready(&mut self) -> bool {
        self.purse.card.accounts().await.is_ok()
    }

    /// Serves one customer to the end; `None` where it went away before it began.
    ///
    /// # Errors
    /// [`Failure`]; the shop can serve the next.
    pub async fn serve(&mut self, downstream: Downstream) -> Result<Option<Receipt>, Failure> {
        let mut customer = Customer { downstream, first: None };
        match self.sell_to(&mut customer).await {
            Ok(receipt) => Ok(receipt),
            Err(failure) => {
                // The customer may be gone: then there is nobody to tell.
                drop(customer.downstream.answer(&last(&failure.error)).await);
                Err(failure)
            }
        }
    }

    /// Sells to the customer whose card is in this terminal's own reader, its PIN compared.
    ///
    /// # Errors
    /// [`Failure`]; the shop can serve the next.
    pub async fn serve_here(&mut self, customer: &mut Purse) -> Result<Receipt, Failure> {
        let descriptor = self.prepare().await?;
        customer.prepare(&descriptor, PROVIDER).await.map_err(Error::of_customer)?;
        let above = Above::new(&self.provider, PROVIDER);
        let mut customer = Attached::new(customer, &self.offer);
        Ok(transact(&mut self.purse.card, &mut Sale(&self.offer), &above, &mut customer).await?.into())
    }

    async fn sell_to(&mut self, customer: &mut Customer) -> Result<Option<Receipt>, Failure> {
        let Some(first) = self.introduce(&mut customer.downstream).await? else { return Ok(None) };
        // Junk must not cost the card a session.
        Tree::parse(&first).map_err(Error::misbehaved(CUSTOMER))?;
        customer.first = Some(first);
        self.prepare().await?;
        let above = Above::new(&self.provider, PROVIDER);
        let answers = transact(&mut self.purse.card, &mut Sale(&self.offer), &above, customer).await?;
        Ok(Some(answers.into()))
    }

    /// Makes the shop's card ready for the next transaction.
    async fn prepare(&mut self) -> Result<SignedDescriptor, Error> {
        let descriptor = SignedDescriptor::fetch(&self.provider, PROVIDER).await?;
        self.purse.prepare(&descriptor, PROVIDER).await?;
        Ok(descriptor)
    }

    /// Tells the customer what it needs to begin; gives its key exchange request.
    async fn introduce(&mut self, customer: &mut Downstream) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let Some(request) = customer.request().await.map_err(Error::hop(CUSTOMER))? else { return Ok(None) };
            let answer = if request == offer::request() {
                self.offer.encode()
            } else if request == bare(Kind::DescriptorRequest) {
                self.provider.ask(&request).await.map_err(Error::hop(PROVIDER))?
            } else {
                return Ok(Some(request));
            };
            customer.answer(&answer).await.map_err(Error::hop(CUSTOMER))?;
        }
    }
}

/// What a shop says, to a customer right below it.
pub(crate) struct Sale<'a>(pub(crate) &'a Offer);

impl Plan for Sale<'_> {
    fn key_exchange(&mut self) -> Part<'_> {
        purse::key_exchange(true)
    }

    fn transaction(&mut self, opened: &Opened) -> Result<Part<'_>, Error> {
        // The customer's node directly follows the one that combines it.
        Ok(purse::purchase(self.0, Role::PAYEE, opened.number.saturating_add(1)))
    }

    fn acknowledgment(&mut self, _: &Decided) -> Result<Part<'_>, Error> {
        Ok(purse::acknowledgment(Decision::Accept))
    }
}

/// The one below a shop.
struct Customer {
    downstream: Downstream,
    /// Its first message, which came before the shop's card was made ready.
    first: Option<Vec<u8>>,
}

impl Below for Customer {
    const NAME: &'static str = CUSTOMER;

    async fn gather(&mut self, _: Kind) -> Result<Vec<Vec<u8>>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(vec![first]);
        }
        let next = self.downstream.request().await.map_err(Error::hop(CUSTOMER))?;
        Ok(vec![next.ok_or(Error::CustomerLeft)?])
    }

    async fn hand_out(&mut self, branches: Vec<Vec<u8>>) -> Result<(), Error> {
        let branch = branches.first().ok_or_else(|| Error::misbehaved(PROVIDER)(Misbehaviour::OtherMembers))?;
        self.downstream.answer(branch).await.map_err(Error::hop(CUSTOMER))
    }
}

fn last(error: &Error) -> Vec<u8> {
    if matches!(error, Error::Refused) { bare(Kind::Refused).to_vec() } else { offer::stopped(farewell(error)) }
}
