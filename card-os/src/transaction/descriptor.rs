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
            Accepted::keep(context.store, owner.provider, self.descriptor)?;
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

/// Makes the room for a provider's descriptor, with none in it.
pub(crate) fn reserve<F: NorFlash>(store: &mut Store<F>, provider: ProviderReference) -> Result<(), Refusal> {
    Accepted::keep(store, provider, &[])
}

/// A signed descriptor as it came.
///
/// ```text
/// length (1)  descriptor, then zeros (235)
/// ```
struct Accepted {
    bytes: [u8; SIGNED_MAX],
    length: usize,
}

impl Accepted {
    fn load<F: NorFlash>(store: &mut Store<F>, provider: ProviderReference) -> Result<Option<Self>, Refusal> {
        let id = objects::descriptor(provider);
        let (mut length, mut bytes) = ([0], [0; SIGNED_MAX]);
        store.read(id, 0, &mut length)?;
        store.read(id, 1, &mut bytes)?;
        let length = usize::from(length[0]);
        Ok((length > 0).then_some(Self { bytes, length }))
    }

    /// In as many bytes as the longest takes, so that the next one finds room on a full card.
    fn keep<F: NorFlash>(store: &mut Store<F>, provider: ProviderReference, signed: &[u8]) -> Result<(), Refusal> {
        let mut bytes = [0; 1 + SIGNED_MAX];
        let mut out = Writer::new(&mut bytes);
        out.put_u8(u8::try_from(signed.len()).map_err(|_| Refusal::WRONG_DATA)?)?;
        out.put(signed)?;
        Ok(store.write(objects::descriptor(provider), &bytes)?)
    }

    fn signed(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Verified before it was kept.
    fn descriptor(&self) -> Result<Descriptor, Refusal> {
        Descriptor::read_unverified(self.signed()).map_err(|_| Refusal::Fault)
    }
}
