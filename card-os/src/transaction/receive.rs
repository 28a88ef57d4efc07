//! RECEIVE: the card verifies and opens its own part of an answer and hands out what may be shown.
//!
//! A message that does not verify changes nothing; the right one is still awaited. Data for the card alone is checked
//! and dropped: the card does not do anything with it yet.

use apdu_spec::instruction::Receive;
use apdu_spec::journal::Step;
use apdu_spec::transaction::{self as answer, FinalAnswer, KeyExchangeAnswer, TransactionAnswer};
use apdu_spec::{Malformed, Writer};
use protocol::crypto::RustCrypto;
use protocol::limits::{CARD_MESSAGE_MAX, KEY_EXCHANGE_RESPONSE_MAX, OPENED_MAX};
use protocol::member::{
    AcknowledgmentSent, Awaiting, Decided, Established, KeyExchangeSent, KeyExchangeView, TransactionSent,
    TransactionView,
};
use protocol::message::Kind;
use protocol::message::key_exchange::Verdict;
use protocol::message::transaction::Outcome;
use protocol::types::{Ending, Party, Reason};
use zeroize::Zeroize;

use super::{Round, Session, Stage, journal};
use crate::command::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for Receive<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let (kind, longest) = match Kind::from_byte(self.kind) {
            Some(kind @ Kind::KeyExchangeResponse) => (kind, KEY_EXCHANGE_RESPONSE_MAX),
            Some(kind @ (Kind::TransactionResponse | Kind::FinalNotice)) => (kind, CARD_MESSAGE_MAX),
            _ => return Err(Malformed::Parameters.into()),
        };
        if self.message.len() > longest {
            return Err(Malformed::Length.into());
        }
        // Sealed fields are opened in the reply's space, behind what the reply can need.
        reply.with_spare(self.message.len().min(OPENED_MAX), |reply, scratch| {
            let outcome = context.receive(kind, self.message, scratch, reply);
            scratch.zeroize();
            outcome
        })?
    }
}

impl<P: Platform> Context<'_, P> {
    fn receive(
        &mut self,
        kind: Kind,
        message: &[u8],
        scratch: &mut [u8],
        reply: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        let (owner, stage) = self.transaction.of(self.number)?;
        let (next, progress) = match (kind, stage) {
            (Kind::KeyExchangeResponse, Stage::KeyExchange(Round::Awaiting(sent))) => {
                (receive_key_exchange(sent, message, scratch, reply)?.map(Stage::Established), None)
            }
            (Kind::TransactionResponse, Stage::Transaction(Round::Awaiting(sent), id)) => {
                let (next, step) = receive_transaction(sent, message, scratch, reply)?;
                // That an inquiry is declined says nothing about what the card has accepted.
                let step = match step {
                    Some(Step::Approved) if id != sent.transaction() => None,
                    Some(Step::Declined) if id != sent.transaction() => {
                        journal::is_not_accepted(self.store, owner.provider, &id.0)?.then_some(Step::Declined)
                    }
                    step => step,
                };
                (next.map(Stage::Decided), step.map(|step| (*id, step)))
            }
            (Kind::FinalNotice, Stage::Acknowledgment(Round::Awaiting(sent), id)) => {
                (None, Some((*id, receive_final(sent, message, scratch, reply)?)))
            }
            _ => return Err(Refusal::OutOfOrder),
        };
        if let Some((id, step)) = progress {
            journal::advance(self.store, owner.provider, &id.0, step)?;
            self.store.commit()?;
        }
        *self.transaction = next.map_or(Session::Idle, |stage| Session::Open(owner, stage));
        Ok(())
    }
}

/// Gives the session, where there is one.
fn receive_key_exchange(
    sent: &Awaiting<KeyExchangeSent>,
    message: &[u8],
    scratch: &mut [u8],
    reply: &mut Writer<'_>,
) -> Result<Option<Established>, Refusal> {
    let received = sent.receive::<RustCrypto>(message, scratch);
    let (view, _) = received.as_ref().map_err(|rejected| Refusal::from(*rejected))?;
    show_key_exchange(view, reply)?;
    Ok(received?.1)
}

/// Apart, so that the answer is not on the stack while the message is verified.
#[inline(never)]
fn show_key_exchange(view: &KeyExchangeView<'_>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
    let peers = (0..).zip(view.peers).filter(|(number, _)| *number != view.number);
    let answer = KeyExchangeAnswer {
        transaction: view.transaction.as_bytes(),
        number: view.number,
        count: view.count,
        refused: match view.verdict {
            Verdict::Granted => None,
            Verdict::Refused(reason) => Some(shown_reason(reason)),
        },
        parties: view.parties.iter().map(shown_party),
        peers: peers.filter_map(|(number, peer)| Some(answer::PeerKey { number, key: peer.key.key()?.0 })),
        plain_text: view.plain_text,
    };
    Ok(answer.encode(reply)?)
}

/// Gives the decision, where it is to be acknowledged, and what the journal should say.
fn receive_transaction(
    sent: &Awaiting<TransactionSent>,
    message: &[u8],
    scratch: &mut [u8],
    reply: &mut Writer<'_>,
) -> Result<(Option<Decided>, Option<Step>), Refusal> {
    let (view, decided) = sent.receive::<RustCrypto>(message, scratch)?;
    let step = show_transaction(&view, reply)?;
    Ok((decided, step))
}

/// Apart, as in the key exchange; gives what the journal should say.
#[inline(never)]
fn show_transaction(view: &TransactionView<'_>, reply: &mut Writer<'_>) -> Result<Option<Step>, Refusal> {
    let (outcome, step) = match view.display.outcome {
        Outcome::Approved => (answer::Outcome::Approved, Some(Step::Approved)),
        Outcome::Declined(reason) => (answer::Outcome::Declined(shown_reason(reason)), Some(Step::Declined)),
        Outcome::Stands(ending) => (answer::Outcome::Stands(ending.map(shown_ending)), ending.map(step_of)),
    };
    let answer = TransactionAnswer {
        outcome,
        amount: view.display.amount,
        currency: view.display.currency.0,
        parties: view.display.parties.iter().map(shown_party),
        plain_text: view.plain_text,
        receipt: view.display.receipt,
    };
    answer.encode(reply)?;
    Ok(step)
}

/// Gives what the journal should say.
fn receive_final(
    sent: &Awaiting<AcknowledgmentSent>,
    message: &[u8],
    scratch: &mut [u8],
    reply: &mut Writer<'_>,
) -> Result<Step, Refusal> {
    let view = sent.receive::<RustCrypto>(message, scratch)?;
    let ending = shown_ending(view.ending);
    FinalAnswer { ending, plain_text: view.plain_text, receipt: view.receipt }.encode(reply)?;
    Ok(step_of(view.ending))
}

fn step_of(ending: Ending) -> Step {
    match ending {
        Ending::Posted => Step::Posted,
        Ending::Released => Step::Released,
    }
}

fn shown_ending(ending: Ending) -> answer::Ending {
    match ending {
        Ending::Posted => answer::Ending::Posted,
        Ending::Released => answer::Ending::Released,
    }
}

fn shown_reason(reason: Reason<'_>) -> answer::Reason<'_> {
    answer::Reason { code: reason.code.0, line: reason.line }
}

fn shown_party<'a>(party: &Party<'a>) -> answer::Party<'a> {
    answer::Party { number: party.number, name: party.name }
}

const _: () = assert!(KEY_EXCHANGE_RESPONSE_MAX <= apdu_spec::limits::DATA_MAX, "one command brings it");
