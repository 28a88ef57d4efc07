//! What each operation does, in terms of rows.
//!
//! Every operation first finds out all that could refuse it and then writes, so that a refusal changes nothing even
//! where the tables cannot undo.

mod account;
mod authorize;
mod expire;
mod keep;
mod open;
mod settle;

use crate::ledger::audit::{self, Audit};
use crate::ledger::{AccountId, Entry};
use crate::store::account::{Account, AccountNumber, Balance, Funding, NewAccount};
use crate::store::attribute::Attribute;
use crate::store::recent::Name;
use crate::store::tables::{Database, Effect, Tables};
use crate::store::transaction::{Authorization, Decision, Group, Opening, Request, Settlement, Status};
use crate::store::{Store, StoreError, limits};
use crate::time::Timestamp;
use protocol::crypto::PublicKey;
use protocol::provider::Answer;
use protocol::types::{Ending, TransactionId};

impl<D: Database> Store for D {
    fn under_way(&self) -> impl Send {
        Database::under_way(self)
    }

    async fn create_account(&self, account: NewAccount) -> Result<AccountId, StoreError> {
        self.write(move |tables| account::create(tables, &account)).await
    }

    async fn fund(&self, account: AccountId, funding: Funding) -> Result<(), StoreError> {
        self.write(move |tables| account::fund(tables, account, funding)).await
    }

    async fn register_key(&self, account: AccountId, key: PublicKey) -> Result<(), StoreError> {
        self.write(move |tables| account::register_key(tables, account, &key)).await
    }

    async fn set_blocked(&self, account: AccountId, blocked: bool) -> Result<(), StoreError> {
        self.write(move |tables| account::set_blocked(tables, account, blocked)).await
    }

    async fn account_by_number(&self, number: &AccountNumber) -> Result<Option<Account>, StoreError> {
        found(self, Name::Number(number))
    }

    async fn account_by_key(&self, key: &PublicKey) -> Result<Option<Account>, StoreError> {
        found(self, Name::Key(key))
    }

    async fn attributes(&self, account: AccountId) -> Result<Vec<Attribute>, StoreError> {
        self.read(|tables| tables.attributes(account))
    }

    async fn balances(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<Balance>, StoreError> {
        self.read(|tables| account::balances(tables, after, limit.min(limits::PAGE_MAX)))
    }

    async fn statement(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(|tables| tables.entries_before(account, before, limit.min(limits::PAGE_MAX)))
    }

    async fn answer(&self, request: &Request) -> Result<Option<Vec<u8>>, StoreError> {
        let remembered = match *request {
            Request::KeyExchange(..) => None,
            Request::Transaction(id, digest) | Request::Acknowledgment(id, digest) => {
                self.recent().and_then(|recent| recent.answer(id, request.stage(), digest))
            }
        };
        remembered.map_or_else(|| self.read(|tables| keep::answer(tables, request)), Ok)
    }

    async fn open(&self, opening: Opening) -> Result<Vec<u8>, StoreError> {
        self.write(move |tables| open::open(tables, &opening)).await
    }

    async fn group(&self, transaction: TransactionId) -> Result<Option<Group>, StoreError> {
        let remembered = self.recent().and_then(|recent| recent.group(transaction));
        remembered.map_or_else(|| self.read(|tables| open::group(tables, transaction)), |group| Ok(Some(group)))
    }

    async fn authorize(&self, authorization: Authorization) -> Result<Decision, StoreError> {
        self.decide(move |tables| authorize::authorize(tables, &authorization)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<Ending, StoreError> {
        self.decide(move |tables| settle::settle(tables, &settlement)).await
    }

    async fn keep(&self, request: Request, answer: Answer) -> Result<Vec<u8>, StoreError> {
        self.write(move |tables| keep::keep(tables, &request, &answer)).await
    }

    async fn expire(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |tables| expire::expire(tables, now)).await
    }

    async fn outcome(&self, transaction: TransactionId) -> Result<Option<Status>, StoreError> {
        self.read(|tables| outcome(tables, transaction))
    }

    async fn verify(&self) -> Result<Audit, StoreError> {
        self.read(audit::audit)
    }
}

/// An account by its number or a key, which is remembered for the next time.
fn found(database: &impl Database, name: Name<'_>) -> Result<Option<Account>, StoreError> {
    let look_up = |tables: &_| account::by_name(tables, name);
    let Some(recent) = database.recent() else { return database.read(look_up) };
    let generation = match recent.account(name) {
        Ok(account) => return Ok(Some(account)),
        Err(generation) => generation,
    };
    let found = database.read(look_up)?;
    if let Some(account) = &found {
        recent.remember(name, account, generation);
    }
    Ok(found)
}

/// What became of a transaction: from its row, or from the books where the row is forgotten.
fn outcome(tables: &impl Tables, id: TransactionId) -> Result<Option<Status>, StoreError> {
    use crate::store::transaction::Phase;

    let Some(row) = tables.transaction(id)? else {
        let Some(entry) = tables.entry(id)? else { return Ok(None) };
        return Ok(Some(Status {
            phase: Phase::Ended(Ending::Posted),
            kind: Some(entry.kind),
            transfer: Some(entry.transfer),
            participants: sides(&entry.transfer).into_iter().collect(),
        }));
    };
    let transfer = row.authorized.and_then(|authorized| match authorized.effect {
        Effect::Transfer(transfer) => Some(transfer),
        Effect::None | Effect::Cancellation(_) => None,
    });
    let mut participants = tables.participants(id)?;
    participants.extend(transfer.iter().flat_map(sides));
    participants.sort_unstable();
    participants.dedup();
    let kind = row.authorized.map(|authorized| authorized.kind);
    Ok(Some(Status { phase: row.phase, kind, transfer, participants }))
}

/// The two accounts of a transfer, ascending.
fn sides(transfer: &crate::ledger::Transfer) -> [AccountId; 2] {
    [transfer.debit.min(transfer.credit), transfer.debit.max(transfer.credit)]
}
