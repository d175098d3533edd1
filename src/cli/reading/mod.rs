//! What can be asked of a setting's records, wherever they are kept: options and answers that `rollcall` and
//! `kubectl rollcall` share. Everything but the history prints personal data, and says so.

pub(super) mod errors;
pub(super) mod explain;
pub(super) mod history;
pub(super) mod links;
pub(super) mod records;

use super::export::ExportError;
use crate::records::{Outcome, OutcomeQuery, Records, RunRecord, StoreError};
use rollcall_api::v1alpha1::JobType;
use rollcall_engine::names::RunId;

/// Most outcomes that are asked for at once.
const PAGE: u64 = 1000;

/// Why there is no answer. Messages hold no personal data.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadingError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// A run whose outcomes are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunName {
    /// Its identity in the records store.
    pub(super) id: RunId,
    /// Name of its job.
    pub(super) job: String,
}

impl From<&RunRecord> for RunName {
    fn from(record: &RunRecord) -> Self {
        Self { id: record.run_id.clone(), job: record.job.clone() }
    }
}

/// All outcomes of a run that the query selects, page by page.
pub(super) async fn all(records: &dyn Records, run: &RunId, query: &OutcomeQuery) -> Result<Vec<Outcome>, StoreError> {
    let mut outcomes = Vec::new();
    loop {
        let page = OutcomeQuery { offset: outcomes.len() as u64, limit: PAGE, ..query.clone() };
        let page = records.outcomes(run, &page).await?;
        if page.is_empty() {
            return Ok(outcomes);
        }
        outcomes.extend(page);
    }
}

/// The newest run of type Sync or Release that has ended, since these look at everybody; without one, the newest that
/// has ended.
pub(super) fn newest(runs: &[RunRecord]) -> Option<&RunRecord> {
    let ended = || runs.iter().filter(|run| run.ended_at.is_some());
    ended().find(|run| matches!(run.type_, JobType::Sync | JobType::Release)).or_else(|| ended().next())
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;

    use super::*;
    use rollcall_api::v1alpha1::Counts;

    pub(in crate::cli) fn run(job: &str, type_: JobType, has_ended: bool) -> RunRecord {
        RunRecord {
            run_id: job.into(),
            job: job.into(),
            type_,
            attempt: 1,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: has_ended.then_some(Timestamp::UNIX_EPOCH),
            code: None,
            reason: None,
            counts: Counts::default(),
        }
    }

    #[test]
    fn the_newest_ended_run_over_everybody_is_meant_without_a_name() {
        let runs = [run("d", JobType::Sync, false), run("c", JobType::Show, true), run("b", JobType::Sync, true)];
        assert_eq!(newest(&runs).map(|run| run.job.as_str()), Some("b"));
        assert_eq!(newest(&runs[..2]).map(|run| run.job.as_str()), Some("c"));
        assert_eq!(newest(&runs[..1]), None);
    }
}
