//! What an attempt that was killed left open: for each write that was announced and never settled the system is looked at,
//! and the journal says afterwards what was done.

use rollcall_api::reasons;
use rollcall_api::v1alpha1::Action;
use rollcall_engine::compile::CompiledStream;
use rollcall_engine::model::{Fields, Operation, Provenance, Row, Write, WriteState};
use rollcall_engine::names::{RowId, RunId, Side, SourceKey, TargetId};
use rollcall_engine::plan::match_values_of;
use serde_json::Value;

use super::failure::RunFailure;
use super::input::RunInput;
use super::ledger::{code, result_of, row_claim};
use super::links::Links;
use crate::connectors::{Found, Known};
use crate::records::{Batch, Outcome, Settled, pair};

/// Looks at every open write and settles those of which the system shows what became of them. The others stay open.
pub(super) async fn settle_open_writes(input: &RunInput) -> Result<(), RunFailure> {
    let open = input.records.open_writes().await?;
    if open.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::default();
    for stream in input.setting.streams() {
        let links = Links::of_stream(input.records.links(&stream.name).await?);
        for (run, write) in open.iter().filter(|(_, write)| write.stream == stream.name) {
            settle(input, stream, &links, run, write, &mut batch).await?;
        }
    }
    if batch != Batch::default() {
        input.records.commit(&input.run_id, input.attempt, &batch).await?;
    }
    Ok(())
}

async fn settle(
    input: &RunInput,
    stream: &CompiledStream,
    links: &Links,
    run: &RunId,
    write: &Write,
    batch: &mut Batch,
) -> Result<(), RunFailure> {
    let found = match write.operation {
        Operation::Create => created(input, stream, links, write).await?,
        _ => changed(input, stream, write).await?,
    };
    let (state, row) = match found {
        Seen::TookEffect(row) => (WriteState::Done, row),
        Seen::HadNone => (WriteState::Failed, None),
        Seen::Unknown => return Ok(()),
    };
    let id = row.as_ref().map(|row| row.id.clone());
    let at = |side: Side| id.as_ref().filter(|_| write.at == side && write.operation == Operation::Create);
    let target_id = at(Side::Target).map(TargetId::from).or_else(|| write.target_id.clone());
    let source_key = at(Side::Source).map(SourceKey::from).or_else(|| write.source_key.clone());
    let is_own = *run == input.run_id;
    batch.settled.push(Settled {
        run: (!is_own).then(|| run.clone()),
        id: write.id.clone(),
        state,
        target_id: target_id.clone(),
        source_key: source_key.clone(),
    });
    if state != WriteState::Done {
        return Ok(());
    }
    if let (Some(key), Some(target)) = (&source_key, &target_id) {
        note_link(input, stream, links, write, (key, target), batch);
    }
    if is_own {
        batch.outcomes.push(outcome(write, source_key, target_id));
    }
    Ok(())
}

enum Seen {
    /// The system shows what the write was to lead to; the row of a create comes with it.
    TookEffect(Option<Row>),
    /// It shows what was there before.
    HadNone,
    Unknown,
}

/// Whether a row was changed as announced.
async fn changed(input: &RunInput, stream: &CompiledStream, write: &Write) -> Result<Seen, RunFailure> {
    let id: Option<RowId> = match write.at {
        Side::Source => write.source_key.as_ref().map(RowId::from),
        Side::Target => write.target_id.as_ref().map(RowId::from),
    };
    let Some(id) = id else { return Ok(Seen::Unknown) };
    let wanted = stream.wanted(write.at);
    let answers = input.system(write.at).get(&write.stream, std::slice::from_ref(&id), wanted).await;
    let mut answers = answers.map_err(|error| RunFailure::connector(write.at.as_str(), &error))?;
    Ok(match answers.remove(&id) {
        Some(Known::Absent) if write.operation == Operation::Delete => Seen::TookEffect(None),
        Some(Known::Present(row)) if row.fault.is_none() => {
            let is_active_as_meant = match write.operation {
                Operation::Disable => !row.active,
                Operation::Enable => row.active,
                Operation::Delete => false,
                Operation::Create | Operation::Update => true,
            };
            let as_meant = is_active_as_meant && holds(&row, write.after.expose());
            let nothing_to_see = write.operation == Operation::Update && write.after.expose().is_empty();
            if as_meant && !nothing_to_see { Seen::TookEffect(None) } else { Seen::HadNone }
        }
        _ => Seen::Unknown,
    })
}

/// Whether a row has these values, as far as they can be compared without knowing their types.
fn holds(row: &Row, values: &Fields) -> bool {
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_lowercase(),
        Some(other) => other.to_string(),
    };
    values.iter().all(|(name, value)| text(row.values().get(name)) == text(Some(value)))
}

/// Whether a record was created as announced: the only hit of the match rules, and nobody else's.
async fn created(input: &RunInput, stream: &CompiledStream, links: &Links, write: &Write) -> Result<Seen, RunFailure> {
    let linked = write.source_key.as_ref().and_then(|key| links.of_source(&write.stream, key));
    if linked.is_some() {
        // A link is stored together with what came of its create, so this one is an older record's.
        return Ok(Seen::Unknown);
    }
    if write.at == Side::Source {
        return Ok(Seen::Unknown);
    }
    let (lookups, is_complete) = match_values_of(&input.setting, &write.stream, write.after.expose());
    let mut rows: Vec<Row> = Vec::new();
    for (field, value) in &lookups {
        match input.target.find(&write.stream, field, value, stream.wanted(Side::Target)).await {
            Ok(Found::Rows(found)) => rows.extend(found),
            Ok(Found::NotAnswered) => return Ok(Seen::Unknown),
            Err(error) => return Err(RunFailure::target(error)),
        }
    }
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    rows.dedup_by(|one, other| one.id == other.id);
    let is_free = |row: &&Row| !links.is_anothers(&write.stream, &(&row.id).into(), write.source_key.as_ref());
    Ok(match rows.as_slice() {
        [] if is_complete && !lookups.is_empty() => Seen::HadNone,
        [row] if is_free(&row) && is_ours(write, row, &lookups) => Seen::TookEffect(Some(row.clone())),
        // Somebody else's: this create had no effect.
        [row] if !is_free(&row) => Seen::HadNone,
        _ => Seen::Unknown,
    })
}

/// Whether the row carries the value that identifies ours first of all.
fn is_ours(write: &Write, row: &Row, lookups: &[(rollcall_engine::names::FieldName, String)]) -> bool {
    let first = lookups.first().map(|(field, _)| field);
    first.is_some_and(|field| {
        let mut only = Fields::new();
        only.extend(write.after.expose().get(field).map(|value| (field.clone(), value.clone())));
        holds(row, &only)
    })
}

fn note_link(
    input: &RunInput,
    stream: &CompiledStream,
    links: &Links,
    write: &Write,
    (key, target): (&SourceKey, &TargetId),
    batch: &mut Batch,
) {
    let name = pair(Some(key), Some(target));
    if write.operation == Operation::Delete {
        batch.dropped_links.push((write.stream.clone(), key.clone()));
        return;
    }
    let provenance = if write.operation == Operation::Create { Provenance::Created } else { Provenance::Auto };
    let mut link = links.link_or_new(&write.stream, key, target, provenance, input.now);
    match write.operation {
        Operation::Disable => link.disabled_at = Some(write.at_time),
        Operation::Enable => link.disabled_at = None,
        Operation::Create | Operation::Update | Operation::Delete => {}
    }
    let follower = stream.follower();
    let row = match follower {
        Side::Source => RowId::from(key),
        Side::Target => RowId::from(target),
    };
    batch.claims.push(row_claim(input, &write.stream, follower, row, name));
    batch.links.push(link);
}

/// The outcome of a write that an earlier attempt of this very run made.
fn outcome(write: &Write, source_key: Option<SourceKey>, target_id: Option<TargetId>) -> Outcome {
    let action: Action = write.operation.action();
    let result = result_of(action);
    Outcome {
        stream: write.stream.clone(),
        source_key: write.source_key.clone().or(source_key),
        target_id,
        result,
        action: Some(action),
        code: code(result),
        reason: match action {
            Action::Create => reasons::CREATED,
            Action::Update => reasons::UPDATED,
            Action::Disable => reasons::DISABLED,
            Action::Delete => reasons::DELETED,
        }
        .to_owned(),
        message: "an earlier attempt of this run did it".to_owned(),
        fields: write.after.clone(),
        before: write.before.clone(),
        defaulted: Vec::new(),
        at: write.at_time,
    }
}
