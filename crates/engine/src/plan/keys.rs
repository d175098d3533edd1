//! What records are found by: the value of each match rule, as it is compared.

use rollcall_api::v1alpha1::Normalization;
use serde_json::Value;

use super::classify::Failure;
use super::mapping::Mapped;
use crate::compile::{CompiledMatch, CompiledStream};
use crate::definitions::schema::FieldSchema;
use crate::model::Row;
use crate::value::comparable;

/// What a record is found by under one match rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// This text.
    Value(String),
    /// It has no value there: the rule does not find it.
    None,
    /// It could not be read.
    Unknown,
    /// The value is wrong.
    Failed(Failure),
}

/// Stands between the values of a rule over several fields; no value that is compared holds it.
const SEPARATOR: char = '\u{1f}';

/// The key of a record of the source, from its mapped values.
pub(super) fn of_source(rule: &CompiledMatch, stream: &CompiledStream, mapped: &[Result<Mapped, Failure>]) -> Key {
    let mut parts = Vec::with_capacity(rule.fields.len());
    for index in &rule.fields {
        let (Some(field), Some(mapped)) = (stream.fields.get(*index), mapped.get(*index)) else { return Key::None };
        match mapped {
            Err(failure) => return Key::Failed(failure.clone()),
            Ok(mapped) => match mapped.own_value().and_then(|value| form(value, &field.forward.schema, rule.normalize))
            {
                Some(part) => parts.push(part),
                None => return Key::None,
            },
        }
    }
    Key::Value(joined(&parts))
}

/// The key of a record of the target, from its own fields.
pub(super) fn of_target(rule: &CompiledMatch, stream: &CompiledStream, row: &Row) -> Key {
    let mut parts = Vec::with_capacity(rule.fields.len());
    for index in &rule.fields {
        let Some(field) = stream.fields.get(*index) else { return Key::None };
        if row.is_unknown(&field.to) {
            return Key::Unknown;
        }
        match row.values().get(&field.to).and_then(|value| form(value, &field.forward.schema, rule.normalize)) {
            Some(part) => parts.push(part),
            None => return Key::None,
        }
    }
    Key::Value(joined(&parts))
}

fn joined(parts: &[String]) -> String {
    parts.join(&SEPARATOR.to_string())
}

/// A value in the form in which the rule compares it; None when nothing of it is left.
fn form(value: &Value, schema: &FieldSchema, normalize: Normalization) -> Option<String> {
    let text = comparable(value, schema)?;
    let text: String = match normalize {
        Normalization::None => text,
        Normalization::Case => text.to_lowercase(),
        Normalization::Digits => text.chars().filter(char::is_ascii_digit).collect(),
        Normalization::Alphanumeric => {
            text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_uppercase).collect()
        }
    };
    (!text.is_empty()).then_some(text)
}
