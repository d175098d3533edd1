//! CEL expressions over a source record: compiled once, evaluated for each record.
//!
//! The one variable is `source`, an object that has every field of the source's schema; a field without a value is
//! `null`. What differs from plain CEL, so that a missing value is not an error in everyday rules:
//!
//! - `has(source.x)` is true when `x` has a value, the same as `source.x != null`.
//! - `==` and `!=` compare anything; `null == "text"` is false.
//! - `startsWith`, `endsWith`, `contains` and `matches` on `null` are false; `size(null)` is 0; `trim`, `lower` and
//!   `upper` of `null` are `null`.
//! - `<`, `<=`, `>`, `>=` and arithmetic on `null` stay errors: they fail the record rather than decide something.
//! - Fields of type Number always are `double`, also when the source delivers a whole number.
//!
//! [`functions`] lists what may be called.

mod context;
pub(crate) mod functions;

use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::{Env, ExecutionError};
use serde_json::Value;

pub(crate) use context::{Context, View};

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::environment()));

/// The environment that all expressions share.
pub(crate) fn environment() -> Arc<Env> {
    Arc::clone(&ENVIRONMENT)
}

/// The row that an expression is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// The row of the source, `source`.
    Source,
    /// The row of the target, `target`.
    Target,
}

impl Variable {
    /// What it is called in expressions.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// What is wrong, with the place in the text where that can be told.
    pub(crate) rule: String,
    /// What to do.
    pub(crate) remedy: String,
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) variable: Variable,
    /// As the setting has it.
    pub(crate) text: String,
    /// The syntax tree, with `has(x)` rewritten to `x != null`.
    pub(crate) root: IdedExpr,
}

/// Why an expression gave no value for a record. The text names functions and types, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct EvaluationError {
    /// What went wrong.
    pub(crate) text: String,
    /// The expression itself is wrong (a function that does not take such a type), whatever the values are.
    pub(crate) is_type_error: bool,
}

impl Expression {
    /// Compiles an expression over one variable. Mistakes of syntax have line and column.
    pub(crate) fn compile(text: &str, variable: Variable) -> Result<Self, Vec<Mistake>> {
        match environment().compile(text) {
            Ok(program) => {
                let mut root = program.expression().clone();
                rewrite_presence_tests(&mut root);
                Ok(Self { variable, text: text.to_owned(), root })
            }
            Err(errors) => Err(errors
                .errors
                .iter()
                .map(|error| Mistake {
                    rule: format!("line {}, column {}: {}", error.pos.0, error.pos.1, one_line(&error.msg)),
                    remedy: "correct it there".into(),
                })
                .collect()),
        }
    }

    /// Evaluates it for the row of `context`.
    pub(crate) fn evaluate(&self, context: &Context<'_>) -> Result<Value, EvaluationError> {
        let value = cel::Value::resolve(&self.root, &context.0).map_err(|error| describe(&error))?;
        value.json().map_err(|_| EvaluationError {
            text: "the result is neither text, number, true or false, list nor null".into(),
            is_type_error: true,
        })
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Says what went wrong without repeating values: most errors of the cel crate print the values they are about.
fn describe(error: &ExecutionError) -> EvaluationError {
    let (text, is_type_error) = match error {
        ExecutionError::NoSuchOverload(overload) => (overload.to_string(), true),
        ExecutionError::UndeclaredReference(name) => (format!("'{name}' is not known"), true),
        ExecutionError::NoSuchKey(_) => ("an object has no such key".into(), true),
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            (format!("operator '{operator}' does not take values of these types"), true)
        }
        ExecutionError::ValuesNotComparable(..) => ("values of these types have no order".into(), true),
        ExecutionError::UnexpectedType { .. } | ExecutionError::UnsupportedIndex(..) => {
            ("a value has the wrong type".into(), true)
        }
        ExecutionError::FunctionError { function, .. } => (format!("function '{function}' failed"), false),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => ("division by zero".into(), false),
        ExecutionError::Overflow(operator, ..) => (format!("operator '{operator}' overflowed"), false),
        ExecutionError::IndexOutOfBounds(_) => ("a list index is out of bounds".into(), false),
        _ => ("it could not be evaluated".into(), false),
    };
    EvaluationError { text, is_type_error }
}

/// Every field is present, so plain `has` would always be true; people mean "has a value".
fn rewrite_presence_tests(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Select(select) => {
            rewrite_presence_tests(&mut select.operand);
            if select.test {
                let mut value = select.clone();
                value.test = false;
                let value = IdedExpr { id: node.id, expr: Expr::Select(value) };
                let null = IdedExpr { id: node.id, expr: Expr::Literal(LiteralValue::Null) };
                node.expr = Expr::Call(CallExpr {
                    func_name: operators::NOT_EQUALS.into(),
                    target: None,
                    args: vec![value, null],
                });
            }
        }
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| rewrite_presence_tests(target));
            call.args.iter_mut().for_each(rewrite_presence_tests);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(rewrite_presence_tests),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    rewrite_presence_tests(&mut entry.key);
                    rewrite_presence_tests(&mut entry.value);
                }
            }
        }
        Expr::Comprehension(part) => {
            rewrite_presence_tests(&mut part.iter_range);
            rewrite_presence_tests(&mut part.accu_init);
            rewrite_presence_tests(&mut part.loop_cond);
            rewrite_presence_tests(&mut part.loop_step);
            rewrite_presence_tests(&mut part.result);
        }
        Expr::Struct(_) | Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
    }
}

/// Splits a scope expression at its top-level `&&`, so that a record that is left out can be told which clause was
/// false. An expression with a top-level `||` or `?:` is one clause: these bind less tightly.
pub(crate) fn clauses(text: &str) -> Vec<String> {
    let Some(cuts) = top_level_ands(text) else { return vec![text.trim().to_owned()] };
    let mut clauses = Vec::new();
    let mut start = 0;
    for cut in cuts {
        clauses.push(text[start..cut].trim().to_owned());
        start = cut + 2;
    }
    clauses.push(text[start..].trim().to_owned());
    clauses
}

/// Byte positions of the top-level `&&`; None when something binds less tightly.
fn top_level_ands(text: &str) -> Option<Vec<usize>> {
    let bytes = text.as_bytes();
    let (mut depth, mut index, mut cuts) = (0_usize, 0, Vec::new());
    while let Some(&byte) = bytes.get(index) {
        match byte {
            b'"' | b'\'' => index = end_of_literal(bytes, index),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'/' if bytes.get(index + 1) == Some(&b'/') => return None,
            b'|' | b'?' if depth == 0 => return None,
            b'&' if depth == 0 && bytes.get(index + 1) == Some(&b'&') => {
                cuts.push(index);
                index += 1;
            }
            _ => {}
        }
        index += 1;
    }
    Some(cuts)
}

/// Position of the last quote of the text literal that begins at `start`; plain, triple-quoted or raw.
fn end_of_literal(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let raw = start > 0 && matches!(bytes[start - 1], b'r' | b'R');
    let width = if bytes.get(start + 1) == Some(&quote) && bytes.get(start + 2) == Some(&quote) { 3 } else { 1 };
    let mut index = start + width;
    while index < bytes.len() {
        if bytes[index] == b'\\' && !raw {
            index += 2;
        } else if bytes[index..].iter().take(width).filter(|byte| **byte == quote).count() == width {
            return index + width - 1;
        } else {
            index += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests;
