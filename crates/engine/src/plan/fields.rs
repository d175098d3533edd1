//! What is to happen to one field of a record that exists on both sides.

use rollcall_api::v1alpha1::{FieldRule, OnNull};
use serde_json::Value;

use super::classify::Failure;
use super::diff::{Desired, Notes, required};
use super::mapping::{self, Mapped};
use super::table::{Change, change};
use crate::compile::{CompiledField, Flow};
use crate::definitions::schema::FieldType;
use crate::model::{Link, Row};
use crate::names::{FieldName, Side};
use crate::value::{comparable, is_empty};

/// What comes of one field.
pub(super) enum Step {
    /// Nothing is written; `is_same`: because both sides have the same.
    Nothing { is_same: bool },
    /// A side gets a value; `seen` is what it has.
    Set { side: Side, value: Value, seen: Option<Value> },
}

impl Desired<'_, '_> {
    /// What one field's rule does with the two rows.
    pub(super) fn field(
        &self,
        field: &CompiledField,
        row: &Row,
        link: Option<&Link>,
        notes: &mut Notes,
    ) -> Result<Step, Failure> {
        let (source, target) = match self.work.stream.lead() {
            Side::Source => (self.record.row, row),
            Side::Target => (row, self.record.row),
        };
        let forward = (field.rule != FieldRule::Pull).then(|| self.forward(field, source)).transpose()?;
        let backward = match (&field.backward, field.rule) {
            (Some(flow), FieldRule::Pull | FieldRule::Fill) => {
                let context = self.work.stream.target_view.context(target.values());
                Some(mapping::map(flow, target, &context, self.work.formats)?)
            }
            _ => None,
        };
        match (field.rule, &field.backward) {
            (FieldRule::Push, _) | (_, None) => {
                let mapped = forward.unwrap_or(Mapped::LeftOut);
                self.one_way(&field.forward, Side::Target, mapped, target, link.map(|link| (link, &field.to)), notes)
            }
            (FieldRule::Pull, Some(flow)) => {
                self.one_way(flow, Side::Source, backward.unwrap_or(Mapped::LeftOut), source, None, notes)
            }
            (FieldRule::Fill, Some(flow)) => {
                Ok(self.fill(field, flow, [forward, backward], (source, target), link, notes))
            }
        }
    }

    fn forward(&self, field: &CompiledField, source: &Row) -> Result<Mapped, Failure> {
        let index = self.work.stream.fields.iter().position(|other| other.to == field.to);
        if let (Side::Source, Some(mapped)) = (self.work.stream.lead(), index.and_then(|at| self.record.mapped.get(at)))
        {
            return mapped.clone();
        }
        let context = self.work.stream.source_view.context(source.values());
        mapping::map(&field.forward, source, &context, self.work.formats)
    }

    /// A field that flows one way.
    fn one_way(
        &self,
        flow: &Flow,
        to: Side,
        mapped: Mapped,
        row: &Row,
        memory: Option<(&Link, &FieldName)>,
        notes: &mut Notes,
    ) -> Result<Step, Failure> {
        let current = row.values().get(&flow.field).cloned().unwrap_or(Value::Null);
        match mapped {
            Mapped::Value { value, is_default } => {
                if is_default {
                    notes.defaulted.push(flow.field.clone());
                }
                let (one, other) = (comparable(&value, &flow.schema), comparable(&current, &flow.schema));
                let is_reference = flow.schema.type_ == FieldType::Reference;
                if !is_reference && (one == other || self.is_agreed(flow, &value, &current, memory)) {
                    return Ok(Step::Nothing { is_same: one == other });
                }
                Ok(Step::Set { side: to, value, seen: Some(current) })
            }
            Mapped::Unmapped => {
                notes.unmapped.push(flow.field.clone());
                Ok(Step::Nothing { is_same: false })
            }
            Mapped::Empty | Mapped::Emptied => {
                let keeps = mapped == Mapped::Empty && flow.on_null == OnNull::Keep;
                if flow.schema.required && (!keeps || is_empty(&current)) {
                    return Err(required(flow, to));
                }
                if keeps || is_empty(&current) {
                    return Ok(Step::Nothing { is_same: false });
                }
                Ok(Step::Set { side: to, value: Value::Null, seen: Some(current) })
            }
            Mapped::LeftOut => Ok(Step::Nothing { is_same: false }),
        }
    }

    /// A target that keeps a value in a form of its own was sent it once more, and made the same of it again.
    fn is_agreed(&self, flow: &Flow, value: &Value, current: &Value, memory: Option<(&Link, &FieldName)>) -> bool {
        let Some((link, field)) = memory else { return false };
        let Some(agreed) = link.agreed.get(field) else { return false };
        let hash = |value: &Value| self.work.hasher.hash(field, &flow.schema, value);
        hash(value) == Some(agreed.sent) && agreed.seen.is_some() && hash(current) == agreed.seen
    }

    /// A field that flows to whichever side has none.
    fn fill(
        &self,
        field: &CompiledField,
        back: &Flow,
        mapped: [Option<Mapped>; 2],
        (source, target): (&Row, &Row),
        link: Option<&Link>,
        notes: &mut Notes,
    ) -> Step {
        const NOTHING: Step = Step::Nothing { is_same: false };
        if mapped.contains(&Some(Mapped::Unmapped)) {
            notes.unmapped.push(field.to.clone());
            return NOTHING;
        }
        // What a value map leaves out is a value all the same, and nobody's to overwrite.
        if mapped.contains(&Some(Mapped::LeftOut)) {
            return NOTHING;
        }
        let [forward, backward] = mapped;
        let current = |row: &Row, name: &str| row.values().get(name).cloned().unwrap_or(Value::Null);
        let (of_target, of_source) = (current(target, &field.to), current(source, &back.field));
        let sent = match forward {
            // A default stands for no value: it gives way to one that the other side has.
            Some(Mapped::Value { is_default: true, .. }) if !is_empty(&of_target) => None,
            Some(Mapped::Value { value, is_default }) => {
                notes.defaulted.extend(is_default.then(|| field.to.clone()));
                Some(value)
            }
            _ => None,
        };
        let same = |flow: &Flow, one: &Value, other: &Value| {
            flow.schema.type_ != FieldType::Reference
                && comparable(one, &flow.schema) == comparable(other, &flow.schema)
        };
        let compare = |value: Option<&Value>| value.and_then(|value| comparable(value, &field.forward.schema));
        let (one, other) = (compare(sent.as_ref()), compare(Some(&of_target)));
        let memory = link.map(|link| (link, &field.to));
        match (change(field.rule, field.winner, one.as_deref(), other.as_deref()), sent, backward) {
            (Change::Keep, ..) => Step::Nothing { is_same: one == other },
            (Change::Set(Side::Target), Some(value), _)
                if !self.is_agreed(&field.forward, &value, &of_target, memory) =>
            {
                Step::Set { side: Side::Target, value, seen: Some(of_target) }
            }
            // The way back need not lead to where the value came from; what it gives may be there already.
            (Change::Set(Side::Source), _, Some(Mapped::Value { value, .. })) if !same(back, &value, &of_source) => {
                Step::Set { side: Side::Source, value, seen: Some(of_source) }
            }
            _ => NOTHING,
        }
    }
}
