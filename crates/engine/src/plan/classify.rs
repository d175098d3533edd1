//! Leaver, in scope or out of scope: what the leading record itself says. Each kind of evidence stands alone: a last day
//! that cannot be read does not outweigh a status that says that somebody has left.

use crate::expression::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rollcall_api::reasons;
use serde_json::Value;

use crate::compile::{CompiledStream, Scope};
use crate::expression::Expression;
use crate::model::Row;
use crate::value::{DateFormats, is_empty};

/// Why a record fails, in a word and in a text without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Failure {
    /// Whether the value could be any: it was not read, or not worked out.
    pub(super) fn leaves_value_unknown(&self) -> bool {
        self.reason == reasons::SOURCE_UNREADABLE || self.reason == reasons::EXPRESSION_FAILED
    }
}

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Has left; the reason says how that is known.
    Leaver(&'static str),
    /// Is to be sent. `leaves_at`: when a future leaving day takes effect.
    InScope { leaves_at: Option<Timestamp> },
    /// Is left out by this clause.
    OutOfScope { clause: String, leaves_at: Option<Timestamp> },
    /// Cannot be told.
    Failed(Failure),
}

/// What classifying depends on beside the record.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) formats: &'a DateFormats,
    pub(super) now: Timestamp,
    pub(super) zone: &'a TimeZone,
}

/// Classifies one record.
pub(super) fn classify(
    stream: &CompiledStream,
    row: &Row,
    context: &Context<'_>,
    circumstances: Circumstances<'_>,
) -> Class {
    let knows_status = !stream.leaver.when_uses.iter().any(|field| row.is_unknown(field));
    let status = stream.leaver.when.as_ref().filter(|_| knows_status).map(|when| truth(when, context, "leaver.when"));
    if status == Some(Ok(true)) {
        return Class::Leaver(reasons::LEAVER_STATUS);
    }
    if let Some(fault) = &row.fault {
        let message = format!("{}: {}", fault.reason, fault.message);
        return Class::Failed(Failure { reason: reasons::SOURCE_UNREADABLE, message });
    }
    let leaves_at = leaves_at(stream, context, circumstances);
    if let Ok(Some(instant)) = &leaves_at
        && *instant <= circumstances.now
    {
        return Class::Leaver(reasons::LEAVER_LAST_DAY);
    }
    let found = status.transpose().and(leaves_at).and_then(|leaves_at| {
        Ok(match stream.scope.as_ref().map(|scope| left_out_by(scope, context)).transpose()?.flatten() {
            Some(clause) => Class::OutOfScope { clause, leaves_at },
            None => Class::InScope { leaves_at },
        })
    });
    found.unwrap_or_else(Class::Failed)
}

/// The clause that leaves a record out; None when it is in scope.
fn left_out_by(scope: &Scope, context: &Context<'_>) -> Result<Option<String>, Failure> {
    if truth(&scope.whole, context, "scope")? {
        return Ok(None);
    }
    let is_false = |clause: &&Expression| clause.evaluate(context) == Ok(Value::Bool(false));
    Ok(Some(scope.clauses.iter().find(is_false).unwrap_or(&scope.whole).text.clone()))
}

/// Evaluates an expression that says yes or no; `name` says which in messages.
pub(super) fn truth(expression: &Expression, context: &Context<'_>, name: &str) -> Result<bool, Failure> {
    match evaluate(expression, context, name)? {
        Value::Bool(value) => Ok(value),
        _ => Err(failed(name, "it gives neither true nor false for this record")),
    }
}

/// Evaluates an expression of the setting; `name` says which in messages.
pub(super) fn evaluate(expression: &Expression, context: &Context<'_>, name: &str) -> Result<Value, Failure> {
    expression.evaluate(context).map_err(|error| failed(name, &error.to_string()))
}

fn failed(name: &str, text: &str) -> Failure {
    Failure { reason: reasons::EXPRESSION_FAILED, message: format!("{name}: {text}") }
}

/// When the record's leaving day takes effect.
fn leaves_at(
    stream: &CompiledStream,
    context: &Context<'_>,
    circumstances: Circumstances<'_>,
) -> Result<Option<Timestamp>, Failure> {
    let Some(expression) = &stream.leaver.last_day else { return Ok(None) };
    let value = evaluate(expression, context, "leaver.lastDay")?;
    if is_empty(&value) {
        return Ok(None);
    }
    let Value::String(text) = value else { return Err(failed("leaver.lastDay", "it gives neither a day nor null")) };
    let day = circumstances
        .formats
        .day(&text)
        .map_err(|error| Failure { reason: error.reason, message: format!("leaver.lastDay: {error}") })?;
    Ok(start_of_next_day(day, circumstances.zone))
}

/// The start of the day after a last day. Where midnight does not exist (a change to summer time), the first instant
/// after it. None for the last day that can be written: it never passes.
pub(super) fn start_of_next_day(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?;
    next.to_zoned(zone.clone()).ok().map(|start| start.timestamp())
}
