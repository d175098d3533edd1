//! Rows, links and entries of the small world.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::{Stream, World};
use crate::model::{Disposition, Entry, Fault, Fields, Line, Link, Operation, Plan, Provenance, Row};
use crate::names::{FieldName, Side};

/// The one entry of a stream for a source key.
#[track_caller]
pub(super) fn entry(plan: &Plan, stream: &str, key: &str) -> Entry {
    let stream = plan.streams.iter().find(|plan| plan.name == *stream).unwrap();
    let is_meant = |entry: &&Entry| entry.source_key.as_ref().is_some_and(|source| *source == *key);
    stream.entries.iter().find(is_meant).cloned().unwrap_or_else(|| panic!("no entry for {key}"))
}

/// What happens to a pair, in a word.
pub(super) fn word(entry: &Entry) -> &'static str {
    match &entry.disposition {
        Disposition::Write(lines) => lines.first().map_or("wait", |line| match line.operation {
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Enable => "enable",
            Operation::Disable => "disable",
            Operation::Delete => "delete",
        }),
        Disposition::Unchanged => "unchanged",
        Disposition::Skip => "skip",
        Disposition::Conflict => "conflict",
        Disposition::Fail => "fail",
    }
}

/// What would be set by the line to a side, as JSON.
#[track_caller]
pub(super) fn set_at(entry: &Entry, side: Side) -> Value {
    line_at(entry, side).map_or_else(|| json!({}), |line| json!(line.set))
}

pub(super) fn line_at(entry: &Entry, side: Side) -> Option<&Line> {
    entry.lines().iter().find(|line| line.at == side)
}

/// The row of a person in the source.
#[track_caller]
pub(super) fn source_row<'a>(world: &'a mut World, key: &str) -> &'a mut Row {
    world.people.source.iter_mut().find(|row| row.id == *key).unwrap()
}

/// The row that this world made for a person in the target.
#[track_caller]
pub(super) fn target_row<'a>(world: &'a mut World, key: &str) -> &'a mut Row {
    let id = format!("t-{key}");
    world.people.target.iter_mut().find(|row| row.id == *id).unwrap()
}

/// Sets a value of a row; null takes it away.
pub(super) fn set(row: &mut Row, field: &str, value: Value) {
    if value.is_null() {
        row.fields.expose_mut().remove(field);
    } else {
        row.fields.expose_mut().insert(field.into(), value);
    }
}

pub(super) fn person(key: &str, extra: Value) -> Row {
    let mut fields = json!({"id": key, "status": "ACTIVE", "name": format!("Name {key}"),
        "email": format!("{key}@example.org"), "kind": "A"});
    if let (Value::Object(fields), Value::Object(extra)) = (&mut fields, extra) {
        fields.extend(extra);
    }
    row(key, fields)
}

pub(super) fn row(id: &str, fields: Value) -> Row {
    let Value::Object(fields) = fields else { panic!("a row is an object") };
    let values = fields.into_iter().filter(|(_, value)| !value.is_null());
    let fields: Fields = values.map(|(name, value)| (FieldName::from(name), value)).collect();
    Row { id: id.into(), parent: None, active: true, fields: fields.into(), fault: None }
}

/// Makes a row one that could not be read whole; without names nothing of it is known.
pub(super) fn break_row(row: &mut Row, unknown: &[&str]) {
    for name in unknown {
        row.fields.expose_mut().remove(name);
    }
    if unknown.is_empty() {
        *row.fields.expose_mut() = Fields::new();
    }
    row.fault = Some(Fault {
        reason: "AnswerInvalid".into(),
        message: "a field is not what its definition says".into(),
        fields: unknown.iter().map(|name| FieldName::from(*name)).collect(),
    });
}

pub(super) fn link(stream: &str, key: &str, id: &str) -> Link {
    Link {
        stream: stream.into(),
        source_key: key.into(),
        target_id: id.into(),
        provenance: Provenance::Auto,
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        disabled_at: None,
        witness: BTreeMap::new(),
        agreed: BTreeMap::new(),
        undone: None,
    }
}

/// A stream of placements of people, of which some count.
pub(super) fn placements(pick: &Value) -> Stream {
    Stream::new(json!({
        "name": "placements", "pick": pick, "match": [{"field": "number"}], "leaver": {"deleteAfterDays": 0},
        "actions": {"delete": true},
        "fields": [{"to": "number", "from": "number"}, {"to": "type", "from": "type"}, {"to": "start", "from": "start"}]
    }))
}

/// A stream of reviews of placements.
pub(super) fn reviews() -> Stream {
    Stream::new(json!({"name": "reviews", "match": [{"field": "number"}],
        "fields": [{"to": "number", "from": "number"}]}))
}

/// A placement of a person.
pub(super) fn placement(id: &str, parent: &str, type_: &str, start: &str) -> Row {
    let mut row = row(id, json!({"number": id, "type": type_, "start": start}));
    row.parent = Some(parent.into());
    row
}
