//! The member says what it wants done, and learns what the provider decided.

use super::key_exchange::{Established, parties_digest};
use super::sign::{Awaiting, Unsigned};
use super::{Account, Session, at_most};
use crate::codec::{self, BufferFull};
use crate::crypto::Crypto;
use crate::error::Rejected;
use crate::keys::{self, Field};
use crate::limits;
use crate::message::Kind;
use crate::message::transaction::{Display, Outcome, Private, RequestOuter, Response, Terms};
use crate::seal::{self, Builder, Scratch};
use crate::types::{Currency, Digest, TransactionId};

/// What the member remembers until the response comes.
pub struct TransactionSent {
    session: Session,
    parties: Digest,
    amount: u64,
    currency: Currency,
}

/// The provider has decided; the member's acknowledgment is next.
pub struct Decided {
    pub(super) session: Session,
    pub(super) root: Digest,
}

/// What the response says.
pub struct TransactionView<'a> {
    /// What the card hands to its terminal.
    pub display: Display<'a>,
    /// The provider's plain text.
    pub plain_text: &'a [u8],
    /// Response data for the card alone.
    pub private: &'a [u8],
}

impl Established {
    /// The transaction that the provider has begun with this session.
    #[must_use]
    pub const fn transaction(&self) -> &TransactionId {
        &self.session.header.transaction
    }

    /// Writes what this member wants done and gives its length.
    pub fn request<C: Crypto>(
        self,
        terms: &Terms,
        account: Account<'_>,
        sensitive: &[u8],
        plain_text: &[u8],
        out: &mut [u8],
    ) -> Result<(usize, Unsigned<C, TransactionSent>), Rejected> {
        at_most(plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        at_most(sensitive, limits::SENSITIVE_MAX, "sensitive data")?;
        at_most(account.information, limits::ACCOUNT_MAX, "account")?;
        if !terms.is_in_order() {
            return Err(Rejected::NotForThis("the order of the counterparties"));
        }
        let kind = Kind::TransactionRequest;
        let keys = &self.session.keys;
        let mut builder = Builder::new(out);
        builder.value(&RequestOuter { header: self.session.header, plain_text })?;
        let outer = builder.length();

        let answer = keys::provider_answer::<C>(&self.challenge, &self.digest);
        let key = keys.private::<C>(kind, Field::Cryptogram3);
        builder.sealed::<C>(&key, outer, |_, space| write(space, |plain| plain.raw(answer.as_bytes())))?;
        let key = keys.group::<C>(kind, Field::Terms);
        builder.sealed::<C>(&key, outer, |_, space| write(space, |plain| plain.value(terms)))?;

        let key = keys.private::<C>(kind, Field::Private);
        builder.sealed::<C>(&key, outer, |before, space| {
            write(space, |plain| {
                plain.value(&Private { account: account.information, sensitive })?;
                let said = said::<C>(&self.digest, before, terms, plain.written())?;
                plain.raw(keys::account_proof::<C>(account.secret, &said).as_bytes())
            })
        })?;

        let length = builder.length();
        let own = builder.written();
        // The state goes on without what only this step needed.
        let Self { session, parties, .. } = self;
        let unsigned = session.unsigned::<C, ()>(kind, own, ());
        let sent = TransactionSent { session, parties, amount: terms.amount, currency: terms.currency };
        Ok((length, unsigned.then(sent)))
    }
}

impl Awaiting<TransactionSent> {
    /// The transaction that waits for the provider's answer.
    #[must_use]
    pub const fn transaction(&self) -> &TransactionId {
        &self.next.session.header.transaction
    }

    /// Takes the provider's answer: what it says and, where it is to be acknowledged, the next state. `scratch` as in
    /// the key exchange.
    pub fn receive<'a, C: Crypto>(
        &self,
        message: &'a [u8],
        scratch: &'a mut [u8],
    ) -> Result<(TransactionView<'a>, Option<Decided>), Rejected> {
        let sent = &self.next;
        let kind = Kind::TransactionResponse;
        let verified = sent.session.verify::<C>(message, kind, &self.request)?;
        let response = Response::parse(verified.item)?;
        if response.outer.header != sent.session.header || response.outer.request != self.request {
            return Err(Rejected::NotForThis("the transaction response"));
        }
        let mut scratch = Scratch::new(scratch);
        let keys = &sent.session.keys;
        let key = keys.group::<C>(kind, Field::Display);
        let display = seal::open::<C>(&key, response.outer_bytes, response.seals.display, &mut scratch)
            .map_err(Rejected::not_verified("the sealed display"))?;
        let key = keys.private::<C>(kind, Field::Private);
        let private = seal::open::<C>(&key, response.outer_bytes, response.seals.private, &mut scratch)
            .map_err(Rejected::not_verified("the sealed response data"))?;
        let display = Display::parse(display)?;
        at_most(private, limits::SENSITIVE_MAX, "response data")?;
        sent.check::<C>(&display)?;

        let approved = matches!(display.outcome, Outcome::Approved);
        let decided = approved.then(|| Decided { session: sent.session.clone(), root: verified.root });
        Ok((TransactionView { display, plain_text: response.outer.plain_text, private }, decided))
    }
}

impl TransactionSent {
    /// An approval must be of what was asked for, with whom the key exchange said.
    fn check<C: Crypto>(&self, display: &Display<'_>) -> Result<(), Rejected> {
        if parties_digest::<C>(&display.parties) != self.parties {
            return Err(Rejected::NotForThis("the names in the response"));
        }
        match display.outcome {
            Outcome::Approved if display.amount != self.amount || display.currency != self.currency => {
                Err(Rejected::NotForThis("the amount in the response"))
            }
            Outcome::Approved | Outcome::Declined(_) | Outcome::Stands(_) => Ok(()),
        }
    }
}

/// What the account proof covers; the terms enter as the bytes they are sealed from.
fn said<C: Crypto>(
    session: &Digest,
    before_private: &[u8],
    terms: &Terms,
    before_proof: &[u8],
) -> Result<Digest, BufferFull> {
    let mut space = [0; TERMS_MAX];
    let length = codec::encode(terms, &mut space)?;
    let terms = space.get(..length).unwrap_or_default();
    Ok(keys::said_in_transaction::<C>(session, before_private, terms, before_proof))
}

/// Greatest length of [`Terms`]: kind, role, amount, currency, counterparties, reference.
const TERMS_MAX: usize = 1 + 1 + 10 + 3 + 1 + 3 * limits::PEERS_MAX + 17;

/// Writes a field's plain text with a builder of its own, and gives its length.
pub(super) fn write(
    space: &mut [u8],
    fill: impl FnOnce(&mut Builder<'_>) -> Result<(), BufferFull>,
) -> Result<usize, BufferFull> {
    let mut builder = Builder::new(space);
    fill(&mut builder)?;
    Ok(builder.length())
}
