//! VERIFY and CHANGE REFERENCE DATA.

use apdu_spec::Writer;
use apdu_spec::instruction::{ChangeReferenceData, Verify, VerifyPart};

use super::Handle;
use crate::context::Context;
use crate::pin::Pin;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for Verify<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let pin = Pin::load(context, self.reference)?;
        match self.part {
            VerifyPart::Compare(value) => pin.verify(context, value),
            VerifyPart::Forget => {
                context.channel.verified.remove(self.reference);
                Ok(())
            }
            VerifyPart::Ask if context.channel.verified.contains(self.reference) => Ok(()),
            VerifyPart::Ask => match pin.tries_left(context)? {
                0 => Err(Refusal::PinBlocked),
                left => Err(Refusal::WrongPin { left }),
            },
        }
    }
}

impl Handle for ChangeReferenceData<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        Pin::load(context, self.reference)?.change(context, self.old_and_new)
    }
}
