//! Checks the match rules of a stream.

use rollcall_api::v1alpha1::{MatchRule, Normalization, Stream};

use super::Problems;
use super::compiled::{CompiledField, CompiledMatch};
use crate::definitions::schema::{FieldType, StreamSchema};
use crate::suggest::suggestion;

/// What the checks of one stream's match rules share.
pub(super) struct Checker<'a> {
    pub(super) stream: &'a Stream,
    pub(super) target: &'a StreamSchema,
    pub(super) fields: &'a [CompiledField],
    pub(super) problems: &'a mut Problems,
}

impl Checker<'_> {
    /// Checks all rules.
    pub(super) fn check(&mut self) -> Vec<CompiledMatch> {
        let mut rules: Vec<CompiledMatch> = Vec::new();
        for (position, rule) in self.stream.match_rules.iter().enumerate() {
            let path = format!("spec.streams[{}].match[{position}]", self.stream.name);
            let mut indexes = Vec::new();
            for name in rule.names() {
                let index = self.field(name, rule, &path);
                if index.is_some_and(|index| indexes.contains(&index)) {
                    self.problems.add(&path, format!("'{name}' is named twice"), "remove one of the two");
                }
                indexes.extend(index);
            }
            indexes.sort_unstable();
            let is_repeated = |other: &CompiledMatch| other.fields == indexes && other.normalize == rule.normalize;
            if !indexes.is_empty() && rules.iter().any(is_repeated) {
                let names = rule.names().join(", ");
                self.problems.add(&path, format!("'{names}' is matched on twice"), "remove one of the two");
            }
            rules.push(CompiledMatch { fields: indexes, normalize: rule.normalize });
        }
        rules
    }

    /// Checks one field of a rule; gives the index of its mapping.
    fn field(&mut self, name: &str, rule: &MatchRule, path: &str) -> Option<usize> {
        let path = format!("{path}.{}", if rule.field.is_some() { "field" } else { "fields" });
        let Some(field) = self.target.fields.get(name) else {
            let remedy = suggestion(name, self.lookups());
            self.problems.add(path, format!("the target has no field '{name}'"), remedy);
            return None;
        };
        // Rules over several fields, and those that change values first, search the list that was read.
        let is_asked = rule.field.is_some() && rule.normalize == Normalization::None;
        if is_asked && !field.lookup {
            let rule = format!("records of the target cannot be looked up by '{name}'");
            let remedy = suggestion("", self.lookups());
            self.problems.add(&path, rule, remedy);
        }
        if matches!(field.type_, FieldType::TextList | FieldType::Reference) {
            self.problems.add(&path, format!("'{name}' is not a single value"), "match on a text or a number");
        }
        let index = self.fields.iter().position(|field| field.to == *name);
        if index.is_none() && !self.stream.fields.iter().any(|mapping| mapping.to == name) {
            self.problems.add(
                path,
                format!("'{name}' is not mapped, so there is no value to look up"),
                format!("add a mapping with to: {name}"),
            );
        }
        index
    }

    fn lookups(&self) -> Vec<&str> {
        let fields = self.target.fields.iter();
        fields.filter(|(_, field)| field.lookup).map(|(name, _)| name.as_str()).collect()
    }
}
