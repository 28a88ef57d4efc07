//! READ RECORD, UPDATE RECORD and APPEND RECORD.

use apdu_spec::instruction::{AppendRecord, ReadRecord, UpdateRecord};
use apdu_spec::{Operation, Writer};

use super::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for ReadRecord {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.target(self.file)?;
        let file = context.permit(file, Operation::Read)?;
        file.read_record(context.store, self.number, self.length, reply)
    }
}

impl Handle for UpdateRecord<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.target(self.file)?;
        let file = context.permit(file, Operation::Update)?;
        file.update_record(context.store, self.number, self.data)
    }
}

impl Handle for AppendRecord<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.target(self.file)?;
        let file = context.permit(file, Operation::Append)?;
        file.append_record(context.store, self.data)
    }
}
