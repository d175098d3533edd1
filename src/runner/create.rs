//! Creating records so that each person is created exactly once: the write and the values that identify it are announced
//! and claimed before the request is sent, and whenever the outcome is unknown or refused as a duplicate the record is
//! looked up before anything else happens.

use std::collections::BTreeMap;

use futures::stream::StreamExt;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Action, SyncMode};
use rollcall_engine::model::{Entry, Fields, Line, Provenance, Reference, References, Row, StreamPlan, WriteState};
use rollcall_engine::names::{FieldName, RowId, Side, StreamName, TargetId};
use rollcall_engine::plan::match_values_of;

use super::apply::{blocked, resolve, send};
use super::course::{CHUNK, Course, WRITES_AT_ONCE};
use super::failure::RunFailure;
use super::input::RunInput;
use super::journal::{self, Phase, Sending};
use super::ledger::{Done, Ledger};
use super::settle::{self, Ends};
use crate::connectors::{ConnectorError, ErrorKind, Found};
use crate::records::{OutcomeResult, pair};

/// How often a create is sent again after a look-up has shown that it had no effect.
const REPEATS: usize = 2;

/// References of a written record that could not be resolved at the time.
pub(super) struct Deferred<'a> {
    pub(super) entry: &'a Entry,
    pub(super) line: &'a Line,
    pub(super) row: RowId,
    pub(super) references: References,
}

/// One create that is about to be sent.
struct Pending<'a> {
    sending: Sending<'a>,
    references: References,
    lookups: Vec<(FieldName, String)>,
    /// Every match rule that has a value can be asked of the server.
    can_be_looked_up: bool,
}

/// How a create ended.
enum End {
    /// The system has it, by this or an earlier attempt of ours.
    Created(Row),
    /// Somebody else's create came first; the record is unclaimed.
    Existing(Row),
    /// It cannot be told which record it is.
    Conflict(&'static str),
    Failed(ConnectorError),
}

/// Creates a stream's new records, referenced ones before those that refer to them.
pub(super) async fn creates<'a>(
    input: &RunInput,
    stream: &'a StreamPlan,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<Vec<Deferred<'a>>, RunFailure> {
    let mut deferred = Vec::new();
    let is_create = |entry: &&Entry| entry.is_write() && entry.action() == Some(Action::Create);
    let mut waiting: BTreeMap<RowId, &Entry> =
        stream.entries.iter().filter(is_create).filter_map(|entry| Some((lead_end(entry)?, entry))).collect();
    while !waiting.is_empty() {
        for chunk in next_wave(&stream.name, &mut waiting).chunks(CHUNK) {
            course.check()?;
            deferred.extend(send_chunk(input, &stream.name, chunk, ledger, course).await?);
        }
    }
    Ok(deferred)
}

/// The identifier that others refer to a new record by.
fn lead_end(entry: &Entry) -> Option<RowId> {
    entry.source_key.as_ref().map(RowId::from).or_else(|| entry.target_id.as_ref().map(RowId::from))
}

/// Takes the entries whose references do not wait for another create. When only a circle is left, the whole circle
/// goes: its references are set afterwards.
fn next_wave<'a>(stream: &StreamName, waiting: &mut BTreeMap<RowId, &'a Entry>) -> Vec<&'a Entry> {
    let waits = |reference: &Reference| {
        reference.stream == *stream && reference.key.as_ref().is_some_and(|key| waiting.contains_key(key))
    };
    let is_free =
        |entry: &Entry| !entry.lines().iter().any(|line| line.references.values().chain(&line.needs).any(waits));
    let mut wave: Vec<(RowId, &Entry)> =
        waiting.iter().filter(|(_, entry)| is_free(entry)).map(|(id, entry)| (id.clone(), *entry)).collect();
    if wave.is_empty() {
        wave = waiting.iter().map(|(id, entry)| (id.clone(), *entry)).collect();
    }
    for (id, _) in &wave {
        waiting.remove(id);
    }
    wave.into_iter().map(|(_, entry)| entry).collect()
}

fn prepare<'a>(
    input: &RunInput,
    course: &Course<'_>,
    stream: &StreamName,
    (entry, line): (&'a Entry, &'a Line),
    ledger: &Ledger,
) -> Pending<'a> {
    let mut fields = line.set.clone();
    let references = resolve(line, ledger, &mut fields);
    fields.retain(|_, value| !value.is_null());
    let parent_stream = input.setting.stream(stream).and_then(|stream| stream.parent().cloned());
    let parent = parent_stream.and_then(|parent| {
        let need = line.needs.iter().find(|need| need.stream == parent)?;
        ledger.links().find(&need.stream, line.at, need.key.as_ref()?)
    });
    let (lookups, can_be_looked_up) = match line.at {
        Side::Target => match_values_of(&input.setting, stream, &fields),
        Side::Source => (Vec::new(), false),
    };
    let mut sending = Sending::new(input, &course.namer, stream, (entry, line), None, fields, Phase::First);
    sending.parent = parent;
    Pending { sending, references, lookups, can_be_looked_up }
}

async fn send_chunk<'a>(
    input: &RunInput,
    stream: &StreamName,
    entries: &[&'a Entry],
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<Vec<Deferred<'a>>, RunFailure> {
    let mut pending = Vec::new();
    for entry in entries.iter().copied() {
        let Some(line) = entry.lines().first() else { continue };
        if course.is_stopped(line.at, Action::Create) {
            settle::not_tried(stream, entry, Action::Create, ledger);
            course.advance(stream);
        } else if blocked(stream, entry, ledger) {
            course.advance(stream);
        } else {
            pending.push(prepare(input, course, stream, (entry, line), ledger));
        }
    }
    let sendings: Vec<&Sending<'_>> = pending.iter().map(|create| &create.sending).collect();
    let refused = journal::announce(input, &sendings).await?;
    let ends: Vec<Option<End>> = {
        let ledger = &*ledger;
        futures::stream::iter(&pending)
            .map(|create| {
                let is_refused = refused.contains_key(&name(create.sending.entry));
                async move { if is_refused { None } else { Some(create_one(input, stream, create, ledger).await) } }
            })
            .buffered(WRITES_AT_ONCE)
            .collect()
            .await
    };
    let mut deferred = Vec::new();
    let mut verdict = Ok(());
    for (create, end) in pending.into_iter().zip(ends) {
        let entry = create.sending.entry;
        match end {
            None => {
                if let Some(refusal) = refused.get(&name(entry)) {
                    settle::refused(stream, entry, refusal, ledger);
                }
            }
            Some(end) => {
                let error = if let End::Failed(error) = &end { Some(error) } else { None };
                let noted = course.note(input, create.sending.line.at, Action::Create, error).await;
                verdict = verdict.and(noted);
                match settle_create(input, course, stream, create, end, ledger).await {
                    Ok(rest) => deferred.extend(rest),
                    Err(failure) => verdict = verdict.and(Err(failure)),
                }
            }
        }
        course.advance(stream);
    }
    // Links of created records are stored before more is created: what is known must not be lost.
    ledger.flush(input).await?;
    verdict?;
    Ok(deferred)
}

fn name(entry: &Entry) -> String {
    pair(entry.source_key.as_ref(), entry.target_id.as_ref())
}

/// Sends one create, looking the record up wherever its existence is in doubt.
async fn create_one(input: &RunInput, stream: &StreamName, create: &Pending<'_>, ledger: &Ledger) -> End {
    let sending = &create.sending;
    let system = input.system(sending.line.at);
    let mut in_doubt = false;
    let mut repeats = 0;
    loop {
        if in_doubt {
            match look_up(input, stream, create, ledger).await {
                Ok(Some(row)) => return End::Created(row),
                Ok(None) => {}
                Err(end) => return end,
            }
        }
        match system.create(stream, &sending.fields, sending.parent.as_ref()).await {
            Ok(row) => return End::Created(row),
            Err(error) if error.kind == ErrorKind::OutcomeUnknown && repeats < REPEATS => {
                repeats += 1;
                in_doubt = true;
            }
            Err(error) if error.kind == ErrorKind::OutcomeUnknown => {
                return match look_up(input, stream, create, ledger).await {
                    Ok(Some(row)) => End::Created(row),
                    Ok(None) => End::Failed(error),
                    Err(end) => end,
                };
            }
            Err(error) if error.kind == ErrorKind::Conflict => {
                return match look_up(input, stream, create, ledger).await {
                    Ok(Some(row)) if in_doubt && is_ours(create, &row) => End::Created(row),
                    Ok(Some(row)) => End::Existing(row),
                    Ok(None) => End::Failed(error),
                    Err(end) => end,
                };
            }
            Err(error) => return End::Failed(error),
        }
    }
}

/// The record that a create in doubt may have made: the only hit of the match rules, and not another's.
async fn look_up(
    input: &RunInput,
    stream: &StreamName,
    create: &Pending<'_>,
    ledger: &Ledger,
) -> Result<Option<Row>, End> {
    let unknown = |message: String| {
        End::Failed(ConnectorError::new(ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN, message))
    };
    if create.lookups.is_empty() {
        return Err(unknown("no match rule can be looked up, so whether the create took effect is not known".into()));
    }
    let wanted = input.setting.stream(stream).map(|stream| stream.wanted(Side::Target)).unwrap_or_default();
    let mut rows: Vec<Row> = Vec::new();
    let mut answered = create.can_be_looked_up;
    for (field, value) in &create.lookups {
        match input.target.find(stream, field, value, wanted).await {
            Ok(Found::Rows(found)) => rows.extend(found),
            Ok(Found::NotAnswered) => answered = false,
            Err(error) => return Err(unknown(format!("the record could not be looked up after its create: {error}"))),
        }
    }
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    rows.dedup_by(|one, other| one.id == other.id);
    let key = create.sending.entry.source_key.as_ref();
    match rows.as_slice() {
        [] if answered => Ok(None),
        [] => Err(unknown("not every match rule was answered, so whether the create took effect is not known".into())),
        [row] if ledger.links().is_anothers(stream, &TargetId::from(&row.id), key) || is_anothers(create, row) => {
            Err(End::Conflict(reasons::CLAIMED_BY_ANOTHER))
        }
        [row] => Ok(Some(row.clone())),
        _ => Err(End::Conflict(reasons::SEVERAL_MATCHES)),
    }
}

/// The text of a row's field.
fn text<'a>(row: &'a Row, field: &FieldName) -> &'a str {
    row.values().get(field).and_then(serde_json::Value::as_str).unwrap_or("").trim()
}

/// Whether a match field of the record holds the value of somebody else. Comparing without case is enough here: a
/// false "same" is caught by the server, a false "other" would only stop one record.
fn is_anothers(create: &Pending<'_>, row: &Row) -> bool {
    let first = create.lookups.first();
    first.is_some_and(|(field, value)| {
        let held = text(row, field);
        !held.is_empty() && !held.eq_ignore_ascii_case(value.trim())
    })
}

/// Whether the record carries the value that identifies ours first of all.
fn is_ours(create: &Pending<'_>, row: &Row) -> bool {
    create.lookups.first().is_some_and(|(field, value)| text(row, field) == value.trim())
}

async fn settle_create<'a>(
    input: &RunInput,
    course: &Course<'_>,
    stream: &StreamName,
    create: Pending<'a>,
    end: End,
    ledger: &mut Ledger,
) -> Result<Option<Deferred<'a>>, RunFailure> {
    let entry = create.sending.entry;
    let (row, adopted) = match end {
        End::Created(row) => (row, false),
        End::Existing(row) => (row, true),
        End::Conflict(reason) => {
            settle::write(ledger, &create.sending, WriteState::Failed, None);
            let message = "the create was refused as a duplicate, and the record that is there belongs to another";
            ledger.settle(stream, entry, None, Done::new(OutcomeResult::Conflict, reason, message));
            return Ok(None);
        }
        End::Failed(error) => {
            settle::write(ledger, &create.sending, settle::state_of(&error), None);
            settle::failure(stream, entry, &error, ledger);
            return Ok(None);
        }
    };
    if adopted {
        return adopt(input, course, stream, create, &row, ledger).await;
    }
    settle::write(ledger, &create.sending, WriteState::Done, Some(&row.id));
    let ends = Ends { provenance: Provenance::Created, ..Ends::of(entry, Some((create.sending.line.at, &row.id))) };
    let done = Done::new(OutcomeResult::Created, reasons::CREATED, entry.message.clone());
    settle::done(input, course, stream, entry, &ends, done, ledger);
    Ok(defer(create, row.id))
}

fn defer(create: Pending<'_>, row: RowId) -> Option<Deferred<'_>> {
    let Pending { sending, references, .. } = create;
    (!references.is_empty()).then_some(Deferred { entry: sending.entry, line: sending.line, row, references })
}

/// Takes over a record that somebody else made first: claims it, links it and, in mode Mirror, brings it to the wanted
/// state. A record that somebody disabled stays so.
async fn adopt<'a>(
    input: &RunInput,
    course: &Course<'_>,
    stream: &StreamName,
    create: Pending<'a>,
    row: &Row,
    ledger: &mut Ledger,
) -> Result<Option<Deferred<'a>>, RunFailure> {
    let entry = create.sending.entry;
    settle::write(ledger, &create.sending, WriteState::Failed, None);
    let differs = |(field, value): &(&FieldName, &serde_json::Value)| row.values().get(field) != Some(*value);
    let fields: Fields =
        create.sending.fields.iter().filter(differs).map(|(field, value)| (field.clone(), value.clone())).collect();
    let leave = input.spec.mode == SyncMode::CreateOnly || fields.is_empty();
    let mut line = create.sending.line.clone();
    line.operation = rollcall_engine::model::Operation::Update;
    line.active_before = Some(row.active);
    line.before =
        fields.names().map(|name| (name.clone(), row.values().get(name).cloned().unwrap_or_default())).collect();
    let fields = if leave { Fields::new() } else { fields };
    let row_id = Some(row.id.clone());
    let sending = Sending::new(input, &course.namer, stream, (entry, &line), row_id, fields, Phase::References);
    let refused = journal::announce(input, &[&sending]).await?;
    if let Some(refusal) = refused.get(&name(entry)) {
        settle::refused(stream, entry, refusal, ledger);
        return Ok(None);
    }
    if let Err(error) = send(input, stream, &sending).await {
        settle::write(ledger, &sending, settle::state_of(&error), None);
        settle::failure(stream, entry, &error, ledger);
        return Ok(None);
    }
    settle::write(ledger, &sending, WriteState::Done, None);
    let ends = Ends { provenance: Provenance::Adopted, ..Ends::of(entry, Some((line.at, &row.id))) };
    let result = if leave { OutcomeResult::Unchanged } else { OutcomeResult::Updated };
    let done = Done::new(result, reasons::ADOPTED, "the record existed and is linked now");
    settle::done(input, course, stream, entry, &ends, done, ledger);
    if input.spec.mode == SyncMode::CreateOnly { Ok(None) } else { Ok(defer(create, row.id.clone())) }
}
