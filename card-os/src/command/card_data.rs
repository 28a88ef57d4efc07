//! GET DATA of the security domains and of directories.

use apdu_spec::instruction::{
    CardObject, FileList, GetCardData, Resources, encode_application, encode_keys, encode_recognition,
};
use apdu_spec::limits::ISSUER_DATA_MAX;
use apdu_spec::{Aid, Writer};

use super::Handle;
use crate::application::{Application, Domain};
use crate::context::Context;
use crate::file::child;
use crate::objects;
use crate::platform::Platform;
use crate::provider;
use crate::refusal::Refusal;
use crate::secure_channel::key_set;

impl Handle for GetCardData {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        if self.object == CardObject::FILES {
            return context.files(reply);
        }
        let domain = context.domain()?;
        match self.object {
            CardObject::RECOGNITION => Ok(encode_recognition(reply)?),
            CardObject::KEYS => Ok(encode_keys(key_set::versions(context.store, domain), reply)?),
            CardObject::SEQUENCE_COUNTER => {
                let [_, counter @ ..] = key_set::sequence(context.store, domain)?.to_be_bytes();
                Ok(reply.field(self.object.tag(), &counter)?)
            }
            CardObject::APPLICATIONS => {
                context.applications(domain).try_for_each(|name| encode_application(name, reply)).map_err(Into::into)
            }
            CardObject::RESOURCES => {
                let applications = u8::try_from(context.applications(domain).count()).map_err(|_| Refusal::Fault)?;
                let free = u32::try_from(context.store.free()).unwrap_or(u32::MAX);
                Ok(Resources { applications, free }.encode(reply)?)
            }
            CardObject::ISSUER_NUMBER | CardObject::CARD_NUMBER if domain == Domain::Issuer => {
                context.issuers(self.object, reply)
            }
            _ => Err(Refusal::ReferenceNotFound),
        }
    }
}

impl<P: Platform> Context<'_, P> {
    /// The files in the current directory: anybody may know that they are there, as SELECT tells of each.
    fn files(&mut self, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let mut listed = Ok(());
        child(self.store, self.channel.selected.directory, |parameters| {
            listed = FileList::insert(parameters.id, reply);
            listed.is_err()
        })?;
        listed?;
        Ok(FileList::enclose(reply)?)
    }

    /// The names of the applications that a domain knows: the issuer's all but itself, a provider's its own.
    fn applications(&self, domain: Domain) -> impl Iterator<Item = Aid<'static>> + '_ {
        Application::native().filter_map(move |application| {
            let is_there = match application {
                Application::Issuer | Application::Directory(_) => false,
                Application::Transaction => domain == Domain::Issuer,
                Application::Provider(reference) => {
                    let is_known = domain == Domain::Issuer || application.domain() == Some(domain);
                    is_known && provider::exists(self.store, reference)
                }
            };
            application.name().filter(|_| is_there)
        })
    }

    /// What personalisation brought.
    fn issuers(&mut self, object: CardObject, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let id = objects::card_object(object);
        let length = self.store.length(id).ok_or(Refusal::ReferenceNotFound)?;
        let mut bytes = [0; ISSUER_DATA_MAX];
        let value = bytes.get_mut(..length).ok_or(Refusal::Fault)?;
        self.store.read(id, 0, value)?;
        Ok(reply.field(object.tag(), value)?)
    }
}
