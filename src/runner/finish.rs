//! How a run ends: the result document, the exit code, and what is stored about the setting as a whole.

use rollcall_api::contract::{CONTRACT_VERSION, ExitCode, RunResult};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Counts, PlanStatus, ReadStatus};
use rollcall_engine::plan::{Planned, Terms};

use super::attempt::is_manual;
use super::failure::RunFailure;
use super::input::RunInput;
use super::ledger::Ledger;
use crate::records::{SettingEnd, SettingRecord, StoreError};

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// What the operator is told.
    pub result: RunResult,
    /// What the process ends with.
    pub exit: ExitCode,
    /// What is stored about the setting; None leaves it as it is.
    pub setting: Option<SettingEnd>,
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

/// The end of an attempt that failed before it did anything.
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
    Finished { result, exit: failure.exit, setting: None }
}

/// The end of an attempt that stopped on the way: it reports what it did.
pub(super) fn stopped(
    input: &RunInput,
    failure: RunFailure,
    planned: &Planned,
    ledger: &Ledger,
    terms: &Terms,
    known: &SettingRecord,
) -> Finished {
    let counts = ledger.figures();
    let mut finished = failed(failure);
    let message = &finished.result.message;
    finished.result.message = format!("{message}; until then: {}", summary(&counts));
    finished.result.counts = counts;
    finished.result.plan = Some(PlanStatus { digest: planned.plan.digest.clone() });
    finished.result.held = planned.plan.held.clone().or(finished.result.held);
    finished.result.published = is_published(terms, known);
    finished.result.next_due_time = planned.plan.next_due;
    finished.setting = input.is_whole().then(|| setting_after(input, planned, known));
    finished
}

/// The end of a Release whose approval names nothing that is kept.
pub(super) fn without_proposal(
    input: &RunInput,
    planned: &Planned,
    known: &SettingRecord,
) -> Result<Finished, RunFailure> {
    if let Some(held) = &planned.plan.held {
        return Err(RunFailure::plan_changed(Some(held)));
    }
    let result = RunResult {
        version: CONTRACT_VERSION,
        code: 204,
        reason: reasons::NOTHING_HELD.into(),
        message: "nothing is held, so there was nothing to release; nothing was written".into(),
        plan: Some(PlanStatus { digest: planned.plan.digest.clone() }),
        published: known.agreement.is_some() || !is_manual(input),
        ..RunResult::default()
    };
    Ok(Finished { result, exit: ExitCode::Done, setting: None })
}

/// The end of a Release whose approval was carried out before.
pub(super) fn approval_used(terms: &Terms) -> Finished {
    let result = RunResult {
        version: CONTRACT_VERSION,
        code: 204,
        reason: reasons::APPROVAL_USED.into(),
        message: "this approval was carried out before; nothing was written".into(),
        published: !terms.pending,
        ..RunResult::default()
    };
    Finished { result, exit: ExitCode::Done, setting: None }
}

/// The end of a run that came through.
pub(super) fn finished(
    input: &RunInput,
    planned: &Planned,
    ledger: &Ledger,
    read: ReadStatus,
    terms: &Terms,
    known: &SettingRecord,
    is_approved: bool,
) -> Result<Finished, RunFailure> {
    let plan = &planned.plan;
    let counts = ledger.final_figures()?;
    let wrote = input.type_.writes();
    // What was approved as a whole is in force now.
    let held = plan.held.clone().filter(|held| held.total() > 0 || !is_approved);
    let exit = exit_code(&counts, held.is_some());
    let all_failed = counts.considered > 0 && counts.failed + counts.conflicts == counts.considered;
    let (code, reason) = match exit {
        ExitCode::RecordsFailed if all_failed => (400, reasons::RECORDS_FAILED),
        ExitCode::RecordsFailed => (success_code(&counts, wrote), reasons::COMPLETED_WITH_FAILURES),
        ExitCode::Held if counts.held == 0 => (success_code(&counts, wrote), reasons::AGREEMENT_PENDING),
        ExitCode::Held => (success_code(&counts, wrote), reasons::COMPLETED_WITH_HOLDS),
        _ => (success_code(&counts, wrote), reasons::COMPLETED),
    };
    let mut setting = input.is_whole().then(|| setting_after(input, planned, known));
    if let Some(setting) = &mut setting {
        setting.held.clone_from(&held);
    }
    let result = RunResult {
        version: CONTRACT_VERSION,
        code,
        reason: reason.into(),
        message: message(&counts, &read, wrote, held.is_some()),
        counts,
        plan: Some(PlanStatus { digest: plan.digest.clone() }),
        held,
        read: Some(read),
        published: is_approved || is_published(terms, known),
        unmapped_fields: plan.unmapped_fields.iter().map(ToString::to_string).collect(),
        next_due_time: plan.next_due,
        retry_after_seconds: None,
    };
    Ok(Finished { result, exit, setting })
}

/// Whether anything was agreed, or need not be.
fn is_published(terms: &Terms, known: &SettingRecord) -> bool {
    known.agreement.is_some() || terms.settles_as.is_some()
}

fn exit_code(counts: &Counts, waits: bool) -> ExitCode {
    if counts.failed + counts.conflicts > 0 {
        ExitCode::RecordsFailed
    } else if counts.held > 0 || waits {
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

/// What is stored about the setting after a run over everything. Agreements are stored before anything is written, not
/// here.
fn setting_after(input: &RunInput, planned: &Planned, known: &SettingRecord) -> SettingEnd {
    SettingEnd { agreement: None, seen_manual: known.seen_manual || is_manual(input), held: planned.plan.held.clone() }
}

fn summary(counts: &Counts) -> String {
    format!(
        "{} created, {} updated, {} disabled, {} deleted, {} unchanged, {} skipped, {} held, {} conflicts, {} failed of {}",
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
    )
}

fn message(counts: &Counts, read: &ReadStatus, wrote: bool, waits: bool) -> String {
    let tense = if wrote { "" } else { "would be: " };
    let mut text = format!("{tense}{}", summary(counts));
    if waits && counts.held == 0 {
        text.push_str("; what the setting says now waits for an approval, although nothing is to be written");
    }
    if !read.complete && read.proof != "Selected" {
        text.push_str("; the read was not complete (");
        text.push_str(&read.proof);
        text.push_str("), so nobody was removed for being absent");
    }
    text
}
