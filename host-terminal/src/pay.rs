//! The cardholder's terminal pays what a shop's terminal asks for.

use apdu_spec::transaction::Decision;
use protocol::amount::Amount;
use protocol::types::{Number, Role};

use crate::card::{Card, Decided, Opened, Part, Pin};
use crate::error::{Error, Failure};
use crate::hop::Upstream;
use crate::member::{Above, check_refusal};
use crate::offer::{self, Offer};
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::Receipt;
use crate::transact::{Nobody, Plan, transact};
use crate::{SHOP, words};

/// What the user wants.
pub trait Payer: Send {
    /// Whether to go on with this offer at all.
    ///
    /// # Errors
    /// Why not.
    fn consider(&mut self, offer: &Offer) -> Result<(), Error>;

    /// Whether to pay this much to `payee`, the name that the provider vouches for.
    fn confirm(&mut self, amount: Amount, payee: &str) -> bool;

    /// What to say once the provider has approved.
    fn decide(&mut self) -> Decision;
}

/// Pays. `shop` is where the shop's terminal listens.
///
/// # Errors
/// [`Failure`], which knows whether the provider may have to be asked for the end.
pub async fn pay(card: Card, pin: &Pin, shop: &Upstream, payer: &mut dyn Payer) -> Result<Receipt, Failure> {
    let offer = ask_offer(shop).await?;
    payer.consider(&offer)?;
    let with_provider = |account: &crate::card::Account| account.provider == offer.provider;
    let mut purse = Purse::open(card, pin, with_provider, Error::NoAccount(offer.provider)).await?;
    let descriptor = SignedDescriptor::fetch(shop, SHOP).await?;
    purse.prepare(&descriptor, SHOP).await?;

    let mut payment = Payment { offer: &offer, payer };
    let answers = transact(&mut purse.card, &mut payment, &Above::new(shop, SHOP), &mut Nobody).await?;
    Ok(answers.into())
}

struct Payment<'a> {
    offer: &'a Offer,
    payer: &'a mut dyn Payer,
}

impl Plan for Payment<'_> {
    fn key_exchange(&mut self) -> Part<'_> {
        purse::key_exchange(false)
    }

    fn transaction(&mut self, opened: &Opened) -> Result<Part<'_>, Error> {
        let (payee, name) = payee(opened)?;
        if !self.payer.confirm(self.offer.amount(), &words::printable(name)) {
            return Err(Error::CalledOff);
        }
        Ok(purse::purchase(self.offer, Role::PAYER, payee))
    }

    fn acknowledgment(&mut self, _: &Decided) -> Result<Part<'_>, Error> {
        Ok(purse::acknowledgment(self.payer.decide()))
    }
}

async fn ask_offer(shop: &Upstream) -> Result<Offer, Error> {
    let answer = shop.ask(&offer::request()).await.map_err(Error::hop(SHOP))?;
    check_refusal(&answer)?;
    Offer::parse(&answer).map_err(Error::misbehaved(SHOP))
}

/// The one other member who proved its account.
pub(crate) fn payee(opened: &Opened) -> Result<(Number, &str), Error> {
    let mut others = opened.parties.iter().filter(|party| party.number != opened.number);
    match (others.next(), others.next()) {
        (Some(payee), None) => Ok((payee.number, &payee.name)),
        (None, _) | (Some(_), Some(_)) => Err(Error::PayeeUnknown),
    }
}

/// A payer that was told beforehand what to do.
#[derive(Clone, Debug)]
pub struct Told {
    /// Pay no more than this, as a person writes it, in the offer's currency.
    pub limit: Option<String>,
    /// What to say once the provider has approved.
    pub decision: Decision,
}

impl Payer for Told {
    fn consider(&mut self, offer: &Offer) -> Result<(), Error> {
        let Some(limit) = &self.limit else { return Ok(()) };
        match Amount::parse(limit, offer.currency) {
            None => Err(Error::LimitUnreadable { limit: limit.clone(), currency: offer.currency.as_str().to_owned() }),
            Some(most) if offer.amount > most.minor => {
                Err(Error::AboveLimit { amount: offer.amount(), limit: most.to_string() })
            }
            Some(_) => Ok(()),
        }
    }

    fn confirm(&mut self, _: Amount, _: &str) -> bool {
        true
    }

    fn decide(&mut self) -> Decision {
        self.decision
    }
}
