//! Checks one field mapping: both ends exist, types fit, constants and value maps keep the target's rules.

use std::collections::BTreeSet;

use serde_json::Value;

use super::compiled::{CompiledField, Input};
use super::expressions::{self, Row, Wanted};
use super::kinds::Kind;
use super::suggest::suggestion;
use super::{Problems, Setting};
use crate::definitions::schema::{FieldSchema, FieldType, StreamSchema};
use crate::value::{Rules, coerce, is_empty, whole_pattern};
use rollcall_api::v1alpha1::FieldMapping;

/// What the check of one mapping needs.
pub(super) struct Checker<'a, 'b> {
    pub(super) setting: &'a Setting<'b>,
    pub(super) source: &'a StreamSchema,
    pub(super) target: &'a StreamSchema,
    /// Path of the mapping.
    pub(super) path: String,
    /// Fields that expressions use.
    pub(super) used: &'a mut BTreeSet<String>,
    /// Fields that are mapped.
    pub(super) wanted: &'a mut BTreeSet<String>,
    pub(super) problems: &'a mut Problems,
}

impl Checker<'_, '_> {
    fn problem(&mut self, part: &str, rule: impl Into<String>, remedy: impl Into<String>) {
        self.problems.add(format!("{}{part}", self.path), rule, remedy);
    }

    /// Checks the mapping; None when it cannot be used at all.
    pub(super) fn check(&mut self, mapping: &FieldMapping) -> Option<CompiledField> {
        let target = self.target;
        let Some(schema) = target.fields.get(mapping.to.as_str()) else {
            let writable = target.fields.iter().filter(|(_, field)| !field.read_only).map(|(name, _)| name);
            let remedy = suggestion(&mapping.to, writable);
            self.problem(".to", format!("the target has no field '{}'", mapping.to), remedy);
            // The other end is checked all the same, so that all mistakes are seen at once.
            self.input(mapping, None);
            return None;
        };
        if let Some(text) = &schema.unsupported {
            self.problem(".to", format!("the target does not support the field: {text}"), "remove the mapping");
        } else if schema.read_only {
            self.problem(".to", "the target's field is read-only", "remove the mapping");
        }
        self.reference(schema);
        let input = self.input(mapping, Some(schema));
        let rules = self.rules(mapping, schema);
        self.values(mapping, schema, &rules);
        if let Some(value) = mapping.value.as_ref().filter(|_| mapping.values.is_empty()) {
            self.constant(".value", value, schema, &rules);
        }
        if let Some(default) = &mapping.default {
            self.constant(".default", default, schema, &rules);
        }
        Some(CompiledField {
            to: mapping.to.clone(),
            input: input?,
            apply: mapping.apply,
            on_null: mapping.on_null,
            default: mapping.default.clone(),
            values: mapping.values.clone(),
            on_unmapped: mapping.on_unmapped.unwrap_or_default(),
            rules,
            schema: schema.clone(),
        })
    }

    fn reference(&mut self, schema: &FieldSchema) {
        if schema.type_ != FieldType::Reference {
            return;
        }
        match &schema.stream {
            Some(stream) if self.setting.enabled.contains(stream.as_str()) => {}
            Some(stream) => self.problem(
                ".to",
                format!("the field refers to records of stream '{stream}', which is not enabled"),
                format!("enable a stream '{stream}' in this setting"),
            ),
            None => {
                let rule = "the target's definition does not say what it refers to";
                self.problem(".to", rule, "correct the definition");
            }
        }
    }

    fn input(&mut self, mapping: &FieldMapping, schema: Option<&FieldSchema>) -> Option<Input> {
        let translated = !mapping.values.is_empty();
        match (&mapping.from, &mapping.value, &mapping.expr) {
            (Some(from), None, None) => self.from(from, schema, translated),
            (None, Some(value), None) => Some(Input::Constant(value.clone())),
            (None, None, Some(text)) => {
                let wanted = schema.map_or(Wanted::Anything, |schema| Wanted::Field(schema.type_, translated));
                let path = format!("{}.expr", self.path);
                let found = expressions::check(text, &path, wanted, Row::source(self.source), self.used, self.problems);
                found.map(Input::Expression)
            }
            _ => {
                self.problem("", "exactly one of from, value and expr must be set", "keep one of them");
                None
            }
        }
    }

    fn from(&mut self, from: &str, schema: Option<&FieldSchema>, translated: bool) -> Option<Input> {
        let Some(field) = self.source.fields.get(from) else {
            let remedy = suggestion(from, self.source.fields.keys());
            self.problem(".from", format!("the source has no field '{from}'"), remedy);
            return None;
        };
        if let Some(text) = &field.unsupported {
            let rule = format!("the source does not support '{from}': {text}");
            self.problem(".from", rule, "remove the mapping");
        }
        let kind = Kind::of_field(field.type_);
        if let Some(schema) = schema.filter(|schema| !kind.fits(schema.type_, translated)) {
            let rule = format!("'{from}' is {kind}, but the target's field is of type {:?}", schema.type_);
            self.problem(".from", rule, "map another field, or convert it with expr or values");
        }
        self.wanted.insert(from.to_owned());
        Some(Input::Path(from.split('.').map(str::to_owned).collect()))
    }

    fn rules(&mut self, mapping: &FieldMapping, schema: &FieldSchema) -> Rules {
        let mut rules = Rules { max_length: schema.max_length, ..Rules::default() };
        if !schema.one_of.is_empty() {
            rules.one_of.push(schema.one_of.clone());
        }
        let mut patterns = vec![(schema.pattern.as_ref(), ".to", "correct the target's definition")];
        if let Some(validate) = &mapping.validate {
            let length = |value: Option<i32>| value.and_then(|value| usize::try_from(value).ok());
            rules.min_length = length(validate.min_length);
            rules.max_length = [rules.max_length, length(validate.max_length)].into_iter().flatten().min();
            if !validate.one_of.is_empty() {
                rules.one_of.push(validate.one_of.clone());
            }
            patterns.push((validate.pattern.as_ref(), ".validate.pattern", "correct it (RE2 syntax)"));
        }
        for (pattern, part, remedy) in patterns {
            match pattern.map(|pattern| whole_pattern(pattern)) {
                Some(Ok(pattern)) => rules.patterns.push(pattern),
                Some(Err(error)) => self.problem(part, format!("the pattern does not compile: {error}"), remedy),
                None => {}
            }
        }
        if rules.min_length.zip(rules.max_length).is_some_and(|(fewest, most)| fewest > most) {
            let rule = "no value has at least minLength and at most maxLength characters";
            self.problem(".validate", rule, "lower minLength; the target's own limit counts as well");
        }
        rules
    }

    fn values(&mut self, mapping: &FieldMapping, schema: &FieldSchema, rules: &Rules) {
        let mut seen = BTreeSet::new();
        for (index, value) in mapping.values.iter().enumerate() {
            let part = format!(".values[{index}]");
            if !seen.insert(value.from.trim_end()) {
                self.problem(&format!("{part}.from"), "two entries translate the same value", "remove one of the two");
            }
            if let Some(to) = &value.to {
                self.constant(&format!("{part}.to"), to, schema, rules);
            }
        }
    }

    /// Checks a text of the setting that is sent as a value.
    fn constant(&mut self, part: &str, text: &str, schema: &FieldSchema, rules: &Rules) {
        let value = Value::String(text.to_owned());
        if is_empty(&value) {
            return;
        }
        let checked = coerce(&value, schema.type_, self.setting.formats).and_then(|value| rules.check(&value));
        if let Err(error) = checked {
            let allowed = match schema.one_of.as_slice() {
                [] => "write a value that the target's field can take".to_owned(),
                allowed => suggestion(text, allowed),
            };
            self.problem(part, format!("the value does not fit the target's field: {error}"), allowed);
        }
    }
}
