//! Checks one field mapping: both ends exist, types fit, constants and value maps keep the rules of the field that is
//! written, and a field that flows back can be turned round.

use std::collections::BTreeSet;

use rollcall_api::v1alpha1::{Apply, FieldMapping, FieldRule, OnNull, OnUnmapped, StreamMode, ValueMapping, Winner};
use serde_json::Value;

use super::compiled::{CompiledField, Flow, Input};
use super::expressions::{self, Row, Wanted};
use super::streams::Used;
use super::{Problems, Setting};
use crate::definitions::schema::{FieldSchema, FieldType, StreamSchema};
use crate::expression::kinds::Kind;
use crate::names::{FieldName, Side};
use crate::suggest::suggestion;
use crate::value::{Rules, coerce, is_empty, whole_pattern};

/// What the check of one mapping needs.
pub(super) struct Checker<'a, 'b> {
    pub(super) setting: &'a Setting<'b>,
    pub(super) mode: StreamMode,
    pub(super) source: &'a StreamSchema,
    pub(super) target: &'a StreamSchema,
    /// Path of the mapping.
    pub(super) path: String,
    /// Fields that expressions use.
    pub(super) used: &'a mut Used,
    /// Fields that are mapped.
    pub(super) wanted: &'a mut Used,
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
        let rule = self.rule(mapping);
        if rule != FieldRule::Pull {
            self.may_be_written(".to", "target", schema);
        } else if let Some(text) = &schema.unsupported {
            self.problem(".to", format!("the target does not support the field: {text}"), "remove the mapping");
        }
        self.wanted.target.insert(mapping.to.clone());
        self.reference(schema);
        let input = self.input(mapping, Some(schema));
        let forward = self.forward(mapping, schema, input);
        let backward = if rule == FieldRule::Push { None } else { self.backward(mapping, schema) };
        Some(CompiledField {
            to: mapping.to.as_str().into(),
            rule,
            winner: mapping.winner.map(|winner| match winner {
                Winner::Source => Side::Source,
                Winner::Target => Side::Target,
            }),
            apply: mapping.apply,
            forward: forward?,
            backward,
        })
    }

    /// Which way the field flows, where the stream allows it.
    fn rule(&mut self, mapping: &FieldMapping) -> FieldRule {
        let usual = if self.mode == StreamMode::Pull { FieldRule::Pull } else { FieldRule::Push };
        let rule = mapping.rule.unwrap_or(usual);
        match (self.mode, rule) {
            (StreamMode::Push | StreamMode::MatchOnly, FieldRule::Pull | FieldRule::Fill) => {
                let mode = if self.mode == StreamMode::Push { "Push" } else { "MatchOnly" };
                self.problem(
                    ".rule",
                    format!("nothing flows back in a stream of mode {mode}"),
                    "set the stream's mode to Both",
                );
            }
            (StreamMode::Pull, FieldRule::Push) => {
                let remedy = "remove rule, or set the stream's mode to Both";
                self.problem(".rule", "nothing flows to the target in a stream of mode Pull", remedy);
            }
            _ => {}
        }
        if rule != FieldRule::Push && mapping.apply == Apply::OnCreate && self.mode == StreamMode::Both {
            self.problem(".apply", "records are created in the target only, and the field flows back", "remove apply");
        }
        rule
    }

    fn may_be_written(&mut self, part: &str, side: &str, schema: &FieldSchema) {
        if let Some(text) = &schema.unsupported {
            self.problem(part, format!("the {side} does not support the field: {text}"), "remove the mapping");
        } else if schema.read_only {
            self.problem(part, format!("the {side}'s field is read-only"), "remove the mapping");
        }
    }

    /// The way from source to target.
    fn forward(&mut self, mapping: &FieldMapping, schema: &FieldSchema, input: Option<Input>) -> Option<Flow> {
        let rules = self.rules(mapping, schema);
        self.values(&mapping.values, schema, &rules);
        if let Some(value) = mapping.value.as_ref().filter(|_| mapping.values.is_empty()) {
            self.constant(".value", value, schema, &rules);
        }
        if let Some(default) = &mapping.default {
            self.constant(".default", default, schema, &rules);
        }
        Some(Flow {
            field: mapping.to.as_str().into(),
            input: input?,
            on_null: mapping.on_null,
            default: mapping.default.clone(),
            values: mapping.values.clone(),
            on_unmapped: mapping.on_unmapped.unwrap_or_default(),
            rules,
            schema: schema.clone(),
        })
    }

    /// The way from target to source: the same field, its value map turned round, or what `back` says.
    fn backward(&mut self, mapping: &FieldMapping, target: &FieldSchema) -> Option<Flow> {
        let Some(from) = &mapping.from else {
            self.problem("", "a field that flows back needs from, the field of the source", "map it with from");
            return None;
        };
        let source = self.source;
        let schema = source.fields.get(from.as_str())?;
        self.may_be_written(".from", "source", schema);
        if schema.type_ == FieldType::Reference && schema.stream != target.stream {
            self.problem(".from", "the two fields refer to records of different streams", "correct the mapping");
        }
        let input = match &mapping.back {
            None => Input::Field(mapping.to.as_str().into()),
            Some(text) => {
                let wanted = Wanted::Field(schema.type_, false);
                let path = format!("{}.back", self.path);
                let used = self.used.of(Side::Target);
                let found = expressions::check(text, &path, wanted, Row::target(self.target), used, self.problems);
                Input::Expression(found?)
            }
        };
        let values = if mapping.back.is_some() { Vec::new() } else { self.turned_round(&mapping.values) };
        let kind = Kind::of_field(target.type_);
        if mapping.back.is_none() && !kind.fits(schema.type_, !values.is_empty()) {
            let rule = format!("'{}' is {kind}, but the source's field is of type {:?}", mapping.to, schema.type_);
            self.problem(".from", rule, "convert it with back");
        }
        let mut rules = Rules { max_length: schema.max_length, ..Rules::default() };
        if !schema.one_of.is_empty() {
            rules.one_of.push(schema.one_of.clone());
        }
        rules.patterns.extend(schema.pattern.as_ref().and_then(|pattern| whole_pattern(pattern).ok()));
        Some(Flow {
            field: FieldName::from(from),
            input,
            on_null: if mapping.rule == Some(FieldRule::Fill) { OnNull::Keep } else { mapping.on_null },
            default: None,
            on_unmapped: if values.is_empty() { OnUnmapped::Pass } else { mapping.on_unmapped.unwrap_or_default() },
            values,
            rules,
            schema: schema.clone(),
        })
    }

    /// A value map read from right to left; each value of the target must come from one value of the source.
    fn turned_round(&mut self, values: &[ValueMapping]) -> Vec<ValueMapping> {
        let mut seen = BTreeSet::new();
        for (index, value) in values.iter().enumerate() {
            let to = value.to.as_deref().unwrap_or_default().trim_end();
            if !seen.insert(to) {
                self.problem(
                    &format!(".values[{index}].to"),
                    "two entries give the same value, so the map cannot be read from right to left",
                    "say with back which of the two is meant",
                );
            }
        }
        let turned = |value: &ValueMapping| ValueMapping {
            from: value.to.clone().unwrap_or_default(),
            to: Some(value.from.clone()),
        };
        values.iter().map(turned).collect()
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
                let used = self.used.of(Side::Source);
                let found = expressions::check(text, &path, wanted, Row::source(self.source), used, self.problems);
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
        self.wanted.source.insert(from.to_owned());
        Some(Input::Field(from.into()))
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

    fn values(&mut self, values: &[ValueMapping], schema: &FieldSchema, rules: &Rules) {
        let mut seen = BTreeSet::new();
        for (index, value) in values.iter().enumerate() {
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
