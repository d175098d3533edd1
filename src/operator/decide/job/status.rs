//! The status of a job in each of its phases, and the decisions that write it.

use jiff::Timestamp;

use super::super::{Decision, EventNote, time};
use super::{Pass, current_attempt, current_pod_name};
use crate::api::conditions::{self, Draft};
use crate::api::reasons;
use crate::api::v1alpha1::{Counts, EmployeeSyncJobStatus, Held, JobPhase, PlanStatus, ReadStatus};
use crate::contract::RunResult;

/// How a job ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Finish {
    code: i32,
    reason: String,
    message: String,
    counts: Option<Counts>,
    plan: Option<PlanStatus>,
    held: Option<Held>,
    read: Option<ReadStatus>,
    published: Option<bool>,
    unmapped_fields: Vec<String>,
    next_due_time: Option<Timestamp>,
    failed_attempts: Option<i32>,
}

impl Finish {
    /// Ends with code 400.
    pub(super) fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self { code: 400, reason: reason.to_owned(), message: message.into(), ..Self::default() }
    }

    /// After so many failed attempts.
    pub(super) fn after_failures(self, failed_attempts: i32) -> Self {
        Self { failed_attempts: Some(failed_attempts), ..self }
    }

    /// Ends as the connector reported.
    pub(super) fn from_result(result: &RunResult) -> Self {
        Self {
            code: result.code,
            reason: result.reason.clone(),
            message: result.message.clone(),
            counts: Some(result.counts),
            plan: result.plan.clone(),
            held: result.held.clone().filter(|held| held.total() > 0),
            read: result.read.clone(),
            published: Some(result.published),
            unmapped_fields: result.unmapped_fields.iter().take(100).cloned().collect(),
            next_due_time: result.next_due_time,
            failed_attempts: None,
        }
    }

    fn drafts(&self) -> Vec<Draft> {
        let (reason, message) = (&self.reason, &self.message);
        let mut drafts = if self.code == 400 {
            vec![
                Draft::no(conditions::SUCCEEDED, reason, message),
                Draft::no(conditions::READY, reason, message),
                Draft::yes(conditions::STALLED, reason, message),
            ]
        } else {
            vec![Draft::yes(conditions::SUCCEEDED, reason, message), Draft::yes(conditions::READY, reason, message)]
        };
        if let Some(held) = &self.held {
            let text = format!("{} actions wait for an approval of {}", held.total(), held.digest);
            drafts.push(Draft::yes(conditions::HELD, reasons::COMPLETED_WITH_HOLDS, text));
        }
        drafts
    }
}

impl Pass<'_> {
    /// Ends the job.
    pub(super) fn finish(&self, finish: &Finish) -> Decision<EmployeeSyncJobStatus> {
        let mut status = self.with_conditions(self.started(), finish.drafts());
        status.code = Some(finish.code);
        status.reason = Some(finish.reason.clone());
        status.message = Some(conditions::shortened(&finish.message, 1024));
        status.completion_time = Some(time(self.now));
        status.counts = finish.counts;
        status.plan.clone_from(&finish.plan);
        status.held.clone_from(&finish.held);
        status.read.clone_from(&finish.read);
        status.published = finish.published;
        status.unmapped_fields.clone_from(&finish.unmapped_fields);
        status.next_due_time = finish.next_due_time.map(time);
        status.failed_attempts = finish.failed_attempts.unwrap_or(status.failed_attempts);
        status.next_attempt_time = None;
        let mut decision = Decision { status: Some(status), ..Decision::default() };
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
            status.start_time = status.start_time.or_else(|| Some(time(pod.created)));
        }
        status
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
