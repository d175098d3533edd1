//! Applying a plan in passes: creates and updates stream by stream, then references between records, then removals in
//! reverse. A record that the target refuses fails alone; a system that is gone ends the run.

use futures::stream::StreamExt;
use tokio_util::sync::CancellationToken;

use super::course::{CHUNK, Course, WRITES_AT_ONCE, entries_with, is_write, resolve, settle_failure};
use super::create::{self, Deferred};
use super::finish::RunFailure;
use super::input::RunInput;
use super::ledger::{Done, Ledger, result_of};
use super::progress::RunProgress;
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::Action;
use rollcall_engine::model::{Entry, Fields, Plan, StreamPlan, Verdict};

/// How often a write with an unknown outcome that can be repeated without harm is repeated.
const REPEATS: usize = 2;

/// Carries out a plan.
pub(super) async fn apply(
    input: &RunInput,
    plan: &Plan,
    ledger: &mut Ledger,
    cancel: &CancellationToken,
    progress: &dyn RunProgress,
) -> Result<(), RunFailure> {
    let mut course = Course::new(plan, cancel, progress);
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
    use rollcall_engine::model::Provenance;
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
