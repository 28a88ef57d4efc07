//! What is in files of records (ISO/IEC 7816-4, 7.3.3).
//!
//! A record is an object of its own. In a linear file its slot is its number. In a cyclic file the content object names
//! the slot of the newest record, which is number 1; the one before it is number 2, and so round.

use apdu_spec::file::Records;
use apdu_spec::instruction::{Combination, Position, RecordSelector};
use apdu_spec::limits::DATA_MAX;
use apdu_spec::{FileDescriptor, Malformed, Writer};
use embedded_storage::nor_flash::NorFlash;

use super::File;
use super::change::{combine, fill};
use crate::access::Granted;
use crate::objects::FileNumber;
use crate::refusal::Refusal;
use crate::store::{ObjectId, Store};

/// Which object is which record.
pub(super) struct Order {
    file: FileNumber,
    shape: Records,
    /// The slot of a cyclic file's newest record, 0 when it has none; `None` in a linear file.
    newest: Option<u8>,
}

/// A record that is there, of a file that the permission is for.
pub(crate) struct Record {
    number: u8,
    id: ObjectId,
    length: usize,
    /// Whether it was found by its identifier.
    is_identified: bool,
}

impl Record {
    /// The number that the channel's current record has now, if this one becomes it.
    pub(crate) fn current(&self, before: u8) -> u8 {
        if self.is_identified { self.number } else { before }
    }
}

impl Granted<File> {
    /// The record that is meant, where the channel's current one has the number `current`, 0 if there is none.
    pub(crate) fn record<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        selector: RecordSelector,
        current: u8,
    ) -> Result<Record, Refusal> {
        let order = Order::load(store, self)?;
        let (number, is_identified) = match selector {
            RecordSelector::Number(0) => (current, false),
            RecordSelector::Number(number) => (number, false),
            RecordSelector::Identifier(identifier, position) => {
                (order.identified(store, identifier, position, current)?, true)
            }
        };
        let id = order.object(number);
        let length = store.length(id).ok_or(Refusal::RecordNotFound)?;
        Ok(Record { number, id, length, is_identified })
    }

    /// Appends at most `length` bytes of a record, from `offset` on.
    pub(crate) fn read_record<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        record: &Record,
        offset: u16,
        length: usize,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        let left = record.length.checked_sub(offset.into()).ok_or(Refusal::WrongOffset)?;
        Ok(store.read(record.id, offset.into(), reply.extend(left.min(length))?)?)
    }

    /// Appends at most `length` bytes of records in a row.
    pub(crate) fn read_records<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        number: u8,
        is_upward: bool,
        length: usize,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        let order = Order::load(store, self)?;
        let last = order.last(store, number)?;
        let (from, to) = if is_upward { (number, last) } else { (last, number) };
        let mut left = length.min(DATA_MAX);
        for number in walk(from, to) {
            let id = order.object(number);
            let part = reply.extend(left.min(store.length(id).ok_or(Refusal::Fault)?))?;
            store.read(id, 0, part)?;
            left -= part.len();
        }
        Ok(())
    }

    /// Replaces a record.
    pub(crate) fn update_record<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        record: &Record,
        data: &[u8],
    ) -> Result<(), Refusal> {
        self.check_record(data)?;
        Ok(store.write(record.id, data)?)
    }

    /// Changes bytes of a record.
    pub(crate) fn change_record<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        record: &Record,
        combination: Combination,
        offset: u16,
        data: &[u8],
    ) -> Result<(), Refusal> {
        let left = record.length.checked_sub(offset.into()).ok_or(Refusal::WrongOffset)?;
        if data.len() > left {
            return Err(Refusal::NoSpace);
        }
        combine(store, record.id, offset.into(), data, combination)
    }

    /// Sets bits in a record, all of which the data cover.
    pub(crate) fn write_record<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        record: &Record,
        data: &[u8],
    ) -> Result<(), Refusal> {
        if data.len() != record.length {
            return Err(Malformed::Length.into());
        }
        combine(store, record.id, 0, data, Combination::Or)
    }

    /// Fills a record with zeros, and those behind it if `to_last`.
    pub(crate) fn erase_records<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        number: u8,
        to_last: bool,
    ) -> Result<(), Refusal> {
        let order = Order::load(store, self)?;
        let last = order.last(store, number)?;
        for number in walk(number, if to_last { last } else { number }) {
            let id = order.object(number);
            let length = store.length(id).ok_or(Refusal::Fault)?;
            fill(store, id, 0, length)?;
        }
        Ok(())
    }

    /// Adds a record and gives its number: behind the last, or before the first in a cyclic file, whose oldest record
    /// gives way when it is full.
    pub(crate) fn append_record<F: NorFlash>(&self, store: &mut Store<F>, data: &[u8]) -> Result<u8, Refusal> {
        self.check_record(data)?;
        let order = Order::load(store, self)?;
        let file = self.subject().number;
        match order.newest {
            None => {
                let number = order.count(store) + 1;
                if number > order.shape.count {
                    return Err(Refusal::NoSpace);
                }
                store.write(file.record(number), data)?;
                Ok(number)
            }
            Some(newest) => {
                let newest = newest % order.shape.count + 1;
                store.write(file.record(newest), data)?;
                store.write(file.content(), &[newest])?;
                Ok(1)
            }
        }
    }

    /// Whether UPDATE and WRITE of this record add one (ISO/IEC 7816-4, 11.4.5 and 11.4.4).
    pub(crate) fn appends(&self, selector: RecordSelector) -> Result<bool, Refusal> {
        let is_cyclic = matches!(self.subject().parameters()?.descriptor, FileDescriptor::Cyclic(_));
        Ok(is_cyclic && selector == RecordSelector::Identifier(0, Position::Previous))
    }

    fn check_record(&self, data: &[u8]) -> Result<(), Refusal> {
        let fits = match self.subject().parameters()?.descriptor {
            FileDescriptor::LinearFixed(records) | FileDescriptor::Cyclic(records) => {
                data.len() == usize::from(records.size)
            }
            FileDescriptor::LinearVariable(records) => data.len() <= usize::from(records.size),
            FileDescriptor::Directory | FileDescriptor::Transparent { .. } | FileDescriptor::DataObjects { .. } => {
                return Err(Refusal::WrongFileType);
            }
        };
        if fits { Ok(()) } else { Err(Malformed::Length.into()) }
    }
}

impl Order {
    pub(super) fn load<F: NorFlash>(store: &mut Store<F>, file: &Granted<File>) -> Result<Self, Refusal> {
        let descriptor = file.subject().parameters()?.descriptor;
        let shape = descriptor.records().ok_or(Refusal::WrongFileType)?;
        let file = file.subject().number;
        let mut order = Self { file, shape, newest: None };
        if matches!(descriptor, FileDescriptor::Cyclic(_)) {
            let mut newest = [0];
            if store.length(file.content()).is_some() {
                store.read(file.content(), 0, &mut newest)?;
            }
            order.newest = Some(newest[0]);
        }
        Ok(order)
    }

    /// The object of the record with this number; one that is not there if there is no such record.
    pub(super) fn object(&self, number: u8) -> ObjectId {
        let slot = match self.newest {
            None => number,
            Some(0) => 0,
            Some(_) if number == 0 || number > self.shape.count => 0,
            Some(newest) if number <= newest => newest - number + 1,
            Some(newest) => newest + (self.shape.count - number) + 1,
        };
        self.file.record(slot)
    }

    /// The number of the last record, where there is one with this number.
    pub(super) fn last<F: NorFlash>(&self, store: &Store<F>, number: u8) -> Result<u8, Refusal> {
        let last = self.count(store);
        if (1..=last).contains(&number) { Ok(last) } else { Err(Refusal::RecordNotFound) }
    }

    /// How many records there are. They are appended and never taken out one by one.
    fn count<F: NorFlash>(&self, store: &Store<F>) -> u8 {
        let (mut there, mut missing) = (0, self.shape.count.saturating_add(1));
        while missing - there > 1 {
            let middle = there + (missing - there) / 2;
            if store.length(self.object(middle)).is_some() {
                there = middle;
            } else {
                missing = middle;
            }
        }
        there
    }

    /// The number of the record with an identifier, where the current one has the number `current`, 0 if there is none.
    pub(super) fn identified<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        identifier: u8,
        position: Position,
        current: u8,
    ) -> Result<u8, Refusal> {
        let last = self.count(store);
        // Without a current record the next one is the first, and the previous one the last.
        let (from, to) = match position {
            Position::First => (1, last),
            Position::Last => (last, 1),
            Position::Next if current < last => (current + 1, last),
            Position::Previous if current == 0 => (last, 1),
            Position::Previous if current > 1 => (current - 1, 1),
            Position::Next | Position::Previous => return Err(Refusal::RecordNotFound),
        };
        for number in walk(from, to).take_while(|_| last > 0) {
            if self.has_identifier(store, number, identifier)? {
                return Ok(number);
            }
        }
        Err(Refusal::RecordNotFound)
    }

    /// Whether the record with this number has the identifier; 0 is any.
    pub(super) fn has_identifier<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        number: u8,
        identifier: u8,
    ) -> Result<bool, Refusal> {
        if identifier == 0 {
            return Ok(true);
        }
        let mut first = [0];
        store.read(self.object(number), 0, &mut first)?;
        Ok(first[0] == identifier)
    }
}

/// Numbers from one to another, up or down, both among them.
pub(super) fn walk(from: u8, to: u8) -> impl Iterator<Item = u8> {
    let count = usize::from(from.abs_diff(to)) + 1;
    let step = move |number: &u8| if from <= to { number.checked_add(1) } else { number.checked_sub(1) };
    core::iter::successors(Some(from), step).take(count)
}
