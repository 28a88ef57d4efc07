//! Opening: a group of sessions and the answer to its key exchange.

use crate::id;
use crate::store::tables::{AnswerRow, Tables, TablesMut, TransactionRow};
use crate::store::transaction::{Group, Opening, Phase, Stage};
use crate::store::{StoreError, limits};
use protocol::types::{Digest, TransactionId};

pub(super) fn open(tables: &mut impl TablesMut, opening: &Opening) -> Result<Vec<u8>, StoreError> {
    let root = check(opening)?;
    for node in &opening.nodes {
        match tables.node(node)? {
            Some(used) if used.root && *node == root => {
                // The same nodes in other bytes are another request.
                return answer_of(tables, used.transaction, opening.request)?.ok_or(StoreError::AlreadyUsed);
            }
            Some(_) => return Err(StoreError::AlreadyUsed),
            None => {}
        }
    }
    let id = opening.transaction;
    if tables.transaction(id)?.is_some() || tables.entry(id)?.is_some() {
        return Err(StoreError::Exists("the transaction"));
    }
    let phase = opening.until.map_or(Phase::Closed, |until| Phase::Open { until });
    let row = TransactionRow { group: opening.group, phase, authorized: None, acknowledgment: None };
    tables.insert_transaction(id, &row, &opening.sessions, &opening.nodes)?;
    let row = AnswerRow { request: opening.request, answer: opening.answer.clone() };
    tables.insert_answer(id, Stage::KeyExchange, &row)?;
    Ok(row.answer.message)
}

pub(super) fn group(tables: &impl Tables, id: TransactionId) -> Result<Option<Group>, StoreError> {
    let Some(row) = tables.transaction(id)? else { return Ok(None) };
    let response = tables.answer_root(id, Stage::Transaction)?;
    Ok(Some(Group { id: row.group, phase: row.phase, response, sessions: tables.sessions(id)? }))
}

/// The answer that a key exchange request got, by its root and its message's digest.
pub(super) fn first_answer(
    tables: &impl Tables,
    root: &Digest,
    request: Digest,
) -> Result<Option<Vec<u8>>, StoreError> {
    match tables.node(root)? {
        Some(used) if used.root => answer_of(tables, used.transaction, request),
        Some(_) | None => Ok(None),
    }
}

fn answer_of(tables: &impl Tables, id: TransactionId, request: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let row = tables.answer(id, Stage::KeyExchange)?;
    let row = row.ok_or(StoreError::Damaged("a key exchange without its answer"))?;
    Ok((row.request == request).then_some(row.answer.message))
}

/// Checks an opening's shape and returns its root.
fn check(opening: &Opening) -> Result<Digest, StoreError> {
    let drawn = id::drawn_at(opening.transaction);
    let latest = drawn.after(limits::PENDING_MAX);
    let mut ordered = opening.nodes.clone();
    ordered.sort_unstable();
    let rules = [
        (opening.nodes.len() <= protocol::limits::MEMBERS_MAX, "too many nodes"),
        (ordered.is_sorted_by(|a, b| a < b), "a node is there twice"),
        (opening.sessions.len() <= limits::SESSION_MAX, "the sessions are too long"),
        (opening.answer.message.len() <= limits::ANSWER_MAX, "the answer is too long"),
        (
            opening.until.is_none_or(|until| until > drawn && until <= latest),
            "the session's time is too short or too long",
        ),
    ];
    for (holds, why) in rules {
        if !holds {
            return Err(StoreError::Invalid(why));
        }
    }
    opening.nodes.first().copied().ok_or(StoreError::Invalid("a request without nodes"))
}
