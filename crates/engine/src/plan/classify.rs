//! Leaver, in scope or out of scope: what the source record itself says.

use cel::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::compile::{CompiledStream, Scope};
use crate::expression::Expression;
use crate::value::{DateFormats, is_empty};
use rollcall_api::reasons;

/// Why a record fails, in a word and in a text without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: &'static str,
    pub(super) message: String,
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

/// Classifies one record.
pub(super) fn classify(
    stream: &CompiledStream,
    context: &Context<'_, '_>,
    formats: &DateFormats,
    now: Timestamp,
    zone: &TimeZone,
) -> Class {
    let found = leaves_at(stream, context, formats, zone).and_then(|leaves_at| {
        if let Some(when) = &stream.leaver.when
            && truth(when, context, "leaver.when")?
        {
            return Ok(Class::Leaver(reasons::LEAVER_STATUS));
        }
        if leaves_at.is_some_and(|instant| instant <= now) {
            return Ok(Class::Leaver(reasons::LEAVER_LAST_DAY));
        }
        Ok(match stream.scope.as_ref().map(|scope| left_out_by(scope, context)).transpose()?.flatten() {
            Some(clause) => Class::OutOfScope { clause, leaves_at },
            None => Class::InScope { leaves_at },
        })
    });
    found.unwrap_or_else(Class::Failed)
}

/// The clause that leaves a record out; None when it is in scope.
fn left_out_by(scope: &Scope, context: &Context<'_, '_>) -> Result<Option<String>, Failure> {
    if truth(&scope.whole, context, "scope")? {
        return Ok(None);
    }
    let is_false = |clause: &&Expression| clause.evaluate(context) == Ok(Value::Bool(false));
    Ok(Some(scope.clauses.iter().find(is_false).unwrap_or(&scope.whole).text.clone()))
}

fn truth(expression: &Expression, context: &Context<'_, '_>, name: &str) -> Result<bool, Failure> {
    match evaluate(expression, context, name)? {
        Value::Bool(value) => Ok(value),
        _ => Err(failed(name, "it gives neither true nor false for this record")),
    }
}

/// Evaluates an expression of the setting; `name` says which in messages.
pub(super) fn evaluate(expression: &Expression, context: &Context<'_, '_>, name: &str) -> Result<Value, Failure> {
    expression.evaluate(context).map_err(|error| failed(name, &error.text))
}

fn failed(name: &str, text: &str) -> Failure {
    Failure { reason: reasons::EXPRESSION_FAILED, message: format!("{name}: {text}") }
}

/// When the record's leaving day takes effect.
fn leaves_at(
    stream: &CompiledStream,
    context: &Context<'_, '_>,
    formats: &DateFormats,
    zone: &TimeZone,
) -> Result<Option<Timestamp>, Failure> {
    let Some(expression) = &stream.leaver.last_day else { return Ok(None) };
    let value = evaluate(expression, context, "leaver.lastDay")?;
    if is_empty(&value) {
        return Ok(None);
    }
    let Value::String(text) = value else { return Err(failed("leaver.lastDay", "it gives neither a day nor null")) };
    let day = formats
        .day(&text)
        .map_err(|error| Failure { reason: error.reason, message: format!("leaver.lastDay: {error}") })?;
    Ok(start_of_next_day(day, zone))
}

/// The start of the day after a last day. Where midnight does not exist (a change to summer time), the first instant
/// after it. None for the last day that can be written: it never passes.
pub(super) fn start_of_next_day(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?;
    next.to_zoned(zone.clone()).ok().map(|start| start.timestamp())
}
