//! What expressions mean, missing values above all.

use serde_json::{Value, json};

use super::budget::Budget;
use super::{EvaluationError, Expression, Variable, View, clauses};
use crate::definitions::schema::{FieldSchema, FieldType, StreamSchema};
use crate::model::Fields;

fn schema() -> StreamSchema {
    let field = |type_| FieldSchema { type_, ..FieldSchema::default() };
    StreamSchema {
        fields: [
            ("name", FieldType::Text),
            ("nick", FieldType::Text),
            ("employment.type", FieldType::Text),
            ("employment.hours", FieldType::Number),
            ("age", FieldType::Integer),
            ("tags", FieldType::TextList),
        ]
        .map(|(name, type_)| (name.into(), field(type_)))
        .into(),
        ..StreamSchema::default()
    }
}

fn row() -> Fields {
    [
        ("name", json!(" Ada ")),
        ("nick", Value::Null),
        ("employment.type", json!("X")),
        ("employment.hours", json!(38)),
        ("age", json!(3)),
        ("tags", json!(["a", "b"])),
    ]
    .map(|(name, value)| (name.into(), value))
    .into_iter()
    .collect()
}

fn evaluate_over(text: &str, variable: Variable) -> Value {
    let schema = schema();
    let view = View::new(&schema, schema.fields.keys());
    let fields = row();
    let expression = Expression::compile(text, variable).unwrap();
    expression.evaluate(&view.context(&fields)).unwrap_or_else(|error| json!({"error": error.to_string()}))
}

fn evaluate(text: &str) -> Value {
    evaluate_over(text, Variable::Source)
}

#[test]
fn a_missing_value_is_null_and_compares_without_an_error() {
    assert_eq!(evaluate("source.nick == null"), json!(true));
    assert_eq!(evaluate("source.nick == 'x'"), json!(false));
    assert_eq!(evaluate("null == 'x'"), json!(false));
    assert_eq!(evaluate("has(source.nick)"), json!(false));
    assert_eq!(evaluate("has(source.employment.type) && has(source.name)"), json!(true));
    assert_eq!(evaluate("source.nick.startsWith('a') || source.nick.matches('a')"), json!(false));
    assert_eq!(evaluate("size(source.nick) + source.nick.size()"), json!(0));
    assert_eq!(evaluate("source.nick in ['a', 'b']"), json!(false));
}

#[test]
fn arithmetic_and_order_on_a_missing_value_stay_errors() {
    assert!(evaluate("source.nick < 'x'").get("error").is_some());
    assert!(evaluate("source.nick + 'x'").get("error").is_some());
}

#[test]
fn own_functions_do_what_their_table_says() {
    assert_eq!(evaluate("lower(trim(source.name)) + upper('b')"), json!("adaB"));
    assert_eq!(evaluate("trim(source.nick)"), json!(null));
    assert_eq!(evaluate("join([source.name, source.nick, '', 'L'], '-')"), json!("Ada-L"));
    assert_eq!(evaluate("coalesce(source.nick, '', source.age, 'z')"), json!(3));
    assert_eq!(evaluate("coalesce(source.nick)"), json!(null));
    assert_eq!(evaluate("source.tags.map(t, t + '!')"), json!(["a!", "b!"]));
    assert_eq!(evaluate("'a b'.split(' ')[1]"), json!("b"));
}

#[test]
fn a_number_field_is_a_double_even_when_the_source_sends_a_whole_number() {
    assert_eq!(evaluate("source.employment.hours * 0.5"), json!(19.0));
}

#[test]
fn an_error_does_not_repeat_values() {
    for text in ["source.nick + source.name", "int(source.name)", "source.name < source.age"] {
        let error = evaluate(text)["error"].as_str().unwrap().to_owned();
        assert!(!error.contains("Ada"), "{error}");
    }
}

#[test]
fn scope_is_split_at_its_top_level_ands_only() {
    assert_eq!(clauses("a == 'x && y' && (b && c) && d"), ["a == 'x && y'", "(b && c)", "d"]);
    assert_eq!(clauses("a && b || c"), ["a && b || c"]);
    assert_eq!(clauses("a ? b && c : d"), ["a ? b && c : d"]);
    assert_eq!(clauses(r#"a == "\"&&" && b == r'\' && c == '''x'&&'y'''"#).len(), 3);
    assert_eq!(clauses("a"), ["a"]);
}

#[test]
fn a_mistake_is_reported_with_its_position() {
    let mistakes = Expression::compile("source.a ==", Variable::Source).unwrap_err();
    assert!(mistakes[0].rule.contains("does not compile: line 1, column "), "{mistakes:?}");
    assert!(Expression::compile("source.?a", Variable::Source).is_err(), "the optional syntax is off");
}

#[test]
fn an_expression_over_the_target_reads_the_row_as_target() {
    assert_eq!(evaluate_over("target.employment.type == 'X' && !has(target.nick)", Variable::Target), json!(true));
}

#[test]
fn a_field_that_the_row_does_not_have_reads_as_null() {
    let schema = schema();
    let view = View::new(&schema, schema.fields.keys());
    let expression = Expression::compile("source.employment.type == null", Variable::Source).unwrap();
    assert_eq!(expression.evaluate(&view.context(&Fields::new())), Ok(json!(true)));
}

#[test]
fn a_budget_that_is_exceeded_is_not_taken_for_an_error_that_another_part_decides() {
    let schema = schema();
    let view = View::new(&schema, schema.fields.keys());
    let fields = row();
    let context = view.context(&fields);
    for text in ["source.name + 'x' == '' || true", "[1, 2].all(n, n == 2 && source.name + 'x' != '')"] {
        let expression = Expression::compile(text, Variable::Source).unwrap();
        assert!(expression.evaluate_within(&context, &mut Budget::default()).is_ok());
        let mut few_steps = Budget { steps: 3, ..Budget::default() };
        assert_eq!(expression.evaluate_within(&context, &mut few_steps), Err(EvaluationError::OutOfSteps));
        let mut few_bytes = Budget { bytes: 3, ..Budget::default() };
        assert_eq!(expression.evaluate_within(&context, &mut few_bytes), Err(EvaluationError::OutOfBytes));
    }
}

#[test]
fn an_element_takes_no_more_memory_than_is_charged_for_it() {
    assert!(size_of::<super::value::Value<'_>>() <= usize::try_from(super::budget::ELEMENT).unwrap());
}
