//! GET CHALLENGE.

use apdu_spec::Writer;
use apdu_spec::instruction::GetChallenge;
use rand_core::RngCore;

use super::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for GetChallenge {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let challenge = reply.extend(self.length)?;
        context.random()?.fill_bytes(challenge);
        context.channel.challenge = (&*challenge).try_into().ok();
        Ok(())
    }
}
