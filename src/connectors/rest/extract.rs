//! Takes values out of rows, as a definition's rules say.

use serde_json::Value;

use super::choose::choose;
use crate::connectors::draft::{Draft, Field, Form, Place};
use crate::connectors::value::identifier;
use rollcall_engine::definitions::{ActiveRule, RestStream, ValueRule, is_text};
use rollcall_engine::names::RowId;

/// The wanted fields of a stream.
pub(super) type Wanted<'a> = [Field<'a, ValueRule>];

/// What a row itself says: its expansions are yet to be read, and fields with a lookup hold identifiers.
pub(super) fn draft(stream: &RestStream, wanted: &Wanted<'_>, id: RowId, row: &Value) -> Draft {
    let mut draft = Draft::new(id);
    if let Some(path) = &stream.parent {
        draft.take_parent(path.find(row).and_then(identifier));
    }
    if let Some(rule) = &stream.active {
        draft.take_active(active(rule, row));
    }
    fill(&mut draft, wanted, None, row);
    draft
}

/// Takes the fields of one part of a record: of an expansion's chosen row, or (None) of the record's own.
pub(super) fn fill(draft: &mut Draft, wanted: &Wanted<'_>, part: Option<&str>, document: &Value) {
    for field in wanted.iter().filter(|field| field.rule.from.as_deref() == part) {
        let form = if field.rule.lookup.is_some() { Form::Identifier } else { Form::Typed };
        draft.take(field.name, field.schema, place(field.rule, document), form);
    }
}

fn active(rule: &ActiveRule, row: &Value) -> Option<bool> {
    match rule.path.find(row) {
        Some(Value::Array(_) | Value::Object(_)) => None,
        Some(value) => Some(!rule.inactive.iter().any(|inactive| is_text(value, inactive))),
        None => rule.path.is_delivered(row).then_some(true),
    }
}

fn place<'a>(rule: &ValueRule, document: &'a Value) -> Place<'a> {
    let document = match &rule.list {
        None => document,
        Some(list) => match list.find(document) {
            Some(Value::Array(elements)) => match choose(elements, &rule.prefer) {
                Some(chosen) => chosen,
                None => return Place::Empty,
            },
            Some(_) => return Place::Malformed,
            None if list.is_delivered(document) => return Place::Empty,
            None => return Place::Missing,
        },
    };
    let mut paths = std::iter::once(&rule.path).chain(&rule.other_spellings);
    match paths.clone().find_map(|path| path.find(document)) {
        Some(value) => Place::Value(value),
        None if paths.any(|path| path.is_delivered(document)) => Place::Empty,
        None => Place::Missing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_active_unless_it_says_otherwise_and_unreadable_when_it_says_nothing() {
        let rule = ActiveRule { path: "state.name".into(), inactive: vec!["left".into(), "false".into()] };
        let cases = [
            (json!({"state": {"name": "LEFT"}}), Some(false)),
            (json!({"state": {"name": false}}), Some(false)),
            (json!({"state": {"name": "hired"}}), Some(true)),
            (json!({"state": null}), Some(true)),
            (json!({"state": {"name": []}}), None),
            (json!({"state": {}}), None),
            (json!({}), None),
        ];
        for (row, expected) in cases {
            assert_eq!(active(&rule, &row), expected, "{row}");
        }
    }

    #[test]
    fn an_empty_list_is_empty_and_a_missing_one_is_missing() {
        let rule = ValueRule { list: Some("costs".into()), path: "id".into(), ..ValueRule::default() };
        for (document, expected) in [
            (json!({"costs": []}), Place::Empty),
            (json!({"costs": null}), Place::Empty),
            (json!({"costs": [{"id": null}]}), Place::Empty),
            (json!({"costs": [{}]}), Place::Missing),
            (json!({"costs": {"id": 1}}), Place::Malformed),
            (json!({}), Place::Missing),
        ] {
            assert_eq!(place(&rule, &document), expected, "{document}");
        }
    }
}
