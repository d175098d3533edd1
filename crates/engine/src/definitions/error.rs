//! What is wrong with a definition: always the place, the rule and the remedy, and everything at once.

use std::fmt;

/// A definition that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DefinitionError {
    /// Where the text came from.
    pub origin: String,
    /// Everything that is wrong, at least one entry.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path in the document (`streams.people.rest.values.email`), or `line 3 column 7`.
    pub place: String,
    /// What is not as it has to be.
    pub rule: String,
    /// What to do about it.
    pub remedy: String,
}

impl DefinitionError {
    /// The text is not YAML, or not of a definition's shape.
    pub(super) fn unreadable(origin: &str, error: &serde_yaml_ng::Error) -> Self {
        let place = error.location().map_or_else(
            || "document".to_owned(),
            |location| format!("line {} column {}", location.line(), location.column()),
        );
        let problem = Problem {
            place,
            rule: error.to_string(),
            remedy: "compare with a definition of the catalogue: rollcall definitions show NAME".to_owned(),
        };
        Self { origin: origin.to_owned(), problems: vec![problem] }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "definition {} has {} problem(s)", self.origin, self.problems.len())?;
        for problem in &self.problems {
            write!(formatter, "\n{}: {problem}", self.origin)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.place, self.rule, self.remedy)
    }
}
