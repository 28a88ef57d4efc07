//! The card as a whole: GET CHALLENGE, STORE DATA, SET STATUS and GET STATUS.

use apdu_spec::instruction::{GetChallenge, GetStatus, SetStatus, StoreData};
use apdu_spec::{LifeCycle, Writer};
use rand_core::RngCore;

use super::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::{key, life_cycle, pin, provider};

impl Handle for GetChallenge {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let challenge = reply.extend(self.length)?;
        context.random()?.fill_bytes(challenge);
        context.channel.challenge = (&*challenge).try_into().ok();
        Ok(())
    }
}

impl Handle for StoreData<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let granted = context.permit_personalisation()?;
        match self {
            Self::Pin(record) => pin::personalise(context, &granted, &record),
            Self::Provider(record) => provider::personalise(context, &granted, &record),
            Self::Key(record) => key::personalise(context, &granted, &record),
            Self::DeleteKey(reference) => key::delete(context, &granted, reference),
        }
    }
}

/// Forward in the clear until SECURED; from there on, through the issuer's secure channel, a card is locked, unlocked
/// and ended.
impl Handle for SetStatus {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let _granted = context.permit_personalisation()?;
        use LifeCycle::{CardLocked, Initialized, OpReady, Secured, Terminated};
        match (context.state, self.state) {
            (OpReady, Initialized | Secured)
            | (Initialized, Secured)
            | (Secured, CardLocked | Terminated)
            | (CardLocked, Secured | Terminated) => life_cycle::set(context.store, self.state),
            _ => Err(Refusal::OutOfOrder),
        }
    }
}

impl Handle for GetStatus {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        Ok(Self::encode_answer(context.state, reply)?)
    }
}
