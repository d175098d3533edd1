//! How a finished run ends the program, and what is printed about it. Pure.

use std::fmt::Write as _;

use crate::api::reasons::{self, Class};
use crate::api::v1alpha1::{EmployeeSyncJobStatus, Held, JobPhase};

/// Everything is as wanted.
pub(super) const COMPLETE: u8 = 0;
/// Usage or configuration.
pub(super) const CONFIGURATION: u8 = 1;
/// Some records failed.
const RECORDS_FAILED: u8 = 2;
/// Actions are held for approval.
pub(super) const HELD: u8 = 3;
/// A provider could not be reached or rejected the credentials.
const PROVIDER: u8 = 4;

/// Exit code of a finished run: the same as `rollcall run` would have given.
pub(super) fn exit_code(status: &EmployeeSyncJobStatus) -> u8 {
    let reason = status.reason.as_deref().unwrap_or_default();
    match (status.phase, reason) {
        (_, reasons::RECORDS_FAILED | reasons::COMPLETED_WITH_FAILURES) => RECORDS_FAILED,
        (JobPhase::Complete, reasons::COMPLETED_WITH_HOLDS) => HELD,
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

/// The end of a run in a few lines, with what to do next.
pub(super) fn summary(job: &str, setting: &str, status: &EmployeeSyncJobStatus) -> String {
    let mut text = format!("{job}: {:?}", status.phase);
    if let Some(code) = status.code {
        push(&mut text, format_args!(" {code}"));
    }
    let reason = status.reason.as_deref().unwrap_or_default();
    push(&mut text, format_args!(" {reason}: {}\n", status.message.as_deref().unwrap_or_default()));
    if let Some(held) = status.held.as_ref().filter(|held| held.total() > 0) {
        push(&mut text, format_args!("held: {}; approve: kubectl rollcall approve {setting}\n", held_in_words(held)));
    }
    let needs_look = exit_code(status) == RECORDS_FAILED;
    if needs_look {
        push(&mut text, format_args!("which records, and why: kubectl rollcall errors {job}\n"));
    }
    if let Some(reason) = reasons::find(reason).filter(|_| status.phase == JobPhase::Error && !needs_look) {
        push(&mut text, format_args!("remedy: {}\n", reason.remedy));
    }
    text
}

/// What a job is at, in one line.
pub(super) fn progress(status: Option<&EmployeeSyncJobStatus>) -> String {
    let Some(status) = status else { return "Queued".into() };
    let mut text = format!("{:?}", status.phase);
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

/// `3 create, 1 disable`: the kinds that there are.
pub(super) fn held_in_words(held: &Held) -> String {
    let kinds = [(held.create, "create"), (held.update, "update"), (held.disable, "disable"), (held.delete, "delete")];
    let words: Vec<String> =
        kinds.iter().filter(|(count, _)| *count != 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

/// Appends to a String, which cannot fail.
pub(super) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_summary_says_what_to_do_next() {
        let mut status = ended(JobPhase::Complete, reasons::COMPLETED_WITH_HOLDS);
        status.held = Some(Held { disable: 4, ..Held::default() });
        assert!(summary("j", "people", &status).contains("held: 4 disable; approve: kubectl rollcall approve people"));
        let failed = ended(JobPhase::Complete, reasons::COMPLETED_WITH_FAILURES);
        assert!(summary("j", "people", &failed).contains("kubectl rollcall errors j"));
        let error = ended(JobPhase::Error, reasons::UNKNOWN_VENDOR);
        assert!(summary("j", "people", &error).contains("remedy: spec.vendor is not in the catalogue"));
    }

    #[test]
    fn progress_names_phase_reason_and_further_attempts() {
        assert_eq!(progress(None), "Queued");
        let mut status = ended(JobPhase::InProgress, reasons::RUNNING);
        status.attempts = 2;
        assert_eq!(progress(Some(&status)), "InProgress Running (attempt 2)");
    }
}
