//! A side of a payment that is still held calls it off.

use apdu_spec::transaction::Decision;
use protocol::types::{TransactionId, TransactionKind};

use crate::PROVIDER;
use crate::card::{Card, Decided, Opened, Part, Pin};
use crate::error::{Error, Failure};
use crate::hop::Upstream;
use crate::member::Above;
use crate::purse::{self, Purse, SignedDescriptor};
use crate::receipt::Receipt;
use crate::status::{Earlier, inquire};
use crate::transact::{Nobody, Plan, transact};

/// Calls a transaction of the card's journal off, and tells how it stands then: released, or posted where it was too
/// late.
///
/// # Errors
/// [`Failure`]; it can be tried again.
pub async fn cancel(card: Card, pin: &Pin, provider: &Upstream, wanted: TransactionId) -> Result<Receipt, Failure> {
    let descriptor = SignedDescriptor::fetch(provider, PROVIDER).await?;
    let here = descriptor.provider;
    let mut purse = Purse::open(card, pin, |account| account.provider == here, Error::NoAccount(here)).await?;
    let journal = purse.journal().await?;
    let entry = journal.iter().find(|entry| entry.transaction == wanted.0).ok_or(Error::NotInJournal)?;
    call_off(&mut purse, &descriptor, provider, &entry.into()).await
}

/// The same, with a card whose PIN is compared.
///
/// # Errors
/// [`Failure`]; it can be tried again.
pub async fn call_off(
    purse: &mut Purse,
    descriptor: &SignedDescriptor,
    provider: &Upstream,
    earlier: &Earlier,
) -> Result<Receipt, Failure> {
    purse.prepare(descriptor, PROVIDER).await?;
    let mut plan = Cancellation(earlier);
    // Declined, it has ended, or the provider has never heard of it; and whether an approval had its effect, or was
    // overtaken, is not for this transaction to say either. The inquiry tells.
    let called = transact(&mut purse.card, &mut plan, &Above::new(provider, PROVIDER), &mut Nobody).await;
    let still_open = |failure: Failure| Failure { transaction: Some(earlier.transaction), requested: true, ..failure };
    called.map_err(still_open)?;
    inquire(purse, descriptor, provider, earlier).await
}

struct Cancellation<'a>(&'a Earlier);

impl Plan for Cancellation<'_> {
    fn key_exchange(&mut self) -> Part<'_> {
        purse::key_exchange(false)
    }

    fn transaction(&mut self, _: &Opened) -> Result<Part<'_>, Error> {
        Ok(purse::about(TransactionKind::CANCELLATION, &self.0.transaction, self.0.amount))
    }

    fn acknowledgment(&mut self, _: &Decided) -> Result<Part<'_>, Error> {
        Ok(purse::acknowledgment(Decision::Accept))
    }
}
