//! Forgetting: what happened to single records after some weeks, summaries of runs after a year and a bit. Links stay,
//! or the next run would create everybody again; and writes of which it is not known what came of them.

use jiff::{SignedDuration, Timestamp};

use super::SqliteStore;
use crate::records::StoreError;

const SECONDS_PER_DAY: i64 = 86_400;

/// Days that a guard can look back at most (`spec.guard.windowHours`): what counts is kept so long, without its values
/// where records are kept for a shorter time.
const GUARD_DAYS: u32 = 30;

/// How long records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days after the start of its run that an outcome is kept, after its announcement that a settled write is, and
    /// after its use or replacement that a proposal is.
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
    /// Writes.
    pub writes: u64,
    /// Proposals.
    pub proposals: u64,
    /// Runs.
    pub runs: u64,
}

/// Statements, each with the one time that it takes.
const OUTCOMES: &str = "DELETE FROM outcomes WHERE (setting, run) IN (SELECT setting, run FROM runs WHERE started < ?)";
const VALUES: &str = "UPDATE writes SET sealed = NULL WHERE at < ? AND state != 'Announced' AND sealed IS NOT NULL";
const WRITES: &str = "DELETE FROM writes WHERE at < ? AND state != 'Announced'";
const PROPOSALS: &str = "DELETE FROM proposals WHERE ended < ?";
const RUNS: &str = "DELETE FROM runs WHERE started < ?";

impl SqliteStore {
    /// Deletes what is older than `retention` allows, of all settings, and gives the space back.
    pub async fn prune(&self, now: Timestamp, retention: Retention) -> Result<Pruned, StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let mut transaction = self.inner.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let records = before(now, retention.record_days);
        let counted = before(now, retention.record_days.max(GUARD_DAYS));
        let summaries = before(now, retention.summary_days);
        let mut affected = [0; 5];
        let statements =
            [(OUTCOMES, records), (WRITES, counted), (VALUES, records), (PROPOSALS, records), (RUNS, summaries)];
        for (count, (statement, time)) in affected.iter_mut().zip(statements) {
            let done = sqlx::query(statement).bind(time).execute(&mut *transaction).await.map_err(failed)?;
            *count = done.rows_affected();
        }
        transaction.commit().await.map_err(failed)?;
        sqlx::query("PRAGMA incremental_vacuum").execute(&self.inner.writer).await.map_err(failed)?;
        let [outcomes, writes, _, proposals, runs] = affected;
        Ok(Pruned { outcomes, writes, proposals, runs })
    }
}

fn before(now: Timestamp, days: u32) -> i64 {
    let age = SignedDuration::from_secs(i64::from(days) * SECONDS_PER_DAY);
    now.checked_sub(age).unwrap_or(Timestamp::MIN).as_millisecond()
}
