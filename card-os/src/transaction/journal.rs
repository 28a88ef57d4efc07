//! The transaction journal: the last transactions, cyclic, each an object of the store. Entries change in the same
//! store transaction as the command that causes it, so what the card gave out and what it remembers never disagree.
//!
//! The slots are there from the card's beginning, so that files that fill the card cannot take their room. An entry
//! that names no provider record is none: not yet, or no longer, and then it keeps its sequence number alone.

use apdu_spec::Writer;
use apdu_spec::instruction::GetJournal;
use apdu_spec::journal::{JournalEntry, Step};
use apdu_spec::limits::JOURNAL_ENTRIES;
use apdu_spec::provider::ProviderReference;
use embedded_storage::nor_flash::NorFlash;

use crate::command::Handle;
use crate::context::Context;
use crate::objects;
use crate::platform::Platform;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::store::Store;

/// The number of no provider record.
const NOBODY: u8 = 0;

/// Makes the slots of a new card.
pub(crate) fn create<F: NorFlash>(store: &mut Store<F>) -> Result<(), Refusal> {
    for slot in 0..JOURNAL_ENTRIES {
        store.resize(objects::journal(slot), JournalEntry::LENGTH)?;
    }
    Ok(())
}

/// Adds an entry, whose sequence number is set here, in the place of the oldest.
pub(crate) fn append<F: NorFlash>(store: &mut Store<F>, entry: JournalEntry) -> Result<(), Refusal> {
    let sequence = newest(store)?.checked_add(1).ok_or(Refusal::NoSpace)?;
    put(store, &JournalEntry { sequence, ..entry })
}

/// Records that a transaction got to `step`. One that has been pushed out of the journal is not brought back.
pub(crate) fn advance<F: NorFlash>(
    store: &mut Store<F>,
    provider: ProviderReference,
    transaction: &[u8; 16],
    step: Step,
) -> Result<(), Refusal> {
    match find(store, provider, transaction)? {
        Some(entry) => put(store, &JournalEntry { step, ..entry }),
        None => Ok(()),
    }
}

/// Empties the entries of a record that ends: they are not for whoever may use the one that comes in its place.
pub(crate) fn forget<F: NorFlash>(store: &mut Store<F>, provider: ProviderReference) -> Result<(), Refusal> {
    for slot in 0..JOURNAL_ENTRIES {
        if let Some(entry) = get(store, slot)?.filter(|entry| entry.provider == provider) {
            let mut bytes = [0; JournalEntry::LENGTH];
            Writer::new(&mut bytes).put(&entry.sequence.to_be_bytes())?;
            store.write(objects::journal(slot), &bytes)?;
        }
    }
    Ok(())
}

/// Whether the card knows the transaction and has not accepted it: then nothing can have moved in it.
pub(crate) fn is_not_accepted<F: NorFlash>(
    store: &mut Store<F>,
    provider: ProviderReference,
    transaction: &[u8; 16],
) -> Result<bool, Refusal> {
    let step = find(store, provider, transaction)?.map(|entry| entry.step);
    Ok(matches!(step, Some(Step::Requested | Step::Approved | Step::Rejected)))
}

fn find<F: NorFlash>(
    store: &mut Store<F>,
    provider: ProviderReference,
    transaction: &[u8; 16],
) -> Result<Option<JournalEntry>, Refusal> {
    for sequence in recent(newest(store)?, JOURNAL_ENTRIES) {
        if let Some(entry) = get(store, slot(sequence))? {
            if entry.provider == provider && entry.transaction == *transaction {
                return Ok(Some(entry));
            }
        }
    }
    Ok(None)
}

impl Handle for GetJournal {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        for sequence in recent(newest(context.store)?, self.count) {
            if let Some(entry) = get(context.store, slot(sequence))? {
                match Provider::load(context.store, entry.provider).and_then(|record| context.permit_use(record)) {
                    Ok(_) => entry.encode(reply)?,
                    Err(Refusal::NotGranted | Refusal::ReferenceNotFound | Refusal::Locked) => {}
                    Err(refusal) => return Err(refusal),
                }
            }
        }
        Ok(())
    }
}

/// The last sequence number, 0 if there is none.
fn newest<F: NorFlash>(store: &mut Store<F>) -> Result<u32, Refusal> {
    let mut newest = 0;
    for slot in 0..JOURNAL_ENTRIES {
        let mut sequence = [0; 4];
        store.read(objects::journal(slot), 0, &mut sequence)?;
        newest = newest.max(u32::from_be_bytes(sequence));
    }
    Ok(newest)
}

/// Sequence numbers from the newest down, at most `count`.
fn recent(newest: u32, count: u8) -> impl Iterator<Item = u32> {
    (1..=newest).rev().take(count.into())
}

fn slot(sequence: u32) -> u8 {
    u8::try_from(sequence % u32::from(JOURNAL_ENTRIES)).unwrap_or(0)
}

fn get<F: NorFlash>(store: &mut Store<F>, slot: u8) -> Result<Option<JournalEntry>, Refusal> {
    let mut bytes = [0; JournalEntry::LENGTH];
    store.read(objects::journal(slot), 0, &mut bytes)?;
    if bytes.get(4) == Some(&NOBODY) {
        return Ok(None);
    }
    JournalEntry::parse(&bytes).map(Some).map_err(|_| Refusal::Fault)
}

fn put<F: NorFlash>(store: &mut Store<F>, entry: &JournalEntry) -> Result<(), Refusal> {
    let mut bytes = [0; JournalEntry::LENGTH];
    entry.encode(&mut Writer::new(&mut bytes))?;
    Ok(store.write(objects::journal(slot(entry.sequence)), &bytes)?)
}
