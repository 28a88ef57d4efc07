//! GET STATUS and SET STATUS.

use apdu_spec::instruction::{GetStatus, RegistryEntry, SetStatus, Subset};
use apdu_spec::life_cycle::DomainState;
use apdu_spec::provider::ProviderReference;
use apdu_spec::{Aid, LifeCycle, Writer};

use super::Handle;
use crate::application::{Application, Domain};
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::secure_channel::key_set;
use crate::session::Ended;
use crate::{life_cycle, provider};

/// Security domain, card lock, card terminate, default selected; authorized management, global delete, global lock,
/// global registry (Card Specification 2.3.1, 6.6.1).
const ISSUER_PRIVILEGES: [u8; 3] = [0x80 | 0x10 | 0x08 | 0x04, 0x40 | 0x10 | 0x08 | 0x04, 0x00];

/// Security domain.
const DOMAIN_PRIVILEGES: [u8; 3] = [0x80, 0x00, 0x00];

const NO_PRIVILEGES: [u8; 3] = [0x00; 3];

/// The state of an application that can be selected (table 11-4).
const SELECTABLE: u8 = 0x07;

/// The issuer's domain tells of everything, a provider's of itself.
impl Handle for GetStatus<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let domain = context.domain()?;
        for application in Application::native() {
            let is_shown = domain == Domain::Issuer || application.domain() == Some(domain);
            if !is_shown || self.subset != subset(application) {
                continue;
            }
            if let Some(entry) = context.entry(application)? {
                if entry.name.as_bytes().starts_with(self.name) {
                    entry.encode(self.tags, reply)?;
                }
            }
        }
        if reply.is_empty() { Err(Refusal::ReferenceNotFound) } else { Ok(()) }
    }
}

impl Handle for SetStatus<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        context.permit_personalisation()?;
        match self {
            Self::Card(state) => context.set_card(state),
            Self::Domain { name, lock } => context.set_lock(provider_named(name)?, lock),
        }
    }
}

impl<P: Platform> Context<'_, P> {
    /// What the registry says of an application; nothing of a domain whose record is not there.
    fn entry(&mut self, application: Application) -> Result<Option<RegistryEntry<'static>>, Refusal> {
        let Some(name) = application.name() else { return Ok(None) };
        let (state, privileges) = match application {
            Application::Issuer => (self.state.to_byte(), ISSUER_PRIVILEGES),
            Application::Provider(reference) if provider::exists(self.store, reference) => {
                (self.domain_state(reference).to_byte(), DOMAIN_PRIVILEGES)
            }
            Application::Transaction => (SELECTABLE, NO_PRIVILEGES),
            Application::Provider(_) | Application::Directory(_) => return Ok(None),
        };
        let domain = Some(Aid::ISSUER_SECURITY_DOMAIN).filter(|_| application != Application::Issuer);
        Ok(Some(RegistryEntry { name, state, privileges, domain }))
    }

    fn domain_state(&self, reference: ProviderReference) -> DomainState {
        DomainState {
            is_personalized: key_set::versions(self.store, Domain::Provider(reference)).next().is_some(),
            is_locked: provider::is_locked(self.store, reference),
        }
    }

    /// Forward in the clear until SECURED; from there on, through the issuer's secure channel, a card is locked,
    /// unlocked and ended.
    fn set_card(&mut self, state: LifeCycle) -> Result<(), Refusal> {
        use LifeCycle::{CardLocked, Initialized, OpReady, Secured, Terminated};
        match (self.state, state) {
            (OpReady, Initialized | Secured)
            | (Initialized, Secured)
            | (Secured, CardLocked | Terminated)
            | (CardLocked, Secured | Terminated) => {
                life_cycle::set(self.store, state)?;
                self.ended = Some(Ended::CardState);
                Ok(())
            }
            _ => Err(Refusal::OutOfOrder),
        }
    }

    fn set_lock(&mut self, reference: ProviderReference, lock: bool) -> Result<(), Refusal> {
        if self.state == LifeCycle::CardLocked {
            return Err(Refusal::OutOfOrder);
        }
        provider::set_lock(self, reference, lock)
    }
}

/// The provider record whose security domain has this name, whether or not it is there.
pub(super) fn provider_named(name: Aid<'_>) -> Result<ProviderReference, Refusal> {
    let mut records = ProviderReference::all();
    records.find(|record| Domain::Provider(*record).name() == name).ok_or(Refusal::ReferenceNotFound)
}

fn subset(application: Application) -> Subset {
    match application {
        Application::Issuer => Subset::Issuer,
        Application::Transaction | Application::Provider(_) | Application::Directory(_) => Subset::Applications,
    }
}
