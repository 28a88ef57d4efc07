//! What the members want together: the rules of each kind of transaction, as data in, order out.

use protocol::message::transaction::Terms;
use protocol::types::{Number, ReasonCode, Role, TransactionKind};

use crate::ledger::{AccountId, Transfer};
use crate::store::transaction::Order;

/// One member with what it wants and the account that it proved.
pub(super) struct Participant {
    pub(super) number: Number,
    pub(super) terms: Terms,
    pub(super) account: AccountId,
    /// Whether the others were given this account holder's name in the key exchange.
    pub(super) named: bool,
}

/// The order that all participants agree on, or why there is none.
pub(super) fn agree(participants: &[Participant]) -> Result<Order, ReasonCode> {
    let first = participants.first().ok_or(ReasonCode::DISAGREEMENT)?;
    let same = |terms: &Terms| {
        (terms.kind, terms.amount, terms.currency, terms.reference)
            == (first.terms.kind, first.terms.amount, first.terms.currency, first.terms.reference)
    };
    if !participants.iter().all(|participant| same(&participant.terms)) {
        return Err(ReasonCode::DISAGREEMENT);
    }
    match first.terms.kind {
        TransactionKind::PURCHASE if first.terms.reference.is_none() => payment(participants),
        TransactionKind::REFUND if first.terms.reference.is_some() => payment(participants),
        TransactionKind::CANCELLATION => alone(participants, |participant| {
            let of = participant.terms.reference.ok_or(ReasonCode::REFERENCE)?;
            Ok(Order::Cancellation { of, by: participant.account })
        }),
        TransactionKind::INQUIRY => alone(participants, |participant| {
            participant.terms.reference.map(|_| Order::Record).ok_or(ReasonCode::REFERENCE)
        }),
        TransactionKind::PURCHASE | TransactionKind::REFUND => Err(ReasonCode::REFERENCE),
        _ => Err(ReasonCode::NOT_SERVED),
    }
}

/// One payer, one payee, each of whom names the other; the payer was told whom it pays.
fn payment(participants: &[Participant]) -> Result<Order, ReasonCode> {
    let [one, other] = participants else { return Err(ReasonCode::DISAGREEMENT) };
    let (payer, payee) = match (one.terms.role, other.terms.role) {
        (Role::PAYER, Role::PAYEE) => (one, other),
        (Role::PAYEE, Role::PAYER) => (other, one),
        _ => return Err(ReasonCode::DISAGREEMENT),
    };
    let name_each_other = payer.terms.counterparties == [payee.number] && payee.terms.counterparties == [payer.number];
    if !name_each_other {
        return Err(ReasonCode::DISAGREEMENT);
    }
    if !payee.named {
        return Err(ReasonCode::ACCOUNT);
    }
    Ok(Order::Transfer(Transfer {
        debit: payer.account,
        credit: payee.account,
        amount: payer.terms.amount,
        currency: payer.terms.currency,
        refund_of: payer.terms.reference,
    }))
}

/// One member, about its own account.
fn alone(
    participants: &[Participant],
    order: impl FnOnce(&Participant) -> Result<Order, ReasonCode>,
) -> Result<Order, ReasonCode> {
    match participants {
        [participant] if participant.terms.role == Role::INQUIRER && participant.terms.counterparties.is_empty() => {
            order(participant)
        }
        _ => Err(ReasonCode::DISAGREEMENT),
    }
}
