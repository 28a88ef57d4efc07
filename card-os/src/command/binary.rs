//! READ BINARY and UPDATE BINARY.

use apdu_spec::instruction::{ReadBinary, UpdateBinary};
use apdu_spec::{Operation, Writer};

use super::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for ReadBinary {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.target(self.file)?;
        let file = context.permit(file, Operation::Read)?;
        file.read_binary(context.store, self.offset, self.length, reply)
    }
}

impl Handle for UpdateBinary<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.target(self.file)?;
        let file = context.permit(file, Operation::Update)?;
        file.update_binary(context.store, self.offset, self.data)
    }
}
