//! CREATE FILE and DELETE FILE.

use apdu_spec::instruction::{CreateFile, DeleteFile};
use apdu_spec::{Operation, Writer};

use super::Handle;
use crate::access::Granted;
use crate::context::Context;
use crate::file::{self, File};
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for CreateFile<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let directory = File::load(context.store, context.channel.directory)?;
        let directory = context.permit(directory, file::creation(self.parameters.descriptor))?;
        let created = file::create(context.store, &directory, &self.parameters)?;
        context.make_current(&created)
    }
}

impl Handle for DeleteFile {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.doomed(self)?;
        let parent = file.parent;
        let file = context.permit_deletion(file)?;
        file::delete(context.store, &file)?;
        if file.subject().number == context.channel.directory {
            context.channel.directory = parent;
        }
        context.channel.file = None;
        Ok(())
    }
}

impl<P: Platform> Context<'_, P> {
    fn doomed(&mut self, command: DeleteFile) -> Result<File, Refusal> {
        let directory = self.channel.directory;
        match command.file {
            Some(id) => {
                file::child(self.store, directory, |parameters| parameters.id == id)?.ok_or(Refusal::FileNotFound)
            }
            None => File::load(self.store, self.channel.file.unwrap_or(directory)),
        }
    }

    /// Either the file lets itself be deleted, or its directory lets its files be deleted (ISO/IEC 7816-9, 9.3.3).
    fn permit_deletion(&mut self, file: File) -> Result<Granted<File>, Refusal> {
        if let Ok(granted) = self.permit(file, Operation::DeleteSelf) {
            return Ok(granted);
        }
        let directory = File::load(self.store, file.parent)?;
        self.permit_child(&directory, file, Operation::DeleteChild)
    }
}
