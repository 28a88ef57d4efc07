//! The handlers: one signature, and in each the permission before the act.

mod authenticate;
mod binary;
mod card;
mod card_data;
mod data;
mod delete;
mod file;
mod key;
mod pin;
mod record;
mod registry;
mod security_environment;
mod security_operation;
mod select;
pub(crate) mod store_data;

use apdu_spec::instruction::Target;
use apdu_spec::{Operation, Writer};

use crate::access::Granted;
use crate::context::Context;
use crate::file::{File, elementary};
use crate::platform::Platform;
use crate::refusal::Refusal;

/// What a command does on the card.
pub(crate) trait Handle {
    /// Executes the command and writes the response's data. On a refusal the dispatcher undoes what was changed in the
    /// store and written; the session changes last, when nothing can fail any more.
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal>;
}

impl<P: Platform> Context<'_, P> {
    /// The elementary file that a command works on, with permission for what it does.
    fn open(&mut self, target: Target, operation: Operation) -> Result<Granted<File>, Refusal> {
        let file = self.target(target)?;
        self.permit(file, operation)
    }

    /// The elementary file that a command works on. An identifier makes it the current one.
    fn target(&mut self, target: Target) -> Result<File, Refusal> {
        let directory = self.channel.selected.directory;
        let file = match target {
            Target::Current => {
                return File::load(self.store, self.channel.selected.file.ok_or(Refusal::NoCurrentFile)?);
            }
            Target::Short(short_id) => {
                elementary(self.store, directory, |parameters| parameters.short_id == Some(short_id))?
            }
            Target::Id(id) => elementary(self.store, directory, |parameters| parameters.id == id)?,
        };
        self.channel.selected.enter(Some(file.number));
        Ok(file)
    }
}
