//! SELECT.

use apdu_spec::file::FileId;
use apdu_spec::instruction::{FileIds, Occurrence, Select, SelectAnswer, Selector, encode_domain};
use apdu_spec::{Aid, FileState, Tag, Writer};

use super::Handle;
use crate::application::Application;
use crate::context::Context;
use crate::file::{File, child, find};
use crate::objects::FileNumber;
use crate::platform::Platform;
use crate::provider;
use crate::refusal::{Refusal, Warning};

impl Handle for Select<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        if let Selector::Name(name, occurrence) = self.selector {
            return context.select_application(name, occurrence, self.answer, reply);
        }
        let file = context.near(self.selector)?;
        describe(&file, self.answer, reply)?;
        context.make_current(&file)
    }
}

impl<P: Platform> Context<'_, P> {
    /// Makes a file the current one, or the current directory.
    pub(super) fn make_current(&mut self, file: &File) -> Result<(), Refusal> {
        let parameters = file.parameters()?;
        if parameters.descriptor.is_directory() {
            self.channel.selected.directory = file.number;
            self.channel.selected.enter(None);
            if parameters.name.is_some() {
                self.channel.selected.application = Application::Directory(file.number);
            }
        } else {
            self.channel.selected.directory = file.parent;
            self.channel.selected.enter(Some(file.number));
        }
        self.warning = match parameters.state {
            FileState::Deactivated => Some(Warning::Deactivated),
            FileState::Terminated => Some(Warning::Terminated),
            FileState::Creation | FileState::Initialization | FileState::Activated => None,
        };
        Ok(())
    }

    /// The file that is named, not by a name of its own.
    pub(super) fn near(&mut self, selector: Selector<'_>) -> Result<File, Refusal> {
        let directory = self.channel.selected.directory;
        match selector {
            Selector::MasterFile => File::load(self.store, FileNumber::MASTER_FILE),
            Selector::File(id) => self.around(id),
            Selector::ChildDirectory(id) => self.child(directory, id, true),
            Selector::ElementaryFile(id) => self.child(directory, id, false),
            Selector::Parent => {
                let parent = File::load(self.store, directory)?.parent;
                File::load(self.store, parent)
            }
            Selector::PathFromMasterFile(path) => self.along(FileNumber::MASTER_FILE, path),
            Selector::PathFromCurrent(path) => self.along(directory, path),
            Selector::Name(..) => Err(Refusal::Fault),
        }
    }

    /// In the current directory, itself, its parent, beside it (ISO/IEC 7816-4, 11.2.2.2).
    fn around(&mut self, id: FileId) -> Result<File, Refusal> {
        if id == FileId::MASTER_FILE {
            return File::load(self.store, FileNumber::MASTER_FILE);
        }
        let directory = File::load(self.store, self.channel.selected.directory)?;
        if let Some(file) = child(self.store, directory.number, |parameters| parameters.id == id)? {
            return Ok(file);
        }
        let parent = File::load(self.store, directory.parent)?;
        for file in [directory, parent] {
            if file.parameters()?.id == id {
                return Ok(file);
            }
        }
        child(self.store, parent.number, |parameters| parameters.id == id)?.ok_or(Refusal::FileNotFound)
    }

    fn child(&mut self, directory: FileNumber, id: FileId, is_directory: bool) -> Result<File, Refusal> {
        child(self.store, directory, |parameters| {
            parameters.id == id && parameters.descriptor.is_directory() == is_directory
        })?
        .ok_or(Refusal::FileNotFound)
    }

    fn along(&mut self, start: FileNumber, path: FileIds<'_>) -> Result<File, Refusal> {
        let mut file = File::load(self.store, start)?;
        for id in path.iter() {
            file = child(self.store, file.number, |parameters| parameters.id == id)?.ok_or(Refusal::FileNotFound)?;
        }
        Ok(file)
    }

    fn select_application(
        &mut self,
        name: &[u8],
        occurrence: Occurrence,
        answer: SelectAnswer,
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        match self.application(name, occurrence)? {
            Application::Directory(number) => {
                let file = File::load(self.store, number)?;
                describe(&file, answer, reply)?;
                self.make_current(&file)
            }
            native @ (Application::Issuer | Application::Transaction | Application::Provider(_)) => {
                describe_native(native, answer, reply)?;
                self.channel.selected.application = native;
                self.channel.selected.directory = FileNumber::MASTER_FILE;
                self.channel.selected.enter(None);
                Ok(())
            }
        }
    }

    /// The application whose name begins like this.
    fn application(&mut self, name: &[u8], occurrence: Occurrence) -> Result<Application, Refusal> {
        let current = self.channel.selected.application;
        let is_meant = |application: Application, aid: Option<Aid<'_>>| {
            let is_in_place = match occurrence {
                Occurrence::First | Occurrence::Last => true,
                Occurrence::Next => application > current,
                Occurrence::Previous => application < current,
            };
            is_in_place && aid.is_some_and(|aid| aid.as_bytes().starts_with(name))
        };
        // The search ends with the first that is meant, or goes on to the last one.
        let ends_early = matches!(occurrence, Occurrence::First | Occurrence::Next);
        let mut found = None;
        for native in Application::native().filter(|native| is_meant(*native, native.name())) {
            if self.is_selectable(native)? {
                found = Some(native);
                if ends_early {
                    break;
                }
            }
        }
        if found.is_none() || !ends_early {
            find(self.store, |file, parameters| {
                let directory = Application::Directory(file.number);
                let is_meant = is_meant(directory, parameters.name);
                found = if is_meant { Some(directory) } else { found };
                is_meant && ends_early
            })?;
        }
        found.ok_or(Refusal::FileNotFound)
    }

    /// A provider's security domain is there with its record, unless it is locked.
    fn is_selectable(&mut self, application: Application) -> Result<bool, Refusal> {
        match application {
            Application::Provider(reference) => {
                Ok(provider::exists(self.store, reference) && !provider::is_locked(self.store, reference))
            }
            Application::Issuer | Application::Transaction | Application::Directory(_) => Ok(true),
        }
    }
}

fn describe(file: &File, answer: SelectAnswer, reply: &mut Writer<'_>) -> Result<(), Refusal> {
    match template(answer) {
        Some(tag) => Ok(file.parameters()?.encode(tag, reply)?),
        None => Ok(()),
    }
}

fn describe_native(application: Application, answer: SelectAnswer, reply: &mut Writer<'_>) -> Result<(), Refusal> {
    if let (SelectAnswer::Fci, Some(domain)) = (answer, application.domain()) {
        return Ok(encode_domain(domain.name(), reply)?);
    }
    match (template(answer), application.name()) {
        (Some(tag), Some(aid)) => Ok(reply.template(tag, |out| out.field(Tag::NAME, aid.as_bytes()))?),
        (None, _) | (_, None) => Ok(()),
    }
}

fn template(answer: SelectAnswer) -> Option<Tag> {
    match answer {
        SelectAnswer::Fci => Some(Tag::FCI),
        SelectAnswer::Fcp => Some(Tag::FCP),
        SelectAnswer::Nothing => None,
    }
}
