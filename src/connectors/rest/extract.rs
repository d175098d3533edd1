//! Makes records of rows, as a definition's value rules say.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::choose::choose;
use crate::connectors::value::{identifier, normalise};
use rollcall_api::reasons;
use rollcall_engine::definitions::{SourceStream, ValueRule, put};
use rollcall_engine::model::{SourceRecord, Unreadable};
use rollcall_engine::redacted::Redacted;

/// Names by identifier, by name of the lookup.
pub(super) type Lookups = BTreeMap<String, BTreeMap<String, String>>;

/// The chosen row of each expansion; None where the record has no rows.
pub(super) type Expanded = BTreeMap<String, Option<Value>>;

/// Makes a record: every field of the schema is present, those that are not wanted are null.
pub(super) fn record(
    stream: &SourceStream,
    wanted: &BTreeMap<String, &ValueRule>,
    key: &str,
    row: &Value,
    expanded: &Expanded,
    lookups: &Lookups,
) -> Result<SourceRecord, Unreadable> {
    let mut body = Map::new();
    for (name, field) in &stream.schema.fields {
        let found = match wanted.get(name) {
            Some(rule) => raw(rule, row, expanded),
            None => None,
        };
        let value = match (found, wanted.get(name).and_then(|rule| rule.lookup.as_ref())) {
            (None, _) => Value::Null,
            (Some(id), Some(lookup)) => Value::String(named(lookups, lookup, id, key, name)?),
            (Some(found), None) => normalise(field.type_, found).ok_or_else(|| {
                unreadable(key, format!("field {name} came with a value of another type than its definition says"))
            })?,
        };
        put(&mut body, &name.split('.').collect::<Vec<_>>(), value);
    }
    Ok(SourceRecord { key: key.to_owned(), body: Redacted::new(Value::Object(body)) })
}

/// The value before it is looked up or normalised.
fn raw<'a>(rule: &ValueRule, row: &'a Value, expanded: &'a Expanded) -> Option<&'a Value> {
    let document = match &rule.from {
        Some(name) => expanded.get(name)?.as_ref()?,
        None => row,
    };
    let document = match &rule.list {
        Some(list) => choose(list.find(document)?.as_array()?, &rule.prefer)?,
        None => document,
    };
    std::iter::once(&rule.path).chain(&rule.other_spellings).find_map(|path| path.find(document))
}

/// An identifier without a name makes the record unreadable: an empty value would clear the field in the target.
fn named(lookups: &Lookups, lookup: &str, id: &Value, key: &str, field: &str) -> Result<String, Unreadable> {
    let name = identifier(id).and_then(|id| lookups.get(lookup)?.get(&id).cloned());
    name.ok_or_else(|| {
        unreadable(key, format!("field {field} refers to an entry that the list {lookup} does not have"))
    })
}

pub(super) fn unreadable(key: &str, message: String) -> Unreadable {
    Unreadable { key: key.to_owned(), reason: reasons::SOURCE_UNREADABLE, message }
}
