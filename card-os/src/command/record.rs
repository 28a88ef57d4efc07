//! READ, UPDATE, WRITE, APPEND, ERASE and SEARCH RECORD.

use apdu_spec::instruction::{
    AppendRecord, EraseRecord, ReadRecord, RecordRange, RecordSelector, SearchRecord, UpdateRecord, UpdateRecordPart,
    WriteRecord,
};
use apdu_spec::tlv::value_max;
use apdu_spec::{Operation, Tag, Writer};

use super::Handle;
use crate::context::Context;
use crate::file::Record;
use crate::platform::Platform;
use crate::refusal::{Refusal, Warning};

impl Handle for ReadRecord {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Read)?;
        match self.records {
            RecordRange::One(selector) => {
                let record = file.record(context.store, selector, context.channel.selected.record)?;
                match self.part {
                    None => file.read_record(context.store, &record, 0, self.length, reply)?,
                    Some(offset) => {
                        file.read_record(context.store, &record, offset, value_max(self.length), reply)?;
                        reply.enclose(Tag::DISCRETIONARY, 0)?;
                    }
                }
                context.pass(&record);
                Ok(())
            }
            RecordRange::ToLast(number) => {
                file.read_records(context.store, context.numbered(number), true, self.length, reply)
            }
            RecordRange::FromLast(number) => {
                file.read_records(context.store, context.numbered(number), false, self.length, reply)
            }
        }
    }
}

impl Handle for UpdateRecord<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Update)?;
        if file.appends(self.record)? {
            context.channel.selected.record = file.append_record(context.store, self.data)?;
            return Ok(());
        }
        let record = file.record(context.store, self.record, context.channel.selected.record)?;
        file.update_record(context.store, &record, self.data)?;
        context.pass(&record);
        Ok(())
    }
}

impl Handle for UpdateRecordPart<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Update)?;
        let selector = RecordSelector::Number(self.number);
        let record = file.record(context.store, selector, context.channel.selected.record)?;
        file.change_record(context.store, &record, self.combination, self.offset, self.data)
    }
}

impl Handle for WriteRecord<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Append)?;
        if file.appends(self.record)? {
            context.channel.selected.record = file.append_record(context.store, self.data)?;
            return Ok(());
        }
        let record = file.record(context.store, self.record, context.channel.selected.record)?;
        file.write_record(context.store, &record, self.data)?;
        context.pass(&record);
        Ok(())
    }
}

impl Handle for AppendRecord<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Append)?;
        context.channel.selected.record = file.append_record(context.store, self.data)?;
        Ok(())
    }
}

impl Handle for EraseRecord {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Update)?;
        file.erase_records(context.store, context.numbered(self.number), self.to_last)
    }
}

impl Handle for SearchRecord<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Read)?;
        let current = context.channel.selected.record;
        let mut first = None;
        file.search_records(context.store, self.search, current, self.string, |number| {
            first.get_or_insert(number);
            reply.len() < self.length && reply.put_u8(number).is_ok() && reply.len() < self.length
        })?;
        match first {
            Some(first) => context.channel.selected.record = first,
            None => context.warning = Some(Warning::NotFound),
        }
        Ok(())
    }
}

impl<P: Platform> Context<'_, P> {
    /// A record's number, where 0 stands for the current record's.
    fn numbered(&self, number: u8) -> u8 {
        if number == 0 { self.channel.selected.record } else { number }
    }

    /// Makes the record the current one, if it was found by its identifier.
    fn pass(&mut self, record: &Record) {
        self.channel.selected.record = record.current(self.channel.selected.record);
    }
}
