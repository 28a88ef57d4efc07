//! Settling: posting or releasing what is held.

use super::authorize::held_transfer;
use crate::ledger::{AccountId, Entry, Funds};
use crate::store::StoreError;
use crate::store::tables::{Authorized, Effect, Tables, TablesMut, TransactionRow};
use crate::store::transaction::{Phase, Settlement};
use crate::time::Timestamp;
use protocol::types::{Ending, TransactionId};

pub(super) fn settle(tables: &mut impl TablesMut, wanted: &Settlement) -> Result<Ending, StoreError> {
    let row = tables.transaction(wanted.transaction)?.ok_or(StoreError::UnknownTransaction)?;
    let (Some(authorized), Some(_)) = (row.authorized, row.phase.decision()) else {
        return Err(StoreError::OutOfOrder);
    };
    if row.acknowledgment.is_some_and(|earlier| earlier != wanted.request) {
        return Err(StoreError::AlreadyUsed);
    }
    let row = TransactionRow { acknowledgment: Some(wanted.request), ..row };
    if let Some(ending) = row.phase.ending() {
        // Declined, timed out, cancelled, or answered before: the acknowledgment learns how it ended.
        tables.update_transaction(wanted.transaction, &row)?;
        return Ok(ending);
    }
    let in_time = row.phase.deadline().is_some_and(|until| wanted.now < until);
    if wanted.accepted && in_time {
        accept(tables, wanted.transaction, &row, &authorized, wanted.now)
    } else {
        release(tables, wanted.transaction, &row)
    }
}

fn accept(
    tables: &mut impl TablesMut,
    id: TransactionId,
    row: &TransactionRow,
    authorized: &Authorized,
    now: Timestamp,
) -> Result<Ending, StoreError> {
    match authorized.effect {
        Effect::None => end(tables, id, row, Ending::Posted),
        Effect::Transfer(transfer) => {
            let entry = Entry { transaction: id, kind: authorized.kind, transfer, posted: now };
            post(tables, &entry)?;
            end(tables, id, row, Ending::Posted)
        }
        Effect::Cancellation(of) => {
            let Some((other, _)) = held_transfer(tables, of)? else { return end(tables, id, row, Ending::Released) };
            release(tables, of, &other)?;
            end(tables, id, row, Ending::Posted)
        }
    }
}

/// Ends a decided transaction without effect, and gives back what it holds.
pub(super) fn release(
    tables: &mut impl TablesMut,
    id: TransactionId,
    row: &TransactionRow,
) -> Result<Ending, StoreError> {
    if let Some(Effect::Transfer(transfer)) = row.authorized.map(|authorized| authorized.effect) {
        let debit = funds(tables, transfer.debit)?.release(&transfer)?;
        let before = funds(tables, transfer.credit)?;
        let credit = before.forgo(&transfer)?;
        tables.set_funds(transfer.debit, &debit)?;
        if credit != before {
            tables.set_funds(transfer.credit, &credit)?;
        }
    }
    end(tables, id, row, Ending::Released)
}

/// Writes the entry of a transfer that is held, and changes the balances by it.
pub(super) fn post(tables: &mut impl TablesMut, entry: &Entry) -> Result<(), StoreError> {
    let debit = funds(tables, entry.transfer.debit)?.pay(&entry.transfer)?;
    let credit = funds(tables, entry.transfer.credit)?.receive(&entry.transfer)?;
    tables.insert_entry(entry, [&debit, &credit])
}

fn end(
    tables: &mut impl TablesMut,
    id: TransactionId,
    row: &TransactionRow,
    ending: Ending,
) -> Result<Ending, StoreError> {
    tables.update_transaction(id, &TransactionRow { phase: Phase::Ended(ending), ..*row })?;
    Ok(ending)
}

pub(super) fn funds(tables: &impl Tables, account: AccountId) -> Result<Funds, StoreError> {
    tables.funds(account)?.ok_or(StoreError::Damaged("an account's funds are missing"))
}
