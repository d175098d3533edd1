//! Tables of the store, their versions, and the check of an existing file before anything is written to it.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::errors::store_error;
use super::keyring::{self, Keyring, WrappedKey};
use super::master_key::MasterKey;
use super::upgrade;
use crate::records::StoreError;

/// First bytes of every `SQLite` 3 file (<https://www.sqlite.org/fileformat.html>).
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Marks a `SQLite` file as a records store ("Roll").
const APPLICATION_ID: i32 = 0x526f_6c6c;

/// Statements that lead from each version to the next. Versions that were released are never changed, only added to.
/// Columns `lookup`, `row_lookup`, `target` and `pair` are keyed hashes; `sealed` and `sealed_key` are encrypted;
/// everything else identifies no person. Times are milliseconds since 1970. What the statements cannot do, because it
/// takes the keys, follows in `upgrade.rs`.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE keys (
        id INTEGER PRIMARY KEY,
        purpose TEXT NOT NULL,
        master TEXT NOT NULL,
        wrapped BLOB NOT NULL
    ) STRICT;
    CREATE TABLE settings (
        id INTEGER PRIMARY KEY,
        namespace TEXT NOT NULL,
        setting TEXT NOT NULL,
        uid TEXT NOT NULL,
        published_rules TEXT,
        held TEXT,
        lock_run TEXT,
        lock_job TEXT,
        lock_attempt INTEGER,
        lock_until INTEGER,
        UNIQUE (namespace, setting, uid)
    ) STRICT;
    CREATE TABLE runs (
        setting INTEGER NOT NULL REFERENCES settings (id),
        run TEXT NOT NULL,
        started INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (setting, run)
    ) STRICT;
    CREATE INDEX runs_by_start ON runs (started);
    CREATE TABLE outcomes (
        id INTEGER PRIMARY KEY,
        setting INTEGER NOT NULL,
        run TEXT NOT NULL,
        stream TEXT NOT NULL,
        lookup BLOB NOT NULL,
        result TEXT NOT NULL,
        sealed_key BLOB NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (setting, run, stream, lookup),
        FOREIGN KEY (setting, run) REFERENCES runs (setting, run) ON DELETE CASCADE
    ) STRICT;
    CREATE TABLE links (
        setting INTEGER NOT NULL REFERENCES settings (id),
        stream TEXT NOT NULL,
        lookup BLOB NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (setting, stream, lookup)
    ) STRICT;
    CREATE TABLE intents (
        setting INTEGER NOT NULL REFERENCES settings (id),
        stream TEXT NOT NULL,
        lookup BLOB NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (setting, stream, lookup)
    ) STRICT;
",
    "
    ALTER TABLE settings ADD COLUMN sealed BLOB;
    ALTER TABLE settings ADD COLUMN agreement TEXT;
    ALTER TABLE settings ADD COLUMN seen_manual INTEGER NOT NULL DEFAULT FALSE;
    ALTER TABLE links ADD COLUMN target BLOB;
    ALTER TABLE links ADD COLUMN disabled INTEGER;
    CREATE INDEX links_by_target ON links (setting, stream, target);
    CREATE TABLE writes (
        id INTEGER PRIMARY KEY,
        setting INTEGER NOT NULL REFERENCES settings (id),
        run TEXT NOT NULL,
        lookup BLOB NOT NULL,
        stream TEXT NOT NULL,
        system TEXT NOT NULL,
        pair BLOB NOT NULL,
        operation TEXT NOT NULL,
        state TEXT NOT NULL,
        approved INTEGER NOT NULL,
        at INTEGER NOT NULL,
        changed TEXT NOT NULL,
        sealed BLOB,
        UNIQUE (setting, run, lookup)
    ) STRICT;
    CREATE INDEX writes_by_system ON writes (system, stream, at);
    CREATE INDEX writes_open ON writes (setting) WHERE state = 'Announced';
    CREATE INDEX writes_by_time ON writes (at);
    CREATE TABLE claims (
        lookup BLOB PRIMARY KEY,
        setting INTEGER NOT NULL REFERENCES settings (id),
        system TEXT NOT NULL,
        stream TEXT NOT NULL,
        pair BLOB NOT NULL,
        row_lookup BLOB,
        run TEXT NOT NULL
    ) STRICT;
    CREATE INDEX claims_by_pair ON claims (setting, stream, pair);
    CREATE TABLE proposals (
        id INTEGER PRIMARY KEY,
        setting INTEGER NOT NULL REFERENCES settings (id),
        digest TEXT NOT NULL,
        proposed INTEGER NOT NULL,
        ended INTEGER,
        used INTEGER NOT NULL DEFAULT FALSE,
        sealed BLOB NOT NULL,
        UNIQUE (setting, digest)
    ) STRICT;
",
];

/// The version this program writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Refuses a file that this program must not touch: no database, another program's, a newer version, another key. Only
/// reads. A file that does not exist or is empty passes.
pub(super) async fn inspect(path: &Path, masters: &[MasterKey]) -> Result<(), StoreError> {
    let refuse = |rule: &str| StoreError::Invalid(format!("{} {rule}", path.display()));
    let mut start = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refuse(&format!("cannot be read ({}): check its permissions", error.kind()))),
        Ok(0) => return Ok(()),
        Ok(_) if start != MAGIC => return Err(refuse("is not a database: choose another file")),
        Ok(_) => {}
    }
    // Without a log beside it the file is all there is, and nothing needs to be created to read it.
    let has_log = std::fs::metadata(log_path(path)).is_ok_and(|metadata| metadata.len() > 0);
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(!has_log);
    let mut connection = options.connect().await.map_err(|error| store_error(path, &error))?;
    let checked = check(&mut connection, path, masters).await;
    let _ = connection.close().await;
    checked
}

async fn check(connection: &mut SqliteConnection, path: &Path, masters: &[MasterKey]) -> Result<(), StoreError> {
    let refuse = |rule: &str| StoreError::Invalid(format!("{} {rule}", path.display()));
    let (version, application, tables) = describe(connection).await.map_err(|error| store_error(path, &error))?;
    if tables == 0 && version == 0 {
        return Ok(());
    }
    if application != APPLICATION_ID {
        return Err(refuse("is a database of another program: choose another file"));
    }
    refuse_newer(path, version)?;
    let keys = wrapped_keys(connection).await.map_err(|error| store_error(path, &error))?;
    keyring::unwrap(&keys, masters).map(|_| ()).map_err(|error| at(path, error))
}

async fn describe(connection: &mut SqliteConnection) -> Result<(i64, i32, i64), sqlx::Error> {
    let version = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let application = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await?;
    Ok((version, application, tables))
}

fn refuse_newer(path: &Path, version: i64) -> Result<(), StoreError> {
    if usize::try_from(version).is_ok_and(|version| version <= VERSION) {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{} has version {version}, this program knows versions up to {VERSION}: use a newer rollcall, or restore the \
         backup made before the upgrade",
        path.display()
    )))
}

/// Brings the tables to [`VERSION`] and the keys under the first master key, in one transaction.
pub(super) async fn prepare(
    connection: &mut SqliteConnection,
    path: &Path,
    masters: &[MasterKey],
) -> Result<Keyring, StoreError> {
    let failed = |error: sqlx::Error| store_error(path, &error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(failed)?;
    refuse_newer(path, version)?;
    for migration in &MIGRATIONS[usize::try_from(version).unwrap_or(0)..] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await.map_err(failed)?;
    }
    // Written also when nothing changed: a store that cannot be written to shows at the start, not in the first run.
    let marks =
        sqlx::AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"));
    sqlx::raw_sql(marks).execute(&mut *transaction).await.map_err(failed)?;
    let mut keys = wrapped_keys(&mut transaction).await.map_err(failed)?;
    if let Some(renewed) = keyring::renewed(&keys, masters).map_err(|error| at(path, error))? {
        store_keys(&mut transaction, &renewed).await.map_err(failed)?;
        keys = renewed;
    }
    let keyring = keyring::unwrap(&keys, masters).map_err(|error| at(path, error))?;
    if version < upgrade::SECOND_EDITION {
        upgrade::to_second_edition(&mut transaction, path, &keyring).await?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(keyring)
}

async fn wrapped_keys(connection: &mut SqliteConnection) -> Result<Vec<WrappedKey>, sqlx::Error> {
    sqlx::query_as("SELECT id, purpose, master, wrapped FROM keys ORDER BY id").fetch_all(connection).await
}

async fn store_keys(connection: &mut SqliteConnection, keys: &[WrappedKey]) -> Result<(), sqlx::Error> {
    for key in keys {
        sqlx::query("INSERT OR REPLACE INTO keys (id, purpose, master, wrapped) VALUES (?, ?, ?, ?)")
            .bind(key.id)
            .bind(&key.purpose)
            .bind(&key.master)
            .bind(&key.wrapped)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Names the file in a refusal of the key ring.
fn at(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Invalid(rule) => StoreError::Invalid(format!("{}: {rule}", path.display())),
        other => other,
    }
}

fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
