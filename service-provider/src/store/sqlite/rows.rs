//! Typed rows in SQL: one prepared statement each.

use super::Remembered;
use super::cache::Cache;
use crate::ledger::{AccountId, Bounds, Entry, Funds, Overdraft, Transfer};
use crate::store::StoreError;
use crate::store::account::{Account, AccountNumber, NewAccount};
use crate::store::attribute::Attribute;
use crate::store::instrument::Instrument;
use crate::store::recent::Change;
use crate::store::tables::{AnswerRow, Authorized, Effect, NodeRow, Purse, Tables, TablesMut, TransactionRow};
use crate::store::transaction::{Phase, Stage};
use crate::time::Timestamp;
use protocol::crypto::PublicKey;
use protocol::provider::Answer;
use protocol::types::{Currency, Digest, Ending, GroupId, ReasonCode, TransactionId, TransactionKind};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row, params};

/// Prepared statements that a connection keeps: more than there are in this file.
pub(super) const STATEMENTS_MAX: usize = 64;

/// The rows of a SQLite database, over one connection.
pub struct Rows {
    connection: Connection,
    cache: Cache,
}

impl Rows {
    /// Rows over a connection that reads.
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, cache: Cache::new(0, 0) }
    }

    /// Rows over the one connection that writes.
    pub(super) fn of_writer(connection: Connection, remembered: &Remembered) -> Self {
        Self { connection, cache: Cache::new(remembered.writer_transactions, remembered.writer_accounts) }
    }

    pub(super) const fn cache(&mut self) -> &mut Cache {
        &mut self.cache
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How many rows this connection has changed.
    pub(super) fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Whether a transaction is under way. SQLite itself ends one where the disk is full or fails, and undoes it.
    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Undoes the transaction, if SQLite has not done so itself.
    pub(super) fn undo(&mut self) -> Result<(), StoreError> {
        self.cache.undo();
        if self.in_transaction() { self.run("ROLLBACK") } else { Ok(()) }
    }

    /// Runs a statement without parameters or rows.
    pub(super) fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.execute(sql, []).map(|_| ())
    }

    fn execute(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// Changes one row, which exists.
    fn update(&self, sql: &str, params: impl Params) -> Result<(), StoreError> {
        if self.execute(sql, params)? == 1 { Ok(()) } else { Err(StoreError::Damaged("a row is missing")) }
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        decode: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query(params)?.next()?.map(decode).transpose()
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        decode: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(decode(row)?);
        }
        Ok(found)
    }
}

impl Rows {
    /// An entry, and the one before it on its debited and on its credited account.
    fn linked_entry(&self, transaction: TransactionId) -> Result<Option<LinkedEntry>, StoreError> {
        let sql = "SELECT kind, debit, credit, amount, currency, refund_of, posted, debit_before, credit_before
                   FROM entry WHERE transaction_id = ?1";
        self.one(sql, [transaction.0], |row| {
            let entry = Entry {
                transaction,
                kind: TransactionKind(row.get(0)?),
                transfer: transfer(row, [1, 2, 3, 4, 5])?,
                posted: Timestamp(unsigned(row.get(6)?)?),
            };
            Ok((entry, [optional_transaction_id(row, 7)?, optional_transaction_id(row, 8)?]))
        })
    }

    fn last_entry(&self, account: AccountId) -> Result<Option<TransactionId>, StoreError> {
        let sql = "SELECT last_entry FROM funds WHERE account_id = ?1";
        Ok(self.one(sql, [account.0], |row| optional_transaction_id(row, 0))?.flatten())
    }

    /// The nodes of a transaction, the root first.
    fn nodes(&self, transaction: TransactionId) -> Result<Vec<Digest>, StoreError> {
        let sql = "SELECT nodes FROM transactions WHERE transaction_id = ?1";
        let joined: Vec<u8> = self.one(sql, [transaction.0], |row| get(row, 0))?.unwrap_or_default();
        let (nodes, []) = joined.as_chunks() else { return Err(StoreError::Damaged("nodes")) };
        Ok(nodes.iter().copied().map(Digest).collect())
    }
}

type LinkedEntry = (Entry, [Option<TransactionId>; 2]);

fn before_on(account: AccountId, entry: &Entry, before: [Option<TransactionId>; 2]) -> Option<TransactionId> {
    let [on_debit, on_credit] = before;
    if entry.transfer.debit == account { on_debit } else { on_credit }
}

impl Tables for Rows {
    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let sql = "SELECT number, holder, instrument, blocked, sealed_secret FROM account WHERE account_id = ?1";
        self.one(sql, [id.0], |row| {
            Ok(Account {
                id,
                number: AccountNumber::stored(row.get(0)?),
                holder: row.get(1)?,
                instrument: Instrument::from_code(row.get(2)?).ok_or(StoreError::Damaged("an instrument"))?,
                blocked: row.get(3)?,
                sealed_secret: row.get(4)?,
            })
        })
    }

    fn account_by_number(&self, number: &AccountNumber) -> Result<Option<AccountId>, StoreError> {
        self.one("SELECT account_id FROM account WHERE number = ?1", [number.as_str()], |row| account_id(row, 0))
    }

    fn account_by_key(&self, key: &PublicKey) -> Result<Option<AccountId>, StoreError> {
        self.one("SELECT account_id FROM account_key WHERE verification_key = ?1", [key.0], |row| account_id(row, 0))
    }

    fn key_count(&self, account: AccountId) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM account_key WHERE account_id = ?1";
        Ok(self.one(sql, [account.0], |row| Ok(row.get(0)?))?.unwrap_or(0))
    }

    fn accounts_after(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<AccountId>, StoreError> {
        let sql = "SELECT account_id FROM account WHERE account_id > ?1 ORDER BY account_id LIMIT ?2";
        self.all(sql, params![after.map_or(i64::MIN, |id| id.0), limit], |row| account_id(row, 0))
    }

    fn attributes(&self, account: AccountId) -> Result<Vec<Attribute>, StoreError> {
        let sql =
            "SELECT name, value, valid_from, valid_until FROM attribute WHERE account_id = ?1 ORDER BY name, value";
        self.all(sql, [account.0], |row| {
            let (name, value): (String, String) = (get(row, 0)?, get(row, 1)?);
            let attribute = Attribute::new(&name, &value).map_err(|_| StoreError::Damaged("an attribute"))?;
            Ok(attribute.during(optional_timestamp(row, 2)?, optional_timestamp(row, 3)?))
        })
    }

    fn purse(&self, account: AccountId) -> Result<Option<Purse>, StoreError> {
        let sql = "SELECT currency, balance, held, coming, payments, credit_limit, ceiling, payment_max, payments_max,
                   instrument, blocked FROM funds NATURAL JOIN account WHERE account_id = ?1";
        if let Some(purse) = self.cache.purse(account) {
            return Ok(Some(purse));
        }
        let purse = self.one(sql, [account.0], |row| {
            let instrument = Instrument::from_code(row.get(9)?).ok_or(StoreError::Damaged("an instrument"))?;
            Ok(Purse { funds: funds(row)?, instrument, blocked: row.get(10)? })
        })?;
        purse.iter().for_each(|purse| self.cache.purse_is(account, *purse));
        Ok(purse)
    }

    fn funds(&self, account: AccountId) -> Result<Option<Funds>, StoreError> {
        if let Some(purse) = self.cache.purse(account) {
            return Ok(Some(purse.funds));
        }
        let sql = "SELECT currency, balance, held, coming, payments, credit_limit, ceiling, payment_max, payments_max
                   FROM funds WHERE account_id = ?1";
        self.one(sql, [account.0], funds)
    }

    fn entry(&self, transaction: TransactionId) -> Result<Option<Entry>, StoreError> {
        Ok(self.linked_entry(transaction)?.map(|(entry, _)| entry))
    }

    fn refunded(&self, transaction: TransactionId) -> Result<u64, StoreError> {
        let sql = "SELECT (SELECT coalesce(sum(amount), 0) FROM entry WHERE refund_of = ?1)
                 + (SELECT coalesce(sum(amount), 0) FROM transactions
                    WHERE reference = ?1 AND phase = ?2 AND effect = ?3)";
        let sum = self.one(sql, params![transaction.0, HELD, TRANSFER], |row| unsigned(row.get(0)?))?;
        Ok(sum.unwrap_or(0))
    }

    fn entries_before(
        &self,
        account: AccountId,
        before: Option<TransactionId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let link = |id| self.linked_entry(id)?.ok_or(StoreError::Damaged("a statement's entry is missing"));
        let mut next = match before {
            None => self.last_entry(account)?,
            Some(id) => self.linked_entry(id)?.and_then(|(entry, before)| before_on(account, &entry, before)),
        };
        let mut entries = Vec::new();
        while let (Some(id), true) = (next, entries.len() < limit) {
            let (entry, before) = link(id)?;
            next = before_on(account, &entry, before);
            entries.push(entry);
        }
        Ok(entries)
    }

    fn entry_count(&self) -> Result<u64, StoreError> {
        let count = self.one("SELECT count(*) FROM entry", [], |row| unsigned(row.get(0)?))?;
        count.ok_or(StoreError::Damaged("no count"))
    }

    fn orphans(&self) -> Result<u64, StoreError> {
        let count = self.one("SELECT count(*) FROM pragma_foreign_key_check", [], |row| unsigned(row.get(0)?))?;
        count.ok_or(StoreError::Damaged("no count"))
    }

    fn transaction(&self, id: TransactionId) -> Result<Option<TransactionRow>, StoreError> {
        let sql = "SELECT group_id, acknowledgment, phase, deadline, reason, request, kind, effect,
                   debit, credit, amount, currency, reference FROM transactions WHERE transaction_id = ?1";
        if let Some(row) = self.cache.transaction(id) {
            return Ok(Some(row));
        }
        let row = self.one(sql, [id.0], |row| {
            let acknowledgment: Option<[u8; 32]> = row.get(1)?;
            Ok(TransactionRow {
                group: GroupId(row.get(0)?),
                acknowledgment: acknowledgment.map(Digest),
                phase: phase(row)?,
                authorized: authorized(row)?,
            })
        })?;
        row.iter().for_each(|row| self.cache.transaction_is(id, row));
        Ok(row)
    }

    fn sessions(&self, id: TransactionId) -> Result<Option<Vec<u8>>, StoreError> {
        self.one("SELECT sealed FROM session WHERE transaction_id = ?1", [id.0], |row| Ok(row.get(0)?))
    }

    fn participants(&self, id: TransactionId) -> Result<Vec<AccountId>, StoreError> {
        let sql = "SELECT account_id FROM participant WHERE transaction_id = ?1 ORDER BY account_id";
        self.all(sql, [id.0], |row| account_id(row, 0))
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<TransactionId>, StoreError> {
        let sql = "SELECT transaction_id FROM transactions WHERE deadline <= ?1 ORDER BY deadline LIMIT ?2";
        self.all(sql, params![integer(now.0)?, limit], |row| transaction_id(row, 0))
    }

    fn finished_below(&self, bound: TransactionId, limit: usize) -> Result<Vec<TransactionId>, StoreError> {
        let sql = "SELECT transaction_id FROM transactions WHERE transaction_id < ?1 AND deadline IS NULL
                   ORDER BY transaction_id LIMIT ?2";
        self.all(sql, params![bound.0, limit], |row| transaction_id(row, 0))
    }

    fn pending_after(&self, after: Option<TransactionId>, limit: usize) -> Result<Vec<TransactionId>, StoreError> {
        let sql = "SELECT transaction_id FROM transactions WHERE transaction_id > ?1 AND deadline IS NOT NULL
                   ORDER BY transaction_id LIMIT ?2";
        self.all(sql, params![after.map_or([0; 16], |id| id.0), limit], |row| transaction_id(row, 0))
    }

    fn node(&self, digest: &Digest) -> Result<Option<NodeRow>, StoreError> {
        let sql = "SELECT transaction_id FROM node WHERE digest = ?1";
        let Some(transaction) = self.one(sql, [digest.0], |row| transaction_id(row, 0))? else { return Ok(None) };
        Ok(Some(NodeRow { transaction, root: self.nodes(transaction)?.first() == Some(digest) }))
    }

    fn answer_root(&self, id: TransactionId, stage: Stage) -> Result<Option<Digest>, StoreError> {
        let sql = "SELECT root FROM answer WHERE stage = ?2 AND transaction_id = ?1";
        self.one(sql, params![id.0, stage as u8], |row| get(row, 0).map(Digest))
    }

    fn answer(&self, id: TransactionId, stage: Stage) -> Result<Option<AnswerRow>, StoreError> {
        let sql = "SELECT request, root, bytes FROM answer WHERE stage = ?2 AND transaction_id = ?1";
        self.one(sql, params![id.0, stage as u8], |row| {
            Ok(AnswerRow {
                request: Digest(row.get(0)?),
                answer: Answer { root: Digest(row.get(1)?), message: row.get(2)? },
            })
        })
    }
}

impl TablesMut for Rows {
    fn insert_account(&mut self, account: &NewAccount, funds: &Funds) -> Result<AccountId, StoreError> {
        self.execute(
            "INSERT INTO account (number, holder, instrument, blocked, sealed_secret) VALUES (?1, ?2, ?3, 0, ?4)",
            params![account.number.as_str(), account.holder, account.instrument.code(), account.sealed_secret],
        )?;
        let id = AccountId(self.connection.last_insert_rowid());
        let Bounds { overdraft, ceiling, payment_max, payments } = funds.bounds;
        let credit_limit = match overdraft {
            Overdraft::UpTo(limit) => Some(limit),
            Overdraft::Float => None,
        };
        let [credit_limit, ceiling, payment_max, payments] =
            [credit_limit, ceiling, payment_max, payments].map(optional_integer);
        self.execute(
            "INSERT INTO funds (account_id, currency, balance, held, coming, payments, credit_limit, ceiling,
                                payment_max, payments_max)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                id.0,
                funds.currency.as_str(),
                funds.balance,
                integer(funds.held)?,
                integer(funds.coming)?,
                integer(funds.payments)?,
                credit_limit?,
                ceiling?,
                payment_max?,
                payments?,
            ],
        )?;
        let sql =
            "INSERT INTO attribute (account_id, name, value, valid_from, valid_until) VALUES (?1, ?2, ?3, ?4, ?5)";
        for attribute in &account.attributes {
            let [from, until] = [attribute.from, attribute.until].map(|at| optional_integer(at.map(|at| at.0)));
            self.execute(sql, params![id.0, attribute.name(), attribute.value(), from?, until?])?;
        }
        account.keys.iter().try_for_each(|key| self.insert_key(id, key))?;
        self.cache.changed(Change::Account);
        Ok(id)
    }

    fn insert_key(&mut self, account: AccountId, key: &PublicKey) -> Result<(), StoreError> {
        let sql = "INSERT INTO account_key (verification_key, account_id) VALUES (?1, ?2)";
        self.execute(sql, params![key.0, account.0])?;
        self.cache.changed(Change::Account);
        Ok(())
    }

    fn set_blocked(&mut self, account: AccountId, blocked: bool) -> Result<(), StoreError> {
        self.update("UPDATE account SET blocked = ?2 WHERE account_id = ?1", params![account.0, blocked])?;
        self.cache.changed(Change::Account);
        Ok(())
    }

    fn set_funds(&mut self, account: AccountId, funds: &Funds) -> Result<(), StoreError> {
        let Funds { balance, held, coming, payments, .. } = *funds;
        let sql = "UPDATE funds SET balance = ?2, held = ?3, coming = ?4, payments = ?5 WHERE account_id = ?1";
        self.update(sql, params![account.0, balance, integer(held)?, integer(coming)?, integer(payments)?])?;
        self.cache.funds_are(account, funds);
        Ok(())
    }

    fn insert_entry(&mut self, entry: &Entry, funds: [&Funds; 2]) -> Result<(), StoreError> {
        let Transfer { debit, credit, amount, currency, refund_of } = entry.transfer;
        self.execute(
            "INSERT INTO entry (transaction_id, kind, debit, credit, amount, currency, refund_of, posted,
                                debit_before, credit_before)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                     (SELECT last_entry FROM funds WHERE account_id = ?3),
                     (SELECT last_entry FROM funds WHERE account_id = ?4))",
            params![
                entry.transaction.0,
                entry.kind.0,
                debit.0,
                credit.0,
                integer(amount)?,
                currency.as_str(),
                refund_of.map(|id| id.0),
                integer(entry.posted.0)?,
            ],
        )?;
        let sql = "UPDATE funds SET last_entry = ?2, balance = ?3, held = ?4, coming = ?5, payments = ?6
                   WHERE account_id = ?1";
        for (posting, funds) in entry.postings().iter().zip(funds) {
            let (id, Funds { balance, held, coming, payments, .. }) = (entry.transaction.0, *funds);
            let (held, coming, payments) = (integer(held)?, integer(coming)?, integer(payments)?);
            self.update(sql, params![posting.account.0, id, balance, held, coming, payments])?;
            self.cache.funds_are(posting.account, funds);
        }
        Ok(())
    }

    fn insert_transaction(
        &mut self,
        id: TransactionId,
        row: &TransactionRow,
        sessions: &[u8],
        nodes: &[Digest],
    ) -> Result<(), StoreError> {
        let (phase, _) = phase_codes(row.phase);
        let joined: Vec<u8> = nodes.iter().flat_map(|node| node.0).collect();
        let sql = "INSERT INTO transactions (transaction_id, group_id, nodes, phase, deadline)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        self.execute(sql, params![id.0, row.group.0, joined, phase, deadline(row.phase)?])?;
        let sql = "INSERT INTO session (transaction_id, sealed) VALUES (?1, ?2)";
        self.execute(sql, params![id.0, sessions])?;
        let sql = "INSERT INTO node (digest, transaction_id) VALUES (?1, ?2)";
        nodes.iter().try_for_each(|node| self.execute(sql, params![node.0, id.0]).map(|_| ()))?;
        self.cache.changed(Change::Opened(id, *row, sessions.to_vec()));
        Ok(())
    }

    fn update_transaction(&mut self, id: TransactionId, row: &TransactionRow) -> Result<(), StoreError> {
        let (phase, reason) = phase_codes(row.phase);
        let authorized = row.authorized.as_ref();
        let (effect, transfer, reference) = authorized.map_or((None, None, None), |it| effect_codes(&it.effect));
        self.update(
            "UPDATE transactions SET phase = ?2, deadline = ?3, reason = ?4, request = ?5, kind = ?6, effect = ?7,
             debit = ?8, credit = ?9, amount = ?10, currency = ?11, reference = ?12, acknowledgment = ?13
             WHERE transaction_id = ?1",
            params![
                id.0,
                phase,
                deadline(row.phase)?,
                reason,
                authorized.map(|it| it.request.0),
                authorized.map(|it| it.kind.0),
                effect,
                transfer.map(|it| it.debit.0),
                transfer.map(|it| it.credit.0),
                transfer.map(|it| integer(it.amount)).transpose()?,
                transfer.as_ref().map(|it| it.currency.as_str()),
                reference.map(|id| id.0),
                row.acknowledgment.map(|digest| digest.0),
            ],
        )?;
        self.cache.changed(Change::Updated(id, *row));
        Ok(())
    }

    fn delete_sessions(&mut self, id: TransactionId) -> Result<(), StoreError> {
        self.execute("DELETE FROM session WHERE transaction_id = ?1", [id.0])?;
        self.cache.changed(Change::Over(id));
        Ok(())
    }

    fn insert_participants(&mut self, id: TransactionId, accounts: &[AccountId]) -> Result<(), StoreError> {
        let sql = "INSERT INTO participant (transaction_id, account_id) VALUES (?1, ?2)";
        accounts.iter().try_for_each(|account| self.execute(sql, params![id.0, account.0]).map(|_| ()))
    }

    fn delete_transaction(&mut self, id: TransactionId) -> Result<(), StoreError> {
        for node in self.nodes(id)? {
            self.execute("DELETE FROM node WHERE digest = ?1", [node.0])?;
        }
        for stage in [Stage::KeyExchange, Stage::Transaction, Stage::Acknowledgment] {
            let sql = "DELETE FROM answer WHERE stage = ?1 AND transaction_id = ?2";
            self.execute(sql, params![stage as u8, id.0])?;
        }
        for sql in [
            "DELETE FROM session WHERE transaction_id = ?1",
            "DELETE FROM participant WHERE transaction_id = ?1",
            "DELETE FROM transactions WHERE transaction_id = ?1",
        ] {
            self.execute(sql, [id.0])?;
        }
        self.cache.changed(Change::Over(id));
        Ok(())
    }

    fn insert_answer(&mut self, id: TransactionId, stage: Stage, row: &AnswerRow) -> Result<bool, StoreError> {
        let sql = "INSERT INTO answer (transaction_id, stage, request, root, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        let params = params![id.0, stage as u8, row.request.0, row.answer.root.0, row.answer.message];
        let is_first = self.execute(sql, params)? == 1;
        if is_first {
            self.cache.changed(Change::Answered(id, stage, row.clone()));
        }
        Ok(is_first)
    }
}

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const HELD: u8 = 2;
const DECLINED: u8 = 3;
const POSTED: u8 = 4;
const RELEASED: u8 = 5;

const NO_EFFECT: u8 = 0;
const TRANSFER: u8 = 1;
const CANCELLATION: u8 = 2;

/// A phase's code, and the reason in it.
const fn phase_codes(phase: Phase) -> (u8, Option<u16>) {
    match phase {
        Phase::Open { .. } => (OPEN, None),
        Phase::Closed => (CLOSED, None),
        Phase::Held { .. } => (HELD, None),
        Phase::Declined(reason) => (DECLINED, Some(reason.0)),
        Phase::Ended(Ending::Posted) => (POSTED, None),
        Phase::Ended(Ending::Released) => (RELEASED, None),
    }
}

/// The phase in columns 2 to 4 of a transaction's row.
fn phase(row: &Row<'_>) -> Result<Phase, StoreError> {
    let until = optional_timestamp(row, 3)?;
    let reason: Option<u16> = row.get(4)?;
    match (row.get(2)?, until, reason) {
        (OPEN, Some(until), None) => Ok(Phase::Open { until }),
        (CLOSED, None, None) => Ok(Phase::Closed),
        (HELD, Some(until), None) => Ok(Phase::Held { until }),
        (DECLINED, None, Some(reason)) => Ok(Phase::Declined(ReasonCode(reason))),
        (POSTED, None, None) => Ok(Phase::Ended(Ending::Posted)),
        (RELEASED, None, None) => Ok(Phase::Ended(Ending::Released)),
        _ => Err(StoreError::Damaged("a phase")),
    }
}

/// An effect's code, the transfer in it and the transaction it refers to.
const fn effect_codes(effect: &Effect) -> (Option<u8>, Option<Transfer>, Option<TransactionId>) {
    match effect {
        Effect::None => (Some(NO_EFFECT), None, None),
        Effect::Transfer(transfer) => (Some(TRANSFER), Some(*transfer), transfer.refund_of),
        Effect::Cancellation(of) => (Some(CANCELLATION), None, Some(*of)),
    }
}

/// The request in columns 5 to 12 of a transaction's row.
fn authorized(row: &Row<'_>) -> Result<Option<Authorized>, StoreError> {
    let request: Option<[u8; 32]> = row.get(5)?;
    let Some(request) = request else { return Ok(None) };
    let effect = match row.get(7)? {
        NO_EFFECT => Effect::None,
        TRANSFER => Effect::Transfer(transfer(row, [8, 9, 10, 11, 12])?),
        CANCELLATION => Effect::Cancellation(transaction_id(row, 12)?),
        _ => return Err(StoreError::Damaged("an effect")),
    };
    Ok(Some(Authorized { request: Digest(request), kind: TransactionKind(row.get(6)?), effect }))
}

/// The transfer in columns for debit, credit, amount, currency and the refunded transaction.
fn transfer(row: &Row<'_>, [debit, credit, amount, money, refund_of]: [usize; 5]) -> Result<Transfer, StoreError> {
    Ok(Transfer {
        debit: account_id(row, debit)?,
        credit: account_id(row, credit)?,
        amount: unsigned(row.get(amount)?)?,
        currency: currency(row, money)?,
        refund_of: optional_transaction_id(row, refund_of)?,
    })
}

/// The funds in columns 0 to 8.
fn funds(row: &Row<'_>) -> Result<Funds, StoreError> {
    Ok(Funds {
        currency: currency(row, 0)?,
        balance: row.get(1)?,
        held: unsigned(row.get(2)?)?,
        coming: unsigned(row.get(3)?)?,
        payments: unsigned(row.get(4)?)?,
        bounds: Bounds {
            overdraft: optional_unsigned(row, 5)?.map_or(Overdraft::Float, Overdraft::UpTo),
            ceiling: optional_unsigned(row, 6)?,
            payment_max: optional_unsigned(row, 7)?,
            payments: optional_unsigned(row, 8)?,
        },
    })
}

fn deadline(phase: Phase) -> Result<Option<i64>, StoreError> {
    phase.deadline().map(|at| integer(at.0)).transpose()
}

fn account_id(row: &Row<'_>, column: usize) -> Result<AccountId, StoreError> {
    get(row, column).map(AccountId)
}

fn transaction_id(row: &Row<'_>, column: usize) -> Result<TransactionId, StoreError> {
    get(row, column).map(TransactionId)
}

fn optional_transaction_id(row: &Row<'_>, column: usize) -> Result<Option<TransactionId>, StoreError> {
    let id: Option<[u8; 16]> = row.get(column)?;
    Ok(id.map(TransactionId))
}

fn currency(row: &Row<'_>, column: usize) -> Result<Currency, StoreError> {
    let letters = row.get_ref(column)?.as_bytes().map_err(|_type| StoreError::Damaged("a currency"))?;
    letters.try_into().map(Currency).map_err(|_length| StoreError::Damaged("a currency"))
}

fn get<T: FromSql>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    Ok(row.get(column)?)
}

/// SQL has no unsigned integers.
fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_large| StoreError::Invalid("a number beyond what is stored"))
}

fn optional_integer(value: Option<u64>) -> Result<Option<i64>, StoreError> {
    value.map(integer).transpose()
}

fn optional_unsigned(row: &Row<'_>, column: usize) -> Result<Option<u64>, StoreError> {
    let value: Option<i64> = row.get(column)?;
    value.map(unsigned).transpose()
}

fn optional_timestamp(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(optional_unsigned(row, column)?.map(Timestamp))
}

fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_negative| StoreError::Damaged("a negative number"))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        if matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)) {
            Self::Damaged("a column of another type or range")
        } else {
            Self::Database(error.to_string())
        }
    }
}
