//! A store in one SQLite database.
//!
//! The database is in write-ahead-log mode with `synchronous=FULL`: a commit is on the disk when it returns.
//! One writer commits for everybody; readers have connections of their own and wait for nobody. A second process that
//! would write is refused; one that only looks ([`SqliteView`]) is not.

mod cache;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use crate::store::StoreError;
use crate::store::recent::Recent;
use crate::store::tables::Database;
use rows::Rows;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use writer::Writer;
pub use writer::{BATCH_MAX, COMMIT_DELAY_MAX, QUEUE_MAX};

/// The database's file in the data directory.
pub const DATABASE_FILE: &str = "provider.sqlite";

/// The file that the one writing process locks.
pub const LOCK_FILE: &str = "lock";

/// Readers kept ready; more look-ups at once open more, and close them again.
pub const READERS_MAX: usize = 16;

/// How long a connection waits for a lock of SQLite's own, which nobody holds for long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a page. A commit writes every page that it changed anew, mostly for rows of some hundred bytes.
const PAGE_SIZE: u32 = 2048;

/// Pages of the log that make a commit copy it back into the database: 32 MiB. Pages that many commits change, such as
/// those of busy accounts, are then copied once.
const CHECKPOINT_PAGES: u32 = 16384;

/// KiB of pages that the writer keeps in memory. Not many more: a commit that has split a page walks all of them.
const WRITER_CACHE: u32 = 8 * 1024;

/// KiB of pages that a reader keeps in memory.
const READER_CACHE: u32 = 4 * 1024;

/// How much a store keeps in memory of what its database holds. What is not remembered is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Remembered {
    /// Bytes of transactions in flight, roughly; the oldest go first.
    pub transaction_bytes: usize,
    /// Accounts for look-ups, and keys that they are found by, of each.
    pub accounts: usize,
    /// Transactions that the writer keeps rows of; the oldest go first.
    pub writer_transactions: usize,
    /// Accounts that the writer keeps the money of.
    pub writer_accounts: usize,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            transaction_bytes: 64 * 1024 * 1024,
            accounts: 1 << 16,
            writer_transactions: 1 << 14,
            writer_accounts: 1 << 16,
        }
    }
}

/// A store in a data directory, for the one process that writes to it.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    recent: Arc<Recent>,
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in `directory`, which is created, readable by its owner alone, where it is missing.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::remembering(directory, Remembered::default())
    }

    /// Opens the store, and has it keep so much in memory.
    pub fn remembering(directory: &Path, remembered: Remembered) -> Result<Self, StoreError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(file_error)?;
        let lock = lock(directory)?;
        let path = directory.join(DATABASE_FILE);
        let mut connection = Connection::open(&path)?;
        configure(&connection, WRITER_CACHE)?;
        connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        schema::migrate(&mut connection)?;
        let recent = Arc::new(Recent::new(remembered.transaction_bytes, remembered.accounts));
        let writer = Writer::start(Rows::of_writer(connection, &remembered), recent.clone())?;
        Ok(Self { writer, readers: Readers::new(path), recent, _lock: lock })
    }
}

impl Database for SqliteStore {
    type Tables = Rows;

    async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Rows) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(operation, false).await
    }

    async fn decide<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Rows) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(operation, true).await
    }

    fn read<T>(&self, look_up: impl FnOnce(&Rows) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.readers.read(look_up)
    }

    fn recent(&self) -> Option<&Recent> {
        Some(&self.recent)
    }

    fn under_way(&self) -> impl Send {
        self.writer.under_way()
    }
}

/// A store that another process may be writing to, for looking only: its operations that write are refused.
pub struct SqliteView {
    readers: Readers,
}

impl SqliteView {
    /// Opens the view of the store in `directory`.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let readers = Readers::new(directory.join(DATABASE_FILE));
        readers.read(|rows| schema::check(rows.connection()))?;
        Ok(Self { readers })
    }
}

impl Database for SqliteView {
    type Tables = Rows;

    async fn write<T, F>(&self, _operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Rows) -> Result<T, StoreError> + Send + 'static,
    {
        Err(StoreError::Invalid("this view of the store is for looking only"))
    }

    fn read<T>(&self, look_up: impl FnOnce(&Rows) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.readers.read(look_up)
    }
}

/// Connections that read.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Rows>>,
}

impl Readers {
    const fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    /// Looks up at one instant: in a transaction, which in WAL mode sees the last commit before it.
    fn read<T>(&self, look_up: impl FnOnce(&Rows) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let rows = idle.map_or_else(|| self.connect(), Ok)?;
        rows.run("BEGIN")?;
        let found = look_up(&rows);
        rows.run("COMMIT")?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_MAX {
            idle.push(rows);
        }
        found
    }

    fn connect(&self) -> Result<Rows, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        configure(&connection, READER_CACHE)?;
        Ok(Rows::new(connection))
    }
}

fn configure(connection: &Connection, cache: u32) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(rows::STATEMENTS_MAX);
    // Operations look up what they refer to before they write, and an audit checks all references.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Negative: KiB instead of pages.
    Ok(connection.pragma_update(None, "cache_size", -i64::from(cache))?)
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(file_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Invalid("another provider runs on this data directory")),
        Err(TryLockError::Error(error)) => Err(file_error(error)),
    }
}

fn file_error(error: std::io::Error) -> StoreError {
    StoreError::Database(error.to_string())
}
