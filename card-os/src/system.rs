//! From a typed instruction to its handler: life cycle, channel, commit or rollback.

use apdu_spec::command::Header;
use apdu_spec::instruction::{Select, Selector};
use apdu_spec::{Command, Instruction, LifeCycle, Status, Writer};
use embedded_storage::nor_flash::NorFlash;

use crate::application::Application;
use crate::boot::BootError;
use crate::command::Handle;
use crate::context::Context;
use crate::file;
use crate::life_cycle;
use crate::limits::STORE_PAGES_MAX;
use crate::objects;
use crate::platform::Platform;
use crate::random::Random;
use crate::refusal::Refusal;
use crate::secure_channel::{KeySetName, Protected};
use crate::session::{Ended, Session};
use crate::store::Store;
use crate::transaction::journal;

/// Everything behind the link: what survives power-off (`store`) and what does not (`session`).
pub(crate) struct System<P: Platform> {
    store: Store<P::Flash>,
    session: Session,
    random: Random,
    platform: P,
}

impl<P: Platform> System<P> {
    pub(crate) fn format(platform: P, flash: P::Flash) -> Result<Self, BootError> {
        let mut store = Store::format(flash)?;
        found(&mut store)?;
        Ok(Self::new(platform, store))
    }

    pub(crate) fn mount(platform: P, flash: P::Flash) -> Result<Self, BootError> {
        Ok(Self::new(platform, Store::mount(flash)?))
    }

    fn new(platform: P, store: Store<P::Flash>) -> Self {
        Self { store, session: Session::default(), random: Random::default(), platform }
    }

    pub(crate) fn reset(&mut self) {
        self.session = Session::default();
    }

    /// Forgets what only the next part could have completed, but for what `is_next` says of that this is it.
    pub(crate) fn interrupt(&mut self, is_next: impl Fn(Unfinished) -> bool) {
        if !is_next(Unfinished::Node) {
            self.session.transaction.interrupt();
        }
        if !is_next(Unfinished::Blocks) {
            self.session.blocks.forget();
        }
        if !is_next(Unfinished::Handshake) {
            self.session.secure.interrupt();
        }
    }

    pub(crate) fn into_parts(self) -> (P, P::Flash) {
        (self.platform, self.store.into_flash())
    }

    /// A command in a secure channel: its protection undone, its response protected. Gives the status that goes with
    /// the response.
    pub(crate) fn execute_protected(
        &mut self,
        command: Protected<'_>,
        reply: &mut Writer<'_>,
    ) -> Result<Status, Refusal> {
        let number = command.number;
        let plain = self.session.secure.unwrap(command)?;
        let instruction = Instruction::parse(&plain)?;
        let host = self.session.secure.host();
        let outcome = self.commit(number, plain.header, host, instruction, reply);
        let status = outcome.or_else(|refusal| {
            reply.truncate(0);
            Some(Status::from(refusal)).filter(|status| status.is_executed()).ok_or(refusal)
        })?;
        self.session.secure.wrap(status, reply)?;
        if outcome.is_ok() && selects_application(&instruction) {
            self.session.secure.close();
        }
        Ok(status)
    }

    /// A command in the clear. It ends a secure channel on its logical channel; what is executed then are those that
    /// begin anew, and no other, since the host meant it to be protected.
    pub(crate) fn execute(
        &mut self,
        number: u8,
        command: &Command<'_>,
        reply: &mut Writer<'_>,
    ) -> Result<Status, Refusal> {
        let was_open = self.end_secure_channel(number);
        let instruction = Instruction::parse(command)?;
        if was_open && !matches!(instruction, Instruction::Select(_) | Instruction::InitializeUpdate(_)) {
            return Err(Refusal::NotGranted);
        }
        self.commit(number, command.header, None, instruction, reply)
    }

    /// Something came on a logical channel that the secure channel there does not protect. Says whether there was one.
    pub(crate) fn end_secure_channel(&mut self, number: u8) -> bool {
        let was_open = self.session.secure.is_open_on(number);
        if was_open {
            self.session.secure.close();
        }
        was_open
    }

    /// One command is one transaction of the store: kept when the handler succeeds, gone when it does not. So is what
    /// it selects. A secret that it replaces or deletes is not in flash any more when the command is answered.
    fn commit(
        &mut self,
        number: u8,
        header: Header,
        host: Option<KeySetName>,
        instruction: Instruction<'_>,
        reply: &mut Writer<'_>,
    ) -> Result<Status, Refusal> {
        let before = self.session.selected(number).copied();
        let outcome = self.handle(number, header, host, instruction, reply).and_then(|(status, ended)| {
            let is_secret_over = self.store.replaced().any(objects::is_secret);
            self.store.commit()?;
            if is_secret_over {
                self.store.purge(STORE_PAGES_MAX)?;
            }
            if let Some(ended) = ended {
                self.session.end(ended, number);
            }
            Ok(status)
        });
        if let Err(refusal) = outcome {
            self.store.rollback();
            if let (Some(selected), Some(before)) = (self.session.selected(number), before) {
                *selected = before;
            }
            if matches!(refusal, Refusal::Memory | Refusal::Fault) {
                self.reset();
            }
        }
        let selected = self.session.selected(number);
        if selected.is_none_or(|selected| selected.application != Application::Transaction) {
            self.session.transaction.close(number);
        }
        outcome
    }

    fn handle(
        &mut self,
        number: u8,
        header: Header,
        host: Option<KeySetName>,
        instruction: Instruction<'_>,
        reply: &mut Writer<'_>,
    ) -> Result<(Status, Option<Ended>), Refusal> {
        let state = life_cycle::get(&mut self.store)?;
        if !is_available(&instruction, state) {
            return Err(Refusal::OutOfOrder);
        }
        if host.is_some() && is_handshake(&instruction) {
            return Err(Refusal::OutOfOrder);
        }
        let (channel, transaction, secure, blocks) = self.session.channel(number)?;
        if !channel.selected.application.offers(&instruction) {
            return Err(Refusal::NotHere);
        }
        if let Instruction::ManageChannel(command) = instruction {
            return self.session.manage(command, reply).map(|()| (Status::OK, None));
        }
        let mut context = Context {
            store: &mut self.store,
            platform: &mut self.platform,
            random: &mut self.random,
            state,
            header: header.bare(),
            number,
            channel,
            transaction,
            secure,
            blocks,
            host,
            warning: None,
            ended: None,
        };
        let outcome = run(instruction, &mut context, reply);
        let status = context.warning.map_or(Status::OK, Status::from);
        let ended = context.ended;
        outcome.map(|()| (status, ended))
    }
}

/// What takes several commands, of which each must directly follow the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// A node that is being signed.
    Node,
    /// Data that come in blocks.
    Blocks,
    /// A secure channel that is being opened.
    Handshake,
}

/// What every card has from its beginning.
fn found<F: NorFlash>(store: &mut Store<F>) -> Result<(), Refusal> {
    life_cycle::set(store, LifeCycle::OpReady)?;
    file::create_master_file(store)?;
    journal::create(store)?;
    Ok(store.commit()?)
}

/// The card's table of contents.
fn run<P: Platform>(
    instruction: Instruction<'_>,
    context: &mut Context<'_, P>,
    reply: &mut Writer<'_>,
) -> Result<(), Refusal> {
    match instruction {
        Instruction::Verify(it) => apart(it, context, reply),
        Instruction::ChangeReferenceData(it) => apart(it, context, reply),
        Instruction::ResetRetryCounter(it) => apart(it, context, reply),
        Instruction::GetData(it) => apart(it, context, reply),
        Instruction::PutData(it) => apart(it, context, reply),
        Instruction::GenerateKeyPair(it) => apart(it, context, reply),
        Instruction::ManageSecurityEnvironment(it) => apart(it, context, reply),
        Instruction::PerformSecurityOperation(it) => apart(it, context, reply),
        Instruction::InternalAuthenticate(it) => apart(it, context, reply),
        Instruction::Authenticate(it) => apart(it, context, reply),
        Instruction::GetChallenge(it) => apart(it, context, reply),
        Instruction::Select(it) => apart(it, context, reply),
        Instruction::ReadBinary(it) => apart(it, context, reply),
        Instruction::ReadRecord(it) => apart(it, context, reply),
        Instruction::UpdateBinary(it) => apart(it, context, reply),
        Instruction::UpdateRecord(it) => apart(it, context, reply),
        Instruction::SearchBinary(it) => apart(it, context, reply),
        Instruction::SearchRecord(it) => apart(it, context, reply),
        Instruction::WriteBinary(it) => apart(it, context, reply),
        Instruction::WriteRecord(it) => apart(it, context, reply),
        Instruction::UpdateRecordPart(it) => apart(it, context, reply),
        Instruction::EraseBinary(it) => apart(it, context, reply),
        Instruction::EraseRecord(it) => apart(it, context, reply),
        Instruction::CreateFile(it) => apart(it, context, reply),
        Instruction::AppendRecord(it) => apart(it, context, reply),
        Instruction::DeleteFile(it) => apart(it, context, reply),
        Instruction::ActivateFile(it) => apart(it, context, reply),
        Instruction::DeactivateFile(it) => apart(it, context, reply),
        Instruction::TerminateFile(it) => apart(it, context, reply),
        Instruction::TerminateDirectory(it) => apart(it, context, reply),
        Instruction::TerminateCardUsage(it) => apart(it, context, reply),
        Instruction::ChooseProvider(it) => apart(it, context, reply),
        Instruction::GetJournal(it) => apart(it, context, reply),
        Instruction::ListProviders(it) => apart(it, context, reply),
        Instruction::ChangeCondition(it) => apart(it, context, reply),
        Instruction::InitializeUpdate(it) => apart(it, context, reply),
        Instruction::ExternalAuthenticate(it) => apart(it, context, reply),
        Instruction::PutKey(it) => apart(it, context, reply),
        Instruction::StoreData(it) => apart(it, context, reply),
        Instruction::GetCardData(it) => apart(it, context, reply),
        Instruction::Delete(it) => apart(it, context, reply),
        Instruction::SetStatus(it) => apart(it, context, reply),
        Instruction::GetStatus(it) => apart(it, context, reply),
        Instruction::LoadDescriptor(it) => apart(it, context, reply),
        Instruction::Build(it) => apart(it, context, reply),
        Instruction::Sign(it) => apart(it, context, reply),
        Instruction::Receive(it) => apart(it, context, reply),
        // The link and the session have answered these.
        Instruction::GetResponse(_) | Instruction::ManageChannel(_) => Err(Refusal::OutOfOrder),
    }
}

/// Executes a command in a stack frame of its own: in the dispatcher's, all handlers' would lie below each of them.
#[inline(never)]
fn apart<P: Platform>(it: impl Handle, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
    it.handle(context, reply)
}

/// Which commands a card takes in which state. A locked card tells what it is and lets its issuer unlock it; a
/// terminated one only tells what it is.
fn is_available(instruction: &Instruction<'_>, state: LifeCycle) -> bool {
    match state {
        LifeCycle::OpReady | LifeCycle::Initialized | LifeCycle::Secured => true,
        LifeCycle::CardLocked => {
            let is_issuers = matches!(instruction, Instruction::SetStatus(_) | Instruction::TerminateCardUsage(_));
            is_issuers || is_handshake(instruction) || tells_what_it_is(instruction)
        }
        LifeCycle::Terminated => tells_what_it_is(instruction),
    }
}

fn tells_what_it_is(instruction: &Instruction<'_>) -> bool {
    matches!(instruction, Instruction::Select(_) | Instruction::GetStatus(_) | Instruction::GetCardData(_))
}

/// The commands that open a secure channel.
fn is_handshake(instruction: &Instruction<'_>) -> bool {
    matches!(instruction, Instruction::InitializeUpdate(_) | Instruction::ExternalAuthenticate(_))
}

/// Whether it leaves the application whose secure channel is open.
fn selects_application(instruction: &Instruction<'_>) -> bool {
    matches!(instruction, Instruction::Select(Select { selector: Selector::Name(..), .. }))
}
