//! Which finished jobs are no longer kept: history limits for the jobs the operator made, time to live for all.

use super::super::job::{expiry, target_of};
use super::super::{Decision, OperatorAction};
use super::{Pass, completion, order_of_end, phase};
use rollcall_api::v1alpha1::{EmployeeSyncJob, JobPhase, SyncSettingStatus};

impl Pass<'_> {
    /// Deletes oldest first, after the status that remembers the runs was written.
    pub(super) fn forget_jobs(&self, status: &SyncSettingStatus, decision: &mut Decision<SyncSettingStatus>) {
        let jobs = self.observed.jobs.iter().map(AsRef::as_ref);
        let mut finished: Vec<&EmployeeSyncJob> = jobs
            .filter(|job| phase(job).is_finished() && job.metadata.deletion_timestamp.is_none())
            .filter(|job| {
                completion(job).is_none_or(|at| !self.ran_for_this(job) || !super::rollup::is_new(status, at, job))
            })
            .collect();
        finished.sort_by(|one, other| order_of_end(one).cmp(&order_of_end(other)));
        let mut surplus = [
            self.surplus(&finished, JobPhase::Complete, self.setting.spec.successful_jobs_history_limit),
            self.surplus(&finished, JobPhase::Error, self.setting.spec.failed_jobs_history_limit),
        ];
        for job in finished {
            let expiry = expiry(job, Some(&self.setting.spec.ttl));
            let kind = &mut surplus[usize::from(phase(job) == JobPhase::Error)];
            // Jobs made by hand belong to whoever made them (Git, say): only their time to live removes them.
            let beyond_limit = self.is_owned(job) && *kind > 0;
            if beyond_limit {
                *kind -= 1;
            }
            if beyond_limit || expiry.is_some_and(|time| time <= self.now) {
                decision.cleanup.push(OperatorAction::DeleteJob(target_of(&job.metadata)));
            } else if let Some(time) = expiry {
                decision.wake(time);
            }
        }
    }

    fn surplus(&self, finished: &[&EmployeeSyncJob], kind: JobPhase, limit: i32) -> usize {
        let count = finished.iter().filter(|job| phase(job) == kind && self.is_owned(job)).count();
        count.saturating_sub(usize::try_from(limit).unwrap_or(0))
    }
}
