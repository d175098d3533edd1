//! Which target record a source key stands for, in every stream of the run: for fields that refer to other records.

use std::collections::BTreeMap;

/// What is known of a source key in the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The target record with this identifier.
    Record(String),
    /// It is going to be created in this run.
    Planned,
}

/// Source keys by stream.
#[derive(Debug, Default)]
pub(super) struct Directory(BTreeMap<String, BTreeMap<String, Known>>);

impl Directory {
    /// Notes what a source key stands for; a later note replaces an earlier one.
    pub(super) fn note(&mut self, stream: &str, key: &str, known: Known) {
        self.0.entry(stream.to_owned()).or_default().insert(key.to_owned(), known);
    }

    /// Looks a source key up.
    pub(super) fn find(&self, stream: &str, key: &str) -> Option<&Known> {
        self.0.get(stream)?.get(key)
    }
}
