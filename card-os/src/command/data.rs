//! GET DATA and PUT DATA.

use apdu_spec::instruction::{DataFile, DataObject, DataRequest, GetData, PutData};
use apdu_spec::{Fcp, Operation, Writer};

use super::Handle;
use crate::context::Context;
use crate::file::File;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for GetData<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.open(self.file, Operation::Read)?;
        match self.request {
            DataRequest::Value(tag) => file.read_value(context.store, tag, reply),
            DataRequest::Objects(tags) => file.read_objects(context.store, tags, reply),
        }
    }
}

impl Handle for PutData<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = match self.file {
            DataFile::File(target) => context.target(target)?,
            DataFile::Directory => File::load(context.store, context.channel.selected.directory)?,
        };
        match self.object {
            DataObject::SecurityAttributes(security) => {
                let file = context.permit(file, Operation::ChangeAttributes)?;
                let parameters = file.subject().parameters()?;
                file.replace_parameters(context.store, &Fcp { security, ..parameters })
            }
            DataObject::Value(tag, value) => {
                let file = context.permit(file, Operation::Update)?;
                file.put_objects(context.store, core::iter::once((tag, value)), reply)
            }
            DataObject::Objects(objects) => {
                let file = context.permit(file, Operation::Update)?;
                file.put_objects(context.store, objects.iter(), reply)
            }
        }
    }
}
