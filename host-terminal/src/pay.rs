//! The cardholder's terminal pays what a shop's terminal asks for.

use apdu_spec::transaction::Decision;
use protocol::amount::Amount;
use protocol::types::{Number, Role, TransactionId};

use crate::card::{Card, Opened, Pin};
use crate::error::{Error, Failure};
use crate::hop::Upstream;
use crate::member::{self, check_refusal};
use crate::offer::{self, Offer};
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::Receipt;
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

    let separated = member::leaf(&mut purse.card, &purse::key_exchange(false), shop, SHOP).await?;
    let mut opened = purse.card.receive_session(&separated.own).await.map_err(Error::from)?;
    if let Some(reason) = opened.refused.take() {
        return Ok(Receipt::refused(opened, reason));
    }
    let transaction = opened.transaction;
    let mut requested = false;
    let rounds = rounds(&mut purse, shop, &offer, &opened, payer, &mut requested).await;
    rounds.map_err(|error| Failure { error, transaction: Some(transaction), requested })
}

/// Transaction and acknowledgment.
async fn rounds(
    purse: &mut Purse,
    shop: &Upstream,
    offer: &Offer,
    opened: &Opened,
    payer: &mut dyn Payer,
    requested: &mut bool,
) -> Result<Receipt, Error> {
    let transaction: TransactionId = opened.transaction;
    let (payee, name) = payee(opened)?;
    if !payer.confirm(offer.amount(), &words::printable(name)) {
        return Err(Error::CalledOff);
    }
    let part = purse::purchase(offer, Role::PAYER, payee);
    let request = member::combine(&mut purse.card, &part, &[], SHOP).await?;
    *requested = true;
    let separated = request.ask(shop, SHOP).await?;
    let decided = purse.card.receive_decision(&separated.own).await?;
    let decided = match Receipt::decided(transaction, decided) {
        Ok(receipt) => return Ok(receipt),
        Err(approved) => approved,
    };
    let part = purse::acknowledgment(payer.decide());
    let separated = member::leaf(&mut purse.card, &part, shop, SHOP).await?;
    let ended = purse.card.receive_end(&separated.own).await?;
    Ok(Receipt::ended(transaction, decided, ended))
}

async fn ask_offer(shop: &Upstream) -> Result<Offer, Error> {
    let answer = shop.ask(&offer::request()).await.map_err(Error::hop(SHOP))?;
    check_refusal(&answer)?;
    Offer::parse(&answer).map_err(Error::misbehaved(SHOP))
}

/// The one other member who proved its account.
fn payee(opened: &Opened) -> Result<(Number, &str), Error> {
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
