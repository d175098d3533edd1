//! What functions do. Each takes what it needs from the budget before it asks for memory.

use super::budget::{Budget, CASE_GROWTH, COMPILE_PATTERN_BYTES, COMPILE_PATTERN_STEPS, amount};
use super::failure::Failure;
use super::functions::{Function, Signature};
use super::pattern::Pattern;
use super::value::Value;
use super::{text, time};

/// Calls a function. For a member function the first value is what it is called on.
pub(super) fn call<'v>(
    signature: &Signature,
    arguments: &[Value<'v>],
    budget: &mut Budget,
) -> Result<Value<'v>, Failure> {
    let name = signature.name;
    match (signature.function, arguments) {
        (Function::Coalesce, values) => coalesce(values, budget),
        (Function::Dyn, [value]) => Ok(value.clone()),
        (Function::Type, [value]) => Ok(Value::Kind(value.kind())),
        (Function::Size, [value]) => size(value, budget),
        (Function::Part(part), [Value::Time(instant, offset)]) => Ok(Value::Whole(part.of(*instant, *offset))),
        (
            Function::ToText
            | Function::ToWhole
            | Function::ToDecimal
            | Function::ToBool
            | Function::ToTime
            | Function::ToDuration,
            [value],
        ) => convert(signature, value, budget),
        (Function::JoinFilled, [Value::List(list), Value::Text(separator)]) => {
            text::join(list, separator.as_str(), true, budget)
        }
        (Function::Join, [Value::List(list)]) => text::join(list, "", false, budget),
        (Function::Join, [Value::List(list), Value::Text(separator)]) => {
            text::join(list, separator.as_str(), false, budget)
        }
        (Function::Lower | Function::Upper | Function::Trim, [Value::Null]) => Ok(Value::Null),
        (Function::StartsWith | Function::EndsWith | Function::Contains | Function::Matches, [one, two])
            if matches!(one, Value::Null) || matches!(two, Value::Null) =>
        {
            Ok(Value::Bool(false))
        }
        (Function::Matches, [subject, Value::Text(pattern)]) => {
            budget.step(COMPILE_PATTERN_STEPS)?;
            budget.allocate(COMPILE_PATTERN_BYTES)?;
            // The text of the pattern comes from the row: it is not repeated.
            let wrong = |_| Failure::function(name, "the pattern cannot be read, or is too large");
            matches(subject, &Pattern::compile(pattern.as_str()).map_err(wrong)?, budget)
        }
        (function, [Value::Text(subject), rest @ ..]) => text::call(function, name, subject, rest, budget),
        _ => Err(wrong_kind(name, arguments)),
    }
}

/// A text against a compiled pattern.
pub(super) fn matches<'v>(subject: &Value<'v>, pattern: &Pattern, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    match subject {
        Value::Null => Ok(Value::Bool(false)),
        Value::Text(subject) => pattern.is_match(subject.as_str(), budget).map(Value::Bool),
        other => Err(wrong_kind("matches", std::slice::from_ref(other))),
    }
}

fn coalesce<'v>(values: &[Value<'v>], budget: &mut Budget) -> Result<Value<'v>, Failure> {
    for value in values {
        match value {
            Value::Null => {}
            Value::Text(text) => {
                budget.read(text.as_str().len())?;
                if !text.as_str().trim().is_empty() {
                    return Ok(value.clone());
                }
            }
            _ => return Ok(value.clone()),
        }
    }
    Ok(Value::Null)
}

fn size<'v>(value: &Value<'v>, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    let size = match value {
        Value::Null => 0,
        Value::Text(text) => {
            budget.read(text.as_str().len())?;
            text.as_str().chars().count()
        }
        Value::List(list) => list.len(),
        Value::Object(object) => object.len(),
        other => return Err(wrong_kind("size", std::slice::from_ref(other))),
    };
    Ok(text::whole(size))
}

fn convert<'v>(signature: &Signature, value: &Value<'v>, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    let name = signature.name;
    if let Value::Text(text) = value {
        budget.read(text.as_str().len())?;
    }
    let unreadable = |wanted: &str| Failure::function(name, &format!("the text is not {wanted}"));
    match (signature.function, value) {
        (Function::ToText, Value::Text(_))
        | (Function::ToWhole, Value::Whole(_))
        | (Function::ToDecimal, Value::Decimal(_))
        | (Function::ToBool, Value::Bool(_))
        | (Function::ToTime, Value::Time(..))
        | (Function::ToDuration, Value::Duration(_)) => Ok(value.clone()),
        (Function::ToText, other) => Ok(Value::made(other.as_text(budget)?)),
        (Function::ToWhole, Value::Text(text)) => {
            text.as_str().parse().map(Value::Whole).map_err(|_| unreadable("a whole number"))
        }
        (Function::ToWhole, Value::Decimal(number)) => truncate(*number).map(Value::Whole),
        (Function::ToWhole, Value::Time(instant, _)) => Ok(Value::Whole(instant.as_second())),
        (Function::ToDecimal, Value::Whole(_)) => {
            value.as_decimal().map(Value::Decimal).ok_or_else(|| wrong_kind(name, std::slice::from_ref(value)))
        }
        (Function::ToDecimal, Value::Text(text)) => {
            text.as_str().parse().map(Value::Decimal).map_err(|_| unreadable("a number"))
        }
        (Function::ToBool, Value::Text(text)) => match text.as_str() {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(unreadable("true or false")),
        },
        (Function::ToTime, Value::Text(text)) => time::timestamp(text.as_str()),
        (Function::ToTime, Value::Whole(seconds)) => jiff::Timestamp::from_second(*seconds)
            .ok()
            .and_then(|instant| time::checked(instant, jiff::tz::Offset::UTC))
            .ok_or_else(|| Failure::function(name, "the year is not one of 1 to 9999")),
        (Function::ToDuration, Value::Text(text)) => time::duration(text.as_str()),
        _ => Err(wrong_kind(name, std::slice::from_ref(value))),
    }
}

/// A decimal without what is after its point.
#[expect(clippy::cast_possible_truncation, reason = "the bounds of whole numbers are checked before")]
fn truncate(number: f64) -> Result<i64, Failure> {
    /// 2^63, the first decimal beyond whole numbers.
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if number > -BOUND && number < BOUND {
        Ok(number as i64)
    } else {
        Err(Failure::function("int", "the number is too large"))
    }
}

/// The kinds of the values that a function was called with and does not take.
pub(super) fn wrong_kind(name: &str, arguments: &[Value<'_>]) -> Failure {
    let kinds = arguments.iter().map(|value| value.kind().to_string()).collect::<Vec<_>>().join(" and ");
    Failure::value(format!("function '{name}' does not take {kinds}"))
}

/// Bytes that small or capital letters may take.
pub(super) fn cased(bytes: usize) -> u64 {
    amount(bytes).saturating_mul(CASE_GROWTH)
}
