//! A customer's card in the shop's own reader: the member below the shop's card, without a terminal of its own.

use apdu_spec::transaction::Decision;
use protocol::message::Kind;
use protocol::types::{Number, Role};

use crate::card::Part;
use crate::error::{Error, Misbehaviour};
use crate::offer::Offer;
use crate::pay::payee;
use crate::purse::{self, Purse};
use crate::transact::Below;
use crate::{CUSTOMER_CARD, PROVIDER, member};

/// A customer's card that pays what is offered. Its PIN is compared already.
///
/// That it does not take a response (it was removed, say) ends the transaction when it is needed next. So a response
/// that it missed ends nothing where nothing follows: what it has signed counts, and it learns the end another time.
pub struct Attached<'a> {
    purse: &'a mut Purse,
    offer: &'a Offer,
    asked: Option<Kind>,
    payee: Option<Number>,
    missed: Option<Error>,
}

impl<'a> Attached<'a> {
    /// The card in `purse`, which pays what `offer` says.
    #[must_use]
    pub const fn new(purse: &'a mut Purse, offer: &'a Offer) -> Self {
        Self { purse, offer, asked: None, payee: None, missed: None }
    }

    /// Why the card did not take the last response, if it did not: it does not know how the transaction ended.
    #[must_use]
    pub fn missed(self) -> Option<Error> {
        self.missed
    }

    async fn message(&mut self, kind: Kind) -> Result<Option<Vec<u8>>, Error> {
        let part = match kind {
            Kind::KeyExchangeRequest => purse::key_exchange(false),
            Kind::TransactionRequest => {
                purse::purchase(self.offer, Role::PAYER, self.payee.ok_or(Error::PayeeUnknown)?)
            }
            Kind::Acknowledgment => purse::acknowledgment(Decision::Accept),
            Kind::KeyExchangeResponse
            | Kind::TransactionResponse
            | Kind::FinalNotice
            | Kind::Refused
            | Kind::DescriptorRequest
            | Kind::Descriptor => return Ok(None),
        };
        self.build(&part).await.map(Some)
    }

    async fn build(&mut self, part: &Part<'_>) -> Result<Vec<u8>, Error> {
        let combined = member::combine(&mut self.purse.card, part, &[], CUSTOMER_CARD).await;
        combined.map(|combined| combined.message).map_err(Error::of_customer)
    }

    async fn take(&mut self, part: &[u8]) -> Result<(), Error> {
        let card = &mut self.purse.card;
        if self.asked == Some(Kind::KeyExchangeRequest) {
            let opened = card.receive_session(part).await?;
            if opened.refused.is_none() {
                self.payee = Some(payee(&opened)?.0);
            }
        } else if self.asked == Some(Kind::TransactionRequest) {
            card.receive_decision(part).await?;
        } else {
            card.receive_end(part).await?;
        }
        Ok(())
    }
}

impl Below for Attached<'_> {
    const NAME: &'static str = CUSTOMER_CARD;

    async fn gather(&mut self, kind: Kind) -> Result<Vec<Vec<u8>>, Error> {
        if let Some(error) = self.missed.take() {
            return Err(error);
        }
        self.asked = Some(kind);
        Ok(self.message(kind).await?.into_iter().collect())
    }

    async fn hand_out(&mut self, branches: Vec<Vec<u8>>) -> Result<(), Error> {
        let branch = branches.first().ok_or_else(|| Error::misbehaved(PROVIDER)(Misbehaviour::OtherMembers))?;
        self.missed = self.take(branch).await.err().map(Error::of_customer);
        Ok(())
    }
}
