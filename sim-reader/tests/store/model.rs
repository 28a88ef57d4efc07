//! What the store must look like: a map, and a copy of it that the running transaction changes.

use std::collections::BTreeMap;

use card_os::store::{Fault, ObjectId, Store};
use embedded_storage::nor_flash::NorFlash;

/// The objects by number.
pub(crate) type Objects = BTreeMap<u32, Vec<u8>>;

/// One thing done to a store.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Write(u32, Vec<u8>),
    Patch(u32, usize, Vec<u8>),
    Resize(u32, usize),
    Delete(u32),
    Commit,
    Rollback,
    Purge(usize),
}

/// The model: what is durable, and what the running transaction sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) durable: Objects,
    pub(crate) pending: Objects,
}

impl Model {
    pub(crate) fn of(objects: Objects) -> Self {
        Self { durable: objects.clone(), pending: objects }
    }

    /// What the step must answer, applied if it succeeds. Room is not modelled.
    pub(crate) fn apply(&mut self, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::Write(id, content) => {
                self.pending.insert(*id, content.clone());
            }
            Step::Patch(id, offset, bytes) => {
                let object = self.pending.get_mut(id).ok_or("NotFound")?;
                object.get_mut(*offset..offset + bytes.len()).ok_or("OutOfRange")?.copy_from_slice(bytes);
            }
            Step::Resize(id, length) => self.pending.entry(*id).or_default().resize(*length, 0),
            Step::Delete(id) => {
                self.pending.remove(id).ok_or("NotFound")?;
            }
            Step::Commit => self.durable = self.pending.clone(),
            Step::Rollback => self.pending = self.durable.clone(),
            Step::Purge(_) => {}
        }
        Ok(())
    }
}

/// Does the step to a store.
pub(crate) fn run<F: NorFlash, const CHUNKS: usize>(
    store: &mut Store<F, CHUNKS>,
    step: &Step,
) -> Result<(), Fault<F::Error>> {
    match step {
        Step::Write(id, content) => store.write(ObjectId(*id), content),
        Step::Patch(id, offset, bytes) => store.patch(ObjectId(*id), *offset, bytes),
        Step::Resize(id, length) => store.resize(ObjectId(*id), *length),
        Step::Delete(id) => store.delete(ObjectId(*id)),
        Step::Commit => store.commit(),
        Step::Rollback => {
            store.rollback();
            Ok(())
        }
        Step::Purge(pages) => store.purge(*pages).map(drop),
    }
}

/// Everything a store shows.
pub(crate) fn objects<F: NorFlash, const CHUNKS: usize>(store: &mut Store<F, CHUNKS>) -> Objects
where
    F::Error: PartialEq,
{
    let ids: Vec<ObjectId> = store.ids(ObjectId(0)..=ObjectId(u32::MAX)).collect();
    let mut shown = Objects::new();
    for id in ids {
        let mut content = vec![0xA5; store.length(id).unwrap()];
        assert!(store.read(id, 0, &mut content) == Ok(()), "object {id:?} does not read");
        let mut whole = vec![0x5A; content.len()];
        assert!(store.read_all(id, &mut whole) == Ok(content.len()) && whole == content, "{id:?} is not one object");
        let short = content.len().checked_sub(1).map(|length| vec![0; length]);
        assert!(short.is_none_or(|mut short| store.read_all(id, &mut short) == Err(Fault::OutOfRange)));
        shown.insert(id.0, content);
    }
    shown
}
