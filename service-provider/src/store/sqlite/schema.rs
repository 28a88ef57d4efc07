//! The schema, by versions. A database of an older version is brought up to date when it is opened.

use crate::store::StoreError;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// What leads from each version to the next. A published one never changes.
const MIGRATIONS: [&str; 1] = [include_str!("schema_1.sql")];

/// Brings a database to the newest version; refuses one that is newer still.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)",
    )?;
    for (number, migration) in (1i64..).zip(MIGRATIONS).skip(known_version(&transaction)?) {
        transaction.execute_batch(migration)?;
        transaction.execute("INSERT INTO schema_migration VALUES (?1, CURRENT_TIMESTAMP)", [number])?;
        tracing::info!(version = number, "migrated the database");
    }
    Ok(transaction.commit()?)
}

/// Refuses a database that is not of the newest version, for who may not change it.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    if known_version(connection)? == MIGRATIONS.len() {
        Ok(())
    } else {
        Err(StoreError::Invalid("the database is of an older version; start the provider once"))
    }
}

fn known_version(connection: &Connection) -> Result<usize, StoreError> {
    let newest = "SELECT version FROM schema_migration ORDER BY version DESC LIMIT 1";
    let version: Option<i64> = connection.query_row(newest, [], |row| row.get(0)).optional()?;
    let version = usize::try_from(version.unwrap_or(0)).map_err(|_negative| StoreError::Damaged("a version"))?;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Invalid("the database is of a newer version than this program"));
    }
    Ok(version)
}
