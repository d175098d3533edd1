//! Rows that name no person: the lock of a setting, and the history of its runs.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::lock::Lock;
use crate::records::RunRecord;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// The setting's lock, expired or not.
pub(super) async fn lock(connection: &mut SqliteConnection, setting: i64) -> Result<Option<Lock>> {
    let row = sqlx::query(
        "SELECT lock_run, lock_job, lock_attempt, lock_until FROM settings WHERE id = ? AND lock_run IS NOT NULL",
    )
    .bind(setting)
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Lock {
            run: row.try_get("lock_run")?,
            job: row.try_get("lock_job")?,
            attempt: row.try_get("lock_attempt")?,
            until: row.try_get("lock_until")?,
        })
    })
    .transpose()
}

/// Gives the lock to a run, whoever had it.
pub(super) async fn take_lock(
    connection: &mut SqliteConnection,
    setting: i64,
    run: &RunRecord,
    until: i64,
) -> Result<()> {
    sqlx::query("UPDATE settings SET lock_run = ?, lock_job = ?, lock_attempt = ?, lock_until = ? WHERE id = ?")
        .bind(run.run_id.as_str())
        .bind(&run.job)
        .bind(run.attempt)
        .bind(until)
        .bind(setting)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Extends the lock if this attempt holds it, and says whether it does. An expired lock that nobody took is still its.
pub(super) async fn renew(
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    attempt: i32,
    until: i64,
) -> Result<bool> {
    let done = sqlx::query("UPDATE settings SET lock_until = ? WHERE id = ? AND lock_run = ? AND lock_attempt = ?")
        .bind(until)
        .bind(setting)
        .bind(run)
        .bind(attempt)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Frees the lock.
pub(super) async fn release_lock(connection: &mut SqliteConnection, setting: i64) -> Result<()> {
    sqlx::query(
        "UPDATE settings SET lock_run = NULL, lock_job = NULL, lock_attempt = NULL, lock_until = NULL WHERE id = ?",
    )
    .bind(setting)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Frees the locks of all settings.
pub(super) async fn release_all_locks(connection: &mut SqliteConnection) -> Result<()> {
    sqlx::query(
        "UPDATE settings SET lock_run = NULL, lock_job = NULL, lock_attempt = NULL, lock_until = NULL
         WHERE lock_run IS NOT NULL",
    )
    .execute(connection)
    .await
    .map(|_| ())
}

/// One run of the history.
pub(super) async fn run(connection: &mut SqliteConnection, setting: i64, run: &str) -> Result<Option<RunRecord>> {
    let record: Option<String> = sqlx::query_scalar("SELECT record FROM runs WHERE setting = ? AND run = ?")
        .bind(setting)
        .bind(run)
        .fetch_optional(connection)
        .await?;
    record.as_deref().map(from_json).transpose()
}

/// Runs, newest first.
pub(super) async fn runs(connection: &mut SqliteConnection, setting: i64, limit: u32) -> Result<Vec<RunRecord>> {
    let records: Vec<String> =
        sqlx::query_scalar("SELECT record FROM runs WHERE setting = ? ORDER BY started DESC, run DESC LIMIT ?")
            .bind(setting)
            .bind(limit)
            .fetch_all(connection)
            .await?;
    records.iter().map(|record| from_json(record)).collect()
}

/// Stores a run, replacing what was stored of it.
pub(super) async fn store_run(connection: &mut SqliteConnection, setting: i64, run: &RunRecord) -> Result<()> {
    sqlx::query(
        "INSERT INTO runs (setting, run, started, record) VALUES (?, ?, ?, ?)
         ON CONFLICT (setting, run) DO UPDATE SET record = excluded.record",
    )
    .bind(setting)
    .bind(run.run_id.as_str())
    .bind(Timestamp::as_millisecond(run.started_at))
    .bind(to_json(run)?)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Writes what is stored readable.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Reads what is stored readable.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}
