//! The final status of a job, made from the result of its run: the same for the operator and for local runs.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::RunResult;
use crate::conditions::{self, Draft};
use crate::reasons;
use crate::v1alpha1::{Counts, EmployeeSyncJobStatus, Held, PlanStatus, ReadStatus};

/// Most names of fields kept in a status.
const MAX_FIELDS: usize = 100;

/// How a job ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobEnd {
    /// 201, 200, 204 or 400.
    pub code: i32,
    /// One word of [`reasons`].
    pub reason: String,
    /// The same for people.
    pub message: String,
    failed_attempts: Option<i32>,
    counts: Option<Counts>,
    plan: Option<PlanStatus>,
    held: Option<Held>,
    read: Option<ReadStatus>,
    published: Option<bool>,
    unmapped_fields: Vec<String>,
    next_due_time: Option<Timestamp>,
}

impl JobEnd {
    /// Ends with code 400 and nothing to report.
    pub fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self { code: 400, reason: reason.to_owned(), message: message.into(), ..Self::default() }
    }

    /// After so many failed attempts.
    #[must_use]
    pub fn after_failures(self, failed_attempts: i32) -> Self {
        Self { failed_attempts: Some(failed_attempts), ..self }
    }

    /// Ends as the connector reported.
    pub fn from_result(result: &RunResult) -> Self {
        Self {
            code: result.code,
            reason: result.reason.clone(),
            message: result.message.clone(),
            counts: Some(result.counts),
            plan: result.plan.clone(),
            held: result.held.clone().filter(|held| held.total() > 0),
            read: result.read.clone(),
            published: Some(result.published),
            unmapped_fields: result.unmapped_fields.iter().take(MAX_FIELDS).cloned().collect(),
            next_due_time: result.next_due_time,
            failed_attempts: None,
        }
    }

    /// The status of a job that ended so.
    pub fn status(
        &self,
        old: &EmployeeSyncJobStatus,
        generation: Option<i64>,
        now: Timestamp,
    ) -> EmployeeSyncJobStatus {
        let conditions = conditions::merge(&old.conditions, self.drafts(), generation, now);
        EmployeeSyncJobStatus {
            observed_generation: generation,
            phase: conditions::job_phase(&conditions),
            code: Some(self.code),
            reason: Some(self.reason.clone()),
            message: Some(conditions::shortened(&self.message, 1024)),
            conditions,
            completion_time: Some(Time(now)),
            counts: self.counts,
            plan: self.plan.clone(),
            held: self.held.clone(),
            read: self.read.clone(),
            published: self.published,
            unmapped_fields: self.unmapped_fields.clone(),
            next_due_time: self.next_due_time.map(Time),
            failed_attempts: self.failed_attempts.unwrap_or(old.failed_attempts),
            next_attempt_time: None,
            ..old.clone()
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
