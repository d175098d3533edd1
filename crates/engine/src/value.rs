//! Values: reading them as the target's type, checking them, comparing them. Errors name the rule, never the value.

use jiff::civil::Date;
use regex::Regex;
use serde_json::{Number, Value};

use crate::definitions::schema::{FieldSchema, FieldType};
pub(crate) use crate::model::is_empty;
use rollcall_api::reasons;

/// Why a value cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct ValueError {
    /// One word of [`reasons`].
    pub(crate) reason: &'static str,
    /// The rule that it breaks.
    pub(crate) text: String,
}

fn invalid(text: impl Into<String>) -> ValueError {
    ValueError { reason: reasons::VALUE_INVALID, text: text.into() }
}

/// A single value as text, without trailing blanks; None for null, lists and objects.
pub(crate) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim_end().to_owned()),
        Value::Number(number) => Some(number_text(number)),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `5.0` and `5` are the same number, so they are the same text.
fn number_text(number: &Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        (None, Some(float)) if float.fract() == 0.0 && float.abs() < MOST_EXACT => format!("{float:.0}"),
        _ => number.to_string(),
    }
}

/// 2^53: whole numbers up to here are exact in a double (IEEE 754).
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Date formats beside `YYYY-MM-DD`, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct DateFormats(Vec<DateFormat>);

/// Where year, month and day are, and the characters between them.
#[derive(Clone, Debug)]
struct DateFormat(String);

impl DateFormats {
    /// Reads formats; gives the indexes of those that do not have YYYY, MM and DD once each.
    pub(crate) fn parse(formats: &[String]) -> (Self, Vec<usize>) {
        let is_bad = |format: &String| {
            let rest = format.replacen("YYYY", "", 1).replacen("MM", "", 1).replacen("DD", "", 1);
            rest.contains(['Y', 'M', 'D']) || rest.len() + "YYYYMMDD".len() != format.len()
        };
        let bad = formats.iter().enumerate().filter(|(_, format)| is_bad(format)).map(|(index, _)| index).collect();
        let good = formats.iter().filter(|format| !is_bad(format)).map(|format| DateFormat(format.clone())).collect();
        (Self(good), bad)
    }

    /// Reads a day: ISO 8601 (`YYYY-MM-DD`), the date of an RFC 3339 timestamp as it is written (it is NOT converted
    /// to UTC: the day the person leaves is the day in the text), or one of the formats. Two formats that read
    /// different days are an error, never a guess.
    pub(crate) fn day(&self, text: &str) -> Result<Date, ValueError> {
        let text = text.trim();
        if let Some(day) = iso_day(text) {
            return Ok(day);
        }
        let mut days: Vec<Date> = self.0.iter().filter_map(|format| format.day(text)).collect();
        days.sort_unstable();
        days.dedup();
        match days.as_slice() {
            [day] => Ok(*day),
            [] => Err(ValueError { reason: reasons::DATE_INVALID, text: "it is not a day in any known format".into() }),
            _ => Err(ValueError {
                reason: reasons::DATE_AMBIGUOUS,
                text: "two of parsing.dateFormats read it as different days".into(),
            }),
        }
    }
}

impl DateFormat {
    fn day(&self, text: &str) -> Option<Date> {
        if text.len() != self.0.len() || !text.is_ascii() {
            return None;
        }
        let (mut year, mut month, mut day) = (0_i16, 0_i8, 0_i8);
        for (pattern, character) in self.0.bytes().zip(text.bytes()) {
            let digit = character.wrapping_sub(b'0');
            match pattern {
                b'Y' | b'M' | b'D' if digit > 9 => return None,
                b'Y' => year = year * 10 + i16::from(digit),
                b'M' => month = month * 10 + i8::try_from(digit).ok()?,
                b'D' => day = day * 10 + i8::try_from(digit).ok()?,
                separator if separator != character => return None,
                _ => {}
            }
        }
        Date::new(year, month, day).ok()
    }
}

/// The day of `YYYY-MM-DD`, or of an RFC 3339 timestamp.
fn iso_day(text: &str) -> Option<Date> {
    let format = DateFormat("YYYY-MM-DD".into());
    if let Some(day) = format.day(text) {
        return Some(day);
    }
    let separator = text.as_bytes().get(10)?;
    if !matches!(separator, b'T' | b't' | b' ') || text.parse::<jiff::Timestamp>().is_err() {
        return None;
    }
    format.day(text.get(..10)?)
}

/// Turns a value into one of the target's type. The value is not empty.
pub(crate) fn coerce(value: &Value, type_: FieldType, formats: &DateFormats) -> Result<Value, ValueError> {
    let text = || as_text(value).ok_or_else(|| invalid("it is not a single value"));
    match type_ {
        FieldType::Text | FieldType::Reference => Ok(Value::String(text()?)),
        FieldType::Integer => whole(value).map(Value::from).ok_or_else(|| invalid("it is not a whole number")),
        FieldType::Number => match value {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => text.trim().parse::<f64>().ok().and_then(decimal),
            _ => None,
        }
        .map(Value::Number)
        .ok_or_else(|| invalid("it is not a number")),
        FieldType::Boolean => match (value, as_text(value).as_deref().map(str::trim)) {
            (Value::Bool(value), _) => Ok(Value::Bool(*value)),
            (_, Some("true")) => Ok(Value::Bool(true)),
            (_, Some("false")) => Ok(Value::Bool(false)),
            _ => Err(invalid("it is neither true nor false")),
        },
        FieldType::Date => Ok(Value::String(formats.day(&text()?)?.to_string())),
        FieldType::Timestamp => match text()?.trim().parse::<jiff::Timestamp>() {
            Ok(_) => Ok(Value::String(text()?.trim().to_owned())),
            Err(_) => Err(invalid("it is not an RFC 3339 timestamp")),
        },
        FieldType::TextList => list(value).map(Value::Array),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number_text(number).parse().ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A whole number stays one, so that `38` from text is sent as `38`, not `38.0`.
fn decimal(number: f64) -> Option<Number> {
    let exact = Number::from_f64(number)?;
    Some(number_text(&exact).parse::<i64>().map_or(exact, Number::from))
}

fn list(value: &Value) -> Result<Vec<Value>, ValueError> {
    let item = |item: &Value| as_text(item).map(Value::String).ok_or_else(|| invalid("an element is not a text"));
    match value {
        Value::Array(items) => items.iter().filter(|value| !is_empty(value)).map(item).collect(),
        single => Ok(vec![item(single)?]),
    }
}

/// The rules of one field, of the target and of the mapping together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) min_length: Option<usize>,
    pub(crate) max_length: Option<usize>,
    pub(crate) patterns: Vec<Regex>,
    pub(crate) one_of: Vec<Vec<String>>,
}

impl Rules {
    /// Checks a value of the target's type. Lengths are in characters. Each element of a list is checked.
    pub(crate) fn check(&self, value: &Value) -> Result<(), ValueError> {
        if let Value::Array(items) = value {
            return items.iter().try_for_each(|item| self.check(item));
        }
        let Some(text) = as_text(value) else { return Ok(()) };
        let length = text.chars().count();
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            return Err(invalid(format!("it has more than {most} characters")));
        }
        if let Some(fewest) = self.min_length.filter(|fewest| length < *fewest) {
            return Err(invalid(format!("it has fewer than {fewest} characters")));
        }
        if self.patterns.iter().any(|pattern| !pattern.is_match(&text)) {
            return Err(invalid("it does not match the pattern"));
        }
        if self.one_of.iter().any(|allowed| !allowed.contains(&text)) {
            return Err(invalid("it is not one of the allowed values"));
        }
        Ok(())
    }
}

/// Compiles a pattern that the whole value must match.
pub(crate) fn whole_pattern(pattern: &str) -> Result<Regex, String> {
    // Compiled on its own first: `a)(b` must not become valid inside the group.
    Regex::new(pattern)
        .and_then(|_| Regex::new(&format!("^(?:{pattern})$")))
        .map_err(|error| error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A value in the form in which two of the same field are compared and looked up; None when it is empty.
pub(crate) fn comparable(value: &Value, field: &FieldSchema) -> Option<String> {
    if is_empty(value) {
        return None;
    }
    if let Value::Array(items) = value {
        let mut items: Vec<String> = items.iter().filter_map(|item| comparable(item, field)).collect();
        items.sort_unstable();
        return Some(Value::from(items).to_string());
    }
    let text = as_text(value)?;
    Some(match field.type_ {
        FieldType::Date => iso_day(&text).map_or(text, |day| day.to_string()),
        FieldType::Timestamp => text.parse::<jiff::Timestamp>().map_or(text, |instant| instant.to_string()),
        FieldType::Integer | FieldType::Number => {
            text.trim().parse::<f64>().ok().and_then(decimal).map_or(text, |number| number.to_string())
        }
        _ if !field.case_exact => text.to_lowercase(),
        _ => text,
    })
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
