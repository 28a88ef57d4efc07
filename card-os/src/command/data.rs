//! PUT DATA.

use apdu_spec::instruction::{DataFile, DataObject, PutData, Target};
use apdu_spec::{Fcp, Operation, Writer};

use super::Handle;
use crate::context::Context;
use crate::file::File;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for PutData<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = match self.file {
            DataFile::Current => context.target(Target::Current)?,
            DataFile::Directory => File::load(context.store, context.channel.directory)?,
        };
        match self.object {
            DataObject::SecurityAttributes(security) => {
                let file = context.permit(file, Operation::ChangeAttributes)?;
                let parameters = file.subject().parameters()?;
                file.replace_parameters(context.store, &Fcp { security, ..parameters })
            }
        }
    }
}
