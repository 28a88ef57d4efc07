//! BUILD: the card writes its own part of a message.
//!
//! The record's access condition is checked anew each time. What a message promises is durable before it leaves: BUILD
//! commits by itself, and when that fails the session has ended and the message with it.

use apdu_spec::instruction::Build;
use apdu_spec::journal::{JournalEntry, Step};
use apdu_spec::transaction::{self as input, AcknowledgmentInput, KeyExchangeInput, TransactionInput};
use apdu_spec::{Malformed, Writer};
use protocol::crypto::{RustCrypto, Secret};
use protocol::limits::{CARD_MESSAGE_MAX, PLAIN_TEXT_MAX, SENSITIVE_MAX};
use protocol::member::{Account, FreshKey, KeyExchange};
use protocol::message::Kind;
use protocol::message::acknowledgment::Decision;
use protocol::message::transaction::Terms;
use protocol::types::{Currency, Options, Role, TransactionId, TransactionKind};

use super::{Owner, Round, Session, Stage, descriptor, journal};
use crate::access::Granted;
use crate::command::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::provider::{Provider, SigningKey};
use crate::refusal::Refusal;

impl Handle for Build<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        match Kind::from_byte(self.kind) {
            Some(Kind::KeyExchangeRequest) => context.build_key_exchange(self.input, reply),
            Some(Kind::TransactionRequest) => context.build_transaction(self.input, reply),
            Some(Kind::Acknowledgment) => context.build_acknowledgment(self.input, reply),
            _ => Err(Malformed::Parameters.into()),
        }
    }
}

impl<P: Platform> Context<'_, P> {
    fn build_key_exchange(&mut self, input: &[u8], reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let (owner, stage) = self.transaction.of(self.number)?;
        if !matches!(stage, Stage::Ready) {
            return Err(Refusal::OutOfOrder);
        }
        let input = KeyExchangeInput::parse(input)?;
        let provider = self.permit_session(owner)?;
        let record = provider.subject().record()?;
        let key = SigningKey::load(self.store, &provider)?;
        let descriptor = descriptor::accepted(self.store, owner.provider)?;
        let secret = Secret::from(*record.account_secret);
        let exchange = KeyExchange {
            descriptor: &descriptor,
            signing: key.scalar(),
            verification: key.public(),
            fresh_key: match input.fresh_key {
                input::FreshKey::No => FreshKey::No,
                input::FreshKey::Unendorsed => FreshKey::Unendorsed,
                input::FreshKey::Endorsed => FreshKey::Endorsed,
            },
            options: Options::from_bits(input.options)
                .filter(|options| options.is_permitted())
                .ok_or(Refusal::WRONG_DATA)?,
            account: input.prove_account.then_some(Account { information: record.account, secret: &secret }),
            plain_text: input.plain_text,
            sensitive: input.sensitive,
        };
        let (length, unsigned) =
            exchange.request::<RustCrypto>(&mut self.random()?, reply.extend(CARD_MESSAGE_MAX)?)?;
        reply.truncate(length);
        *self.transaction = Session::Open(owner, Stage::KeyExchange(Round::Unsigned(unsigned)));
        Ok(())
    }

    fn build_transaction(&mut self, input: &[u8], reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let (owner, stage) = self.transaction.of(self.number)?;
        let Stage::Established(established) = stage else { return Err(Refusal::OutOfOrder) };
        let transaction = *established.transaction();
        let input = TransactionInput::parse(input)?;
        within_limits(&[(input.plain_text, PLAIN_TEXT_MAX), (input.sensitive, SENSITIVE_MAX)])?;
        let terms = terms(&input);
        let provider = self.permit_session(owner)?;
        self.limit(&provider, &terms)?;
        let subject = self.note(owner, transaction, &terms)?;

        let Stage::Established(established) = self.transaction.take()? else { return Err(Refusal::Fault) };
        let record = provider.subject().record()?;
        let secret = Secret::from(*record.account_secret);
        let account = Account { information: record.account, secret: &secret };
        let space = reply.extend(CARD_MESSAGE_MAX)?;
        let (length, unsigned) =
            established.request::<RustCrypto>(&terms, account, input.sensitive, input.plain_text, space)?;
        reply.truncate(length);
        self.store.commit()?;
        *self.transaction = Session::Open(owner, Stage::Transaction(Round::Unsigned(unsigned), subject));
        Ok(())
    }

    /// Enters a transaction into the journal and gives the transaction whose entry the response will change. An inquiry
    /// moves nothing and is not entered: its answer is about the transaction that it asks for.
    fn note(&mut self, owner: Owner, transaction: TransactionId, terms: &Terms) -> Result<TransactionId, Refusal> {
        if terms.kind == TransactionKind::INQUIRY {
            return Ok(terms.reference.unwrap_or(transaction));
        }
        let entry = JournalEntry {
            sequence: 0,
            provider: owner.provider,
            transaction: transaction.0,
            kind: terms.kind.0,
            role: terms.role.0,
            amount: terms.amount,
            currency: terms.currency.0,
            step: Step::Requested,
        };
        journal::append(self.store, entry)?;
        Ok(transaction)
    }

    fn build_acknowledgment(&mut self, input: &[u8], reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let (owner, stage) = self.transaction.of(self.number)?;
        let Stage::Decided(decided) = stage else { return Err(Refusal::OutOfOrder) };
        let transaction = *decided.transaction();
        let input = AcknowledgmentInput::parse(input)?;
        let texts = [(input.plain_text, PLAIN_TEXT_MAX), (input.data, SENSITIVE_MAX), (input.sensitive, SENSITIVE_MAX)];
        within_limits(&texts)?;
        let (decision, step) = match input.decision {
            input::Decision::Accept => (Decision::Accept, Step::Accepted),
            input::Decision::Reject => (Decision::Reject, Step::Rejected),
        };
        self.permit_session(owner)?;
        journal::advance(self.store, owner.provider, &transaction.0, step)?;

        let Stage::Decided(decided) = self.transaction.take()? else { return Err(Refusal::Fault) };
        let space = reply.extend(CARD_MESSAGE_MAX)?;
        let (length, unsigned) =
            decided.acknowledge::<RustCrypto>(decision, input.data, input.sensitive, input.plain_text, space)?;
        reply.truncate(length);
        self.store.commit()?;
        *self.transaction = Session::Open(owner, Stage::Acknowledgment(Round::Unsigned(unsigned), transaction));
        Ok(())
    }

    fn permit_session(&mut self, owner: Owner) -> Result<Granted<Provider>, Refusal> {
        let provider = Provider::load(self.store, owner.provider)?;
        self.permit_use(provider)
    }
}

fn terms(input: &TransactionInput<'_>) -> Terms {
    Terms {
        kind: TransactionKind(input.kind),
        role: Role(input.role),
        amount: input.amount,
        currency: Currency(input.currency),
        counterparties: input.counterparties.clone().collect(),
        reference: input.reference.copied().map(TransactionId),
    }
}

/// Before a step consumes the session's stage: what is too long for the message must not end the session.
fn within_limits(texts: &[(&[u8], usize)]) -> Result<(), Refusal> {
    if texts.iter().all(|(text, limit)| text.len() <= *limit) { Ok(()) } else { Err(Refusal::WRONG_DATA) }
}

const _: () = assert!(
    apdu_spec::transaction::COUNTERPARTIES_MAX <= protocol::limits::PEERS_MAX,
    "collecting into a list that is too short would panic"
);
