//! What is in files of data objects (ISO/IEC 7816-4, 7.4 and 11.5): each an object of its own, in the slot of a record,
//! whole with tag and length.

use apdu_spec::instruction::Tags;
use apdu_spec::limits::{DATA_MAX, RECORDS_MAX};
use apdu_spec::{FileDescriptor, Malformed, Reader, Tag, Writer};
use embedded_storage::nor_flash::NorFlash;

use super::File;
use crate::access::Granted;
use crate::refusal::Refusal;
use crate::store::{ObjectId, Store};

/// Bytes in which tag and length of any data object lie.
const HEADER_MAX: usize = 6;

impl Granted<File> {
    /// Appends the value of the data object with this tag.
    pub(crate) fn read_value<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        tag: Tag,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        self.room()?;
        let object = self.object(store, tag)?.ok_or(Refusal::ReferenceNotFound)?;
        let part = reply.extend(object.length - object.value)?;
        Ok(store.read(object.id, object.value, part)?)
    }

    /// Appends the data objects with these tags, as far as they are there.
    pub(crate) fn read_objects<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        tags: Tags<'_>,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        self.room()?;
        if tags.is_all() {
            let mut next = self.first(store);
            while let Some(id) = next {
                append(store, id, reply)?;
                next = self.behind(store, id);
            }
        }
        for tag in tags.iter() {
            if let Some(object) = self.object(store, tag)? {
                append(store, object.id, reply)?;
            }
        }
        if reply.is_empty() { Err(Refusal::ReferenceNotFound) } else { Ok(()) }
    }

    /// Puts data objects in; one whose value is empty goes. They are put together where the reply
    /// will be.
    pub(crate) fn put_objects<'a, F: NorFlash>(
        &self,
        store: &mut Store<F>,
        objects: impl Iterator<Item = (Tag, &'a [u8])>,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        let room = self.room()?;
        for (tag, value) in objects {
            match (self.object(store, tag)?, value) {
                (None, []) => return Err(Refusal::ReferenceNotFound),
                (Some(there), []) => store.delete(there.id)?,
                (there, value) => {
                    let id = there.map_or_else(|| self.free(store), |there| Ok(there.id))?;
                    reply.field(tag, value)?;
                    store.write(id, reply.written())?;
                    reply.truncate(0);
                }
            }
        }
        if self.taken(store) > room { Err(Refusal::NoSpace) } else { Ok(()) }
    }

    fn object<F: NorFlash>(&self, store: &mut Store<F>, tag: Tag) -> Result<Option<Object>, Refusal> {
        let mut next = self.first(store);
        while let Some(id) = next {
            let object = Object::load(store, id)?;
            if object.tag == tag {
                return Ok(Some(object));
            }
            next = self.behind(store, id);
        }
        Ok(None)
    }

    fn first<F: NorFlash>(&self, store: &Store<F>) -> Option<ObjectId> {
        self.behind(store, self.subject().number.record(0))
    }

    fn behind<F: NorFlash>(&self, store: &Store<F>, id: ObjectId) -> Option<ObjectId> {
        store.next(id).filter(|next| *next <= self.subject().number.record(RECORDS_MAX))
    }

    fn free<F: NorFlash>(&self, store: &Store<F>) -> Result<ObjectId, Refusal> {
        let mut slots = (1..=RECORDS_MAX).map(|slot| self.subject().number.record(slot));
        slots.find(|id| store.length(*id).is_none()).ok_or(Refusal::NoSpace)
    }

    fn taken<F: NorFlash>(&self, store: &Store<F>) -> usize {
        let file = self.subject().number;
        store.ids(file.record(0)..=file.record(RECORDS_MAX)).filter_map(|id| store.length(id)).sum()
    }

    fn room(&self) -> Result<usize, Refusal> {
        match self.subject().parameters()?.descriptor {
            FileDescriptor::DataObjects { size } => Ok(size.into()),
            FileDescriptor::Directory
            | FileDescriptor::Transparent { .. }
            | FileDescriptor::LinearFixed(_)
            | FileDescriptor::LinearVariable(_)
            | FileDescriptor::Cyclic(_) => Err(Refusal::WrongFileType),
        }
    }
}

/// A data object that is there.
struct Object {
    id: ObjectId,
    tag: Tag,
    /// Where its value begins.
    value: usize,
    length: usize,
}

impl Object {
    fn load<F: NorFlash>(store: &mut Store<F>, id: ObjectId) -> Result<Self, Refusal> {
        let length = store.length(id).ok_or(Refusal::Fault)?;
        let mut space = [0; HEADER_MAX];
        let header = space.get_mut(..length.min(HEADER_MAX)).ok_or(Refusal::Fault)?;
        store.read(id, 0, header)?;
        let mut input = Reader::new(header);
        let tag = input.tag().map_err(|_| Refusal::Fault)?;
        let value = input.length().map_err(|_| Refusal::Fault)?;
        Ok(Self { id, tag, value: length - value, length })
    }
}

fn append<F: NorFlash>(store: &mut Store<F>, id: ObjectId, reply: &mut Writer<'_>) -> Result<(), Refusal> {
    let length = store.length(id).ok_or(Refusal::Fault)?;
    if reply.len() + length > DATA_MAX {
        return Err(Malformed::Length.into());
    }
    Ok(store.read(id, 0, reply.extend(length)?)?)
}
