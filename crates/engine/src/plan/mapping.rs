//! From a source record to the values that the target should have.

use cel::Context;
use serde_json::Value;

use super::classify::{Failure, evaluate};
use crate::compile::{CompiledField, Input};
use crate::definitions::schema::FieldType;
use crate::value::{DateFormats, ValueError, as_text, coerce, is_empty};
use rollcall_api::v1alpha1::OnUnmapped;

/// What one field should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mapped {
    /// This value, of the target's type; for a Reference the source key of the record it points at.
    Value { value: Value, is_default: bool },
    /// The source has no value.
    Empty,
    /// The value map says that it is to be empty.
    Emptied,
    /// Not sent: `onUnmapped: Skip`.
    LeftOut,
    /// Waits for an entry of the value map: `onUnmapped: Hold`.
    Unmapped,
}

/// Maps one field of a record.
pub(super) fn map(
    field: &CompiledField,
    body: &Value,
    context: &Context<'_, '_>,
    formats: &DateFormats,
) -> Result<Mapped, Failure> {
    let raw = match &field.input {
        Input::Path(parts) => {
            parts.iter().try_fold(body, |value, part| value.get(part)).cloned().unwrap_or(Value::Null)
        }
        Input::Constant(text) => Value::String(text.clone()),
        Input::Expression(expression) => evaluate(expression, context, &format!("fields[{}].expr", field.to))?,
    };
    let checked = |value: &Value, is_default| {
        let value = coerce(value, field.schema.type_, formats).and_then(|value| {
            field.rules.check(&value)?;
            Ok(value)
        });
        let fail =
            |error: ValueError| Failure { reason: error.reason, message: format!("field '{}': {error}", field.to) };
        value.map(|value| Mapped::Value { value, is_default }).map_err(fail)
    };
    match translate(field, &raw) {
        Translated::Value(value) => checked(&value, false),
        Translated::Other(mapped) => Ok(mapped),
        Translated::Empty => match &field.default {
            Some(default) if !default.trim().is_empty() => checked(&Value::String(default.clone()), true),
            _ => Ok(Mapped::Empty),
        },
    }
}

enum Translated {
    Value(Value),
    Empty,
    Other(Mapped),
}

/// Applies the value map. An empty value is translated only when the map names it (`from: ""`).
fn translate(field: &CompiledField, raw: &Value) -> Translated {
    let is_blank = is_empty(raw);
    let unmapped = if is_blank { Translated::Empty } else { Translated::Value(raw.clone()) };
    // A list is translated element by element nowhere: the check of the setting refuses it.
    if field.values.is_empty() || field.schema.type_ == FieldType::TextList && raw.is_array() {
        return unmapped;
    }
    let text = if is_blank { String::new() } else { as_text(raw).unwrap_or_default() };
    match field.values.iter().find(|entry| entry.from.trim_end() == text) {
        Some(entry) => match &entry.to {
            Some(to) if !to.trim().is_empty() => Translated::Value(Value::String(to.clone())),
            _ => Translated::Other(Mapped::Emptied),
        },
        None if is_blank => Translated::Empty,
        None => match field.on_unmapped {
            OnUnmapped::Hold => Translated::Other(Mapped::Unmapped),
            OnUnmapped::Skip => Translated::Other(Mapped::LeftOut),
            OnUnmapped::Pass => unmapped,
        },
    }
}
