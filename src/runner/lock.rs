//! The setting's lock in the records store: taken before anything is read, renewed while the run works, given back with
//! the end of the run. A run that loses it stops: another attempt is at work.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::failure::RunFailure;
use super::finish::Finished;
use super::input::RunInput;
use crate::records::{LOCK_SECONDS, RunRecord, StoreError};
use rollcall_api::v1alpha1::Counts;

/// A lock that is held.
pub(super) struct Begun {
    record: RunRecord,
    renewal: JoinHandle<()>,
    lost: CancellationToken,
}

/// Stores the run and takes the lock.
pub(super) async fn begin(input: &RunInput, cancel: &CancellationToken) -> Result<Begun, RunFailure> {
    if cancel.is_cancelled() {
        return Err(RunFailure::cancelled());
    }
    let record = RunRecord {
        run_id: input.run_id.clone(),
        job: input.job.clone(),
        type_: input.type_,
        attempt: input.attempt,
        started_at: input.now,
        ended_at: None,
        code: None,
        reason: None,
        counts: Counts::default(),
    };
    input.records.begin_run(&record).await?;
    let lost = CancellationToken::new();
    let renewal = tokio::spawn(renew(input.records.clone(), record.run_id.clone(), record.attempt, lost.clone()));
    Ok(Begun { record, renewal, lost })
}

/// Renews the lock until told to stop; an expired or taken lock cancels `lost`.
async fn renew(
    records: std::sync::Arc<dyn crate::records::Records>,
    run_id: rollcall_engine::names::RunId,
    attempt: i32,
    lost: CancellationToken,
) {
    let period = Duration::from_secs(LOCK_SECONDS.unsigned_abs() / 3);
    let mut failures = 0;
    loop {
        tokio::time::sleep(period).await;
        match records.renew(&run_id, attempt).await {
            Ok(()) => failures = 0,
            // Two periods without an answer are survivable, a third would outlive the lock.
            Err(StoreError::Unavailable(_)) if failures < 1 => failures += 1,
            Err(_) => {
                lost.cancel();
                return;
            }
        }
    }
}

impl Begun {
    /// Resolves when the lock is lost.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Stores the end of the run and gives the lock back.
    pub(super) async fn end(self, input: &RunInput, mut finished: Finished) -> Finished {
        self.renewal.abort();
        let record = RunRecord {
            ended_at: Some(input.now.max(jiff::Timestamp::now())),
            code: Some(finished.result.code),
            reason: Some(finished.result.reason.clone()),
            counts: finished.result.counts,
            ..self.record
        };
        if let Err(error) = input.records.end_run(&record, finished.setting.as_ref()).await {
            // What was written to the target stays true; only the summary could not be stored. A later attempt
            // reads again, finds everything as wanted and stores it.
            finished.fail_at_end(&error);
        }
        finished
    }
}
