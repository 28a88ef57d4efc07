//! Authorizing: deciding a transaction, and holding its money.

use super::settle::funds;
use crate::ledger::{AMOUNT_MAX, AccountId, Funds, Transfer};
use crate::store::tables::{Authorized, Effect, Tables, TablesMut, TransactionRow};
use crate::store::transaction::{Authorization, Decision, Order, Phase};
use crate::store::{StoreError, limits};
use protocol::types::{Ending, ReasonCode, TransactionId};

pub(super) fn authorize(tables: &mut impl TablesMut, wanted: &Authorization) -> Result<Decision, StoreError> {
    let row = tables.transaction(wanted.transaction)?.ok_or(StoreError::UnknownTransaction)?;
    if let Some(authorized) = row.authorized {
        let same = authorized.request == wanted.request;
        return if same { decision(&row) } else { Err(StoreError::AlreadyUsed) };
    }
    check(&row, wanted)?;
    let (effect, judged) = match judge(tables, &wanted.order)? {
        Judgment::Hold(transfer) => {
            hold(tables, &transfer)?;
            (Effect::Transfer(transfer), Decision::Approved)
        }
        Judgment::Approve(effect) => (effect, Decision::Approved),
        Judgment::Decline(reason) => (Effect::None, Decision::Declined(reason)),
    };
    let phase = match judged {
        Decision::Approved => Phase::Held { until: wanted.until },
        Decision::Declined(reason) => Phase::Declined(reason),
    };
    let authorized = Authorized { request: wanted.request, kind: wanted.kind, effect };
    tables.update_transaction(wanted.transaction, &TransactionRow { phase, authorized: Some(authorized), ..row })?;
    if let Some(others) = further_participants(wanted, effect) {
        tables.insert_participants(wanted.transaction, &others)?;
    }
    Ok(judged)
}

fn decision(row: &TransactionRow) -> Result<Decision, StoreError> {
    row.phase.decision().ok_or(StoreError::Damaged("a transaction request without its decision"))
}

fn check(row: &TransactionRow, wanted: &Authorization) -> Result<(), StoreError> {
    let Phase::Open { until } = row.phase else { return Err(StoreError::OutOfOrder) };
    if wanted.now >= until {
        return Err(StoreError::OutOfOrder);
    }
    if wanted.until <= wanted.now || wanted.until > wanted.now.after(limits::PENDING_MAX) {
        return Err(StoreError::Invalid("the hold's time is too short or too long"));
    }
    if wanted.participants.len() > limits::PARTICIPANTS_MAX {
        return Err(StoreError::Invalid("too many participants"));
    }
    Ok(())
}

enum Judgment {
    /// Approve, and hold the amount.
    Hold(Transfer),
    Approve(Effect),
    Decline(ReasonCode),
}

fn judge(tables: &impl Tables, order: &Order) -> Result<Judgment, StoreError> {
    match *order {
        Order::Transfer(transfer) => judge_transfer(tables, transfer),
        Order::Cancellation { of, by } => judge_cancellation(tables, of, by),
        Order::Record => Ok(Judgment::Approve(Effect::None)),
        Order::Decline(reason) => Ok(Judgment::Decline(reason)),
    }
}

fn judge_transfer(tables: &impl Tables, transfer: Transfer) -> Result<Judgment, StoreError> {
    if !(1..=AMOUNT_MAX).contains(&transfer.amount) {
        return Ok(Judgment::Decline(ReasonCode::AMOUNT));
    }
    if transfer.debit == transfer.credit {
        return Ok(Judgment::Decline(ReasonCode::ACCOUNT));
    }
    let (debit, credit) = match (side(tables, transfer.debit)?, side(tables, transfer.credit)?) {
        (Ok(debit), Ok(credit)) => (debit, credit),
        (Err(reason), _) | (_, Err(reason)) => return Ok(Judgment::Decline(reason)),
    };
    if debit.currency != transfer.currency || credit.currency != transfer.currency {
        return Ok(Judgment::Decline(ReasonCode::CURRENCY));
    }
    if let Some(original) = transfer.refund_of
        && !may_refund(tables, &transfer, original)?
    {
        return Ok(Judgment::Decline(ReasonCode::REFERENCE));
    }
    Ok(out_of_bounds(&transfer, &debit, &credit).map_or(Judgment::Hold(transfer), Judgment::Decline))
}

/// Which of the two accounts' bounds a transfer does not keep to.
fn out_of_bounds(transfer: &Transfer, debit: &Funds, credit: &Funds) -> Option<ReasonCode> {
    let too_much = debit.bounds.payment_max.is_some_and(|most| transfer.is_payment() && transfer.amount > most);
    let used_up = debit.payments_left().is_some_and(|left| left < debit.counted(transfer));
    let checks = [
        (too_much || !credit.has_room_for(transfer.amount), ReasonCode::AMOUNT),
        (used_up, ReasonCode::USED_UP),
        (debit.available() < transfer.amount, ReasonCode::INSUFFICIENT_FUNDS),
    ];
    checks.into_iter().find_map(|(fails, code)| fails.then_some(code))
}

/// Takes note of a transfer on both of its accounts: what is to go, and what is to come where that counts.
pub(super) fn hold(tables: &mut impl TablesMut, transfer: &Transfer) -> Result<(), StoreError> {
    let debit = funds(tables, transfer.debit)?.hold(transfer)?;
    let before = funds(tables, transfer.credit)?;
    let credit = before.announce(transfer)?;
    tables.set_funds(transfer.debit, &debit)?;
    if credit == before { Ok(()) } else { tables.set_funds(transfer.credit, &credit) }
}

/// An account's money, or why a transaction may not move it.
fn side(tables: &impl Tables, id: AccountId) -> Result<Result<Funds, ReasonCode>, StoreError> {
    let Some(purse) = tables.purse(id)? else { return Ok(Err(ReasonCode::ACCOUNT)) };
    if purse.blocked {
        return Ok(Err(ReasonCode::ACCOUNT_CLOSED));
    }
    if !purse.instrument.holds_money() {
        return Ok(Err(ReasonCode::NOT_SERVED));
    }
    Ok(Ok(purse.funds))
}

/// A refund goes the way of its original back, is not of a refund, and all refunds together are not more than it.
fn may_refund(tables: &impl Tables, refund: &Transfer, original: TransactionId) -> Result<bool, StoreError> {
    let Some(entry) = tables.entry(original)? else { return Ok(false) };
    let back = refund.debit == entry.transfer.credit && refund.credit == entry.transfer.debit;
    let refunded = tables.refunded(original)?;
    let within = refunded.checked_add(refund.amount).is_some_and(|sum| sum <= entry.transfer.amount);
    Ok(back && within && entry.transfer.refund_of.is_none())
}

/// What can be called off is a transfer that is still held, by one of its two sides.
fn judge_cancellation(tables: &impl Tables, of: TransactionId, by: AccountId) -> Result<Judgment, StoreError> {
    let Some((_, transfer)) = held_transfer(tables, of)? else { return Ok(Judgment::Decline(ReasonCode::REFERENCE)) };
    if by != transfer.debit && by != transfer.credit {
        return Ok(Judgment::Decline(ReasonCode::REFERENCE));
    }
    Ok(Judgment::Approve(Effect::Cancellation(of)))
}

/// A transaction that holds money, and the transfer it is held for.
pub(super) fn held_transfer(
    tables: &impl Tables,
    id: TransactionId,
) -> Result<Option<(TransactionRow, Transfer)>, StoreError> {
    let Some(row) = tables.transaction(id)? else { return Ok(None) };
    match (row.phase, row.authorized.map(|authorized| authorized.effect)) {
        (Phase::Held { .. }, Some(Effect::Transfer(transfer))) => Ok(Some((row, transfer))),
        (Phase::Open { .. } | Phase::Closed | Phase::Held { .. } | Phase::Declined(_), _)
        | (Phase::Ended(Ending::Posted | Ending::Released), _) => Ok(None),
    }
}

/// The accounts that took part beside those of the transfer, where there are any.
fn further_participants(wanted: &Authorization, effect: Effect) -> Option<Vec<AccountId>> {
    let mut accounts = wanted.participants.clone();
    match wanted.order {
        Order::Cancellation { by, .. } => accounts.push(by),
        Order::Transfer(_) | Order::Record | Order::Decline(_) => {}
    }
    if let Effect::Transfer(transfer) = effect {
        accounts.retain(|account| *account != transfer.debit && *account != transfer.credit);
    }
    accounts.sort_unstable();
    accounts.dedup();
    (!accounts.is_empty()).then_some(accounts)
}
