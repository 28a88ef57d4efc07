//! Keeping answers.

use super::open;
use crate::store::tables::{AnswerRow, Tables};
use crate::store::transaction::{Request, Stage};
use crate::store::{StoreError, limits};
use protocol::types::{Digest, TransactionId};

pub(super) fn keep(tables: &mut impl Tables, request: &Request, answer: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if answer.len() > limits::ANSWER_MAX {
        return Err(StoreError::Invalid("the answer is too long"));
    }
    let (id, digest) = match *request {
        Request::KeyExchange(_) => return Err(StoreError::Invalid("a key exchange is answered by opening")),
        Request::Transaction(id, digest) | Request::Acknowledgment(id, digest) => (id, digest),
    };
    let row = tables.transaction(id)?.ok_or(StoreError::UnknownTransaction)?;
    let decided = match request.stage() {
        Stage::Acknowledgment => row.acknowledgment,
        Stage::KeyExchange | Stage::Transaction => row.authorized.map(|authorized| authorized.request),
    };
    match decided {
        None => return Err(StoreError::OutOfOrder),
        Some(first) if first != digest => return Err(StoreError::AlreadyUsed),
        Some(_) => {}
    }
    if let Some(first) = kept(tables, id, request.stage(), digest)? {
        return Ok(first);
    }
    let answer = AnswerRow { request: digest, bytes: answer };
    tables.insert_answer(id, request.stage(), &answer)?;
    if request.stage() == Stage::Acknowledgment {
        tables.delete_sessions(id)?;
    }
    Ok(answer.bytes)
}

pub(super) fn answer(tables: &impl Tables, request: &Request) -> Result<Option<Vec<u8>>, StoreError> {
    match *request {
        Request::KeyExchange(root) => open::first_answer(tables, &root),
        Request::Transaction(id, digest) | Request::Acknowledgment(id, digest) => {
            kept(tables, id, request.stage(), digest)
        }
    }
}

fn kept(tables: &impl Tables, id: TransactionId, stage: Stage, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let answer = tables.answer(id, stage)?;
    Ok(answer.filter(|answer| answer.request == digest).map(|answer| answer.bytes))
}
