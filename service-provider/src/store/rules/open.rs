//! Opening: a group of sessions and the answer to its key exchange.

use crate::id;
use crate::store::tables::{AnswerRow, Tables, TransactionRow};
use crate::store::transaction::{Group, Opening, Phase, Stage};
use crate::store::{StoreError, limits};
use protocol::types::{Digest, TransactionId};

pub(super) fn open(tables: &mut impl Tables, opening: Opening) -> Result<Vec<u8>, StoreError> {
    let root = check(&opening)?;
    if let Some(answer) = first_answer(tables, &root)? {
        return Ok(answer);
    }
    for node in &opening.nodes {
        if tables.node(node)?.is_some() {
            return Err(StoreError::AlreadyUsed);
        }
    }
    let id = opening.transaction;
    if tables.transaction(id)?.is_some() || tables.entry(id)?.is_some() {
        return Err(StoreError::Exists("the transaction"));
    }
    let phase = opening.until.map_or(Phase::Closed, |until| Phase::Open { until });
    let row = TransactionRow { group: opening.group, phase, authorized: None, acknowledgment: None };
    tables.insert_transaction(id, &row, &opening.sessions)?;
    tables.insert_nodes(id, &opening.nodes)?;
    let answer = AnswerRow { request: root, bytes: opening.answer };
    tables.insert_answer(id, Stage::KeyExchange, &answer)?;
    Ok(answer.bytes)
}

pub(super) fn group(tables: &impl Tables, id: TransactionId) -> Result<Option<Group>, StoreError> {
    let Some(row) = tables.transaction(id)? else { return Ok(None) };
    Ok(Some(Group { id: row.group, phase: row.phase, sessions: tables.sessions(id)? }))
}

/// The answer that a key exchange request got; its root is a node of another request otherwise.
pub(super) fn first_answer(tables: &impl Tables, root: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(node) = tables.node(root)?.filter(|node| node.root) else { return Ok(None) };
    let answer = tables.answer(node.transaction, Stage::KeyExchange)?;
    answer.map(|answer| Some(answer.bytes)).ok_or(StoreError::Damaged("a key exchange without its answer"))
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
        (opening.answer.len() <= limits::ANSWER_MAX, "the answer is too long"),
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
