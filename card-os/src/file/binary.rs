//! What is in transparent files. Every function here demands the permission that
//! [`Context::permit`](crate::context::Context) gives.

use apdu_spec::instruction::Combination;
use apdu_spec::limits::DATA_MAX;
use apdu_spec::{FileDescriptor, Writer};
use embedded_storage::nor_flash::NorFlash;

use super::change::{combine, fill};
use super::{File, search};
use crate::access::Granted;
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

    /// Changes bytes of a transparent file.
    pub(crate) fn change_binary<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        combination: Combination,
        offset: u16,
        data: &[u8],
    ) -> Result<(), Refusal> {
        let left = self.size()?.checked_sub(offset.into()).ok_or(Refusal::WrongOffset)?;
        if data.len() > left {
            return Err(Refusal::NoSpace);
        }
        combine(store, self.subject().number.content(), offset.into(), data, combination)
    }

    /// Fills bytes of a transparent file with zeros, to `end` or to its end.
    pub(crate) fn erase_binary<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        offset: u16,
        end: Option<u16>,
    ) -> Result<(), Refusal> {
        let size = self.size()?;
        let end = end.map_or(size, usize::from);
        let length = end.checked_sub(offset.into()).filter(|_| end <= size).ok_or(Refusal::WrongOffset)?;
        fill(store, self.subject().number.content(), offset.into(), length)
    }

    /// Where `string` is in a transparent file, the first time from `offset` on.
    pub(crate) fn search_binary<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        offset: u16,
        string: &[u8],
    ) -> Result<Option<u16>, Refusal> {
        self.size()?.checked_sub(offset.into()).ok_or(Refusal::WrongOffset)?;
        let place = search::find(store, self.subject().number.content(), offset.into(), string)?;
        Ok(place.and_then(|place| u16::try_from(place).ok()))
    }

    fn size(&self) -> Result<usize, Refusal> {
        match self.subject().parameters()?.descriptor {
            FileDescriptor::Transparent { size } => Ok(size.into()),
            FileDescriptor::Directory
            | FileDescriptor::LinearFixed(_)
            | FileDescriptor::LinearVariable(_)
            | FileDescriptor::Cyclic(_)
            | FileDescriptor::DataObjects { .. } => Err(Refusal::WrongFileType),
        }
    }
}
