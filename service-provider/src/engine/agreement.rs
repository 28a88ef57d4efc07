//! What the members want together: held to the rules of its kind, it becomes an order.

use protocol::message::transaction::Terms;
use protocol::types::{Number, ReasonCode, Role, TransactionId};

use super::rules::{Effect, Part, Rule};
use crate::ledger::{AccountId, Transfer};
use crate::store::account::Account;
use crate::store::transaction::Order;

/// One member with what it wants and the account that it proved.
pub(super) struct Participant {
    pub(super) number: Number,
    pub(super) terms: Terms,
    pub(super) account: Account,
    /// Whether the others were given this account holder's name in the key exchange.
    pub(super) named: bool,
}

/// The order that all participants agree on, or why there is none.
pub(super) fn agree(participants: &[Participant]) -> Result<Order, ReasonCode> {
    let first = &participants.first().ok_or(ReasonCode::DISAGREEMENT)?.terms;
    let what = |terms: &Terms| (terms.kind, terms.amount, terms.currency, terms.reference);
    require(participants.iter().all(|one| what(&one.terms) == what(first)), ReasonCode::DISAGREEMENT)?;
    let rule = Rule::of(first.kind).ok_or(ReasonCode::NOT_SERVED)?;
    require(first.reference.is_some() == rule.reference, ReasonCode::REFERENCE)?;

    let members = Members(participants);
    for part in rule.parts {
        require(part.count.permits(members.of(&[part.role]).count()), ReasonCode::DISAGREEMENT)?;
    }
    require(!members.use_an_account_twice(), ReasonCode::ACCOUNT)?;
    for participant in participants {
        let part = rule.part(participant.terms.role).ok_or(ReasonCode::DISAGREEMENT)?;
        members.hold_to(part, participant)?;
    }
    require(rule.amount.permits(first.amount), ReasonCode::AMOUNT)?;
    members.order(rule.effect, first)
}

/// The members of one transaction, in the order of their numbers.
struct Members<'a>(&'a [Participant]);

impl<'a> Members<'a> {
    fn of(&self, roles: &'a [Role]) -> impl Iterator<Item = &'a Participant> {
        self.0.iter().filter(|participant| roles.contains(&participant.terms.role))
    }

    fn use_an_account_twice(&self) -> bool {
        let mut accounts: Vec<AccountId> = self.0.iter().map(|participant| participant.account.id).collect();
        accounts.sort_unstable();
        !accounts.is_sorted_by(|one, next| one < next)
    }

    fn hold_to(&self, part: &'static Part, participant: &Participant) -> Result<(), ReasonCode> {
        let counterparties = self.of(part.counterparties).map(|counterparty| counterparty.number);
        let named = counterparties.eq(participant.terms.counterparties.iter().copied());
        require(named, ReasonCode::DISAGREEMENT)?;
        require(participant.named || !part.named, ReasonCode::ACCOUNT)?;
        require(part.account.permit(participant.account.instrument), ReasonCode::NOT_SERVED)?;
        require(!participant.account.blocked || part.account.permit_blocked(), ReasonCode::ACCOUNT_CLOSED)
    }

    fn order(&self, effect: Effect, terms: &Terms) -> Result<Order, ReasonCode> {
        match effect {
            Effect::Transfer { debit, credit } => Ok(Order::Transfer(Transfer {
                debit: self.account(debit)?,
                credit: self.account(credit)?,
                amount: terms.amount,
                currency: terms.currency,
                refund_of: terms.reference,
            })),
            Effect::Cancellation { by } => {
                let of: TransactionId = terms.reference.ok_or(ReasonCode::REFERENCE)?;
                Ok(Order::Cancellation { of, by: self.account(by)? })
            }
            Effect::Record => Ok(Order::Record),
        }
    }

    /// The account of the one member of a role.
    fn account(&self, role: Role) -> Result<AccountId, ReasonCode> {
        let one = self.0.iter().find(|participant| participant.terms.role == role);
        one.map(|participant| participant.account.id).ok_or(ReasonCode::DISAGREEMENT)
    }
}

fn require(holds: bool, otherwise: ReasonCode) -> Result<(), ReasonCode> {
    if holds { Ok(()) } else { Err(otherwise) }
}
