//! Keeping answers.

use super::open;
use crate::store::tables::{AnswerRow, Tables, TablesMut};
use crate::store::transaction::{Request, Stage};
use crate::store::{StoreError, limits};
use protocol::provider::Answer;
use protocol::types::{Digest, TransactionId};

pub(super) fn keep(tables: &mut impl TablesMut, request: &Request, answer: &Answer) -> Result<Vec<u8>, StoreError> {
    if answer.message.len() > limits::ANSWER_MAX {
        return Err(StoreError::Invalid("the answer is too long"));
    }
    let (id, digest) = match *request {
        Request::KeyExchange(..) => return Err(StoreError::Invalid("a key exchange is answered by opening")),
        Request::Transaction(id, digest) | Request::Acknowledgment(id, digest) => (id, digest),
    };
    let transaction = tables.transaction(id)?.ok_or(StoreError::UnknownTransaction)?;
    let decided = match request.stage() {
        Stage::Acknowledgment => transaction.acknowledgment,
        Stage::KeyExchange | Stage::Transaction => transaction.authorized.map(|authorized| authorized.request),
    };
    match decided {
        None => return Err(StoreError::OutOfOrder),
        Some(first) if first != digest => return Err(StoreError::AlreadyUsed),
        Some(_) => {}
    }
    let row = AnswerRow { request: digest, answer: answer.clone() };
    if !tables.insert_answer(id, request.stage(), &row)? {
        let first = kept(tables, id, request.stage(), digest)?;
        return first.ok_or(StoreError::Damaged("an answer to another request"));
    }
    if request.stage() == Stage::Acknowledgment {
        tables.delete_sessions(id)?;
    }
    Ok(row.answer.message)
}

pub(super) fn answer(tables: &impl Tables, request: &Request) -> Result<Option<Vec<u8>>, StoreError> {
    match *request {
        Request::KeyExchange(root, request) => open::first_answer(tables, &root, request),
        Request::Transaction(id, digest) | Request::Acknowledgment(id, digest) => {
            kept(tables, id, request.stage(), digest)
        }
    }
}

fn kept(tables: &impl Tables, id: TransactionId, stage: Stage, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let answer = tables.answer(id, stage)?;
    Ok(answer.filter(|row| row.request == digest).map(|row| row.answer.message))
}
