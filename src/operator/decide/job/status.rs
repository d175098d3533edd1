//! The status of a job in each of its phases, and the decisions that write it.

use jiff::Timestamp;

use super::super::{Decision, EventNote, time};
use super::{Pass, current_attempt, current_pod_name};
use rollcall_api::conditions::{self, Draft};
use rollcall_api::contract::JobEnd;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{EmployeeSyncJobStatus, JobPhase};

impl Pass<'_> {
    /// Ends the job.
    pub(super) fn finish(&self, finish: &JobEnd) -> Decision<EmployeeSyncJobStatus> {
        let status = finish.status(&self.started(), self.job.metadata.generation, self.now);
        let mut decision = Decision { status: Some(status), unproven: true, ..Decision::default() };
        if finish.code == 400 && finish.reason != reasons::CANCELLED {
            let note = conditions::shortened(&finish.message, 1000);
            decision.events.push(EventNote { warning: true, reason: finish.reason.clone(), note });
        }
        decision
    }

    /// The job is at work: its pod exists, or is created by the same decision.
    pub(super) fn in_progress(&self) -> Decision<EmployeeSyncJobStatus> {
        let attempt = current_attempt(self.job);
        let message = format!("attempt {attempt} runs in pod {}", current_pod_name(self.job));
        let mut status = EmployeeSyncJobStatus {
            attempts: attempt,
            pod_name: Some(current_pod_name(self.job)),
            setting_uid: self.setting_uid(),
            start_time: self.old.start_time.clone().or_else(|| Some(time(self.now))),
            next_attempt_time: None,
            ..self.old.clone()
        };
        status = self.with_conditions(status, progressing(reasons::RUNNING, &message));
        self.describe(status, reasons::RUNNING, &message)
    }

    /// The job has to wait; one write for each reason.
    pub(super) fn waiting(&self, reason: &'static str, message: &str) -> Decision<EmployeeSyncJobStatus> {
        let status = EmployeeSyncJobStatus { next_attempt_time: None, ..self.old.clone() };
        let status = self.with_conditions(status, progressing(reason, message));
        self.describe(status, reason, message)
    }

    /// The attempt is over, another one follows at `next`.
    pub(super) fn next_attempt(
        &self,
        failed_attempts: i32,
        next: Timestamp,
        message: &str,
    ) -> Decision<EmployeeSyncJobStatus> {
        let status = EmployeeSyncJobStatus { failed_attempts, next_attempt_time: Some(time(next)), ..self.started() };
        let status = self.with_conditions(status, progressing(reasons::WAITING_FOR_RETRY, message));
        let mut decision = self.describe(status, reasons::WAITING_FOR_RETRY, message);
        decision.wake(next.min(self.deadline()));
        decision
    }

    fn describe(
        &self,
        mut status: EmployeeSyncJobStatus,
        reason: &str,
        message: &str,
    ) -> Decision<EmployeeSyncJobStatus> {
        status.reason = Some(reason.to_owned());
        status.message = Some(conditions::shortened(message, 1024));
        let status = (status != self.old).then_some(status);
        Decision { status, ..Decision::default() }
    }

    /// The old status; an attempt whose pod was seen before its start was written is counted in.
    fn started(&self) -> EmployeeSyncJobStatus {
        let mut status = self.old.clone();
        if let super::PodState::Seen(pod) = &self.observed.pod
            && self.old.phase == JobPhase::Queued
            && pod.owner_uid.as_deref() == Some(self.uid())
        {
            status.attempts = current_attempt(self.job);
            status.pod_name = Some(pod.name.clone());
            status.setting_uid = self.setting_uid();
            // Not the pod's own time: that is of the API server's clock.
            status.start_time = status.start_time.or_else(|| Some(time(self.now)));
        }
        status
    }

    /// Which setting of its name the job runs.
    fn setting_uid(&self) -> Option<String> {
        let running = self.observed.setting.as_ref().and_then(|setting| setting.metadata.uid.clone());
        self.old.setting_uid.clone().or(running)
    }

    fn with_conditions(&self, status: EmployeeSyncJobStatus, drafts: Vec<Draft>) -> EmployeeSyncJobStatus {
        let generation = self.job.metadata.generation;
        let conditions = conditions::merge(&self.old.conditions, drafts, generation, self.now);
        EmployeeSyncJobStatus {
            observed_generation: generation,
            phase: conditions::job_phase(&conditions),
            conditions,
            ..status
        }
    }
}

fn progressing(reason: &str, message: &str) -> Vec<Draft> {
    vec![
        Draft::unknown(conditions::SUCCEEDED, reason, message),
        Draft::unknown(conditions::READY, reason, message),
        Draft::yes(conditions::RECONCILING, reason, message),
    ]
}
