//! Applying a plan in passes: leavers first; then creates and updates stream by stream, with references between records;
//! then records that are merely gone, in reverse.

use futures::stream::StreamExt;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::Action;
use rollcall_engine::model::{Entry, Fields, Line, Operation, Plan, References, StreamPlan, WriteState};
use rollcall_engine::names::{RowId, Side, StreamName};

use super::course::{CHUNK, Course, WRITES_AT_ONCE};
use super::create::{self, Deferred};
use super::failure::RunFailure;
use super::input::RunInput;
use super::journal::{self, Phase, Sending};
use super::ledger::{Done, Ledger, result_of};
use super::settle::{self, Ends};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::records::{OutcomeResult, pair};

/// How often a write with an unknown outcome that can be repeated without harm is repeated.
const REPEATS: usize = 2;

/// Carries out a plan. What was done is kept whatever ends the run; a failure to store it comes second.
pub(super) async fn apply(
    input: &RunInput,
    plan: &Plan,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<(), RunFailure> {
    let outcome = passes(input, plan, ledger, course).await;
    if outcome.is_err() {
        ledger.settle_rest(plan);
    }
    let stored = ledger.flush(input).await;
    outcome.and(stored.map(|_| ()))
}

async fn passes(input: &RunInput, plan: &Plan, ledger: &mut Ledger, course: &mut Course<'_>) -> Result<(), RunFailure> {
    for stream in &plan.streams {
        for entry in stream.entries.iter().filter(|entry| !entry.is_write()) {
            without_write(input, course, &stream.name, entry, ledger);
            course.advance(&stream.name);
            ledger.flush_if_full(input).await?;
        }
    }
    // Nothing that a joiner does can delay a leaver.
    for stream in plan.streams.iter().rev() {
        removals(input, stream, true, ledger, course).await?;
    }
    for stream in &plan.streams {
        let mut deferred = create::creates(input, stream, ledger, course).await?;
        deferred.extend(updates(input, stream, ledger, course).await?);
        references(input, &stream.name, deferred, ledger, course).await?;
    }
    for stream in plan.streams.iter().rev() {
        removals(input, stream, false, ledger, course).await?;
    }
    Ok(())
}

fn without_write(input: &RunInput, course: &Course<'_>, stream: &StreamName, entry: &Entry, ledger: &mut Ledger) {
    ledger.settle_without_write(stream, entry);
    if entry.held.is_some() {
        return;
    }
    if let (true, Some(key)) = (entry.drops_link, &entry.source_key) {
        ledger.drop_link(stream, key);
    } else if entry.links || entry.memory.is_some() {
        settle::link(input, course, stream, entry, &Ends::of(entry, None), ledger);
    }
}

/// Removals that rest on what the record itself says, or the others.
async fn removals(
    input: &RunInput,
    stream: &StreamPlan,
    is_evident: bool,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<(), RunFailure> {
    let is_meant = |entry: &&Entry| {
        entry.is_write()
            && entry.lines().iter().any(|line| line.operation.is_removal())
            && (entry.reason == reasons::LEAVER_ABSENT) != is_evident
    };
    let entries: Vec<&Entry> = stream.entries.iter().filter(is_meant).collect();
    changes(input, &stream.name, entries, ledger, course).await.map(|_| ())
}

/// Changes records that exist. References to records that are known are part of the same write.
async fn updates<'a>(
    input: &RunInput,
    stream: &'a StreamPlan,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<Vec<Deferred<'a>>, RunFailure> {
    let is_update = |entry: &&Entry| entry.is_write() && entry.action() == Some(Action::Update);
    let entries: Vec<&Entry> = stream.entries.iter().filter(is_update).collect();
    changes(input, &stream.name, entries, ledger, course).await
}

/// What one entry sends, line by line.
struct Change<'a> {
    entry: &'a Entry,
    sendings: Vec<Sending<'a>>,
    deferred: Vec<Deferred<'a>>,
}

/// Writes the lines of entries whose rows exist.
async fn changes<'a>(
    input: &RunInput,
    stream: &StreamName,
    entries: Vec<&'a Entry>,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<Vec<Deferred<'a>>, RunFailure> {
    let mut deferred = Vec::new();
    let mut refused_for_now = Vec::new();
    for chunk in entries.chunks(CHUNK) {
        course.check()?;
        deferred.extend(change_chunk(input, stream, chunk, ledger, course, Some(&mut refused_for_now)).await?);
    }
    // A value that another record gave up in this very pass may be free by now.
    for chunk in refused_for_now.chunks(CHUNK) {
        course.check()?;
        deferred.extend(change_chunk(input, stream, chunk, ledger, course, None).await?);
    }
    Ok(deferred)
}

async fn change_chunk<'a>(
    input: &RunInput,
    stream: &StreamName,
    entries: &[&'a Entry],
    ledger: &mut Ledger,
    course: &mut Course<'_>,
    mut later: Option<&mut Vec<&'a Entry>>,
) -> Result<Vec<Deferred<'a>>, RunFailure> {
    let mut prepared: Vec<Change<'a>> = Vec::new();
    for entry in entries.iter().copied() {
        let action = entry.action().unwrap_or(Action::Update);
        if entry.lines().iter().any(|line| course.is_stopped(line.at, action)) {
            settle::not_tried(stream, entry, action, ledger);
            course.advance(stream);
            continue;
        }
        prepared.push(prepare(input, course, stream, entry, ledger));
    }
    if prepared.iter().any(|change| change.entry.replaces.is_some()) {
        for change in &prepared {
            settle::relink(input, stream, change.entry, ledger);
        }
        ledger.flush(input).await?;
    }
    let sendings: Vec<&Sending<'_>> = prepared.iter().flat_map(|change| &change.sendings).collect();
    let refused = journal::announce(input, &sendings).await?;
    let ends: Vec<Vec<Result<(), ConnectorError>>> = futures::stream::iter(&prepared)
        .map(|change| {
            let is_refused = refused.contains_key(&name(change.entry));
            async move { if is_refused { Vec::new() } else { send_all(input, stream, change).await } }
        })
        .buffered(WRITES_AT_ONCE)
        .collect()
        .await;
    let mut deferred = Vec::new();
    let mut verdict = Ok(());
    for (change, ends) in prepared.into_iter().zip(ends) {
        if let Some(refusal) = refused.get(&name(change.entry)) {
            settle::refused(stream, change.entry, refusal, ledger);
            course.advance(stream);
            continue;
        }
        for (sending, end) in change.sendings.iter().zip(&ends) {
            let state = end.as_ref().map_or_else(settle::state_of, |()| WriteState::Done);
            settle::write(ledger, sending, state, None);
            let action = sending.line.operation.action();
            let noted = course.note(input, sending.line.at, action, end.as_ref().err()).await;
            verdict = verdict.and(noted);
        }
        for sending in change.sendings.iter().skip(ends.len()) {
            settle::write(ledger, sending, WriteState::Failed, None);
        }
        match ends.into_iter().find_map(Result::err) {
            None => {
                settle_change(input, course, stream, change.entry, ledger);
                deferred.extend(change.deferred);
                course.advance(stream);
            }
            Some(error) if error.kind == ErrorKind::Conflict && later.is_some() => {
                if let Some(later) = later.as_mut() {
                    later.push(change.entry);
                }
            }
            Some(error) => {
                settle::failure(stream, change.entry, &error, ledger);
                course.advance(stream);
            }
        }
    }
    ledger.flush(input).await?;
    verdict?;
    Ok(deferred)
}

fn name(entry: &Entry) -> String {
    pair(entry.source_key.as_ref(), entry.target_id.as_ref())
}

fn prepare<'a>(
    input: &RunInput,
    course: &Course<'_>,
    stream: &StreamName,
    entry: &'a Entry,
    ledger: &Ledger,
) -> Change<'a> {
    let mut change = Change { entry, sendings: Vec::new(), deferred: Vec::new() };
    for line in entry.lines() {
        let row: Option<RowId> = match line.at {
            Side::Source => entry.source_key.as_ref().map(RowId::from),
            Side::Target => entry.target_id.as_ref().map(RowId::from),
        };
        let Some(row) = row else { continue };
        let mut fields = line.set.clone();
        // Everything that can be created exists by now: what cannot be resolved here stays unresolved.
        let rest = resolve(line, ledger, &mut fields);
        if !rest.is_empty() {
            change.deferred.push(Deferred { entry, line, row: row.clone(), references: rest });
        }
        let parts = (entry, line);
        change.sendings.push(Sending::new(input, &course.namer, stream, parts, Some(row), fields, Phase::First));
    }
    change
}

/// Sends the lines of one entry, one after the other, as far as they go.
async fn send_all(input: &RunInput, stream: &StreamName, change: &Change<'_>) -> Vec<Result<(), ConnectorError>> {
    let mut ends = Vec::new();
    for sending in &change.sendings {
        let end = send(input, stream, sending).await;
        let has_failed = end.is_err();
        ends.push(end);
        if has_failed {
            break;
        }
    }
    ends
}

/// Sends one change; repeating it does no harm, so an unknown outcome is simply tried again.
pub(super) async fn send(input: &RunInput, stream: &StreamName, sending: &Sending<'_>) -> Result<(), ConnectorError> {
    let Some(row) = &sending.row else { return Ok(()) };
    let system = input.system(sending.line.at);
    let active = match sending.line.operation {
        Operation::Enable => Some(true),
        Operation::Disable => Some(false),
        Operation::Create | Operation::Update | Operation::Delete => None,
    };
    let mut repeats = 0;
    loop {
        let end = if sending.line.operation == Operation::Delete {
            system.delete(stream, row).await
        } else if sending.fields.is_empty() && active.is_none() {
            Ok(())
        } else {
            system.update(stream, row, &sending.fields, active).await
        };
        match end {
            Err(error) if error.kind == ErrorKind::OutcomeUnknown && repeats < REPEATS => repeats += 1,
            end => return end,
        }
    }
}

fn settle_change(input: &RunInput, course: &Course<'_>, stream: &StreamName, entry: &Entry, ledger: &mut Ledger) {
    let result = result_of(entry.action().unwrap_or(Action::Update));
    let done = Done::new(result, entry.reason, entry.message.clone());
    let ends = Ends::of(entry, None);
    settle::done(input, course, stream, entry, &ends, done, ledger);
}

/// Sets references to records that are known by now into `fields`; returns those that are not.
pub(super) fn resolve(line: &Line, ledger: &Ledger, fields: &mut Fields) -> References {
    let mut rest = References::new();
    for (field, reference) in &line.references {
        let value = match &reference.key {
            None => Some(serde_json::Value::Null),
            Some(key) => ledger.links().find(&reference.stream, line.at, key).map(|id| id.to_string().into()),
        };
        match value {
            Some(value) => {
                fields.insert(field.clone(), value);
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
    stream: &StreamName,
    deferred: Vec<Deferred<'_>>,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<(), RunFailure> {
    for chunk in deferred.chunks(CHUNK) {
        course.check()?;
        let mut sendings = Vec::new();
        for owner in chunk {
            let late = Line { references: owner.references.clone(), ..owner.line.clone() };
            let mut fields = Fields::new();
            let rest = resolve(&late, ledger, &mut fields);
            if let Some(field) = rest.keys().next() {
                let message = format!("field {field}: the referenced record is not there");
                amend(stream, owner, reasons::REFERENCE_UNRESOLVED, &message, ledger);
            }
            if !fields.is_empty() {
                let parts = (owner.entry, owner.line);
                let row = Some(owner.row.clone());
                let mut sending = Sending::new(input, &course.namer, stream, parts, row, fields, Phase::References);
                sending.write.operation = Operation::Update;
                sendings.push((owner, sending));
            }
        }
        let announced: Vec<&Sending<'_>> = sendings.iter().map(|(_, sending)| sending).collect();
        let refused = journal::announce(input, &announced).await?;
        let ends: Vec<Result<(), ConnectorError>> = futures::stream::iter(&sendings)
            .map(|(_, sending)| {
                let is_refused = refused.contains_key(&name(sending.entry));
                async move { if is_refused { Ok(()) } else { set_references(input, stream, sending).await } }
            })
            .buffered(WRITES_AT_ONCE)
            .collect()
            .await;
        let mut verdict = Ok(());
        for ((owner, sending), end) in sendings.iter().zip(ends) {
            let state = end.as_ref().map_or_else(settle::state_of, |()| WriteState::Done);
            settle::write(ledger, sending, state, None);
            verdict = verdict.and(course.note(input, owner.line.at, Action::Update, end.as_ref().err()).await);
            if let Err(error) = end {
                amend(stream, owner, reasons::WRITE_FAILED, &error.message, ledger);
            }
        }
        ledger.flush(input).await?;
        verdict?;
    }
    Ok(())
}

async fn set_references(input: &RunInput, stream: &StreamName, sending: &Sending<'_>) -> Result<(), ConnectorError> {
    let Some(row) = &sending.row else { return Ok(()) };
    let mut repeats = 0;
    loop {
        match input.system(sending.line.at).update(stream, row, &sending.fields, None).await {
            Err(error) if error.kind == ErrorKind::OutcomeUnknown && repeats < REPEATS => repeats += 1,
            end => return end,
        }
    }
}

/// Replaces reason and message of an entry whose first write is settled already.
fn amend(stream: &StreamName, owner: &Deferred<'_>, reason: &str, message: &str, ledger: &mut Ledger) {
    let result = result_of(owner.entry.action().unwrap_or(Action::Update));
    let ends = Ends::of(owner.entry, Some((owner.line.at, &owner.row)));
    let done = Done::new(result, reason, message);
    ledger.settle(stream, owner.entry, ends.target_id.as_ref(), done);
}

/// A line that needs a record which is not there is not written half.
pub(super) fn blocked(stream: &StreamName, entry: &Entry, ledger: &mut Ledger) -> bool {
    let missing = entry.lines().iter().flat_map(|line| line.needs.iter().map(move |need| (line.at, need)));
    let missing = missing
        .into_iter()
        .find(|(at, need)| need.key.as_ref().is_some_and(|key| ledger.links().find(&need.stream, *at, key).is_none()));
    let Some((_, need)) = missing else { return false };
    let message = format!("it needs a record of {} that is not there", need.stream);
    ledger.settle(stream, entry, None, Done::new(OutcomeResult::Skipped, reasons::BLOCKED_BY, message));
    true
}
