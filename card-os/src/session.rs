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
    /// The application whose commands are available.
    pub(crate) application: Application,
    /// The current directory.
    pub(crate) directory: FileNumber,
    /// The current elementary file.
    pub(crate) file: Option<FileNumber>,
    /// The number of its current record; 0 is none.
    pub(crate) record: u8,
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

impl Channel {
    /// Makes an elementary file the current one, or none.
    pub(crate) fn enter(&mut self, file: Option<FileNumber>) {
        self.file = file;
        self.record = 0;
    }
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

    /// Whoever was authenticated with a key is not with another one that takes its place, on any channel.
    pub(crate) fn forget_authentication(&mut self, key: KeyReference) {
        self.channels.iter_mut().flatten().for_each(|channel| channel.authenticated.remove(key));
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
