//! The member accepts or rejects, and learns how it ended.

use super::sign::{Awaiting, Unsigned};
use super::transaction::{Decided, write};
use super::{Session, at_most};
use crate::crypto::Crypto;
use crate::error::{Malformed, Rejected};
use crate::keys::Field;
use crate::limits;
use crate::message::Kind;
use crate::message::acknowledgment::{Decision, Outer};
use crate::message::final_notice::FinalNotice;
use crate::seal::{self, Builder, Scratch};
use crate::types::{Ending, TransactionId};

/// What the member remembers until the final notice comes.
pub struct AcknowledgmentSent {
    session: Session,
    decision: Decision,
}

/// What the final notice says.
#[derive(Debug)]
pub struct FinalView<'a> {
    /// How it ended.
    pub ending: Ending,
    /// The provider's plain text.
    pub plain_text: &'a [u8],
    /// A line for the receipt.
    pub receipt: &'a str,
}

impl Decided {
    /// The transaction that waits for the member's word.
    #[must_use]
    pub const fn transaction(&self) -> &TransactionId {
        &self.session.header.transaction
    }

    /// Writes the member's word on the decision and gives its length.
    pub fn acknowledge<C: Crypto>(
        self,
        decision: Decision,
        data: &[u8],
        sensitive: &[u8],
        plain_text: &[u8],
        out: &mut [u8],
    ) -> Result<(usize, Unsigned<C, AcknowledgmentSent>), Rejected> {
        at_most(plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        at_most(data, limits::SENSITIVE_MAX, "acknowledgment data")?;
        at_most(sensitive, limits::SENSITIVE_MAX, "sensitive data")?;
        let kind = Kind::Acknowledgment;
        let Self { session, root } = self;
        let mut builder = Builder::new(out);
        builder.value(&Outer { header: session.header, root, decision, plain_text })?;
        let outer = builder.length();
        let key = session.keys.group::<C>(kind, Field::Data);
        builder.sealed::<C>(&key, outer, |_, space| write(space, |plain| plain.raw(data)))?;
        let key = session.keys.private::<C>(kind, Field::Private);
        builder.sealed::<C>(&key, outer, |_, space| write(space, |plain| plain.raw(sensitive)))?;

        let length = builder.length();
        let unsigned = session.unsigned::<C, ()>(kind, builder.written(), ());
        Ok((length, unsigned.then(AcknowledgmentSent { session, decision })))
    }
}

impl Awaiting<AcknowledgmentSent> {
    /// Takes the final notice, which must be signed, and sealed with the session's key.
    pub fn receive<'a, C: Crypto>(&self, message: &'a [u8], scratch: &'a mut [u8]) -> Result<FinalView<'a>, Rejected> {
        let AcknowledgmentSent { session, decision } = &self.next;
        let kind = Kind::FinalNotice;
        let verified = session.verify::<C>(message, kind, &self.request)?;
        let notice = FinalNotice::parse(verified.item)?;
        if notice.outer.header != session.header || notice.outer.request != self.request {
            return Err(Rejected::NotForThis("the final notice"));
        }
        let key = session.keys.private::<C>(kind, Field::Receipt);
        let receipt = seal::open::<C>(&key, notice.outer_bytes, notice.seals.receipt, &mut Scratch::new(scratch))
            .map_err(Rejected::not_verified("the sealed receipt"))?;
        at_most(receipt, limits::LINE_MAX, "receipt")?;
        let receipt = core::str::from_utf8(receipt).map_err(|_| Malformed::Undecodable)?;
        if (*decision, notice.outer.ending) == (Decision::Reject, Ending::Posted) {
            return Err(Rejected::NotForThis("a posting of what this member rejected"));
        }
        Ok(FinalView { ending: notice.outer.ending, plain_text: notice.outer.plain_text, receipt })
    }
}
