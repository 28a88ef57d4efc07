//! Accounts, and the money they start with.

use super::authorize::hold;
use crate::ledger::{AMOUNT_MAX, AccountId, Bounds, Entry, FUNDING, Funds, Transfer};
use crate::store::account::{Account, AccountNumber, Balance, Funding, NewAccount};
use crate::store::instrument::Instrument;
use crate::store::recent::Name;
use crate::store::tables::{Tables, TablesMut};
use crate::store::{StoreError, limits};
use protocol::crypto::PublicKey;
use protocol::types::{Currency, TransactionId};

pub(super) fn create(tables: &mut impl TablesMut, account: &NewAccount) -> Result<AccountId, StoreError> {
    account.check()?;
    if tables.account_by_number(&account.number)?.is_some() {
        return Err(StoreError::Exists("the account number"));
    }
    for (index, key) in account.keys.iter().enumerate() {
        let repeated = account.keys.iter().take(index).any(|earlier| earlier == key);
        if repeated || tables.account_by_key(key)?.is_some() {
            return Err(StoreError::Exists("the verification key"));
        }
    }
    if let Some(funding) = account.funding {
        check_new_entry(tables, funding.transaction)?;
        check_float(tables, account.currency, funding.amount)?;
    }
    let float = float_of(tables, account.currency)?;
    let id = tables.insert_account(account, &Funds::empty(account.currency, account.bounds))?;
    if let Some(funding) = account.funding {
        transfer_from_float(tables, float, id, funding)?;
    }
    Ok(id)
}

pub(super) fn fund(tables: &mut impl TablesMut, id: AccountId, funding: Funding) -> Result<(), StoreError> {
    let account = tables.account(id)?.ok_or(StoreError::UnknownAccount)?;
    let funds = tables.funds(id)?.ok_or(StoreError::UnknownAccount)?;
    if !account.instrument.holds_money() {
        return Err(StoreError::Invalid("the account holds no money"));
    }
    let float = float_of(tables, funds.currency)?;
    if let Some(entry) = tables.entry(funding.transaction)? {
        let same = entry.kind == FUNDING && entry.transfer == out_of_float(float, id, funds.currency, funding.amount);
        return if same { Ok(()) } else { Err(StoreError::Exists("the entry")) };
    }
    if !(1..=AMOUNT_MAX).contains(&funding.amount) || !funds.has_room_for(funding.amount) {
        return Err(StoreError::Invalid("the funding is zero or too high"));
    }
    check_new_entry(tables, funding.transaction)?;
    check_float(tables, funds.currency, funding.amount)?;
    transfer_from_float(tables, float, id, funding)
}

pub(super) fn register_key(tables: &mut impl TablesMut, account: AccountId, key: &PublicKey) -> Result<(), StoreError> {
    member_account(tables, account)?;
    match tables.account_by_key(key)? {
        Some(owner) if owner == account => Ok(()),
        Some(_) => Err(StoreError::Exists("the verification key")),
        None if tables.key_count(account)? >= limits::KEYS_MAX => Err(StoreError::Invalid("too many keys")),
        None => tables.insert_key(account, key),
    }
}

pub(super) fn set_blocked(tables: &mut impl TablesMut, account: AccountId, blocked: bool) -> Result<(), StoreError> {
    member_account(tables, account)?;
    tables.set_blocked(account, blocked)
}

pub(super) fn by_name(tables: &impl Tables, name: Name<'_>) -> Result<Option<Account>, StoreError> {
    let id = match name {
        Name::Number(number) => tables.account_by_number(number)?,
        Name::Key(key) => tables.account_by_key(key)?,
    };
    id.map_or(Ok(None), |id| tables.account(id))
}

pub(super) fn balances(
    tables: &impl Tables,
    after: Option<AccountId>,
    limit: usize,
) -> Result<Vec<Balance>, StoreError> {
    let balance = |id| {
        let account = tables.account(id)?.ok_or(StoreError::Damaged("an account is missing"))?;
        let funds = tables.funds(id)?.ok_or(StoreError::Damaged("an account's funds are missing"))?;
        Ok(Balance { account, funds })
    };
    tables.accounts_after(after, limit)?.into_iter().map(balance).collect()
}

fn member_account(tables: &impl Tables, id: AccountId) -> Result<Account, StoreError> {
    let account = tables.account(id)?.ok_or(StoreError::UnknownAccount)?;
    if account.instrument == Instrument::Float { Err(StoreError::UnknownAccount) } else { Ok(account) }
}

fn check_new_entry(tables: &impl Tables, id: TransactionId) -> Result<(), StoreError> {
    let used = tables.entry(id)?.is_some() || tables.transaction(id)?.is_some();
    if used { Err(StoreError::Exists("the entry")) } else { Ok(()) }
}

/// A float that is still to be created has all that any can have.
fn check_float(tables: &impl Tables, currency: Currency, amount: u64) -> Result<(), StoreError> {
    let Some(float) = tables.account_by_number(&AccountNumber::float(currency))? else { return Ok(()) };
    let funds = tables.funds(float)?.ok_or(StoreError::Damaged("a float's funds are missing"))?;
    if funds.available() < amount { Err(StoreError::Invalid("the float is used up")) } else { Ok(()) }
}

/// The provider's own account of a currency, which is created where it is missing.
fn float_of(tables: &mut impl TablesMut, currency: Currency) -> Result<AccountId, StoreError> {
    let number = AccountNumber::float(currency);
    if let Some(id) = tables.account_by_number(&number)? {
        return Ok(id);
    }
    let float = NewAccount {
        number,
        holder: "Provider".to_owned(),
        currency,
        instrument: Instrument::Float,
        bounds: Bounds::FLOAT,
        attributes: Vec::new(),
        funding: None,
        sealed_secret: Vec::new(),
        keys: Vec::new(),
    };
    tables.insert_account(&float, &Funds::empty(currency, Bounds::FLOAT))
}

fn out_of_float(float: AccountId, account: AccountId, currency: Currency, amount: u64) -> Transfer {
    Transfer { debit: float, credit: account, amount, currency, refund_of: None }
}

fn transfer_from_float(
    tables: &mut impl TablesMut,
    float: AccountId,
    account: AccountId,
    funding: Funding,
) -> Result<(), StoreError> {
    let funds = tables.funds(account)?.ok_or(StoreError::UnknownAccount)?;
    let transfer = out_of_float(float, account, funds.currency, funding.amount);
    hold(tables, &transfer)?;
    let entry = Entry { transaction: funding.transaction, kind: FUNDING, transfer, posted: funding.at };
    super::settle::post(tables, &entry)
}
