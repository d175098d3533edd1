//! What finished jobs add to the status of their setting.

use jiff::Timestamp;

use super::super::{plus, time};
use super::{Pass, completion, phase};
use rollcall_api::conditions::{self, Draft};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, EmployeeSyncJobStatus, JobPhase, JobType, RunSummary, SyncSettingStatus,
};

/// So many runs are kept in `status.history`.
pub(super) const HISTORY: usize = 10;
/// When a run that a leaving day called for has failed, it is tried again after this many seconds.
const DUE_RETRY: i64 = 3600;

/// The status with all finished jobs in it.
pub(super) struct Rolled {
    pub(super) status: SyncSettingStatus,
    /// Condition LastRunSucceeded, if a run has ended.
    pub(super) last_run: Option<Draft>,
    /// Fields with unmapped values, if a run has ended that looked at all records.
    pub(super) unmapped_fields: Option<Vec<String>>,
}

impl Pass<'_> {
    pub(super) fn roll_up(&self, old: &SyncSettingStatus) -> Rolled {
        let mut rolled = Rolled { status: old.clone(), last_run: None, unmapped_fields: None };
        let mut ended: Vec<(Timestamp, &EmployeeSyncJob)> = self
            .observed
            .jobs
            .iter()
            .filter_map(|job| Some((completion(job).filter(|_| phase(job).is_finished())?, job.as_ref())))
            .filter(|(at, job)| *at >= self.created() && is_new(old, *at, job))
            .collect();
        ended.sort_by_key(|(at, job)| (*at, job.metadata.name.clone()));
        for (at, job) in ended {
            if let Some(status) = &job.status {
                rolled.add(job, status, at);
            }
        }
        rolled
    }
}

/// Whether a finished job is not in the history yet. What is older than a full history was in it once.
pub(super) fn is_new(status: &SyncSettingStatus, at: Timestamp, job: &EmployeeSyncJob) -> bool {
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let key = |run: &RunSummary| (run.completion_time.as_ref().map(|time| time.0), run.name.clone());
    let own = (Some(at), name.to_owned());
    let known = status.history.iter().any(|run| key(run) == own);
    let older = status.history.len() >= HISTORY && status.history.iter().all(|run| key(run) > own);
    !known && !older
}

impl Rolled {
    fn add(&mut self, job: &EmployeeSyncJob, run: &EmployeeSyncJobStatus, at: Timestamp) {
        let status = &mut self.status;
        let summary = RunSummary {
            name: job.metadata.name.clone().unwrap_or_default(),
            phase: run.phase,
            code: run.code,
            reason: run.reason.clone().unwrap_or_default(),
            counts: run.counts.unwrap_or_default(),
            start_time: run.start_time.clone(),
            completion_time: run.completion_time.clone(),
        };
        status.last_run = Some(summary.clone());
        let key = |run: &RunSummary| (run.completion_time.as_ref().map(|time| time.0), run.name.clone());
        let place = status.history.iter().position(|other| key(other) < key(&summary)).unwrap_or(status.history.len());
        status.history.insert(place, summary);
        status.history.truncate(HISTORY);
        if is_whole(job) && !is_no_verdict(run) {
            self.add_whole_run(run, at);
        }
    }

    /// A run over all records says how the setting is doing; one over a few, or a plan, does not.
    fn add_whole_run(&mut self, run: &EmployeeSyncJobStatus, at: Timestamp) {
        let status = &mut self.status;
        let reason = run.reason.clone().unwrap_or_default();
        let message = run.message.clone().unwrap_or_default();
        if run.phase == JobPhase::Complete {
            status.last_successful_time = Some(time(at));
            status.consecutive_failures = 0;
            status.held.clone_from(&run.held);
            status.next_due_time.clone_from(&run.next_due_time);
            status.published = run.published.unwrap_or(status.published);
            self.unmapped_fields = Some(run.unmapped_fields.clone());
            self.last_run = Some(Draft::yes(conditions::LAST_RUN_SUCCEEDED, reason, message));
        } else {
            status.last_failure_time = Some(time(at));
            status.consecutive_failures = status.consecutive_failures.saturating_add(1);
            if run.held.is_some() {
                status.held.clone_from(&run.held);
            }
            // A leaver must not keep access because one run failed.
            if status.next_due_time.as_ref().is_some_and(|due| due.0 <= at) {
                status.next_due_time = Some(time(plus(at, DUE_RETRY)));
            }
            self.last_run = Some(Draft::no(conditions::LAST_RUN_SUCCEEDED, reason, message));
        }
    }
}

fn is_whole(job: &EmployeeSyncJob) -> bool {
    matches!(job.spec.type_, JobType::Sync | JobType::Release) && job.spec.selector.is_none()
}

/// Ends that somebody chose say nothing about whether the setting works.
fn is_no_verdict(run: &EmployeeSyncJobStatus) -> bool {
    let reason = run.reason.as_deref().unwrap_or_default();
    run.phase == JobPhase::Error && [reasons::CANCELLED, reasons::ACTION_NOT_AVAILABLE].contains(&reason)
}
