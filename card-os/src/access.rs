//! The only place where permission is given. What was permitted is a value that nobody else can make, and the
//! operations it guards demand it.

use apdu_spec::access::Requirement;
use apdu_spec::provider::ProviderReference;
use apdu_spec::{Access, Condition, Fcp, FileDescriptor, LifeCycle, Operation};

use crate::application::Domain;
use crate::context::Context;
use crate::file::{self, File};
use crate::key::Key;
use crate::pin::Pin;
use crate::platform::Platform;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::secure_channel::key_set;

/// Permission for one operation on `T`, given to this command.
pub(crate) struct Granted<T>(T);

/// Changing what only the issuer changes once the card is SECURED.
pub(crate) struct Personalisation;

impl<T> Granted<T> {
    /// What the permission was for, the permission used up.
    pub(crate) fn into_subject(self) -> T {
        self.0
    }

    /// What the permission is for.
    pub(crate) fn subject(&self) -> &T {
        &self.0
    }
}

impl<P: Platform> Context<'_, P> {
    /// Permission for `operation` on a file.
    pub(crate) fn permit(&mut self, file: File, operation: Operation) -> Result<Granted<File>, Refusal> {
        self.require_for(&file, operation)?;
        Ok(Granted(file))
    }

    /// Permission for `operation` on a file in `directory`, which decides about it.
    pub(crate) fn permit_child(
        &mut self,
        directory: &File,
        file: File,
        operation: Operation,
    ) -> Result<Granted<File>, Refusal> {
        self.require_for(directory, operation)?;
        Ok(Granted(file))
    }

    /// Permission to use a provider record.
    pub(crate) fn permit_use(&mut self, provider: Provider) -> Result<Granted<Provider>, Refusal> {
        if provider.is_locked() {
            return Err(Refusal::Locked);
        }
        self.require([provider.record()?.info.condition])?;
        Ok(Granted(provider))
    }

    /// Permission to change a provider record's access condition.
    pub(crate) fn permit_condition_change(&mut self, provider: Provider) -> Result<Granted<Provider>, Refusal> {
        if provider.is_locked() {
            return Err(Refusal::Locked);
        }
        self.require(provider.record()?.condition_change)?;
        Ok(Granted(provider))
    }

    /// Permission to use a key of the key store.
    pub(crate) fn permit_key_use(&mut self, key: Key) -> Result<Granted<Key>, Refusal> {
        self.require([key.attributes().condition])?;
        Ok(Granted(key))
    }

    /// Permission to change a PIN whose value was given just now.
    pub(crate) fn permit_change(&mut self, pin: Pin) -> Result<Granted<Pin>, Refusal> {
        if self.channel.verified.contains(pin.reference()) { Ok(Granted(pin)) } else { Err(Refusal::NotGranted) }
    }

    /// Permission to choose a PIN in the place of a transport PIN that is not blocked.
    pub(crate) fn permit_choice(&mut self, pin: Pin) -> Result<Granted<Pin>, Refusal> {
        self.require([pin.rules().choosing])?;
        if pin.tries_left(self)? == 0 { Err(Refusal::PinBlocked) } else { Ok(Granted(pin)) }
    }

    /// Permission to unblock a PIN, and to replace it, under its condition for that.
    pub(crate) fn permit_unblocking(&mut self, pin: Pin) -> Result<Granted<Pin>, Refusal> {
        self.require([pin.rules().unblocking])?;
        Ok(Granted(pin))
    }

    /// Permission to unblock a PIN, and to replace it, for whoever knows its resetting code. A wrong one costs a try of
    /// the code.
    pub(crate) fn permit_unblocking_by(&mut self, pin: Pin, code: &[u8]) -> Result<Granted<Pin>, Refusal> {
        pin.resetting_code(self)?.compare(self, code)?;
        Ok(Granted(pin))
    }

    /// Permission to personalise: in the clear until SECURED, by the issuer's secure channel always.
    pub(crate) fn permit_personalisation(&self) -> Result<Granted<Personalisation>, Refusal> {
        if self.is_personalising() || self.issuer().is_some() {
            Ok(Granted(Personalisation))
        } else {
            Err(Refusal::NotGranted)
        }
    }

    /// Permission to change a provider record and its signing key: that of whose keys open the record's own security
    /// domain.
    pub(crate) fn permit_management(
        &self,
        reference: ProviderReference,
        provider: Provider,
    ) -> Result<Granted<Provider>, Refusal> {
        self.permit_keys(Domain::Provider(reference))?;
        Ok(Granted(provider))
    }

    /// Permission to change the key sets of a security domain: in the clear until SECURED, then through the domain's
    /// own secure channel, or the issuer's as long as the domain has no keys.
    pub(crate) fn permit_keys(&self, domain: Domain) -> Result<Granted<Domain>, Refusal> {
        let is_keeper = self.host.is_some_and(|host| host.domain == key_set::keeper(self.store, domain));
        if self.is_personalising() || is_keeper { Ok(Granted(domain)) } else { Err(Refusal::NotGranted) }
    }

    /// Whether the value of a key may come in: in the clear until SECURED; later, where `encrypted` is enough, in a
    /// secure channel that encrypts commands.
    pub(crate) fn require_import(&self, encrypted: bool) -> Result<(), Refusal> {
        let is_encrypted = self.issuer().is_some() && self.secure.encrypts_commands();
        if self.is_personalising() || encrypted && is_encrypted { Ok(()) } else { Err(Refusal::NotGranted) }
    }

    /// The issuer decides which files there are, and fills those that it makes, but reads and writes only what their
    /// conditions let it once they are activated. A file out of use, or in a directory out of use, is neither read nor
    /// changed; it can still be taken into use or deleted.
    fn require_for(&mut self, file: &File, operation: Operation) -> Result<(), Refusal> {
        if is_use(operation) && !file::is_in_use(self.store, file)? {
            return Err(Refusal::OutOfOrder);
        }
        let (file, operation) = file::in_force(self.store, file, operation)?;
        if is_about_existence(operation) && self.issuer().is_some() {
            return Ok(());
        }
        let access = Access { operation, header: self.header };
        let Fcp { descriptor, security, .. } = file.parameters()?;
        // The command that changes such a file's rules has the header of the one that changes its content: who may do
        // the latter must not rise to the former.
        let is_content = matches!(descriptor, FileDescriptor::DataObjects { .. });
        let is_hidden = is_content && operation == Operation::ChangeAttributes;
        self.require(security.conditions(access).filter(|_| !is_hidden))
    }

    /// One of the conditions has to be met. Before SECURED the card is in a trusted place and everything is permitted
    /// (GlobalPlatform Card Specification 2.3.1, 5.1.1).
    fn require(&mut self, conditions: impl IntoIterator<Item = Condition>) -> Result<(), Refusal> {
        let mut holds = |requirement| match requirement {
            Requirement::Pin(pin) => self.channel.verified.contains(pin),
            Requirement::Key(key) => self.channel.authenticated.contains(key),
            Requirement::SecureChannel(version, level) => {
                self.issuer() == Some(version) && self.secure.level().is_some_and(|now| now.includes(level))
            }
            Requirement::UserPresent => self.platform.user_present(),
        };
        let is_met = conditions.into_iter().any(|condition| condition.is_met(&mut holds));
        if self.is_personalising() || is_met { Ok(()) } else { Err(Refusal::NotGranted) }
    }

    fn is_personalising(&self) -> bool {
        match self.state {
            LifeCycle::OpReady | LifeCycle::Initialized => true,
            LifeCycle::Secured | LifeCycle::CardLocked | LifeCycle::Terminated => false,
        }
    }
}

/// Whether it takes a file that is in use.
fn is_use(operation: Operation) -> bool {
    match operation {
        Operation::Read
        | Operation::Update
        | Operation::Append
        | Operation::CreateFile
        | Operation::CreateDirectory
        | Operation::ChangeAttributes => true,
        Operation::Deactivate
        | Operation::Activate
        | Operation::Terminate
        | Operation::DeleteSelf
        | Operation::DeleteChild => false,
    }
}

/// Whether it is about which files there are and under which conditions, not about what is in them.
fn is_about_existence(operation: Operation) -> bool {
    !matches!(operation, Operation::Read | Operation::Update | Operation::Append)
}
