//! How a run ends: the result document, the exit code, and what is stored about the setting as a whole.

use std::time::Duration;

use super::input::RunInput;
use super::is_whole;
use super::ledger::Ledger;
use crate::connectors::{ConnectorError, ErrorKind};
use crate::records::{SettingRecord, StoreError};
use rollcall_api::contract::{CONTRACT_VERSION, ExitCode, RunResult};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Counts, Held, PlanStatus, PublishPolicy, ReadStatus};
use rollcall_engine::model::Plan;

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// What the operator is told.
    pub result: RunResult,
    /// What the process ends with.
    pub exit: ExitCode,
    /// What is stored about the setting; None leaves it as it is.
    pub setting: Option<SettingRecord>,
}

/// Why an attempt could not be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct RunFailure(Box<Failure>);

#[derive(Clone, Debug, PartialEq)]
struct Failure {
    exit: ExitCode,
    reason: &'static str,
    message: String,
    held: Option<Held>,
    setting: Option<SettingRecord>,
    retry_after: Option<Duration>,
}

impl RunFailure {
    fn new(exit: ExitCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Failure { exit, reason, message: message.into(), held: None, setting: None, retry_after: None }))
    }

    /// Something is wrong that trying again does not help.
    pub(super) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, reasons::INVALID_SPEC, message)
    }

    /// The setting does not fit the two definitions.
    pub(super) fn mapping(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, reasons::MAPPING_INVALID, message)
    }

    /// Credentials that are there cannot be read.
    pub(super) fn credentials(message: impl Into<String>) -> Self {
        Self::new(ExitCode::CredentialsRejected, reasons::CREDENTIALS_MISSING, message)
    }

    /// Something that may be gone at the next attempt.
    pub(super) fn transient(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(ExitCode::Transient, reason, message)
    }

    /// A defect of ours.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, reasons::INTERNAL, message)
    }

    /// The job was cancelled or its deadline passed.
    pub(super) fn cancelled() -> Self {
        Self::new(
            ExitCode::Cancelled,
            reasons::CANCELLED,
            "the run was stopped; what was done stays, the next run does the rest",
        )
    }

    /// Another attempt took over.
    pub(super) fn lock_lost() -> Self {
        Self::transient(
            reasons::ANOTHER_RUN,
            "the setting's lock was lost to another run or expired; this one has stopped",
        )
    }

    /// What is held is not what was approved.
    pub(super) fn plan_changed(held: &Held, known: &SettingRecord) -> Self {
        let digest = &held.digest;
        let message = format!("what is held is no longer what was approved (held now: {digest}); nothing was written");
        let held = Some(held.clone());
        let setting = Some(SettingRecord { held: held.clone(), ..known.clone() });
        let mut failure = Self::new(ExitCode::Configuration, reasons::PLAN_CHANGED, message);
        failure.0.held = held;
        failure.0.setting = setting;
        failure
    }

    /// A failure of the source as a whole.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
    pub fn source(error: ConnectorError) -> Self {
        Self::connector("source", &error)
    }

    /// A failure of the target as a whole.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
    pub fn target(error: ConnectorError) -> Self {
        Self::connector("target", &error)
    }

    /// A failure of a probed provider.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
    pub fn provider(error: ConnectorError) -> Self {
        Self::connector("provider", &error)
    }

    fn connector(side: &str, error: &ConnectorError) -> Self {
        let exit = match error.kind {
            ErrorKind::Credentials => ExitCode::CredentialsRejected,
            ErrorKind::Configuration | ErrorKind::Unsupported => ExitCode::Configuration,
            ErrorKind::Cancelled => ExitCode::Cancelled,
            ErrorKind::Transient
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Rejected
            | ErrorKind::Conflict
            | ErrorKind::NotFound => ExitCode::Transient,
        };
        let mut failure = Self::new(exit, error.reason, format!("{side}: {}", error.message));
        failure.0.retry_after = error.retry_after;
        failure
    }
}

impl From<StoreError> for RunFailure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Busy { .. } | StoreError::LockLost => Self::transient(reasons::ANOTHER_RUN, message),
            StoreError::Unavailable(_) => Self::transient(reasons::RECORDS_UNAVAILABLE, message),
            StoreError::Invalid(_) | StoreError::Forbidden(_) => {
                Self::new(ExitCode::Configuration, reasons::RECORDS_INVALID, message)
            }
        }
    }
}

impl Finished {
    /// The end of the run could not be stored.
    pub(super) fn fail_at_end(&mut self, error: &StoreError) {
        let failure = RunFailure::from(error.clone()).0;
        self.exit = failure.exit;
        self.result.code = 400;
        self.result.reason = failure.reason.into();
        self.result.message = format!("the end of the run could not be stored: {}", failure.message);
    }
}

/// The end of an attempt that failed as a whole.
pub fn failed(failure: RunFailure) -> Finished {
    let failure = *failure.0;
    let result = RunResult {
        version: CONTRACT_VERSION,
        code: 400,
        reason: failure.reason.into(),
        message: failure.message,
        held: failure.held,
        retry_after_seconds: failure.retry_after.map(|wait| i64::try_from(wait.as_secs()).unwrap_or(i64::MAX)),
        ..RunResult::default()
    };
    Finished { result, exit: failure.exit, setting: failure.setting }
}

/// The end of a Release that found nothing to release.
pub(super) fn nothing_held(input: &RunInput, plan: &Plan, known: &SettingRecord) -> Finished {
    let result = RunResult {
        version: CONTRACT_VERSION,
        code: 204,
        reason: reasons::NOTHING_HELD.into(),
        message: "nothing is held, so there was nothing to release; nothing was written".into(),
        plan: Some(PlanStatus { digest: plan.digest.clone() }),
        published: known.published_rules.is_some() || input.spec.publish == PublishPolicy::Automatic,
        ..RunResult::default()
    };
    Finished { result, exit: ExitCode::Done, setting: None }
}

/// The end of a run that came through.
pub(super) fn finished(
    input: &RunInput,
    plan: &Plan,
    ledger: Ledger,
    known: &SettingRecord,
) -> Result<Finished, RunFailure> {
    let (counts, read) = ledger.into_figures()?;
    let wrote = input.type_.writes();
    let exit = exit_code(&counts);
    let all_failed = counts.considered > 0 && counts.failed + counts.conflicts == counts.considered;
    let (code, reason) = match exit {
        ExitCode::RecordsFailed if all_failed => (400, reasons::RECORDS_FAILED),
        ExitCode::RecordsFailed => (success_code(&counts, wrote), reasons::COMPLETED_WITH_FAILURES),
        ExitCode::Held => (success_code(&counts, wrote), reasons::COMPLETED_WITH_HOLDS),
        _ => (success_code(&counts, wrote), reasons::COMPLETED),
    };
    let setting = setting_after(input, plan, known);
    let published = match &setting {
        Some(after) => after.published_rules.is_some(),
        None => known.published_rules.is_some() || input.spec.publish == PublishPolicy::Automatic,
    };
    let result = RunResult {
        version: CONTRACT_VERSION,
        code,
        reason: reason.into(),
        message: message(&counts, &read, wrote),
        counts,
        plan: Some(PlanStatus { digest: plan.digest.clone() }),
        held: plan.held.clone(),
        read: Some(read),
        published,
        unmapped_fields: plan.unmapped_fields.iter().cloned().collect(),
        next_due_time: plan.next_due,
        retry_after_seconds: None,
    };
    Ok(Finished { result, exit, setting })
}

fn exit_code(counts: &Counts) -> ExitCode {
    if counts.failed + counts.conflicts > 0 {
        ExitCode::RecordsFailed
    } else if counts.held > 0 {
        ExitCode::Held
    } else {
        ExitCode::Done
    }
}

/// 201, 200 or 204; a run that only looks changes nothing.
fn success_code(counts: &Counts, wrote: bool) -> i32 {
    match (wrote, counts.created, counts.changed()) {
        (false, ..) | (true, 0, 0) => 204,
        (true, 0, _) => 200,
        (true, ..) => 201,
    }
}

/// What is stored about the setting after a run over everything.
fn setting_after(input: &RunInput, plan: &Plan, known: &SettingRecord) -> Option<SettingRecord> {
    if !is_whole(input) {
        return None;
    }
    let waits_for_publishing = plan
        .streams
        .iter()
        .flat_map(|stream| &stream.entries)
        .any(|entry| matches!(entry.held, Some(reasons::FIRST_RUN | reasons::RULES_CHANGED)));
    let published_rules = if waits_for_publishing {
        known.published_rules.clone()
    } else {
        Some(input.setting.rules_digest().to_owned())
    };
    Some(SettingRecord { published_rules, held: plan.held.clone() })
}

fn message(counts: &Counts, read: &ReadStatus, wrote: bool) -> String {
    let tense = if wrote { "" } else { "would be: " };
    let mut text = format!(
        "{tense}{} created, {} updated, {} disabled, {} deleted, {} unchanged, {} skipped, {} held, {} conflicts, {} failed of {}",
        counts.created,
        counts.updated,
        counts.disabled,
        counts.deleted,
        counts.unchanged,
        counts.skipped,
        counts.held,
        counts.conflicts,
        counts.failed,
        counts.considered,
    );
    if !read.complete && read.proof != "Selected" {
        text.push_str("; the source's read was not complete (");
        text.push_str(&read.proof);
        text.push_str("), so nobody was removed for being absent");
    }
    text
}
