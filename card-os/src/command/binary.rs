//! READ, UPDATE, WRITE, ERASE and SEARCH BINARY.

use apdu_spec::instruction::{Combination, EraseBinary, ReadBinary, SearchBinary, UpdateBinary, WriteBinary};
use apdu_spec::tlv::value_max;
use apdu_spec::{Operation, Tag, Writer};

use super::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::{Refusal, Warning};

impl Handle for ReadBinary {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Read)?;
        if self.odd {
            file.read_binary(context.store, self.offset, value_max(self.length), reply)?;
            return Ok(reply.enclose(Tag::DISCRETIONARY, 0)?);
        }
        file.read_binary(context.store, self.offset, self.length, reply)
    }
}

impl Handle for UpdateBinary<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Update)?;
        file.change_binary(context.store, Combination::Replace, self.offset, self.data)
    }
}

impl Handle for WriteBinary<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Append)?;
        file.change_binary(context.store, Combination::Or, self.offset, self.data)
    }
}

impl Handle for EraseBinary {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Update)?;
        file.erase_binary(context.store, self.offset, self.end)
    }
}

impl Handle for SearchBinary<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Read)?;
        let Some(place) = file.search_binary(context.store, self.offset, self.string)? else {
            context.warning = Some(Warning::NotFound);
            return Ok(());
        };
        match (self.tell, self.odd) {
            (false, _) => Ok(()),
            (true, false) => Ok(reply.put_u16(place)?),
            (true, true) => Ok(reply.field(Tag::OFFSET, &place.to_be_bytes())?),
        }
    }
}
