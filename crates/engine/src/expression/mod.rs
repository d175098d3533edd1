//! CEL expressions over a row: compiled once, evaluated for each row, by people who may be careless or hostile.
//!
//! - [`limits`] refuses texts that are too long or too deep before they are parsed; the `cel` crate parses what is left;
//!   [`translate`] makes the checked tree of it ([`syntax`]).
//! - The check of a setting infers the type of every part and the worst case of its cost.
//! - [`evaluate`] walks the tree under a [`budget`] of steps and bytes, which does not depend on the machine.
//!
//! The one variable is the row, `source` or `target`: an object that has every field of the schema; a field without a
//! value is `null`. What differs from plain CEL, so that a missing value is not an error in everyday rules:
//!
//! - `has(source.x)` is true when `x` has a value, the same as `source.x != null`.
//! - `==` and `!=` compare anything; `null == "text"` is false.
//! - `startsWith`, `endsWith`, `contains` and `matches` on `null` are false; `size(null)` is 0; `trim`, `lower` and
//!   `upper` of `null` are `null`.
//! - `<`, `<=`, `>`, `>=` and arithmetic on `null` stay errors: they fail the record rather than decide something.
//! - Fields of type Number always are `double`, also when the source delivers a whole number.
//! - There are no unsigned numbers, no bytes and no messages.
//!
//! [`functions`] lists what may be called.

pub(crate) mod budget;
mod clauses;
mod context;
mod evaluate;
mod failure;
pub(crate) mod functions;
pub(crate) mod kinds;
mod lexer;
mod library;
pub(crate) mod limits;
mod operate;
pub(crate) mod pattern;
pub(crate) mod syntax;
mod text;
mod time;
mod translate;
mod value;

use std::sync::LazyLock;

use cel::Env;
use serde_json::Value as Json;

pub(crate) use clauses::clauses;
pub(crate) use context::{Context, View};
pub(crate) use failure::EvaluationError;

use budget::Budget;
use syntax::Node;

/// Only the grammar is needed: no functions, no macros, no optional syntax (`a.?b`).
static GRAMMAR: LazyLock<Env> = LazyLock::new(|| Env::default().with_optional_support(false));

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
    /// What it is about.
    pub(crate) variable: Variable,
    /// As the setting has it.
    pub(crate) text: String,
    /// The checked tree.
    pub(crate) root: Node,
}

impl Expression {
    /// Compiles an expression over one variable. Mistakes of syntax have line and column.
    pub(crate) fn compile(text: &str, variable: Variable) -> Result<Self, Vec<Mistake>> {
        let does_not_compile = |mistake: Mistake| Mistake {
            rule: format!("the expression does not compile: {}", mistake.rule),
            remedy: mistake.remedy,
        };
        limits::check(text).map_err(|mistake| vec![does_not_compile(mistake)])?;
        let root = GRAMMAR.parser().parse(text).map_err(|errors| {
            let mistake = |error: &cel::ParseError| {
                does_not_compile(Mistake {
                    rule: format!("line {}, column {}: {}", error.pos.0, error.pos.1, one_line(&error.msg)),
                    remedy: "correct it there".into(),
                })
            };
            errors.errors.iter().map(mistake).take(MOST_SYNTAX_ERRORS).collect::<Vec<_>>()
        })?;
        Ok(Self { variable, text: text.to_owned(), root: translate::translate(root, variable)? })
    }

    /// Evaluates it for the row of `context`, within the budget of one evaluation.
    pub(crate) fn evaluate(&self, context: &Context<'_>) -> Result<Json, EvaluationError> {
        self.evaluate_within(context, &mut Budget::default())
    }

    /// What an evaluation takes from its budget.
    #[cfg(test)]
    pub(crate) fn taken(&self, context: &Context<'_>) -> Budget {
        let whole = Budget::default();
        let mut left = whole;
        let _ = self.evaluate_within(context, &mut left);
        Budget { steps: whole.steps - left.steps, bytes: whole.bytes - left.bytes }
    }

    fn evaluate_within(&self, context: &Context<'_>, budget: &mut Budget) -> Result<Json, EvaluationError> {
        evaluate::evaluate(&self.root, context.row(), budget)?.to_json(budget)
    }
}

/// Most errors of the parser that are reported; later ones often follow from the first.
const MOST_SYNTAX_ERRORS: usize = 3;

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
