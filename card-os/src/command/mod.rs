//! The handlers: one signature, and in each the permission before the act.

mod authenticate;
mod binary;
mod card;
mod data;
mod delete;
mod file;
mod key;
mod pin;
mod record;
mod security_environment;
mod security_operation;
mod select;

use apdu_spec::Writer;
use apdu_spec::instruction::Target;

use crate::context::Context;
use crate::file::{File, by_short_id};
use crate::platform::Platform;
use crate::refusal::Refusal;

/// What a command does on the card.
pub(crate) trait Handle {
    /// Executes the command and writes the response's data. On a refusal the dispatcher undoes what was changed in the
    /// store and written; the session changes last, when nothing can fail any more.
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal>;
}

impl<P: Platform> Context<'_, P> {
    /// The elementary file that a command works on. A short identifier makes it the current one.
    fn target(&mut self, target: Target) -> Result<File, Refusal> {
        match target {
            Target::Current => {
                let number = self.channel.file.ok_or(Refusal::NoCurrentFile)?;
                File::load(self.store, number)
            }
            Target::Short(short_id) => {
                let file = by_short_id(self.store, self.channel.directory, short_id)?;
                self.channel.file = Some(file.number);
                Ok(file)
            }
        }
    }
}
