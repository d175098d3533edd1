//! Creating records so that each person is created exactly once: an intent is stored before the request is sent, and
//! whenever the outcome is unknown or refused as a duplicate the record is looked up before anything else happens.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::StreamExt;

use super::course::{CHUNK, Course, WRITES_AT_ONCE, entries_with, resolve, settle_failure};
use super::finish::RunFailure;
use super::input::RunInput;
use super::ledger::{Done, Ledger};
use super::read::{Answered, find_by_rules};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::records::{Intent, OutcomeResult};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Action, SyncMode};
use rollcall_engine::model::{Entry, Fields, Provenance, References, StreamPlan, TargetRecord, Verdict};
use rollcall_engine::plan::match_values_of;

/// How often a create is sent again after a look-up has shown that it had no effect.
const REPEATS: usize = 2;

/// References of a written record that could not be resolved at the time.
pub(super) struct Deferred<'a> {
    pub(super) entry: &'a Entry,
    pub(super) id: String,
    pub(super) references: References,
}

/// One create that is about to be sent.
struct Pending<'a> {
    entry: &'a Entry,
    fields: Fields,
    references: References,
    match_values: Vec<(String, String)>,
    /// An earlier attempt announced it and did not see its outcome.
    announced_before: bool,
}

/// How a create ended.
enum End {
    /// The target has it, by this or an earlier attempt of ours.
    Created(TargetRecord),
    /// Somebody else's create came first; the record is unclaimed.
    Existing(TargetRecord),
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
    let open: BTreeSet<(String, String)> =
        input.records.open_intents().await?.into_iter().map(|intent| (intent.stream, intent.source_key)).collect();
    let mut deferred = Vec::new();
    let mut waiting: BTreeMap<&str, &Entry> =
        entries_with(stream, &[Action::Create]).map(|entry| (entry.source_key.as_str(), entry)).collect();
    while !waiting.is_empty() {
        for chunk in next_wave(&stream.name, &mut waiting).chunks(CHUNK) {
            course.check()?;
            let pending = chunk
                .iter()
                .map(|entry| {
                    let announced = open.contains(&(stream.name.clone(), entry.source_key.clone()));
                    prepare(input, &stream.name, entry, announced, ledger)
                })
                .collect();
            deferred.extend(send_chunk(input, &stream.name, pending, ledger, course).await?);
        }
    }
    Ok(deferred)
}

/// Takes the entries whose references do not wait for another create. When only a circle is left, the whole circle
/// goes: its references are set afterwards.
fn next_wave<'a>(stream: &str, waiting: &mut BTreeMap<&'a str, &'a Entry>) -> Vec<&'a Entry> {
    let is_free = |entry: &Entry| match &entry.verdict {
        Verdict::Create { references, .. } => references.values().all(|reference| {
            reference.stream != stream || reference.source_key.as_deref().is_none_or(|key| !waiting.contains_key(key))
        }),
        _ => true,
    };
    let mut wave: Vec<&Entry> = waiting.values().copied().filter(|entry| is_free(entry)).collect();
    if wave.is_empty() {
        wave = waiting.values().copied().collect();
    }
    for entry in &wave {
        waiting.remove(entry.source_key.as_str());
    }
    wave
}

fn prepare<'a>(
    input: &RunInput,
    stream: &str,
    entry: &'a Entry,
    announced_before: bool,
    ledger: &Ledger,
) -> Pending<'a> {
    let (mut fields, references) = match &entry.verdict {
        Verdict::Create { fields, references } => (fields.clone(), references.clone()),
        _ => (Fields::default(), References::new()),
    };
    let references = resolve(&references, ledger, &mut fields);
    fields.0.retain(|_, value| !value.is_null());
    let match_values = match_values_of(&input.setting, stream, &fields);
    Pending { entry, fields, references, match_values, announced_before }
}

async fn send_chunk<'a>(
    input: &RunInput,
    stream: &str,
    pending: Vec<Pending<'a>>,
    ledger: &mut Ledger,
    course: &mut Course<'_>,
) -> Result<Vec<Deferred<'a>>, RunFailure> {
    let intents: Vec<Intent> = pending
        .iter()
        .map(|create| Intent {
            stream: stream.to_owned(),
            source_key: create.entry.source_key.clone(),
            run_id: input.run_id.clone(),
            at: input.now,
        })
        .collect();
    input.records.announce(&input.run_id, input.attempt, &intents).await?;
    let ends: Vec<End> = {
        let ledger = &*ledger;
        futures::stream::iter(&pending)
            .map(|create| send(input, stream, create, ledger))
            .buffered(WRITES_AT_ONCE)
            .collect()
            .await
    };
    let mut deferred = Vec::new();
    let mut verdict = Ok(());
    for (create, end) in pending.into_iter().zip(ends) {
        let noted = if let End::Failed(error) = &end { course.note(Err(error)) } else { course.note(Ok(())) };
        verdict = verdict.and(noted);
        match settle(input, stream, create, end, ledger).await {
            Ok(rest) => deferred.extend(rest),
            Err(failure) => verdict = verdict.and(Err(failure)),
        }
        course.advance(stream);
    }
    // Links of created records are stored before more is created: what is known must not be lost.
    ledger.flush(input).await?;
    verdict?;
    Ok(deferred)
}

/// Sends one create, looking the record up wherever its existence is in doubt.
async fn send(input: &RunInput, stream: &str, create: &Pending<'_>, ledger: &Ledger) -> End {
    let mut in_doubt = create.announced_before;
    let mut repeats = 0;
    loop {
        if in_doubt {
            match look_up(input, stream, create, ledger).await {
                Ok(Some(record)) => return End::Created(record),
                Ok(None) => {}
                Err(end) => return end,
            }
        }
        match input.target.create(stream, &create.fields).await {
            Ok(record) => return End::Created(record),
            Err(error) if error.kind == ErrorKind::OutcomeUnknown && repeats < REPEATS => {
                repeats += 1;
                in_doubt = true;
            }
            Err(error) if error.kind == ErrorKind::OutcomeUnknown => {
                return match look_up(input, stream, create, ledger).await {
                    Ok(Some(record)) => End::Created(record),
                    Ok(None) => End::Failed(error),
                    Err(end) => end,
                };
            }
            Err(error) if error.kind == ErrorKind::Conflict => {
                return match look_up(input, stream, create, ledger).await {
                    Ok(Some(record)) if in_doubt && is_ours(create, &record) => End::Created(record),
                    Ok(Some(record)) => End::Existing(record),
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
    stream: &str,
    create: &Pending<'_>,
    ledger: &Ledger,
) -> Result<Option<TargetRecord>, End> {
    let unknown = |message: String| {
        End::Failed(ConnectorError::new(ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN, message))
    };
    let answered: Answered = find_by_rules(input, stream, &create.match_values)
        .await
        .map_err(|failure| unknown(format!("the record could not be looked up after its create: {failure}")))?;
    if answered.rules == 0 {
        return Err(unknown("no match rule can be looked up, so whether the create took effect is not known".into()));
    }
    let found = ledger.sole_unclaimed(stream, &create.entry.source_key, &answered).map_err(End::Conflict)?;
    let Some(record) = found else { return Ok(None) };
    if is_anothers(create, record) {
        return Err(End::Conflict(reasons::CLAIMED_BY_ANOTHER));
    }
    Ok(Some(record.clone()))
}

/// Whether a match field of the record holds the value of somebody else. Comparing without case is enough here: a
/// false "same" is caught by the server, a false "other" would only stop one record.
fn is_anothers(create: &Pending<'_>, record: &TargetRecord) -> bool {
    let first = create.match_values.first();
    first.is_some_and(|(field, value)| {
        let held = record.fields.0.get(field).and_then(serde_json::Value::as_str).unwrap_or("").trim();
        !held.is_empty() && !held.eq_ignore_ascii_case(value.trim())
    })
}

/// Whether the record carries the value that identifies ours first of all.
fn is_ours(create: &Pending<'_>, record: &TargetRecord) -> bool {
    create.match_values.first().is_some_and(|(field, value)| {
        record.fields.0.get(field).and_then(serde_json::Value::as_str).is_some_and(|held| held.trim() == value.trim())
    })
}

async fn settle<'a>(
    input: &RunInput,
    stream: &str,
    create: Pending<'a>,
    end: End,
    ledger: &mut Ledger,
) -> Result<Option<Deferred<'a>>, RunFailure> {
    let entry = create.entry;
    let (record, adopted) = match end {
        End::Created(record) => (record, false),
        End::Existing(record) => (record, true),
        End::Conflict(reason) => {
            let message =
                "the target refused the create as a duplicate, and the record that is there belongs to another".into();
            ledger.settle(stream, entry, None, Done { result: OutcomeResult::Conflict, code: 400, reason, message });
            return Ok(None);
        }
        End::Failed(error) => {
            settle_failure(stream, entry, &error, ledger)?;
            return Ok(None);
        }
    };
    if adopted {
        return adopt(input, stream, create, &record, ledger).await;
    }
    ledger.link(stream, &entry.source_key, &record.id, Provenance::Created);
    let done =
        Done { result: OutcomeResult::Created, code: 201, reason: reasons::CREATED, message: entry.message.clone() };
    ledger.settle(stream, entry, Some(&record.id), done);
    Ok(defer(create, record.id))
}

fn defer(create: Pending<'_>, id: String) -> Option<Deferred<'_>> {
    (!create.references.is_empty()).then_some(Deferred { entry: create.entry, id, references: create.references })
}

/// Takes over a record that somebody else made first: links it and, in mode Mirror, brings it to the wanted state.
async fn adopt<'a>(
    input: &RunInput,
    stream: &str,
    create: Pending<'a>,
    record: &TargetRecord,
    ledger: &mut Ledger,
) -> Result<Option<Deferred<'a>>, RunFailure> {
    let entry = create.entry;
    let changes = Fields(
        create
            .fields
            .0
            .iter()
            .filter(|(field, value)| record.fields.0.get(*field) != Some(value))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect(),
    );
    let leave = input.spec.mode == SyncMode::CreateOnly || (changes.0.is_empty() && record.active);
    if !leave {
        let active = (!record.active).then_some(true);
        if let Err(error) = input.target.update(stream, &record.id, &changes, active).await {
            settle_failure(stream, entry, &error, ledger)?;
            return Ok(None);
        }
    }
    ledger.link(stream, &entry.source_key, &record.id, Provenance::Adopted);
    let (result, code) = if leave { (OutcomeResult::Unchanged, 204) } else { (OutcomeResult::Updated, 200) };
    let message = "the record existed in the target and is linked now".into();
    ledger.settle(stream, entry, Some(&record.id), Done { result, code, reason: reasons::ADOPTED, message });
    if input.spec.mode == SyncMode::CreateOnly { Ok(None) } else { Ok(defer(create, record.id.clone())) }
}
