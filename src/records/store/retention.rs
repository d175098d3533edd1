//! Forgetting: what happened to single records after some weeks, summaries of runs after a year and a bit. Links stay,
//! or the next run would create everybody again.

use jiff::{SignedDuration, Timestamp};

use super::SqliteStore;
use crate::records::StoreError;

const SECONDS_PER_DAY: i64 = 86_400;

/// How long records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days after the start of its run that an outcome is kept.
    pub record_days: u32,
    /// Days after its start that a run is kept in the history.
    pub summary_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { record_days: 30, summary_days: 400 }
    }
}

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Outcomes of records, without those that went with their runs.
    pub outcomes: u64,
    /// Runs.
    pub runs: u64,
}

impl SqliteStore {
    /// Deletes what is older than `retention` allows, of all settings, and gives the space back.
    pub async fn prune(&self, now: Timestamp, retention: Retention) -> Result<Pruned, StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let mut transaction = self.inner.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let outcomes = sqlx::query(
            "DELETE FROM outcomes WHERE (setting, run) IN (SELECT setting, run FROM runs WHERE started < ?)",
        )
        .bind(before(now, retention.record_days))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?
        .rows_affected();
        let runs = sqlx::query("DELETE FROM runs WHERE started < ?")
            .bind(before(now, retention.summary_days))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?
            .rows_affected();
        transaction.commit().await.map_err(failed)?;
        sqlx::query("PRAGMA incremental_vacuum").execute(&self.inner.writer).await.map_err(failed)?;
        Ok(Pruned { outcomes, runs })
    }
}

fn before(now: Timestamp, days: u32) -> i64 {
    let age = SignedDuration::from_secs(i64::from(days) * SECONDS_PER_DAY);
    now.checked_sub(age).unwrap_or(Timestamp::MIN).as_millisecond()
}
