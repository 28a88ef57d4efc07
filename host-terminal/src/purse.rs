//! A card made ready for a transaction: application selected, PIN compared, account chosen, descriptor loaded.

use std::time::{SystemTime, UNIX_EPOCH};

use apdu_spec::Status;
use apdu_spec::instruction::{PinReference, Verify, VerifyPart};
use apdu_spec::journal::JournalEntry;
use apdu_spec::transaction::{AcknowledgmentInput, Decision, FreshKey, KeyExchangeInput, TransactionInput};
use protocol::amount::Amount;
use protocol::message::descriptor::{self, Descriptor};
use protocol::message::{Kind, bare};
use protocol::types::{Number, Options, ProviderId, Role, TransactionId, TransactionKind};

use crate::card::{Account, Card, CardError, Part, Pin};
use crate::error::{Error, Misbehaviour};
use crate::hop::Upstream;
use crate::member::check_refusal;
use crate::offer::Offer;

/// The PIN that is compared where an account does not ask for one itself: its policy may.
const USUAL_PIN: u8 = 1;

/// A provider's descriptor as it is handed to cards, in force when it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDescriptor {
    /// The provider.
    pub provider: ProviderId,
    /// The descriptor message.
    pub message: Vec<u8>,
}

impl SignedDescriptor {
    /// Fetches it through `upstream`. A terminal checks validity, which a card without a clock cannot; the card checks
    /// the signature.
    ///
    /// # Errors
    /// [`Error::NotInForce`], or the message is none.
    pub async fn fetch(upstream: &Upstream, hop: &'static str) -> Result<Self, Error> {
        let message = upstream.ask(&bare(Kind::DescriptorRequest)).await.map_err(Error::hop(hop))?;
        check_refusal(&message)?;
        let signed = descriptor::parse(&message).map_err(Error::misbehaved(hop))?;
        let descriptor = Descriptor::read_unverified(signed).map_err(Error::misbehaved(hop))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if !(descriptor.not_before..=descriptor.not_after).contains(&now) {
            return Err(Error::NotInForce);
        }
        Ok(Self { provider: descriptor.provider, message })
    }

    fn signed(&self) -> &[u8] {
        descriptor::parse(&self.message).unwrap_or_default()
    }
}

/// A card, and the account of it that is used. It is ready once the PIN is compared.
pub struct Purse {
    /// The card.
    pub card: Card,
    account: Account,
}

impl Purse {
    /// Selects the application, and compares the PIN for the account that `wanted` picks out.
    ///
    /// # Errors
    /// [`Error::Card`], or `otherwise` where the card has no such account.
    pub async fn open(
        card: Card,
        pin: &Pin,
        wanted: impl Fn(&Account) -> bool,
        otherwise: Error,
    ) -> Result<Self, Error> {
        let mut purse = Self::find(card, wanted, otherwise).await?;
        purse.verify(pin).await?;
        Ok(purse)
    }

    /// Selects the application and finds the account that `wanted` picks out; no PIN is compared.
    ///
    /// # Errors
    /// [`Error::Card`], or `otherwise` where the card has no such account.
    pub async fn find(mut card: Card, wanted: impl Fn(&Account) -> bool, otherwise: Error) -> Result<Self, Error> {
        card.select().await?;
        let account = card.accounts().await?.into_iter().find(wanted).ok_or(otherwise)?;
        Ok(Self { card, account })
    }

    /// Compares the PIN for the account.
    ///
    /// # Errors
    /// [`CardError::WrongPin`], after which another may be tried; or another.
    pub async fn verify(&mut self, pin: &Pin) -> Result<(), Error> {
        verify(&mut self.card, self.account.pin(), pin).await
    }

    /// How many wrong PINs more the card takes until it blocks; `None` where it asks for no PIN.
    ///
    /// # Errors
    /// [`Error::Card`].
    pub async fn tries(&mut self) -> Result<Option<u8>, Error> {
        let usual = || PinReference::parse(USUAL_PIN).ok();
        let Some(reference) = self.account.pin().or_else(usual) else { return Ok(None) };
        match self.card.send("VERIFY", &Verify { reference, part: VerifyPart::Ask }).await {
            Ok(_) | Err(CardError::Refused { status: Status::REFERENCE_NOT_FOUND, .. }) => Ok(None),
            Err(CardError::WrongPin { left }) => Ok(Some(left)),
            Err(CardError::PinBlocked) => Ok(Some(0)),
            Err(other) => Err(other.into()),
        }
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// What the card remembers of the account's transactions, the newest first.
    ///
    /// # Errors
    /// [`Error::Card`].
    pub async fn journal(&mut self) -> Result<Vec<JournalEntry>, Error> {
        let mut journal = self.card.journal().await?;
        journal.retain(|entry| entry.provider == self.account.reference);
        Ok(journal)
    }

    /// Chooses the account and loads its provider's descriptor: a new session can begin.
    ///
    /// # Errors
    /// [`Error::Card`], or the descriptor is another provider's.
    pub async fn prepare(&mut self, descriptor: &SignedDescriptor, hop: &'static str) -> Result<(), Error> {
        if descriptor.provider != self.account.provider {
            return Err(Error::misbehaved(hop)(Misbehaviour::OtherProvider));
        }
        self.card.choose(self.account.reference).await?;
        Ok(self.card.load_descriptor(descriptor.signed()).await?)
    }
}

/// Compares the PIN that an account asks for. Where it asks for none, its policy may still want the usual one, if the
/// card has it.
pub(crate) async fn verify(card: &mut Card, asked: Option<PinReference>, pin: &Pin) -> Result<(), Error> {
    let Some(reference) = asked.or_else(|| PinReference::parse(USUAL_PIN).ok()) else { return Ok(()) };
    match card.verify(reference, pin).await {
        Err(CardError::Refused { status: Status::REFERENCE_NOT_FOUND, .. }) if asked.is_none() => Ok(()),
        other => Ok(other?),
    }
}

/// Asks for a session; whoever proves its account lets the others be given its name.
#[must_use]
pub const fn key_exchange(prove_account: bool) -> Part<'static> {
    Part::KeyExchange(KeyExchangeInput {
        options: Options::none().bits(),
        fresh_key: FreshKey::No,
        prove_account,
        plain_text: &[],
        sensitive: &[],
    })
}

/// A purchase, with one other member.
#[must_use]
pub fn purchase(offer: &Offer, role: Role, counterparty: Number) -> Part<'static> {
    Part::Transaction(TransactionInput {
        kind: TransactionKind::PURCHASE.0,
        role: role.0,
        amount: offer.amount,
        currency: offer.currency.0,
        counterparties: vec![counterparty].into_iter(),
        reference: None,
        plain_text: &[],
        sensitive: &[],
    })
}

/// Something about an earlier transaction: how did it end ([`TransactionKind::INQUIRY`]), or call it off
/// ([`TransactionKind::CANCELLATION`]).
#[must_use]
pub fn about<'a>(kind: TransactionKind, reference: &'a TransactionId, amount: Amount) -> Part<'a> {
    Part::Transaction(TransactionInput {
        kind: kind.0,
        role: Role::INQUIRER.0,
        amount: amount.minor,
        currency: amount.currency.0,
        counterparties: Vec::new().into_iter(),
        reference: Some(reference.as_bytes()),
        plain_text: &[],
        sensitive: &[],
    })
}

/// Accepts or rejects.
#[must_use]
pub const fn acknowledgment(decision: Decision) -> Part<'static> {
    Part::Acknowledgment(AcknowledgmentInput { decision, plain_text: &[], data: &[], sensitive: &[] })
}
