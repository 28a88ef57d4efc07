//! DELETE.

use apdu_spec::Writer;
use apdu_spec::instruction::Delete;
use apdu_spec::provider::ProviderReference;

use super::Handle;
use crate::application::Domain;
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
                let mut records = ProviderReference::all();
                let record = records.find(|record| Domain::Provider(*record).name() == name);
                provider::delete(context, &granted, record.ok_or(Refusal::ReferenceNotFound)?)?;
                Ok(reply.put(&Self::CONFIRMATION)?)
            }
        }
    }
}
