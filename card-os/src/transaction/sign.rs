//! SIGN: the children of the member's node come in, in as many commands as they need; then the card signs.

use apdu_spec::Writer;
use apdu_spec::instruction::Sign;
use apdu_spec::transaction::Children;
use protocol::message::request::SEALED_SIGNATURE_LENGTH;
use protocol::types::Digest;
use rand_core::CryptoRngCore;

use super::{Round, Session, Stage};
use crate::command::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;

/// What is wrong in it ends the session: nothing can be signed twice, so that half a node is worth nothing.
impl Handle for Sign<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let (owner, stage) = context.transaction.of(context.number)?;
        if !stage.is_unsigned() {
            return Err(Refusal::OutOfOrder);
        }
        let stage = context.transaction.take()?;
        let mut random = context.random()?;
        let next = match stage {
            Stage::KeyExchange(round) => Stage::KeyExchange(round.sign(&self, &mut random, reply)?),
            Stage::Transaction(round, id) => Stage::Transaction(round.sign(&self, &mut random, reply)?, id),
            Stage::Acknowledgment(round, id) => Stage::Acknowledgment(round.sign(&self, &mut random, reply)?, id),
            Stage::Chosen | Stage::Ready | Stage::Established(_) | Stage::Decided(_) => return Err(Refusal::Fault),
        };
        *context.transaction = Session::Open(owner, next);
        Ok(())
    }
}

impl<Next> Round<Next> {
    fn sign(
        self,
        command: &Sign<'_>,
        random: &mut impl CryptoRngCore,
        reply: &mut Writer<'_>,
    ) -> Result<Self, Refusal> {
        let mut node = match self {
            Self::Unsigned(unsigned) => unsigned.combine(command.count)?,
            Self::Combining(node, count) if count == command.count => node,
            Self::Combining(..) | Self::Awaiting(_) => return Err(Refusal::WRONG_DATA),
        };
        for child in Children::parse(command.children)? {
            node.child(&Digest(*child.digest), child.signature)?;
        }
        if !command.last {
            return Ok(Self::Combining(node, command.count));
        }
        if node.missing() != 0 {
            return Err(Refusal::WRONG_DATA);
        }
        let (length, awaiting) = node.sign(random, reply.extend(SEALED_SIGNATURE_LENGTH)?)?;
        reply.truncate(length);
        Ok(Self::Awaiting(awaiting))
    }
}
