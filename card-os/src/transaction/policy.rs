//! The card's own limits for an account. The terminal supplies the amount, so that the access condition alone, once
//! met, would let it take anything.

use apdu_spec::instruction::PinReference;
use apdu_spec::provider::Policy;
use protocol::message::transaction::Terms;

use crate::access::Granted;
use crate::context::Context;
use crate::objects;
use crate::platform::Platform;
use crate::provider::Provider;
use crate::refusal::Refusal;

impl<P: Platform> Context<'_, P> {
    /// Refuses terms that the record's policy does not let pass, and counts what was signed without the PIN. The count
    /// becomes durable with the journal entry, before anything leaves the card.
    pub(super) fn limit(&mut self, provider: &Granted<Provider>, terms: &Terms) -> Result<(), Refusal> {
        let record = provider.subject().record()?;
        let Some(policy) = record.policy else { return Ok(()) };
        if !terms.role.may_be_debited() {
            return Ok(());
        }
        if terms.amount > policy.amount_max {
            return Err(Refusal::AboveLimit);
        }
        let id = objects::without_pin(record.info.reference);
        let mut count = [0];
        self.store.read(id, 0, &mut count)?;
        let is_verified = PinReference::parse(policy.pin).is_ok_and(|pin| self.channel.verified.contains(pin));
        let next = if is_verified { 0 } else { without_pin(&policy, terms.amount, count[0])? };
        Ok(self.store.write(id, &[next])?)
    }
}

/// The count after a transaction without the PIN.
fn without_pin(policy: &Policy, amount: u64, count: u8) -> Result<u8, Refusal> {
    if amount > policy.amount_without_pin || count >= policy.times_without_pin {
        return Err(Refusal::NotGranted);
    }
    count.checked_add(1).ok_or(Refusal::NotGranted)
}
