//! Why an expression gave no value for a row. Texts name operators, functions and kinds, never values.

use super::budget::{MOST_BYTES, MOST_STEPS};

/// Why an expression gave no value for a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EvaluationError {
    /// The row's values do not allow it.
    #[error("{0}")]
    Value(String),
    /// It needs more steps than one evaluation may take.
    #[error(
        "the budget of {MOST_STEPS} steps of one evaluation is exceeded: the record's texts or lists are longer than the \
         expression can work on; shorten them in the source, or write a simpler expression"
    )]
    OutOfSteps,
    /// It needs more memory than one evaluation may take.
    #[error(
        "the budget of {MOST_BYTES} bytes of one evaluation is exceeded: the record's texts or lists are longer than the \
         expression can work on; shorten them in the source, or write a simpler expression"
    )]
    OutOfBytes,
}

pub(super) use EvaluationError as Failure;

impl EvaluationError {
    /// Whether `&&`, `||`, `all` and `exists` may decide without the part that failed. Not when the budget is at its end:
    /// the result would depend on the order of the parts.
    pub(super) const fn can_be_absorbed(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    pub(super) fn value(text: impl Into<String>) -> Self {
        Self::Value(text.into())
    }

    pub(super) fn function(name: &str, rule: &str) -> Self {
        Self::Value(format!("function '{name}' failed: {rule}"))
    }
}
