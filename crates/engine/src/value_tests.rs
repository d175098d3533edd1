//! How values are read, checked and compared.

use serde_json::json;

use super::*;

fn formats(list: &[&str]) -> DateFormats {
    DateFormats::parse(&list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).0
}

fn day(text: &str, list: &[&str]) -> Result<String, &'static str> {
    formats(list).day(text).map(|day| day.to_string()).map_err(|error| error.reason)
}

#[test]
fn a_day_is_read_strictly() {
    assert_eq!(day("2026-02-28", &[]), Ok("2026-02-28".into()));
    assert_eq!(day("2026-02-30", &[]), Err(reasons::DATE_INVALID));
    assert_eq!(day("28/02/2026", &[]), Err(reasons::DATE_INVALID));
    assert_eq!(day("28/02/2026", &["DD/MM/YYYY"]), Ok("2026-02-28".into()));
    assert_eq!(day("8/2/2026", &["DD/MM/YYYY"]), Err(reasons::DATE_INVALID));
}

#[test]
fn a_timestamp_gives_the_day_it_is_written_in_not_the_day_in_utc() {
    assert_eq!(day("2026-03-01T00:30:00+02:00", &[]), Ok("2026-03-01".into()));
    assert_eq!(day("2026-03-01T23:30:00-05:00", &[]), Ok("2026-03-01".into()));
    assert_eq!(day("2026-03-01Tnonsense", &[]), Err(reasons::DATE_INVALID));
}

#[test]
fn two_formats_with_different_days_are_ambiguous_and_with_the_same_day_are_not() {
    let both = ["DD/MM/YYYY", "MM/DD/YYYY"];
    assert_eq!(day("03/04/2026", &both), Err(reasons::DATE_AMBIGUOUS));
    assert_eq!(day("25/04/2026", &both), Ok("2026-04-25".into()));
    assert_eq!(day("04/04/2026", &both), Ok("2026-04-04".into()));
}

#[test]
fn a_format_needs_year_month_and_day_once_each() {
    let list = ["DD.MM.YYYY", "DD/DD/YYYY", "MM/YYYY", "YYYYMMDD", "YYYY-MM-DDD"].map(str::to_owned);
    assert_eq!(DateFormats::parse(&list).1, [1, 2, 4]);
}

#[test]
fn numbers_and_truth_values_are_read_from_text_only_when_exact() {
    let read = |value: Value, type_| coerce(&value, type_, &DateFormats::default());
    assert_eq!(read(json!(" 12 "), FieldType::Integer).unwrap(), json!(12));
    assert_eq!(read(json!(12.0), FieldType::Integer).unwrap(), json!(12));
    assert!(read(json!("12.5"), FieldType::Integer).is_err());
    assert!(read(json!(12.5), FieldType::Integer).is_err());
    assert_eq!(read(json!("38.5"), FieldType::Number).unwrap(), json!(38.5));
    assert!(read(json!("38,5"), FieldType::Number).is_err());
    assert_eq!(read(json!("true"), FieldType::Boolean).unwrap(), json!(true));
    assert!(read(json!("yes"), FieldType::Boolean).is_err());
    assert_eq!(read(json!(7), FieldType::Text).unwrap(), json!("7"));
    assert_eq!(read(json!("a"), FieldType::TextList).unwrap(), json!(["a"]));
}

#[test]
fn rules_count_characters_and_match_the_whole_value() {
    let rules = Rules { max_length: Some(2), patterns: vec![whole_pattern("a|éé").unwrap()], ..Rules::default() };
    assert!(rules.check(&json!("éé")).is_ok());
    assert!(rules.check(&json!("ééé")).is_err());
    assert!(rules.check(&json!("ab")).is_err(), "a pattern is not a prefix");
    assert!(whole_pattern("a)(b").is_err());
}

#[test]
fn values_are_compared_as_the_field_says() {
    let field = |type_, case_exact| FieldSchema { type_, case_exact, ..FieldSchema::default() };
    let same = |one: Value, two: Value, field: &FieldSchema| comparable(&one, field) == comparable(&two, field);
    assert!(same(json!("a "), json!("a"), &field(FieldType::Text, true)));
    assert!(!same(json!("A"), json!("a"), &field(FieldType::Text, true)));
    assert!(same(json!("A"), json!("a"), &field(FieldType::Text, false)));
    assert!(same(json!(5), json!("5.0"), &field(FieldType::Number, true)));
    assert!(same(json!("2026-01-02T00:00:00Z"), json!("2026-01-02"), &field(FieldType::Date, true)));
    assert!(same(
        json!("2026-01-02T01:00:00+01:00"),
        json!("2026-01-02T00:00:00Z"),
        &field(FieldType::Timestamp, true)
    ));
    assert!(same(json!(["b", "a"]), json!(["a", "b"]), &field(FieldType::TextList, true)));
    assert!(same(json!(null), json!(""), &field(FieldType::Text, true)));
}
