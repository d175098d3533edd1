//! Values as systems send them, brought into the form of their field's type.

use serde_json::Value;

use rollcall_engine::definitions::schema::{FieldSchema, FieldType};

/// The value in the form of its type; null when the system has none (an empty text or list is none). None: it has a shape that
/// the type cannot have.
///
/// Systems disagree about numbers, booleans and identifiers as texts, so both forms are read. A date with a time is
/// cut, not converted: local midnight in UTC would be the day before. A text that is no date in `YYYY-MM-DD` is kept
/// for the setting's own date formats.
pub(crate) fn normalise(type_: FieldType, value: &Value) -> Option<Value> {
    match (type_, value) {
        (_, Value::Null) => Some(Value::Null),
        (_, Value::String(text)) if text.is_empty() => Some(Value::Null),
        (FieldType::Text | FieldType::Reference | FieldType::Timestamp, Value::String(_))
        | (FieldType::Number, Value::Number(_))
        | (FieldType::Boolean, Value::Bool(_)) => Some(value.clone()),
        (FieldType::Text | FieldType::Reference, Value::Number(_) | Value::Bool(_)) => {
            Some(Value::String(value.to_string()))
        }
        (FieldType::Integer, Value::Number(number)) => (number.is_i64() || number.is_u64()).then(|| value.clone()),
        (FieldType::Integer, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        (FieldType::Number, Value::String(text)) => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from)
        }
        (FieldType::Boolean, Value::String(text)) => boolean(text).map(Value::Bool),
        (FieldType::Date, Value::String(text)) => Some(Value::String(cut_date(text).to_owned())),
        (FieldType::TextList, Value::Array(items)) => {
            let texts: Option<Vec<Value>> = items.iter().map(|item| normalise(FieldType::Text, item)).collect();
            let texts = texts?.into_iter().filter(|text| !text.is_null()).collect::<Vec<_>>();
            Some(if texts.is_empty() { Value::Null } else { Value::Array(texts) })
        }
        _ => None,
    }
}

/// `true` or `false` in any case: some clients and servers write booleans as texts.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn cut_date(text: &str) -> &str {
    let Some((day, rest)) = text.split_at_checked(10) else { return text };
    if rest.starts_with(['T', 't', ' ']) && day.parse::<jiff::civil::Date>().is_ok() { day } else { text }
}

/// An identifier: a text or a whole number.
pub(crate) fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a value that was found is the one that was looked for.
pub(crate) fn is_same(field: &FieldSchema, found: Option<&Value>, wanted: &str) -> bool {
    found.is_some_and(|found| has_text(found, wanted, field.case_exact))
}

/// Whether a value, or an element of a list, is written like this. Numbers are compared by size.
pub(crate) fn has_text(found: &Value, wanted: &str, case_exact: bool) -> bool {
    match found {
        Value::String(text) if case_exact => text == wanted,
        Value::String(text) => text.to_lowercase() == wanted.to_lowercase(),
        Value::Number(number) if number.to_string() == wanted => true,
        // Whole numbers beyond 2^53 are not told apart by their size as a double.
        Value::Number(number) if number.is_f64() => number.as_f64() == wanted.trim().parse().ok(),
        Value::Number(number) => wanted
            .trim()
            .parse()
            .is_ok_and(|wanted: f64| wanted.fract() == 0.0 && format!("{wanted:.0}") == number.to_string()),
        Value::Bool(flag) => boolean(wanted) == Some(*flag),
        Value::Array(items) => items.iter().any(|item| has_text(item, wanted, case_exact)),
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_brought_into_the_form_of_their_type() {
        let cases = [
            (FieldType::Text, json!(47), Some(json!("47"))),
            (FieldType::Text, json!(""), Some(json!(null))),
            (FieldType::Text, json!({"a": 1}), None),
            (FieldType::Reference, json!(12), Some(json!("12"))),
            (FieldType::Integer, json!("12"), Some(json!(12))),
            (FieldType::Integer, json!(1.5), None),
            (FieldType::Number, json!("38.5"), Some(json!(38.5))),
            (FieldType::Boolean, json!("False"), Some(json!(false))),
            (FieldType::Boolean, json!("no"), None),
            (FieldType::Date, json!("2021-04-01T00:00:00+02:00"), Some(json!("2021-04-01"))),
            (FieldType::Date, json!("2021-04-01"), Some(json!("2021-04-01"))),
            (FieldType::Date, json!("01/04/2021 "), Some(json!("01/04/2021 "))),
            (FieldType::Date, json!(20_210_401), None),
            (FieldType::TextList, json!(["a", 1]), Some(json!(["a", "1"]))),
            (FieldType::TextList, json!(["", null]), Some(json!(null))),
            (FieldType::TextList, json!("a"), None),
        ];
        for (type_, value, expected) in cases {
            assert_eq!(normalise(type_, &value), expected, "{type_:?} {value}");
        }
    }

    #[test]
    fn a_value_is_found_by_its_text_whatever_its_type() {
        let exact = FieldSchema::default();
        let folded = FieldSchema { case_exact: false, ..FieldSchema::default() };
        for (found, wanted) in [
            (json!("a"), "a"),
            (json!(5), "5"),
            (json!(5), "5.0"),
            (json!(5.0), "5"),
            (json!(38.5), "38.50"),
            (json!(9_007_199_254_740_993_i64), "9007199254740993"),
            (json!(true), "True"),
            (json!(["x", "a"]), "a"),
        ] {
            assert!(is_same(&exact, Some(&found), wanted), "{found} {wanted}");
        }
        for (found, wanted) in [
            (json!("a"), "A"),
            (json!(5), "6"),
            (json!(5), "5.5"),
            (json!(5), ""),
            (json!(9_007_199_254_740_992_i64), "9007199254740993.5"),
            (json!(null), ""),
            (json!([]), "a"),
        ] {
            assert!(!is_same(&exact, Some(&found), wanted), "{found} {wanted}");
        }
        assert!(is_same(&folded, Some(&json!("ÄB")), "äb") && !is_same(&folded, None, ""));
    }
}
