//! What is in files. Every function here demands the permission that [`Context::permit`](crate::context::Context)
//! gives.

use apdu_spec::file::Records;
use apdu_spec::limits::{DATA_MAX, RECORDS_MAX};
use apdu_spec::{FileDescriptor, Malformed, Writer};
use embedded_storage::nor_flash::NorFlash;

use super::File;
use crate::access::Granted;
use crate::objects::FileNumber;
use crate::refusal::Refusal;
use crate::store::Store;

impl Granted<File> {
    /// Appends at most `length` bytes of a transparent file from `offset` on.
    pub(crate) fn read_binary<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        offset: u16,
        length: usize,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        let left = self.size()?.checked_sub(offset.into()).ok_or(Refusal::WrongOffset)?;
        let part = reply.extend(length.min(left).min(DATA_MAX))?;
        Ok(store.read(self.subject().number.content(), offset.into(), part)?)
    }

    /// Replaces bytes of a transparent file.
    pub(crate) fn update_binary<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        offset: u16,
        data: &[u8],
    ) -> Result<(), Refusal> {
        let left = self.size()?.checked_sub(offset.into()).ok_or(Refusal::WrongOffset)?;
        if data.len() > left {
            return Err(Refusal::NoSpace);
        }
        Ok(store.patch(self.subject().number.content(), offset.into(), data)?)
    }

    /// Appends at most `length` bytes of a record.
    pub(crate) fn read_record<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        number: u8,
        length: usize,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        self.records()?;
        let id = self.subject().number.record(number);
        let available = store.length(id).ok_or(Refusal::RecordNotFound)?;
        let part = reply.extend(length.min(available))?;
        Ok(store.read(id, 0, part)?)
    }

    /// Replaces a record.
    pub(crate) fn update_record<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        number: u8,
        data: &[u8],
    ) -> Result<(), Refusal> {
        self.check_record(data)?;
        let id = self.subject().number.record(number);
        store.length(id).ok_or(Refusal::RecordNotFound)?;
        Ok(store.write(id, data)?)
    }

    /// Adds a record behind the last.
    pub(crate) fn append_record<F: NorFlash>(&self, store: &mut Store<F>, data: &[u8]) -> Result<(), Refusal> {
        let records = self.check_record(data)?;
        let file = self.subject().number;
        let free = (1..=records.count).find(|number| store.length(file.record(*number)).is_none());
        Ok(store.write(file.record(free.ok_or(Refusal::NoSpace)?), data)?)
    }

    fn size(&self) -> Result<usize, Refusal> {
        match self.subject().parameters()?.descriptor {
            FileDescriptor::Transparent { size } => Ok(size.into()),
            FileDescriptor::Directory | FileDescriptor::LinearFixed(_) | FileDescriptor::LinearVariable(_) => {
                Err(Refusal::WrongFileType)
            }
        }
    }

    fn records(&self) -> Result<Records, Refusal> {
        self.subject().parameters()?.descriptor.records().ok_or(Refusal::WrongFileType)
    }

    fn check_record(&self, data: &[u8]) -> Result<Records, Refusal> {
        let records = self.records()?;
        let fits = match self.subject().parameters()?.descriptor {
            FileDescriptor::LinearFixed(_) => data.len() == usize::from(records.size),
            FileDescriptor::LinearVariable(_) => data.len() <= usize::from(records.size),
            FileDescriptor::Directory | FileDescriptor::Transparent { .. } => false,
        };
        if fits { Ok(records) } else { Err(Malformed::Length.into()) }
    }
}

/// Records are appended and never taken out one by one, so the first gap is the end.
pub(super) fn delete_records<F: NorFlash>(store: &mut Store<F>, file: FileNumber) -> Result<(), Refusal> {
    for id in (1..=RECORDS_MAX).map(|number| file.record(number)) {
        if store.length(id).is_none() {
            break;
        }
        store.delete(id)?;
    }
    Ok(())
}
