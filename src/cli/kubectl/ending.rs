//! How a finished run ends the program, and what is printed about it. Pure.

use std::fmt::Write as _;

use kube::ResourceExt;

use rollcall_api::reasons::{self, Class};
use rollcall_api::v1alpha1::{EmployeeSyncJob, EmployeeSyncJobStatus, Held, JobPhase};

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
pub(super) fn summary(job: &EmployeeSyncJob) -> String {
    let status = job.status.clone().unwrap_or_default();
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let mut text = format!("{name}: {:?}", status.phase);
    if let Some(code) = status.code {
        push(&mut text, format_args!(" {code}"));
    }
    let reason = status.reason.as_deref().unwrap_or_default();
    push(&mut text, format_args!(" {reason}: {}\n", status.message.as_deref().unwrap_or_default()));
    if let Some(held) = status.held.as_ref().filter(|held| held.total() > 0) {
        let words = held_in_words(held);
        if job.spec.type_.writes() {
            let approve = command(&namespace, &format!("approve {}", job.spec.setting_ref.name));
            push(&mut text, format_args!("held: {words}; approve: {approve}\n"));
        } else {
            push(&mut text, format_args!("a run would hold for approval: {words}\n"));
        }
    }
    let needs_look = exit_code(&status) == RECORDS_FAILED;
    if needs_look {
        push(&mut text, format_args!("which records, and why: {}\n", command(&namespace, &format!("errors {name}"))));
    }
    if let Some(reason) = reasons::find(reason).filter(|_| status.phase == JobPhase::Error && !needs_look) {
        push(&mut text, format_args!("remedy: {}\n", reason.remedy));
    }
    text
}

/// A command of this plugin to copy, wherever the kubeconfig points.
pub(super) fn command(namespace: &str, words: &str) -> String {
    format!("kubectl rollcall -n {namespace} {words}")
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
    use rollcall_api::v1alpha1::{EmployeeSyncJobSpec, JobType};

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

    fn job(type_: JobType, status: EmployeeSyncJobStatus) -> EmployeeSyncJob {
        let mut job = EmployeeSyncJob::new("j", EmployeeSyncJobSpec { type_, ..EmployeeSyncJobSpec::default() });
        job.metadata.namespace = Some("hr".into());
        job.spec.setting_ref.name = "people".into();
        job.status = Some(status);
        job
    }

    #[test]
    fn the_summary_says_what_to_do_next() {
        let failed = summary(&job(JobType::Sync, ended(JobPhase::Complete, reasons::COMPLETED_WITH_FAILURES)));
        assert!(failed.contains("kubectl rollcall -n hr errors j"), "{failed}");
        let error = summary(&job(JobType::Sync, ended(JobPhase::Error, reasons::UNKNOWN_VENDOR)));
        assert!(error.contains("remedy: spec.vendor is not in the catalogue"), "{error}");
    }

    #[test]
    fn what_a_run_holds_can_be_approved_but_not_what_a_plan_would_hold() {
        let mut status = ended(JobPhase::Complete, reasons::COMPLETED_WITH_HOLDS);
        status.held = Some(Held { disable: 4, ..Held::default() });
        let run = summary(&job(JobType::Sync, status.clone()));
        assert!(run.contains("held: 4 disable; approve: kubectl rollcall -n hr approve people"), "{run}");
        let plan = summary(&job(JobType::Plan, status));
        assert!(plan.contains("a run would hold for approval: 4 disable") && !plan.contains("approve:"), "{plan}");
    }

    #[test]
    fn progress_names_phase_reason_and_further_attempts() {
        assert_eq!(progress(None), "Queued");
        let mut status = ended(JobPhase::InProgress, reasons::RUNNING);
        status.attempts = 2;
        assert_eq!(progress(Some(&status)), "InProgress Running (attempt 2)");
    }
}
