//! GENERATE ASYMMETRIC KEY PAIR.

use apdu_spec::Writer;
use apdu_spec::instruction::GenerateKeyPair;

use super::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::provider::{self, Provider, SigningKey};
use crate::refusal::Refusal;

impl Handle for GenerateKeyPair {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let record = Provider::load(context.store, self.provider)?;
        if self.generate {
            let granted = context.permit_personalisation()?;
            provider::generate_key(context, &granted, self.provider)?;
        }
        let record = context.permit_use(record)?;
        let key = SigningKey::load(context.store, &record)?;
        Ok(Self::encode_answer(&key.public().0, reply)?)
    }
}
