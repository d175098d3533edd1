//! How a finished run ends the program, and what is printed about it. Pure.

use super::{Holds, held_in_words, push};
use rollcall_api::reasons::{self, Class};
use rollcall_api::v1alpha1::{EmployeeSyncJobStatus, JobPhase, JobType};

/// Everything is as wanted.
pub(in crate::cli) const COMPLETE: u8 = 0;
/// Usage or configuration.
pub(in crate::cli) const CONFIGURATION: u8 = 1;
/// Some records failed.
const RECORDS_FAILED: u8 = 2;
/// Actions are held for approval.
pub(in crate::cli) const HELD: u8 = 3;
/// A provider could not be reached or rejected the credentials.
const PROVIDER: u8 = 4;

/// Exit code of a finished run: the same as `rollcall run` would have given.
pub(in crate::cli) fn exit_code(status: &EmployeeSyncJobStatus) -> u8 {
    let reason = status.reason.as_deref().unwrap_or_default();
    match (status.phase, reason) {
        (_, reasons::RECORDS_FAILED | reasons::COMPLETED_WITH_FAILURES) => RECORDS_FAILED,
        (JobPhase::Complete, reasons::COMPLETED_WITH_HOLDS | reasons::AGREEMENT_PENDING) => HELD,
        (JobPhase::Complete, _) => COMPLETE,
        // The approved actions still wait, under another digest.
        (_, reasons::PLAN_CHANGED) => HELD,
        (_, reasons::CREDENTIALS_REJECTED | reasons::CREDENTIALS_MISSING | reasons::BACKOFF_LIMIT_EXCEEDED) => PROVIDER,
        (_, other) => match reasons::find(other) {
            Some(reason) if reason.class == Class::Transient => PROVIDER,
            _ => CONFIGURATION,
        },
    }
}

/// Commands to copy, for what somebody may want next. None: there is no such command.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct NextSteps {
    /// Approves what is held, or says why it cannot be approved.
    pub(in crate::cli) approve: Option<String>,
    /// Lists who is held.
    pub(in crate::cli) held: Option<String>,
    /// Lists what failed.
    pub(in crate::cli) errors: Option<String>,
}

/// The end of a run in a few lines, with what to do next.
pub(in crate::cli) fn summary(
    name: &str,
    type_: JobType,
    status: &EmployeeSyncJobStatus,
    holds: &Holds,
    next: &NextSteps,
) -> String {
    let mut text = format!("{name}: {}", status.phase);
    if let Some(code) = status.code {
        push(&mut text, format_args!(" {code}"));
    }
    let reason = status.reason.as_deref().unwrap_or_default();
    push(&mut text, format_args!(" {reason}: {}\n", status.message.as_deref().unwrap_or_default()));
    let offer = |text: &mut String, label: &str, step: &Option<String>| {
        if let Some(step) = step {
            push(text, format_args!("{label}: {step}\n"));
        }
    };
    if let Some(held) = &status.held {
        let label = if type_.writes() { "held" } else { "a run would hold for approval" };
        push(&mut text, format_args!("{label}: {}\n", held_in_words(held)));
        for line in holds.lines() {
            push(&mut text, format_args!("  {line}\n"));
        }
        if held.total() > 0 {
            offer(&mut text, "who", &next.held);
        }
        offer(&mut text, "approve", &next.approve);
    }
    let needs_look = exit_code(status) == RECORDS_FAILED;
    if needs_look {
        offer(&mut text, "which records, and why", &next.errors);
    }
    if let Some(reason) = reasons::find(reason).filter(|_| status.phase == JobPhase::Error && !needs_look) {
        push(&mut text, format_args!("remedy: {}\n", reason.remedy));
    }
    text
}

/// What a job is at, in one line.
pub(in crate::cli) fn progress(status: Option<&EmployeeSyncJobStatus>) -> String {
    let Some(status) = status else { return "Queued".into() };
    let mut text = status.phase.to_string();
    if let Some(reason) = &status.reason {
        push(&mut text, format_args!(" {reason}"));
    }
    if status.attempts > 1 {
        push(&mut text, format_args!(" (attempt {})", status.attempts));
    }
    if let Some(message) = status.message.as_ref().filter(|message| !message.is_empty()) {
        push(&mut text, format_args!(": {message}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_api::v1alpha1::Held;

    fn ended(phase: JobPhase, reason: &str) -> EmployeeSyncJobStatus {
        EmployeeSyncJobStatus { phase, reason: Some(reason.into()), ..EmployeeSyncJobStatus::default() }
    }

    #[test]
    fn exit_codes_are_those_of_a_local_run() {
        use JobPhase::{Complete, Error};
        let cases = [
            (Complete, reasons::COMPLETED, 0),
            (Complete, reasons::NOTHING_HELD, 0),
            (Complete, reasons::COMPLETED_WITH_FAILURES, 2),
            (Error, reasons::RECORDS_FAILED, 2),
            (Complete, reasons::COMPLETED_WITH_HOLDS, 3),
            (Complete, reasons::AGREEMENT_PENDING, 3),
            (Error, reasons::PLAN_CHANGED, 3),
            (Error, reasons::CREDENTIALS_REJECTED, 4),
            (Error, reasons::CREDENTIALS_MISSING, 4),
            (Error, reasons::ENDPOINT_UNREACHABLE, 4),
            (Error, reasons::BACKOFF_LIMIT_EXCEEDED, 4),
            (Error, reasons::MAPPING_INVALID, 1),
            (Error, reasons::CANCELLED, 1),
            (Error, "ReasonOfANewerVersion", 1),
        ];
        for (phase, reason, code) in cases {
            assert_eq!(exit_code(&ended(phase, reason)), code, "{reason}");
        }
    }

    fn told(type_: JobType, status: &EmployeeSyncJobStatus) -> String {
        let next = NextSteps {
            approve: Some("approve people".into()),
            held: Some("records j".into()),
            errors: Some("errors j".into()),
        };
        summary("j", type_, status, &Holds::default(), &next)
    }

    #[test]
    fn the_summary_says_what_to_do_next() {
        let failed = told(JobType::Sync, &ended(JobPhase::Complete, reasons::COMPLETED_WITH_FAILURES));
        assert!(failed.contains("which records, and why: errors j"), "{failed}");
        let error = told(JobType::Sync, &ended(JobPhase::Error, reasons::UNKNOWN_VENDOR));
        assert!(error.contains("remedy: spec.vendor is not in the catalogue"), "{error}");
    }

    #[test]
    fn what_is_held_is_told_with_who_and_how_to_approve_it() {
        let mut status = ended(JobPhase::Complete, reasons::COMPLETED_WITH_HOLDS);
        status.held = Some(Held { disable: 4, ..Held::default() });
        let run = told(JobType::Sync, &status);
        assert!(run.contains("held: 4 disable\nwho: records j\napprove: approve people\n"), "{run}");
        let plan = told(JobType::Plan, &status);
        assert!(plan.contains("a run would hold for approval: 4 disable"), "{plan}");
    }

    #[test]
    fn terms_that_wait_alone_can_be_approved_although_nobody_is_held() {
        let mut status = ended(JobPhase::Complete, reasons::AGREEMENT_PENDING);
        status.held = Some(Held::default());
        let run = told(JobType::Sync, &status);
        assert!(run.contains("held: the terms of the setting\napprove: approve people\n"), "{run}");
    }

    #[test]
    fn progress_names_phase_reason_and_further_attempts() {
        assert_eq!(progress(None), "Queued");
        let mut status = ended(JobPhase::InProgress, reasons::RUNNING);
        status.attempts = 2;
        assert_eq!(progress(Some(&status)), "InProgress Running (attempt 2)");
    }
}
