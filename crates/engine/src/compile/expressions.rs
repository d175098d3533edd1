//! Checks one expression by reading it, never by evaluating it: that it compiles, what it uses and calls, that it gives
//! the right kind of value, and that it cannot cost too much.

use std::collections::BTreeSet;

use super::{Problems, inference};
use crate::definitions::schema::{FieldType, StreamSchema};
use crate::expression::budget::{Cost, MOST_BYTES, MOST_STEPS};
use crate::expression::kinds::{Kind, Kinds};
use crate::expression::{Expression, Variable};

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
    fn accepts(self, kinds: Kinds) -> bool {
        match self {
            Self::Truth => kinds.are_among(&[Kind::Bool]) && !kinds.is_null(),
            Self::Day => kinds.fit(FieldType::Date, false),
            Self::Field(type_, translated) => kinds.fit(type_, translated),
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
                problems.add(path, mistake.rule, mistake.remedy);
            }
            return None;
        }
    };
    let findings = inference::infer(&expression.root, row);
    used.extend(findings.fields.iter().map(ToString::to_string));
    for mistake in findings.mistakes {
        problems.add(path, mistake.rule, mistake.remedy);
    }
    if !wanted.accepts(findings.kinds) {
        problems.add(path, format!("it gives {}, but {}", findings.kinds, wanted.describe()), "change the expression");
    }
    if let Some(rule) = too_costly(findings.cost) {
        problems.add(
            path,
            rule,
            "write a simpler expression, or give the fields that it uses a maxLength in the system's definition",
        );
    }
    Some(expression)
}

/// Says what would be too much.
fn too_costly(cost: Cost) -> Option<String> {
    let say = |cost: u64, unit: &str, most: u64| {
        format!("evaluating it for one record could take {cost} {unit}, and at most {most} are allowed")
    };
    if cost.steps > MOST_STEPS {
        Some(say(cost.steps, "steps", MOST_STEPS))
    } else if cost.bytes > MOST_BYTES {
        Some(say(cost.bytes, "bytes", MOST_BYTES))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
