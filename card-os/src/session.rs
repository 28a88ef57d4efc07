//! What dies at power-off: one struct.

use core::marker::PhantomData;

use apdu_spec::instruction::{ManageChannel, PinReference};
use apdu_spec::limits::{CHANNELS, KEY_REFERENCE_MAX, PIN_REFERENCE_MAX};
use apdu_spec::{KeyReference, Writer};

use crate::application::Application;
use crate::command::store_data::Blocks;
use crate::objects::FileNumber;
use crate::refusal::Refusal;
use crate::secure_channel::SecureChannel;
use crate::security_environment::SecurityEnvironment;
use crate::transaction;

/// Everything that the card forgets at a reset.
pub(crate) struct Session {
    channels: [Option<Channel>; CHANNELS as usize],
    /// The transaction session; there is one, whichever channel opened it.
    pub(crate) transaction: transaction::Session,
    /// The secure channel; there is one, whichever logical channel it is on.
    pub(crate) secure: SecureChannel,
    /// The blocks of STORE DATA; one sequence, whichever channel brings it.
    pub(crate) blocks: Blocks,
}

/// What one logical channel has selected and proved.
#[derive(Clone, Copy, Default)]
pub(crate) struct Channel {
    /// What is selected. A command that is refused leaves it as it was.
    pub(crate) selected: Selection,
    /// The PINs that were verified.
    pub(crate) verified: References<PinReference>,
    /// The keys whose holders were authenticated.
    pub(crate) authenticated: References<KeyReference>,
    /// The keys for the next operations.
    pub(crate) environment: SecurityEnvironment,
    /// The hash that was computed last, until a signature uses it.
    pub(crate) hash: Option<[u8; 32]>,
    /// The challenge that was given last, if it is as long as authentication needs, until it is used.
    pub(crate) challenge: Option<[u8; 16]>,
}

/// What is selected on a logical channel.
#[derive(Clone, Copy, Default)]
pub(crate) struct Selection {
    /// The application whose commands are available.
    pub(crate) application: Application,
    /// The current directory.
    pub(crate) directory: FileNumber,
    /// The current elementary file.
    pub(crate) file: Option<FileNumber>,
    /// The number of its current record; 0 is none.
    pub(crate) record: u8,
}

impl Selection {
    /// Makes an elementary file the current one, or none.
    pub(crate) fn enter(&mut self, file: Option<FileNumber>) {
        self.file = file;
        self.record = 0;
    }

    /// Goes on without a file that was deleted, whose number another one may get.
    fn leave(&mut self, file: FileNumber, parent: FileNumber) {
        if self.directory == file {
            self.directory = parent;
        }
        if self.file == Some(file) {
            self.enter(None);
        }
        if self.application == Application::Directory(file) {
            self.application = Application::default();
        }
    }
}

/// What a command has put an end to, so that no channel may go on with it.
#[derive(Clone, Copy)]
pub(crate) enum Ended {
    /// A PIN as it was: it has another value, or was unblocked.
    Pin(PinReference),
    /// A key of the key store as it was: it was replaced or deleted.
    Key(KeyReference),
    /// A file.
    File {
        /// The file's number.
        number: FileNumber,
        /// The number of the directory that it was in.
        parent: FileNumber,
    },
    /// A state of the card's life cycle.
    CardState,
}

/// A set of PINs, or of keys.
#[derive(Clone, Copy)]
pub(crate) struct References<R> {
    /// A bit a number.
    bits: u64,
    of: PhantomData<R>,
}

impl<R: Into<u8>> References<R> {
    pub(crate) fn insert(&mut self, reference: R) {
        self.bits |= Self::bit(reference);
    }

    pub(crate) fn remove(&mut self, reference: R) {
        self.bits &= !Self::bit(reference);
    }

    pub(crate) fn contains(&self, reference: R) -> bool {
        self.bits & Self::bit(reference) != 0
    }

    fn bit(reference: R) -> u64 {
        1_u64.checked_shl(reference.into().into()).unwrap_or(0)
    }
}

impl<R> Default for References<R> {
    fn default() -> Self {
        Self { bits: 0, of: PhantomData }
    }
}

const _: () = assert!(PIN_REFERENCE_MAX < 64 && KEY_REFERENCE_MAX < 64, "each reference has a bit");

impl Default for Session {
    fn default() -> Self {
        let mut channels = [None; CHANNELS as usize];
        channels[0] = Some(Channel::default());
        Self {
            channels,
            transaction: transaction::Session::default(),
            secure: SecureChannel::default(),
            blocks: Blocks::default(),
        }
    }
}

impl Session {
    /// A channel that is open, and what is beside it.
    pub(crate) fn channel(
        &mut self,
        number: u8,
    ) -> Result<(&mut Channel, &mut transaction::Session, &mut SecureChannel, &mut Blocks), Refusal> {
        let channel = self.channels.get_mut(usize::from(number)).and_then(Option::as_mut);
        Ok((channel.ok_or(Refusal::NoChannel)?, &mut self.transaction, &mut self.secure, &mut self.blocks))
    }

    /// What is selected on a channel, if that is open.
    pub(crate) fn selected(&mut self, number: u8) -> Option<&mut Selection> {
        self.channels.get_mut(usize::from(number))?.as_mut().map(|channel| &mut channel.selected)
    }

    /// Forgets on every channel what rested on what has ended. Whether a PIN is verified on the channel that gave it
    /// another value, `by`, is the command's to say.
    pub(crate) fn end(&mut self, ended: Ended, by: u8) {
        if let Ended::CardState = ended {
            self.transaction = transaction::Session::default();
            if self.secure.number() != Some(by) {
                self.secure.close();
            }
        }
        let channels = (0..CHANNELS).zip(&mut self.channels);
        for (number, channel) in channels.filter_map(|(number, channel)| Some((number, channel.as_mut()?))) {
            match ended {
                Ended::Pin(_) if number == by => {}
                Ended::Pin(pin) => channel.verified.remove(pin),
                Ended::Key(key) => channel.authenticated.remove(key),
                Ended::File { number, parent } => channel.selected.leave(number, parent),
                Ended::CardState => {
                    channel.verified = References::default();
                    channel.authenticated = References::default();
                }
            }
        }
    }

    /// MANAGE CHANNEL. A new channel begins where the card begins.
    pub(crate) fn manage(&mut self, command: ManageChannel, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        match command {
            ManageChannel::OpenAny => {
                let free = (0..CHANNELS).zip(&mut self.channels).find(|(_, channel)| channel.is_none());
                let (number, channel) = free.ok_or(Refusal::NotAvailable)?;
                reply.put_u8(number)?;
                *channel = Some(Channel::default());
            }
            ManageChannel::Open(number) => match self.channels.get_mut(usize::from(number)) {
                Some(channel @ None) => *channel = Some(Channel::default()),
                _ => return Err(Refusal::NoChannel),
            },
            ManageChannel::Close(number) => {
                let channel = self.channels.get_mut(usize::from(number)).ok_or(Refusal::NoChannel)?;
                channel.take().ok_or(Refusal::NoChannel)?;
                self.transaction.close(number);
                self.secure.close_on(number);
            }
        }
        Ok(())
    }
}
