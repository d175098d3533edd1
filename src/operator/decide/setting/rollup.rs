//! What finished jobs add to the status of their setting.

use jiff::Timestamp;

use super::super::{plus, time};
use super::{Pass, completion, order_of_end, phase, version, version_of};
use rollcall_api::conditions::{self, Draft};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, EmployeeSyncJobStatus, JobPhase, JobType, RunSummary, SyncSettingStatus,
};

/// So many runs are kept in `status.history`.
pub(super) const HISTORY: usize = 10;
/// When a run that a leaving day called for has failed, it is tried again after this many seconds.
const DUE_RETRY: i64 = 3600;
/// When the setting was switched off, it is tried again this many seconds later, and not before it is On again.
const DUE_AGAIN: i64 = 60;

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
        // A status that was restored into another cluster has versions of another count.
        if version_of(&self.setting.metadata).is_some_and(|own| mark(old) > own) {
            rolled.status.rolled_up_version = None;
        }
        let old = rolled.status.clone();
        let mut ended: Vec<(Timestamp, &EmployeeSyncJob)> = self
            .observed
            .jobs
            .iter()
            .filter_map(|job| Some((completion(job).filter(|_| phase(job).is_finished())?, job.as_ref())))
            .filter(|(at, job)| self.ran_for_this(job) && is_new(&old, *at, job))
            .collect();
        ended.sort_by(|(_, one), (_, other)| order_of_end(one).cmp(&order_of_end(other)));
        for (at, job) in ended {
            if let Some(status) = &job.status {
                rolled.add(job, status, at);
            }
        }
        rolled
    }
}

/// Whether a finished job has not been rolled up yet.
///
/// What was is in the history, or its last write is not after `rolledUpVersion`: a watch shows the jobs of a namespace
/// in the order of their writes. A job that was rolled up, has left the history and is then written to (a label, say)
/// is told from a new one by its times: older than all of the history, both in when it was created and in when it
/// ended. Those are of two clocks, and a step of one is not enough.
pub(super) fn is_new(status: &SyncSettingStatus, at: Timestamp, job: &EmployeeSyncJob) -> bool {
    let metadata = &job.metadata;
    let is_it = |run: &RunSummary| match &run.uid {
        Some(uid) => Some(uid) == metadata.uid.as_ref(),
        None => {
            Some(&run.name) == metadata.name.as_ref() && run.completion_time.as_ref().map(|time| time.0) == Some(at)
        }
    };
    if status.history.iter().any(is_it) {
        return false;
    }
    let all = |is_younger: &dyn Fn(&RunSummary) -> bool| {
        status.history.len() >= HISTORY && status.history.iter().all(is_younger)
    };
    let ended_later = |run: &RunSummary| run.completion_time.as_ref().is_some_and(|time| time.0 > at);
    let created_later = |run: &RunSummary| {
        run.creation_time.as_ref().is_none_or(|time| Some(time) > metadata.creation_timestamp.as_ref())
    };
    match version(job) {
        Some(version) => version > mark(status) && !all(&|run| ended_later(run) && created_later(run)),
        None => !all(&|run| run.completion_time.as_ref().is_some_and(|time| time.0 >= at)),
    }
}

/// The last write that was rolled up.
fn mark(status: &SyncSettingStatus) -> u64 {
    status.rolled_up_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

impl Rolled {
    fn add(&mut self, job: &EmployeeSyncJob, run: &EmployeeSyncJobStatus, at: Timestamp) {
        let status = &mut self.status;
        let summary = RunSummary {
            name: job.metadata.name.clone().unwrap_or_default(),
            uid: job.metadata.uid.clone(),
            creation_time: job.metadata.creation_timestamp.clone(),
            phase: run.phase,
            code: run.code,
            reason: run.reason.clone().unwrap_or_default(),
            counts: run.counts.unwrap_or_default(),
            start_time: run.start_time.clone(),
            completion_time: run.completion_time.clone(),
        };
        status.last_run = Some(summary.clone());
        if let Some(version) = version(job).filter(|version| *version > mark(status)) {
            status.rolled_up_version = Some(version.to_string());
        }
        status.history.insert(0, summary);
        status.history.truncate(HISTORY);
        if is_whole(job) {
            match run.reason.as_deref() {
                // Ends that somebody chose say nothing about whether the setting works.
                Some(reasons::CANCELLED) if run.phase == JobPhase::Error => self.put_off_due(at, DUE_RETRY),
                Some(reasons::ACTION_NOT_AVAILABLE) if run.phase == JobPhase::Error => self.put_off_due(at, DUE_AGAIN),
                _ => self.add_whole_run(run, at),
            }
        }
    }

    /// A leaver must not keep access because one run did not do its work: another follows, under another name.
    fn put_off_due(&mut self, ended: Timestamp, seconds: i64) {
        let due = &mut self.status.next_due_time;
        if due.as_ref().is_some_and(|due| due.0 <= ended) {
            *due = Some(time(plus(ended, seconds)));
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
            self.put_off_due(at, DUE_RETRY);
            self.last_run = Some(Draft::no(conditions::LAST_RUN_SUCCEEDED, reason, message));
        }
    }
}

fn is_whole(job: &EmployeeSyncJob) -> bool {
    matches!(job.spec.type_, JobType::Sync | JobType::Release) && job.spec.selector.is_none()
}
