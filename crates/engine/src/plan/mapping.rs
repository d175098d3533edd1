//! From a record of one side to the value that a field of the other should have.

use crate::expression::Context;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::OnUnmapped;
use serde_json::Value;

use super::classify::{Failure, evaluate};
use crate::compile::{Flow, Input};
use crate::definitions::schema::FieldType;
use crate::model::Row;
use crate::value::{DateFormats, ValueError, as_text, coerce, is_empty};

/// What one field should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mapped {
    /// This value, of the field's type; for a Reference the identifier, on the side it comes from, of the record it
    /// points at.
    Value { value: Value, is_default: bool },
    /// The origin has no value.
    Empty,
    /// The value map says that it is to be empty.
    Emptied,
    /// Not sent: `onUnmapped: Skip`.
    LeftOut,
    /// Waits for an entry of the value map: `onUnmapped: Hold`.
    Unmapped,
}

impl Mapped {
    /// The value, unless it is a default: a default is shared by many and identifies nobody.
    pub(super) const fn own_value(&self) -> Option<&Value> {
        match self {
            Self::Value { value, is_default: false } => Some(value),
            _ => None,
        }
    }
}

/// Maps one field of a record.
pub(super) fn map(flow: &Flow, row: &Row, context: &Context<'_>, formats: &DateFormats) -> Result<Mapped, Failure> {
    let raw = match &flow.input {
        Input::Field(name) if row.is_unknown(name) => {
            let message = format!("field '{name}' could not be read");
            return Err(Failure { reason: reasons::SOURCE_UNREADABLE, message });
        }
        // With a part of the record unknown it could give a value that is somebody else's.
        Input::Expression(_) if row.fault.is_some() => {
            let message = format!("fields[{}].expr: a part of the record could not be read", flow.field);
            return Err(Failure { reason: reasons::SOURCE_UNREADABLE, message });
        }
        Input::Field(name) => row.values().get(name).cloned().unwrap_or(Value::Null),
        Input::Constant(text) => Value::String(text.clone()),
        Input::Expression(expression) => evaluate(expression, context, &format!("fields[{}].expr", flow.field))?,
    };
    let checked = |value: &Value, is_default| {
        let value = coerce(value, flow.schema.type_, formats).and_then(|value| {
            flow.rules.check(&value)?;
            Ok(value)
        });
        let fail =
            |error: ValueError| Failure { reason: error.reason, message: format!("field '{}': {error}", flow.field) };
        value.map(|value| Mapped::Value { value, is_default }).map_err(fail)
    };
    match translate(flow, &raw) {
        Translated::Value(value) => checked(&value, false),
        Translated::Other(mapped) => Ok(mapped),
        Translated::Empty => match &flow.default {
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
fn translate(flow: &Flow, raw: &Value) -> Translated {
    let is_blank = is_empty(raw);
    let unmapped = if is_blank { Translated::Empty } else { Translated::Value(raw.clone()) };
    // A list is translated element by element nowhere: the check of the setting refuses it.
    if flow.values.is_empty() || flow.schema.type_ == FieldType::TextList && raw.is_array() {
        return unmapped;
    }
    let text = if is_blank { String::new() } else { as_text(raw).unwrap_or_default() };
    match flow.values.iter().find(|entry| entry.from.trim_end() == text) {
        Some(entry) => match &entry.to {
            Some(to) if !to.trim().is_empty() => Translated::Value(Value::String(to.clone())),
            _ => Translated::Other(Mapped::Emptied),
        },
        None if is_blank => Translated::Empty,
        None => match flow.on_unmapped {
            OnUnmapped::Hold => Translated::Other(Mapped::Unmapped),
            OnUnmapped::Skip => Translated::Other(Mapped::LeftOut),
            OnUnmapped::Pass => unmapped,
        },
    }
}
