//! What the members want together: held to the rules of its kind, it becomes an order.

use protocol::message::transaction::Terms;
use protocol::statement::Question;
use protocol::types::{Number, ReasonCode, Role, TransactionId};
use zeroize::Zeroizing;

use super::rules::{Effect, Part, Rule};
use crate::ledger::{AccountId, Transfer};
use crate::store::account::Account;
use crate::store::transaction::Order;

/// One member with what it wants and the account that it proved.
pub(super) struct Participant {
    pub(super) number: Number,
    pub(super) terms: Terms,
    /// What it says to the provider alone; a question, where its kind of transaction asks one.
    pub(super) sensitive: Zeroizing<Vec<u8>>,
    pub(super) account: Account,
    /// Whether the others were given this account holder's name in the key exchange.
    pub(super) named: bool,
}

/// The order that all participants agree on, or why there is none.
pub(super) fn agree(participants: &[Participant]) -> Result<Order, ReasonCode> {
    let members = Members(participants);
    let first = &members.first()?.terms;
    let what = |terms: &Terms| (terms.kind, terms.amount, terms.currency, terms.reference);
    require(participants.iter().all(|one| what(&one.terms) == what(first)), ReasonCode::DISAGREEMENT)?;
    let rule = Rule::of(first.kind).ok_or(ReasonCode::NOT_SERVED)?;
    require(first.reference.is_some() == rule.reference, ReasonCode::REFERENCE)?;
    for part in rule.parts {
        require(part.count.permits(members.of(&[part.role]).count()), ReasonCode::DISAGREEMENT)?;
    }
    require(!members.use_an_account_twice(), ReasonCode::ACCOUNT)?;
    for participant in participants {
        let part = rule.part(participant.terms.role).ok_or(ReasonCode::DISAGREEMENT)?;
        members.hold_to(part, participant)?;
    }
    require(rule.amount.permits(first.amount), ReasonCode::AMOUNT)?;
    if rule.question {
        members.question()?;
    }
    members.order(rule.effect, first)
}

/// The members of one transaction, in the order of their numbers.
#[derive(Clone, Copy)]
pub(super) struct Members<'a>(pub(super) &'a [Participant]);

impl<'a> Members<'a> {
    fn first(self) -> Result<&'a Participant, ReasonCode> {
        self.0.first().ok_or(ReasonCode::DISAGREEMENT)
    }

    /// The question that all of them ask.
    pub(super) fn question(self) -> Result<Question<'a>, ReasonCode> {
        let first = &self.first()?.sensitive;
        require(self.0.iter().all(|participant| participant.sensitive == *first), ReasonCode::DISAGREEMENT)?;
        Question::parse(first).map_err(|_| ReasonCode::QUESTION)
    }

    /// The one member of a role.
    pub(super) fn one(self, role: Role) -> Result<&'a Participant, ReasonCode> {
        self.0.iter().find(|participant| participant.terms.role == role).ok_or(ReasonCode::DISAGREEMENT)
    }

    fn of(self, roles: &'a [Role]) -> impl Iterator<Item = &'a Participant> {
        self.0.iter().filter(|participant| roles.contains(&participant.terms.role))
    }

    fn use_an_account_twice(self) -> bool {
        let mut accounts: Vec<AccountId> = self.0.iter().map(|participant| participant.account.id).collect();
        accounts.sort_unstable();
        !accounts.is_sorted_by(|one, next| one < next)
    }

    fn hold_to(self, part: &'static Part, participant: &Participant) -> Result<(), ReasonCode> {
        let counterparties = self.of(part.counterparties).map(|counterparty| counterparty.number);
        let named = counterparties.eq(participant.terms.counterparties.iter().copied());
        require(named, ReasonCode::DISAGREEMENT)?;
        require(part.account.permit(participant.account.instrument), ReasonCode::NOT_SERVED)?;
        require(participant.named || !part.named, ReasonCode::ACCOUNT)?;
        require(!participant.account.blocked || part.account.permit_blocked(), ReasonCode::ACCOUNT_CLOSED)
    }

    fn order(self, effect: Effect, terms: &Terms) -> Result<Order, ReasonCode> {
        match effect {
            Effect::Transfer { debit, credit } => Ok(Order::Transfer(Transfer {
                debit: self.one(debit)?.account.id,
                credit: self.one(credit)?.account.id,
                amount: terms.amount,
                currency: terms.currency,
                refund_of: terms.reference,
            })),
            Effect::Cancellation { by } => {
                let of: TransactionId = terms.reference.ok_or(ReasonCode::REFERENCE)?;
                Ok(Order::Cancellation { of, by: self.one(by)?.account.id })
            }
            Effect::Record => Ok(Order::Record),
        }
    }
}

fn require(holds: bool, otherwise: ReasonCode) -> Result<(), ReasonCode> {
    if holds { Ok(()) } else { Err(otherwise) }
}
