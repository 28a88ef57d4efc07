//! CREATE FILE, DELETE FILE, and the commands that take files, and the card, through their lives.

use apdu_spec::instruction::{
    ActivateFile, CreateFile, DeactivateFile, DeleteFile, Selector, SetStatus, TerminateCardUsage, TerminateDirectory,
    TerminateFile,
};
use apdu_spec::{FileState, LifeCycle, Operation, Writer};

use super::Handle;
use crate::access::Granted;
use crate::context::Context;
use crate::file::{self, File};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::session::{Ended, Selection};

impl Handle for CreateFile<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let directory = File::load(context.store, context.channel.selected.directory)?;
        let directory = context.permit(directory, file::creation(self.parameters.descriptor))?;
        let created = file::create(context.store, &directory, &self.parameters)?;
        context.make_current(&created)
    }
}

impl Handle for DeleteFile<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.whole(self.file)?;
        let File { number, parent, .. } = file;
        let file = context.permit_deletion(file)?;
        file::delete(context.store, &file)?;
        context.ended = Some(Ended::File { number, parent });
        Ok(())
    }
}

impl Handle for ActivateFile<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.whole(self.file)?;
        context.permit(file, Operation::Activate)?.enter(context.store, FileState::Activated)
    }
}

impl Handle for DeactivateFile<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.whole(self.file)?;
        context.permit(file, Operation::Deactivate)?.enter(context.store, FileState::Deactivated)
    }
}

impl Handle for TerminateFile<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = context.whole(self.file)?;
        context.terminate(file, false)
    }
}

impl Handle for TerminateDirectory<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let file = match self.file {
            None => File::load(context.store, context.channel.selected.directory)?,
            named => context.whole(named)?,
        };
        context.terminate(file, true)
    }
}

impl Handle for TerminateCardUsage {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        SetStatus::Card(LifeCycle::Terminated).handle(context, reply)
    }
}

impl<P: Platform> Context<'_, P> {
    fn terminate(&mut self, file: File, is_directory: bool) -> Result<(), Refusal> {
        if file.parameters()?.descriptor.is_directory() != is_directory {
            return Err(Refusal::WrongFileType);
        }
        self.permit(file, Operation::Terminate)?.enter(self.store, FileState::Terminated)
    }

    /// The file that a command on files as a whole is for. By its identifier it is in the current directory: SELECT
    /// looks around, but what may end a file does not.
    fn whole(&mut self, file: Option<Selector<'_>>) -> Result<File, Refusal> {
        let Selection { directory, file: current, .. } = self.channel.selected;
        match file {
            None => File::load(self.store, current.unwrap_or(directory)),
            Some(Selector::File(id)) => {
                file::child(self.store, directory, |parameters| parameters.id == id)?.ok_or(Refusal::FileNotFound)
            }
            Some(file) => self.near(file),
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
