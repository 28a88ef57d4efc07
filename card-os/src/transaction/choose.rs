//! LIST PROVIDERS, CHOOSE PROVIDER and CHANGE CONDITION.

use apdu_spec::instruction::{ChangeCondition, ChooseProvider, ListProviders};
use apdu_spec::provider::ProviderReference;
use apdu_spec::{Tag, Writer};

use super::{Owner, Session, Stage};
use crate::command::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::provider::{self, Provider};
use crate::refusal::Refusal;

impl Handle for ListProviders {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        for reference in ProviderReference::all() {
            match Provider::load(context.store, reference) {
                Ok(provider) if provider.is_locked() => {}
                Ok(provider) => {
                    let info = provider.info()?;
                    reply.template(Tag::PROVIDER, |out| info.encode(out))?;
                }
                Err(Refusal::ReferenceNotFound) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }
}

impl Handle for ChooseProvider {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        *context.transaction = Session::Idle;
        let provider = Provider::load(context.store, self.provider)?;
        context.permit_use(provider)?;
        let owner = Owner { channel: context.number, provider: self.provider };
        *context.transaction = Session::Open(owner, Stage::Chosen);
        Ok(())
    }
}

impl Handle for ChangeCondition {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let provider = Provider::load(context.store, self.provider)?;
        let provider = context.permit_condition_change(provider)?;
        provider::set_condition(context, &provider, self.condition)
    }
}
