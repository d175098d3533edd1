//! The embedded store: one `SQLite` database for many settings, values encrypted, look-ups by keyed hash.
//!
//! One process at a time has a database open: an advisory lock on `<database>.lock` is held as long as the store lives.
//! `SQLite`'s own locks would keep the file intact, but not on the network volumes some clusters offer, and two processes
//! with the file open would be two opinions about the time that decides when a run's lock expires.

mod claims;
mod effects;
mod errors;
mod journal;
mod keyring;
mod links;
mod lock;
mod master_key;
mod outcomes;
mod proposals;
mod retention;
mod runs;
mod schema;
mod scoped;
mod sealing;
mod settings;
#[cfg(test)]
mod tests;
mod upgrade;
#[cfg(test)]
mod upgrade_tests;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use self::errors::store_error;
use self::keyring::Keyring;
pub use self::master_key::MasterKey;
pub use self::retention::{Pruned, Retention};
pub use self::scoped::ScopedStore;
use super::clock::{Clock, system_clock};
use super::{Scope, StoreError};

/// How long a statement waits for another connection's lock on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);
/// Reads that may go on at once, beside the one writer.
const READERS: u32 = 4;
/// How long opening waits for a process that is about to end.
const HANDOVER: Duration = Duration::from_secs(5);

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: SqlitePool,
    reader: SqlitePool,
    keys: Keyring,
    clock: Clock,
    /// Released when the last clone is dropped.
    _process_lock: Option<File>,
}

impl SqliteStore {
    /// Opens or creates the database in `path` with one key and the machine's clock. See [`SqliteStore::open_with`].
    pub async fn open(path: impl AsRef<Path>, key: MasterKey) -> Result<Self, StoreError> {
        Self::open_with(path, &[key], system_clock()).await
    }

    /// Opens or creates the database in `path`. The first key encrypts; a database that was made with another key of the
    /// list is put under the first one, after which the others can be taken away.
    ///
    /// Fails with [`StoreError::Invalid`], the file untouched, when it is no records store, of a newer version, made
    /// with another key, read-only, full or open in another process.
    pub async fn open_with(path: impl AsRef<Path>, keys: &[MasterKey], clock: Clock) -> Result<Self, StoreError> {
        let path = path.as_ref();
        schema::inspect(path, keys).await?;
        let process_lock = lock_for_this_process(path, HANDOVER).await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // Gives pages of pruned rows back to the volume; only has an effect on a new file.
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = pool(path, 1, options.clone()).await?;
        let keyring = prepare(&writer, path, keys).await?;
        let reader = pool(path, READERS, options.pragma("query_only", "ON")).await?;
        let path = path.to_owned();
        Ok(Self {
            inner: Arc::new(Inner { path, writer, reader, keys: keyring, clock, _process_lock: Some(process_lock) }),
        })
    }

    /// A store that ends with the process, for runs without a records file.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Self::in_memory_with(system_clock()).await
    }

    /// The same with a clock of the caller's.
    pub async fn in_memory_with(clock: Clock) -> Result<Self, StoreError> {
        let path = PathBuf::from("in-memory store");
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        // One connection: each one to memory is a database of its own.
        let writer = pool(&path, 1, options).await?;
        let keys = prepare(&writer, &path, &[MasterKey::random()?]).await?;
        let reader = writer.clone();
        Ok(Self { inner: Arc::new(Inner { path, writer, reader, keys, clock, _process_lock: None }) })
    }

    /// The records of one setting.
    pub fn scoped(&self, scope: Scope) -> ScopedStore {
        ScopedStore::new(self.clone(), scope)
    }

    /// Frees the locks of all settings: a run that was killed then holds up the next one no longer. Only for a store that
    /// serves this process alone, before its first run: as no other process can have the file open, every lock in it is
    /// left over. A service must not do this, because the runs that hold its locks go on while it restarts.
    pub async fn release_stale_locks(&self) -> Result<(), StoreError> {
        let mut connection = self.inner.writer.acquire().await.map_err(|error| self.failed(&error))?;
        runs::release_all_locks(&mut connection).await.map_err(|error| self.failed(&error))
    }

    /// Whether the database answers.
    pub async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT count(*) FROM keys")
            .execute(&self.inner.reader)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(())
    }

    /// Bytes that the database takes, without its log.
    pub async fn size_bytes(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            .fetch_one(&self.inner.reader)
            .await
            .map_err(|error| self.failed(&error))
    }

    /// Writes everything to the file and closes it.
    pub async fn close(self) {
        self.inner.reader.close().await;
        self.inner.writer.close().await;
    }

    fn failed(&self, error: &sqlx::Error) -> StoreError {
        store_error(&self.inner.path, error)
    }
}

async fn pool(path: &Path, connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        // Kept for good: a connection to memory is the database.
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(|error| store_error(path, &error))
}

async fn prepare(writer: &SqlitePool, path: &Path, keys: &[MasterKey]) -> Result<Keyring, StoreError> {
    let mut connection = writer.acquire().await.map_err(|error| store_error(path, &error))?;
    schema::prepare(&mut connection, path, keys).await
}

async fn lock_for_this_process(path: &Path, patience: Duration) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let refuse = |rule: &str| StoreError::Invalid(format!("{} {rule}", path.display()));
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(PathBuf::from(name)).map_err(|error| {
            refuse(&format!("cannot be locked ({}): its folder must exist and be writable", error.kind()))
        })?;
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => {
                return Err(refuse(&format!("cannot be locked ({}): use a volume with file locks", error.kind())));
            }
            Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(refuse("is open in another process: wait until it has ended, or choose another file"));
            }
        }
    }
}
