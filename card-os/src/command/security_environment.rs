//! MANAGE SECURITY ENVIRONMENT.

use apdu_spec::Writer;
use apdu_spec::instruction::{ControlReference, ManageSecurityEnvironment};

use super::Handle;
use crate::context::Context;
use crate::key::Key;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::security_environment::SecurityEnvironment;

/// Says early whether the key is there and serves; the operation asks again.
impl Handle for ManageSecurityEnvironment {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        match self {
            Self::Set(ControlReference { template, usage, key: Some(reference), algorithm }) => {
                Key::load(context.store, reference)?.serving(template, usage, algorithm)?;
                context.channel.environment.set(template, usage, reference);
            }
            // SHA-256, the only algorithm for hash codes, need not be set.
            Self::Set(ControlReference { key: None, .. }) => {}
            Self::Restore => context.channel.environment = SecurityEnvironment::default(),
        }
        Ok(())
    }
}
