//! SIGN: the children of the member's node come in, in as many commands as they need; then the card signs.

use apdu_spec::Writer;
use apdu_spec::instruction::Sign;
use apdu_spec::transaction::Children;
use protocol::crypto::RustCrypto;
use protocol::member::Complete;
use protocol::message::request::SEALED_SIGNATURE_LENGTH;
use protocol::types::Digest;

use super::{Owner, Round, Session, Stage};
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
        let Some(node) = collect(context.transaction, owner, &self)? else { return Ok(()) };
        let signed = context.sign(node, reply);
        if signed.is_err() {
            *context.transaction = Session::Idle;
        }
        signed
    }
}

impl<P: Platform> Context<'_, P> {
    fn sign(&mut self, node: Complete<RustCrypto>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let length = node.sign(&mut self.random()?, reply.extend(SEALED_SIGNATURE_LENGTH)?)?;
        reply.truncate(length);
        Ok(())
    }
}

/// Takes the session one SIGN further; gives the node if it is complete. What is on the stack here is gone when the
/// signature is made, which takes much of it.
#[inline(never)]
fn collect(session: &mut Session, owner: Owner, command: &Sign<'_>) -> Result<Option<Complete<RustCrypto>>, Refusal> {
    match session.take()? {
        Stage::KeyExchange(round) => {
            round.collect(command, |round| *session = Session::Open(owner, Stage::KeyExchange(round)))
        }
        Stage::Transaction(round, id) => {
            round.collect(command, |round| *session = Session::Open(owner, Stage::Transaction(round, id)))
        }
        Stage::Acknowledgment(round, id) => {
            round.collect(command, |round| *session = Session::Open(owner, Stage::Acknowledgment(round, id)))
        }
        Stage::Chosen | Stage::Ready | Stage::Established(_) | Stage::Decided(_) => Err(Refusal::Fault),
    }
}

impl<Next> Round<Next> {
    /// Adds the command's children and gives the round to `keep`.
    #[inline(never)]
    fn collect(self, command: &Sign<'_>, keep: impl FnOnce(Self)) -> Result<Option<Complete<RustCrypto>>, Refusal> {
        let mut node = match self {
            Self::Unsigned(unsigned) => unsigned.combine(command.count)?,
            Self::Combining(node, count) if count == command.count => node,
            Self::Combining(..) | Self::Awaiting(_) => return Err(Refusal::WRONG_DATA),
        };
        for child in Children::parse(command.children)? {
            node.child(&Digest(*child.digest), child.signature)?;
        }
        if !command.last {
            keep(Self::Combining(node, command.count));
            return Ok(None);
        }
        if node.missing() != 0 {
            return Err(Refusal::WRONG_DATA);
        }
        let (node, awaiting) = node.complete()?;
        keep(Self::Awaiting(awaiting));
        Ok(Some(node))
    }
}
