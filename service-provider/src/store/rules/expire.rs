//! Time-outs, and forgetting.

use super::settle;
use crate::id;
use crate::store::tables::{TablesMut, TransactionRow};
use crate::store::transaction::Phase;
use crate::store::{StoreError, limits};
use crate::time::Timestamp;
use protocol::types::TransactionId;

pub(super) fn expire(tables: &mut impl TablesMut, now: Timestamp) -> Result<usize, StoreError> {
    let due = tables.due(now, limits::EXPIRE_MAX)?;
    for id in &due {
        time_out(tables, *id)?;
    }
    let old = tables.finished_below(id::bound(now.before(limits::RETENTION)), limits::EXPIRE_MAX)?;
    for id in &old {
        tables.delete_transaction(*id)?;
    }
    Ok(due.len() + old.len())
}

fn time_out(tables: &mut impl TablesMut, id: TransactionId) -> Result<(), StoreError> {
    let row = tables.transaction(id)?.ok_or(StoreError::Damaged("a deadline without its transaction"))?;
    match row.phase {
        Phase::Open { .. } => {
            tables.update_transaction(id, &TransactionRow { phase: Phase::Closed, ..row })?;
            tables.delete_sessions(id)
        }
        Phase::Held { .. } => settle::release(tables, id, &row).map(|_| ()),
        Phase::Closed | Phase::Declined(_) | Phase::Ended(_) => {
            Err(StoreError::Damaged("a deadline of a finished transaction"))
        }
    }
}
