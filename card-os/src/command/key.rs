//! GENERATE ASYMMETRIC KEY PAIR.

use apdu_spec::instruction::{GenerateKeyPair, Pair};
use apdu_spec::key::Template;
use apdu_spec::provider::ProviderReference;
use apdu_spec::{KeyReference, Writer};
use protocol::crypto::PublicKey;

use super::Handle;
use crate::context::Context;
use crate::key::{self, Key};
use crate::platform::Platform;
use crate::provider::{self, Provider, SigningKey};
use crate::refusal::Refusal;

impl Handle for GenerateKeyPair {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let public = match self.pair {
            Pair::Provider(provider) => context.provider_pair(provider, self.generate)?,
            Pair::Key(template, reference) => context.key_pair(template, reference, self.generate)?,
        };
        Ok(Self::encode_answer(&public.0, reply)?)
    }
}

impl<P: Platform> Context<'_, P> {
    fn provider_pair(&mut self, reference: ProviderReference, generate: bool) -> Result<PublicKey, Refusal> {
        let record = Provider::load(self.store, reference)?;
        if generate {
            let record = self.permit_management(reference, record)?;
            provider::generate_key(self, &record, reference)?;
            return Ok(*SigningKey::load(self.store, &record)?.public());
        }
        let record = self.permit_use(record)?;
        Ok(*SigningKey::load(self.store, &record)?.public())
    }

    fn key_pair(&mut self, template: Template, reference: KeyReference, generate: bool) -> Result<PublicKey, Refusal> {
        let key = Key::load(self.store, reference)?;
        if key.purpose().template() != template {
            return Err(Refusal::OutOfOrder);
        }
        if generate {
            let granted = self.permit_personalisation()?;
            key::generate(self, &granted, &key)?;
        }
        key.public(self.store)
    }
}
