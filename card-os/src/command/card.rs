//! The card as a whole: GET CHALLENGE, STORE DATA, SET STATUS and GET STATUS.

use apdu_spec::instruction::{GetChallenge, GetStatus, SetStatus, StoreData};
use apdu_spec::{LifeCycle, Writer};
use rand_core::RngCore;

use super::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::{life_cycle, pin, provider};

impl Handle for GetChallenge {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        context.random()?.fill_bytes(reply.extend(self.length)?);
        Ok(())
    }
}

impl Handle for StoreData<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let granted = context.permit_personalisation()?;
        match self {
            Self::Pin(record) => pin::personalise(context, &granted, &record),
            Self::Provider(record) => provider::personalise(context, &granted, &record),
        }
    }
}

/// Forward only, and SECURED is the last step that can be taken in the clear.
impl Handle for SetStatus {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let _granted = context.permit_personalisation()?;
        match self.state {
            LifeCycle::Initialized | LifeCycle::Secured if self.state > context.state => {
                life_cycle::set(context.store, self.state)
            }
            LifeCycle::OpReady
            | LifeCycle::Initialized
            | LifeCycle::Secured
            | LifeCycle::CardLocked
            | LifeCycle::Terminated => Err(Refusal::OutOfOrder),
        }
    }
}

impl Handle for GetStatus {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        Ok(Self::encode_answer(context.state, reply)?)
    }
}
