//! STORE DATA: whole, or from blocks.

use core::mem;

use apdu_spec::Writer;
use apdu_spec::instruction::{CardObject, StoreBlock, StoreData, StoreForm};
use apdu_spec::limits::STORE_DATA_MAX;
use apdu_spec::provider::{ProviderReference, ProviderUpdate};
use zeroize::Zeroizing;

use super::Handle;
use crate::application::Domain;
use crate::context::Context;
use crate::platform::Platform;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::secure_channel::KeySetName;
use crate::{key, objects, pin, provider};

/// The blocks that have come so far. Any command but the next one forgets them.
#[derive(Default)]
pub(crate) struct Blocks {
    bytes: Zeroizing<Vector>,
    /// What the next block must be; `None` where the first one must come.
    next: Option<Next>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Next {
    block: u8,
    form: StoreForm,
    /// Who brings it: the logical channel, and the key set of its secure channel.
    channel: u8,
    host: Option<KeySetName>,
}

impl Handle for StoreData<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let Self::Block(block) = self else {
            context.blocks.forget();
            return context.store_data(self);
        };
        let next = Next { block: block.number, form: block.form, channel: context.number, host: context.host };
        context.blocks.take(&block, next)?;
        if !block.is_last {
            return Ok(());
        }
        let mut blocks = mem::take(context.blocks);
        let mut data = blocks.bytes.written_mut();
        if block.form.is_encrypted {
            context.host.ok_or(Refusal::NotGranted)?;
            data = context.secure.decrypt_data(data)?;
        }
        let whole = StoreData::parse_whole(block.form, data)?;
        context.store_data(whole)
    }
}

impl Blocks {
    /// Forgets the blocks.
    pub(crate) fn forget(&mut self) {
        if self.next.is_some() {
            *self = Self::default();
        }
    }

    fn take(&mut self, block: &StoreBlock<'_>, this: Next) -> Result<(), Refusal> {
        if block.number == 0 {
            self.forget();
        } else if self.next != Some(this) {
            return Err(Refusal::OutOfOrder);
        }
        self.bytes.append(block.data)?;
        // There are never so many blocks that the number ends: each has at least a byte.
        self.next = this.block.checked_add(1).map(|block| Next { block, ..this });
        Ok(())
    }
}

impl<P: Platform> Context<'_, P> {
    /// What belongs to the issuer comes through its own domain; a provider's domain takes what changes its record.
    fn store_data(&mut self, data: StoreData<'_>) -> Result<(), Refusal> {
        match (self.domain()?, data) {
            (Domain::Provider(reference), StoreData::Update(update)) => self.update_record(reference, &update),
            (Domain::Issuer, StoreData::Update(_)) | (Domain::Provider(_), _) => {
                // Whoever may not do it here learns nothing else.
                self.permit_personalisation()?;
                Err(Refusal::OutOfOrder)
            }
            (Domain::Issuer, data) => self.personalise(data),
        }
    }

    fn update_record(&mut self, reference: ProviderReference, update: &ProviderUpdate<'_>) -> Result<(), Refusal> {
        let record = Provider::load(self.store, reference)?;
        let record = self.permit_management(reference, record)?;
        provider::update(self, &record, update)
    }

    fn personalise(&mut self, data: StoreData<'_>) -> Result<(), Refusal> {
        let granted = self.permit_personalisation()?;
        match data {
            StoreData::Pin(record) => pin::personalise(self, &granted, &record),
            StoreData::Provider(record) => provider::personalise(self, &granted, &record),
            StoreData::Key(record) => key::personalise(self, &granted, &record),
            StoreData::DeleteKey(reference) => key::delete(self, &granted, reference),
            StoreData::IssuerNumber(number) => {
                Ok(self.store.write(objects::card_object(CardObject::ISSUER_NUMBER), number)?)
            }
            StoreData::CardNumber(number) => {
                Ok(self.store.write(objects::card_object(CardObject::CARD_NUMBER), number)?)
            }
            StoreData::Update(_) | StoreData::Block(_) => Err(Refusal::Fault),
        }
    }
}

/// Bytes that grow.
struct Vector {
    bytes: [u8; STORE_DATA_MAX],
    length: usize,
}

impl Default for Vector {
    fn default() -> Self {
        Self { bytes: [0; STORE_DATA_MAX], length: 0 }
    }
}

impl zeroize::Zeroize for Vector {
    fn zeroize(&mut self) {
        self.written_mut().zeroize();
        self.length = 0;
    }
}

impl Vector {
    fn append(&mut self, more: &[u8]) -> Result<(), Refusal> {
        let end = self.length + more.len();
        self.bytes.get_mut(self.length..end).ok_or(Refusal::NoSpace)?.copy_from_slice(more);
        self.length = end;
        Ok(())
    }

    fn written_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}
