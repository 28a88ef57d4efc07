//! DELETE.

use apdu_spec::Writer;
use apdu_spec::instruction::Delete;

use super::Handle;
use super::registry::provider_named;
use crate::context::Context;
use crate::platform::Platform;
use crate::provider;
use crate::refusal::Refusal;
use crate::secure_channel::key_set;

impl Handle for Delete<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        match self {
            Self::KeySet(version) => {
                let domain = context.permit_keys(context.domain()?)?;
                key_set::delete(context.store, &domain, version)
            }
            Self::Domain(name) => {
                let granted = context.permit_personalisation()?;
                provider::delete(context, &granted, provider_named(name)?)?;
                Ok(reply.put(&Self::CONFIRMATION)?)
            }
        }
    }
}
