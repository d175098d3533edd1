//! Taking back what a run did: its inverse lines, made from the journal, for fields that are still as that run left them.
//! What somebody has changed since is a conflict, what cannot be taken back is said first.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_api::reasons;
use serde_json::Value;

use super::directory::Directory;
use super::draft::{Draft, DraftStream};
use super::{PlanInput, Planned, settle};
use crate::compile::CompiledStream;
use crate::definitions::schema::FieldSchema;
use crate::model::{Disposition, Fields, Line, Operation, References, Row, StreamPlan, Write, WriteState};
use crate::names::{RowId, Side, SourceKey, StreamName, TargetId};
use crate::value::{comparable, is_empty};

/// What taking a run back depends on. The rows that the run wrote to are in the streams of `plan`, as they are now.
pub struct UndoInput<'a> {
    /// As for any other plan.
    pub plan: PlanInput<'a>,
    /// The journal of the run.
    pub writes: &'a [Write],
}

/// Both ends of a pair.
type Pair = (Option<SourceKey>, Option<TargetId>);

/// Plans the inverse of a run.
pub fn undo(input: &UndoInput<'_>) -> Planned {
    let mut by_pair: BTreeMap<(StreamName, Pair), Vec<&Write>> = BTreeMap::new();
    let took_effect = |write: &&Write| matches!(write.state, WriteState::Done | WriteState::Unknown);
    for write in input.writes.iter().filter(took_effect) {
        let pair = (write.source_key.clone(), write.target_id.clone());
        by_pair.entry((write.stream.clone(), pair)).or_default().push(write);
    }
    let mut streams = Vec::new();
    for stream in input.plan.setting.streams() {
        let Some(read) = input.plan.streams.get(&stream.name) else { continue };
        let of_stream = by_pair.iter().filter(|((name, _), _)| *name == stream.name);
        let mut drafts: Vec<Draft> = of_stream
            .map(|((_, pair), writes)| {
                let rows = |side: Side, id: &RowId| read.read(side).rows.iter().find(|row| row.id == *id);
                inverse(stream, pair, writes, rows)
            })
            .collect();
        // What cannot be taken back comes first.
        drafts.sort_by_key(|draft| draft.entry.reason != reasons::IRREVERSIBLE);
        streams.push(DraftStream {
            active: read.links.iter().filter(|link| link.disabled_at.is_none()).count(),
            population: None,
            plan: StreamPlan {
                name: stream.name.clone(),
                read: i64::try_from(drafts.len()).unwrap_or(i64::MAX),
                out_of_scope: Vec::new(),
                entries: Vec::new(),
            },
            drafts,
        });
    }
    settle(&input.plan, streams, &Directory::default(), false, (None, BTreeSet::new()))
}

/// The inverse of what was done to one pair, the last write first.
fn inverse<'a>(
    stream: &CompiledStream,
    (source_key, target_id): &Pair,
    writes: &[&Write],
    rows: impl Fn(Side, &RowId) -> Option<&'a Row>,
) -> Draft {
    let new = |disposition, reason, message: &str| {
        Draft::of(source_key.clone(), target_id.clone(), disposition, reason, message)
    };
    if writes.iter().any(|write| write.operation == Operation::Delete) {
        return new(Disposition::Conflict, reasons::IRREVERSIBLE, "it was deleted, which cannot be taken back");
    }
    let mut lines = Vec::new();
    let mut left = BTreeSet::new();
    for side in [Side::Target, Side::Source] {
        let at_side: Vec<&Write> = writes.iter().rev().copied().filter(|write| write.at == side).collect();
        if at_side.is_empty() {
            continue;
        }
        let id: Option<RowId> = match side {
            Side::Source => source_key.as_ref().map(RowId::from),
            Side::Target => target_id.as_ref().map(RowId::from),
        };
        let Some(row) = id.and_then(|id| rows(side, &id)) else {
            return new(Disposition::Conflict, reasons::UNDO_CONFLICT, "the record is gone, or could not be read");
        };
        match inverse_at(stream, side, &at_side, row) {
            Inverse::Line(line, changed) => {
                lines.extend(line);
                left.extend(changed);
            }
            Inverse::Impossible => {
                let text = "it was created, and such records can neither be disabled nor deleted";
                return new(Disposition::Conflict, reasons::IRREVERSIBLE, text);
            }
        }
    }
    let others = left.into_iter().collect::<Vec<String>>().join(", ");
    match (lines.is_empty(), others.is_empty()) {
        (true, true) => new(Disposition::Unchanged, reasons::UNCHANGED, "it is as it was before the run"),
        (true, false) => {
            let message = format!("changed since by somebody else: {others}");
            new(Disposition::Conflict, reasons::UNDO_CONFLICT, &message)
        }
        (false, is_whole) => {
            let message = if is_whole { String::new() } else { format!("left as they are now: {others}") };
            new(Disposition::Write(lines), reasons::TAKEN_BACK, &message)
        }
    }
}

enum Inverse {
    /// The inverse line, if anything is to be done, and the fields that somebody has changed since.
    Line(Option<Line>, Vec<String>),
    Impossible,
}

fn inverse_at(stream: &CompiledStream, side: Side, writes: &[&Write], row: &Row) -> Inverse {
    let line = |operation, set, before| Line {
        at: side,
        operation,
        set,
        references: References::new(),
        needs: Vec::new(),
        before,
        active_before: Some(row.active),
    };
    if writes.iter().any(|write| write.operation == Operation::Create) {
        let operation = if stream.actions.delete && stream.can_delete {
            Operation::Delete
        } else if stream.can_disable {
            Operation::Disable
        } else {
            return Inverse::Impossible;
        };
        let is_done = operation == Operation::Disable && !row.active;
        return Inverse::Line((!is_done).then(|| line(operation, Fields::new(), Fields::new())), Vec::new());
    }
    let (mut set, mut before, mut changed) = (Fields::new(), Fields::new(), Vec::new());
    let mut was_active = row.active;
    for write in writes {
        for (field, after) in write.after.expose().iter() {
            let now = row.values().get(field).cloned().unwrap_or(Value::Null);
            let then = write.before.expose().get(field).cloned().unwrap_or(Value::Null);
            // An earlier write of the same run starts from what a later one is set back to.
            let found = set.get(field).cloned().unwrap_or_else(|| now.clone());
            let schema = schema(stream, side, field);
            if is_same(&found, after, schema) {
                if !is_same(&found, &then, schema) {
                    set.insert(field.clone(), if is_empty(&then) { Value::Null } else { then });
                    before.insert(field.clone(), now);
                }
            } else if !is_same(&found, &then, schema) {
                changed.push(field.to_string());
            }
        }
        match write.operation {
            Operation::Disable => was_active = true,
            Operation::Enable => was_active = false,
            Operation::Create | Operation::Update | Operation::Delete => {}
        }
    }
    let operation = match (row.active, was_active) {
        (false, true) => Operation::Enable,
        (true, false) => Operation::Disable,
        _ if set.is_empty() => return Inverse::Line(None, changed),
        _ => Operation::Update,
    };
    Inverse::Line(Some(line(operation, set, before)), changed)
}

fn schema<'a>(stream: &'a CompiledStream, side: Side, field: &str) -> Option<&'a FieldSchema> {
    let flows = stream.fields.iter().filter_map(|known| known.flow_to(side));
    flows.into_iter().find(|flow| flow.field == *field).map(|flow| &flow.schema)
}

fn is_same(one: &Value, other: &Value, schema: Option<&FieldSchema>) -> bool {
    match schema {
        Some(schema) => comparable(one, schema) == comparable(other, schema),
        None => one == other || (is_empty(one) && is_empty(other)),
    }
}
