//! Checks one expression: that it compiles, what it uses and calls, and that it gives the right kind of value, both by
//! reading it and by evaluating it for made-up records.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::{Problems, inference};
use crate::definitions::schema::{FieldSchema, FieldType, StreamSchema};
use crate::expression::{Expression, Variable, View};
use crate::model::Fields;

/// What an expression must give.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// true or false.
    Truth,
    /// A day as text, or null.
    Day,
    /// Something a field of the target can take; through a value map or not.
    Field(FieldType, bool),
    /// Anything: what it is for is not known.
    Anything,
}

impl Wanted {
    fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Truth => kind == Kind::Bool || kind.is_open(),
            Self::Day => Kind::fits(kind, FieldType::Date, false),
            Self::Field(type_, translated) => kind.fits(type_, translated),
            Self::Anything => true,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Truth => "it must give true or false".into(),
            Self::Day => "it must give a day as text (YYYY-MM-DD) or null".into(),
            Self::Anything => "anything will do".into(),
            Self::Field(_, true) => "a value map takes text, a number, or true or false".into(),
            Self::Field(type_, false) => format!("the target's field is of type {type_:?}"),
        }
    }
}

/// The row that an expression is about.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) variable: Variable,
    pub(super) schema: &'a StreamSchema,
}

impl<'a> Row<'a> {
    /// A row of the source.
    pub(super) const fn source(schema: &'a StreamSchema) -> Self {
        Self { variable: Variable::Source, schema }
    }

    /// A row of the target.
    pub(super) const fn target(schema: &'a StreamSchema) -> Self {
        Self { variable: Variable::Target, schema }
    }
}

/// Checks and compiles an expression; adds the fields that it uses to `used`.
pub(super) fn check(
    text: &str,
    path: &str,
    wanted: Wanted,
    row: Row<'_>,
    used: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> Option<Expression> {
    let expression = match Expression::compile(text, row.variable) {
        Ok(expression) => expression,
        Err(mistakes) => {
            for mistake in mistakes {
                problems.add(path, format!("the expression does not compile: {}", mistake.rule), mistake.remedy);
            }
            return None;
        }
    };
    let (kind, findings) = inference::infer(&expression.root, row);
    used.extend(findings.fields.iter().cloned());
    let before = problems.0.len();
    for (rule, remedy) in findings.mistakes {
        problems.add(path, rule, remedy);
    }
    if !wanted.accepts(kind) || (matches!(wanted, Wanted::Truth) && kind == Kind::Null) {
        problems.add(path, format!("it gives {kind}, but {}", wanted.describe()), "change the expression");
    }
    if problems.0.len() == before {
        try_out(&expression, path, wanted, row.schema, &findings.fields, problems);
    }
    Some(expression)
}

/// Evaluates it for a record with every field filled and one with every field null. Errors that depend on values say
/// nothing: real records differ.
fn try_out(
    expression: &Expression,
    path: &str,
    wanted: Wanted,
    schema: &StreamSchema,
    used: &BTreeSet<String>,
    problems: &mut Problems,
) {
    let view = View::new(schema, used);
    for is_filled in [true, false] {
        let body = example(schema, is_filled);
        let outcome = expression.evaluate(&view.context(&body));
        let record = if is_filled { "with every field filled" } else { "without any value" };
        match outcome {
            Ok(value) => {
                let kind = Kind::of_value(&value);
                if !wanted.accepts(kind) {
                    let rule = format!("for a record {record} it gives {kind}, but {}", wanted.describe());
                    problems.add(path, rule, "change the expression");
                    return;
                }
            }
            Err(error) if is_filled && error.is_type_error => {
                problems.add(path, format!("for a record {record} it fails: {error}"), "change the expression");
                return;
            }
            Err(_) => {}
        }
    }
}

/// A made-up record.
fn example(schema: &StreamSchema, is_filled: bool) -> Fields {
    let value = |field| if is_filled { example_value(field) } else { Value::Null };
    schema.fields.iter().map(|(name, field)| (name.clone(), value(field))).collect()
}

fn example_value(field: &FieldSchema) -> Value {
    match field.type_ {
        FieldType::Text => field.one_of.first().map_or_else(|| json!("text"), |text| json!(text)),
        FieldType::Integer => json!(1),
        FieldType::Number => json!(1.5),
        FieldType::Boolean => json!(true),
        FieldType::Date => json!("2001-02-03"),
        FieldType::Timestamp => json!("2001-02-03T04:05:06Z"),
        FieldType::Reference => json!("1"),
        FieldType::TextList => json!(["text"]),
    }
}
