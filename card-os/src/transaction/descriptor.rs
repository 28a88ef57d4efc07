//! LOAD DESCRIPTOR, and the descriptor that the card keeps of each provider.

use apdu_spec::Writer;
use apdu_spec::instruction::LoadDescriptor;
use apdu_spec::provider::ProviderReference;
use embedded_storage::nor_flash::NorFlash;
use protocol::crypto::{PublicKey, RustCrypto};
use protocol::message::descriptor::{Descriptor, SIGNED_MAX};

use super::{Session, Stage};
use crate::command::Handle;
use crate::context::Context;
use crate::objects;
use crate::platform::Platform;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::store::Store;

/// Accepts what the record's root key signed, unless a higher version was accepted before. The one accepted last is
/// known by its bytes and needs no second verification.
impl Handle for LoadDescriptor<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let (owner, stage) = context.transaction.of(context.number)?;
        if !matches!(stage, Stage::Chosen | Stage::Ready) {
            return Err(Refusal::OutOfOrder);
        }
        let provider = Provider::load(context.store, owner.provider)?;
        let accepted = Accepted::load(context.store, owner.provider)?;
        if accepted.as_ref().is_none_or(|accepted| accepted.signed() != self.descriptor) {
            let descriptor = verify(&provider, self.descriptor)?;
            let last = accepted.map(|accepted| accepted.descriptor()).transpose()?;
            if last.is_some_and(|last| descriptor.version < last.version) {
                return Err(Refusal::Outdated);
            }
            context.store.write(objects::descriptor(owner.provider), self.descriptor)?;
            context.store.commit()?;
        }
        *context.transaction = Session::Open(owner, Stage::Ready);
        Ok(())
    }
}

/// The descriptor that was accepted last.
pub(super) fn accepted<F: NorFlash>(store: &mut Store<F>, provider: ProviderReference) -> Result<Descriptor, Refusal> {
    Accepted::load(store, provider)?.ok_or(Refusal::OutOfOrder)?.descriptor()
}

fn verify(provider: &Provider, signed: &[u8]) -> Result<Descriptor, Refusal> {
    let record = provider.record()?;
    let descriptor = Descriptor::verify::<RustCrypto>(signed, &PublicKey(*record.root_key))?;
    if descriptor.provider.as_bytes() == record.info.provider { Ok(descriptor) } else { Err(Refusal::NotVerified) }
}

/// A signed descriptor as it came.
struct Accepted {
    bytes: [u8; SIGNED_MAX],
    length: usize,
}

impl Accepted {
    fn load<F: NorFlash>(store: &mut Store<F>, provider: ProviderReference) -> Result<Option<Self>, Refusal> {
        let id = objects::descriptor(provider);
        let Some(length) = store.length(id) else { return Ok(None) };
        let mut accepted = Self { bytes: [0; SIGNED_MAX], length };
        store.read(id, 0, accepted.bytes.get_mut(..length).ok_or(Refusal::Fault)?)?;
        Ok(Some(accepted))
    }

    fn signed(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Verified before it was kept.
    fn descriptor(&self) -> Result<Descriptor, Refusal> {
        Descriptor::read_unverified(self.signed()).map_err(|_| Refusal::Fault)
    }
}
