//! VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER.

use apdu_spec::Writer;
use apdu_spec::instruction::{ChangePart, ChangeReferenceData, ResetPart, ResetRetryCounter, Verify, VerifyPart};

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
        let pin = Pin::load(context, self.reference)?;
        match self.part {
            ChangePart::OldAndNew(both) => {
                let (old, new) = pin.split(both);
                pin.verify(context, old)?;
                context.permit_change(pin)?.replace(context, new)?;
                context.channel.verified.insert(self.reference);
                Ok(())
            }
            ChangePart::New(new) => context.permit_choice(pin)?.replace(context, new),
        }
    }
}

impl Handle for ResetRetryCounter<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        let pin = Pin::load(context, self.reference)?;
        let (pin, new) = match self.part {
            ResetPart::CodeAndNew(both) => {
                let (code, new) = pin.resetting_code(context)?.split(both);
                (context.permit_unblocking_by(pin, code)?, Some(new))
            }
            ResetPart::Code(code) => (context.permit_unblocking_by(pin, code)?, None),
            ResetPart::New(new) => (context.permit_unblocking(pin)?, Some(new)),
            ResetPart::Nothing => (context.permit_unblocking(pin)?, None),
        };
        if let Some(new) = new {
            pin.replace(context, new)?;
        }
        pin.unblock(context)
    }
}
