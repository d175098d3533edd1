//! A wrapper that never prints its content: for credentials and personal data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Holds a value that must not appear in logs, errors, panics or `Debug` output. Reading it takes [`Redacted::expose`],
/// which can be searched for in review. Serialising writes the value: it is for the records store and vendor requests.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Never pass it to a log, an error message or a metric.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Mutable access to the value.
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Gives up the protection.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
