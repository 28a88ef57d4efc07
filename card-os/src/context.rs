//! What a handler works with.

use apdu_spec::LifeCycle;
use apdu_spec::command::Header;
use apdu_spec::instruction::KeyVersion;

use crate::application::Domain;
use crate::command::store_data::Blocks;
use crate::platform::Platform;
use crate::provider;
use crate::random::{Random, Seeded};
use crate::refusal::{Refusal, Warning};
use crate::secure_channel::{KeySetName, SecureChannel};
use crate::session::{Channel, Ended};
use crate::store::Store;
use crate::transaction;

/// The card, as one command on one channel sees it.
pub(crate) struct Context<'a, P: Platform> {
    pub(crate) store: &'a mut Store<P::Flash>,
    pub(crate) platform: &'a mut P,
    pub(crate) random: &'a mut Random,
    /// The life cycle state at the beginning of the command.
    pub(crate) state: LifeCycle,
    /// The command's header, its class without chaining, secure messaging and logical channel.
    pub(crate) header: Header,
    /// The channel's number.
    pub(crate) number: u8,
    pub(crate) channel: &'a mut Channel,
    pub(crate) transaction: &'a mut transaction::Session,
    pub(crate) secure: &'a mut SecureChannel,
    /// What STORE DATA has brought so far.
    pub(crate) blocks: &'a mut Blocks,
    /// The key set whose secure channel brought this command.
    pub(crate) host: Option<KeySetName>,
    /// What the response says beside its data.
    pub(crate) warning: Option<Warning>,
    /// What this command has put an end to, for every channel.
    pub(crate) ended: Option<Ended>,
}

impl<P: Platform> Context<'_, P> {
    /// The security domain that is selected.
    pub(crate) fn domain(&self) -> Result<Domain, Refusal> {
        let domain = self.channel.selected.application.domain().ok_or(Refusal::NotHere)?;
        match domain {
            Domain::Provider(reference) if !provider::exists(self.store, reference) => Err(Refusal::ReferenceNotFound),
            Domain::Provider(reference) if provider::is_locked(self.store, reference) => Err(Refusal::Locked),
            Domain::Provider(_) | Domain::Issuer => Ok(domain),
        }
    }

    /// The issuer's key set whose secure channel brought this command.
    pub(crate) fn issuer(&self) -> Option<KeyVersion> {
        self.host.filter(|host| host.domain == Domain::Issuer).map(|host| host.version)
    }

    /// Random numbers.
    pub(crate) fn random(&mut self) -> Result<Seeded<'_>, Refusal> {
        self.random.seeded(self.platform)
    }
}
