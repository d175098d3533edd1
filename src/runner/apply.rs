//! Applying a plan in passes: creates and updates stream by stream, then references between records, then removals in
//! reverse. A record that the target refuses fails alone; a system that is gone ends the run.

use futures::stream::StreamExt;
use tokio_util::sync::CancellationToken;

use super::create::{self, Deferred};
use super::finish::RunFailure;
use super::input::RunInput;
use super::ledger::{Done, Ledger, result_of};
use super::progress::{RunProgress, Stage};
use crate::api::reasons;
use crate::api::v1alpha1::Action;
use crate::connectors::{ConnectorError, ErrorKind};
use crate::engine::model::{Entry, Fields, Plan, References, StreamPlan, Verdict};
use crate::records::OutcomeResult;

/// How many writes are under way at once; the provider's rate budget limits them further.
pub(super) const WRITES_AT_ONCE: usize = 8;

/// How many records between two looks at the cancellation and the store.
pub(super) const CHUNK: usize = 40;

/// How often a write with an unknown outcome that can be repeated without harm is repeated.
const REPEATS: usize = 2;

/// How many writes in a row may fail for a transient reason before the run ends.
const TRANSIENT_FAILURES_IN_A_ROW: usize = 5;

/// Where a run is, for its watchers and its own guards.
pub(super) struct Course<'a> {
    pub(super) cancel: &'a CancellationToken,
    progress: &'a dyn RunProgress,
    done: u64,
    total: u64,
    transient_failures: usize,
}

impl Course<'_> {
    /// Ends the run when it was cancelled.
    pub(super) fn check(&self) -> Result<(), RunFailure> {
        if self.cancel.is_cancelled() { Err(RunFailure::cancelled()) } else { Ok(()) }
    }

    /// Notes that a record is done.
    pub(super) fn advance(&mut self, stream: &str) {
        self.done += 1;
        self.progress.advance(Stage::Write, stream, self.done, Some(self.total));
    }

    /// Notes how a write ended; several transient failures in a row mean that the system is gone.
    pub(super) fn note(&mut self, outcome: Result<(), &ConnectorError>) -> Result<(), RunFailure> {
        match outcome {
            Err(error) if matches!(error.kind, ErrorKind::Transient | ErrorKind::OutcomeUnknown) => {
                self.transient_failures += 1;
                if self.transient_failures >= TRANSIENT_FAILURES_IN_A_ROW {
                    return Err(RunFailure::target(error.clone()));
                }
            }
            _ => self.transient_failures = 0,
        }
        Ok(())
    }
}

/// Carries out a plan.
pub(super) async fn apply(
    input: &RunInput,
    plan: &Plan,
    ledger: &mut Ledger,
    cancel: &CancellationToken,
    progress: &dyn RunProgress,
) -> Result<(), RunFailure> {
    let total = plan.streams.iter().map(|stream| stream.entries.len() as u64).sum();
    let mut course = Course { cancel, progress, done: 0, total, transient_failures: 0 };
    let outcome = passes(input, plan, ledger, &mut course).await;
    // What was done is kept whatever ended the run; a failure to store it comes second.
    let stored = ledger.flush(input).await;
    outcome.and(stored)
}

async fn passes(input: &RunInput, plan: &Plan, ledger: &mut Ledger, course: &mut Course<'_>) -> Result<(), RunFailure> {
    for stream in &plan.streams {
        for entry in stream.entries.iter().filter(|entry| !is_write(entry)) {
            ledger.settle_without_write(&stream.name, entry);
            course.advance(&stream.name);
            ledger.flush_if_full(input).await?;
        }
    }
    for stream in &plan.streams {
        let mut deferred = create::creates(input, stream, ledger, course).await?;
        deferred.extend(updates(input, stream, ledger, course).await?);
        references(input, &stream.name, deferred, ledger, course).await?;
    }
    for stream in plan.streams.iter().rev() {
        removals(input, stream, ledger, course).await?;
    }
    Ok(())
}

fn is_write(entry: &Entry) -> bool {
    entry.held.is_none() && entry.verdict.action().is_some()
}

/// The writing entries of one kind.
pub(super) fn entries_with<'a>(stream: &'a StreamPlan, wanted: &'a [Action]) -> impl Iterator<Item = &'a Entry> {
    stream
        .entries
        .iter()
        .filter(move |entry| is_write(entry) && entry.verdict.action().is_some_and(|action| wanted.contains(&action)))
}

/// One change of a record that exists.
struct Change<'a> {
    entry: &'a Entry,
    id: &'a str,
    kind: ChangeKind,
}

enum ChangeKind {
    Update { fields: Fields, active: Option<bool> },
    Delete,
}

/// Changes records that exist. References to records that are known are part of the same write.
async fn updates<'a>(
    input: &RunInput,
    stream: &'a StreamPlan,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<Vec<Deferred<'a>>, RunFailure> {
    let mut deferred = Vec::new();
    let mut changes = Vec::new();
    for entry in entries_with(stream, &[Action::Update]) {
        let Verdict::Update { changes: fields, references, enable } = &entry.verdict else { continue };
        let Some(id) = entry.target_id.as_deref() else { continue };
        let mut fields = fields.clone();
        // Everything that can be created exists by now: what cannot be resolved here stays unresolved.
        let rest = resolve(references, ledger, &mut fields);
        if !rest.is_empty() {
            deferred.push(Deferred { entry, id: id.to_owned(), references: rest });
        }
        changes.push(Change { entry, id, kind: ChangeKind::Update { fields, active: enable.then_some(true) } });
    }
    carry_out(input, &stream.name, changes, ledger, course).await?;
    Ok(deferred)
}

/// Disables and deletes.
async fn removals(
    input: &RunInput,
    stream: &StreamPlan,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<(), RunFailure> {
    let mut changes = Vec::new();
    for entry in entries_with(stream, &[Action::Disable, Action::Delete]) {
        let Some(id) = entry.target_id.as_deref() else { continue };
        let kind = match entry.verdict {
            Verdict::Delete => ChangeKind::Delete,
            _ => ChangeKind::Update { fields: Fields::default(), active: Some(false) },
        };
        changes.push(Change { entry, id, kind });
    }
    carry_out(input, &stream.name, changes, ledger, course).await
}

async fn carry_out(
    input: &RunInput,
    stream: &str,
    changes: Vec<Change<'_>>,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<(), RunFailure> {
    for chunk in changes.chunks(CHUNK) {
        course.check()?;
        let mut ends: Vec<(usize, Result<(), ConnectorError>)> = futures::stream::iter(chunk.iter().enumerate())
            .map(|(index, change)| async move { (index, send(input, stream, change).await) })
            .buffer_unordered(WRITES_AT_ONCE)
            .collect()
            .await;
        ends.sort_by_key(|(index, _)| *index);
        let mut verdict = Ok(());
        for (index, end) in ends {
            verdict = verdict.and(course.note(end.as_ref().copied()));
            if let Err(failure) = settle_change(stream, &chunk[index], end, ledger) {
                verdict = verdict.and(Err(failure));
            }
            course.advance(stream);
        }
        ledger.flush_if_full(input).await?;
        verdict?;
    }
    Ok(())
}

/// Sends one change; repeating it does no harm, so an unknown outcome is simply tried again.
async fn send(input: &RunInput, stream: &str, change: &Change<'_>) -> Result<(), ConnectorError> {
    let mut repeats = 0;
    loop {
        let end = match &change.kind {
            ChangeKind::Update { fields, active } if fields.0.is_empty() && active.is_none() => Ok(()),
            ChangeKind::Update { fields, active } => input.target.update(stream, change.id, fields, *active).await,
            ChangeKind::Delete => input.target.delete(stream, change.id).await,
        };
        match end {
            Err(error) if error.kind == ErrorKind::OutcomeUnknown && repeats < REPEATS => repeats += 1,
            end => return end,
        }
    }
}

fn settle_change(
    stream: &str,
    change: &Change<'_>,
    end: Result<(), ConnectorError>,
    ledger: &mut Ledger,
) -> Result<(), RunFailure> {
    let entry = change.entry;
    let Err(error) = end else {
        let action = entry.verdict.action().unwrap_or(Action::Update);
        let (result, code) = result_of(action);
        note_link(stream, entry, change.id, action, ledger);
        let done = Done { result, code, reason: entry.reason, message: entry.message.clone() };
        ledger.settle(stream, entry, None, done);
        return Ok(());
    };
    settle_failure(stream, entry, &error, ledger)
}

fn note_link(stream: &str, entry: &Entry, id: &str, action: Action, ledger: &mut Ledger) {
    use crate::engine::model::Provenance;
    match action {
        Action::Delete => ledger.unlink(stream, &entry.source_key),
        Action::Disable => ledger.mark_disabled(stream, &entry.source_key, id, true),
        _ if matches!(entry.verdict, Verdict::Update { enable: true, .. }) => {
            ledger.mark_disabled(stream, &entry.source_key, id, false);
        }
        _ if entry.new_link => ledger.link(stream, &entry.source_key, id, Provenance::Auto),
        _ => {}
    }
}

/// Notes a failed write. Failures that concern the whole system end the run.
pub(super) fn settle_failure(
    stream: &str,
    entry: &Entry,
    error: &ConnectorError,
    ledger: &mut Ledger,
) -> Result<(), RunFailure> {
    let reason = match error.kind {
        ErrorKind::Credentials | ErrorKind::Configuration | ErrorKind::Cancelled | ErrorKind::Unsupported => {
            return Err(RunFailure::target(error.clone()));
        }
        ErrorKind::Rejected => reasons::TARGET_REJECTED,
        ErrorKind::Conflict => reasons::CLAIMED_BY_ANOTHER,
        ErrorKind::NotFound => reasons::TARGET_UNKNOWN,
        ErrorKind::OutcomeUnknown => reasons::OUTCOME_UNKNOWN,
        ErrorKind::Transient => reasons::WRITE_FAILED,
    };
    let result = if error.kind == ErrorKind::Conflict { OutcomeResult::Conflict } else { OutcomeResult::Failed };
    ledger.settle(stream, entry, None, Done { result, code: 400, reason, message: error.message.clone() });
    Ok(())
}

/// Sets references to records that are known by now into `fields`; returns those that are not.
pub(super) fn resolve(references: &References, ledger: &Ledger, fields: &mut Fields) -> References {
    let mut rest = References::new();
    for (field, reference) in references {
        let value = match &reference.source_key {
            None => Some(serde_json::Value::Null),
            Some(key) => ledger.links().target_id(&reference.stream, key).map(Into::into),
        };
        match value {
            Some(value) => {
                fields.0.insert(field.clone(), value);
            }
            None => {
                rest.insert(field.clone(), reference.clone());
            }
        }
    }
    rest
}

/// The second pass over one stream: references to records that did not exist when their owner was written.
async fn references(
    input: &RunInput,
    stream: &str,
    deferred: Vec<Deferred<'_>>,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<(), RunFailure> {
    for owner in deferred {
        course.check()?;
        let mut fields = Fields::default();
        let rest = resolve(&owner.references, ledger, &mut fields);
        let end = if fields.0.is_empty() {
            Ok(())
        } else {
            let change =
                Change { entry: owner.entry, id: &owner.id, kind: ChangeKind::Update { fields, active: None } };
            send(input, stream, &change).await
        };
        course.note(end.as_ref().copied())?;
        let problem = match (&end, rest.keys().next()) {
            (Err(error), _) => Some((reasons::WRITE_FAILED, error.message.clone())),
            (Ok(()), Some(field)) => Some((
                reasons::REFERENCE_UNRESOLVED,
                format!("field {field}: the referenced record is not in the target"),
            )),
            (Ok(()), None) => None,
        };
        if let Some((reason, message)) = problem {
            let action = owner.entry.verdict.action().unwrap_or(Action::Update);
            let (result, code) = result_of(action);
            ledger.amend(stream, owner.entry, Some(&owner.id), Done { result, code, reason, message });
        }
        ledger.flush_if_full(input).await?;
    }
    Ok(())
}
