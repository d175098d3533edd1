//! A setting that was checked: expressions and patterns compiled, streams in the order in which they are written.

use std::collections::BTreeSet;

use rollcall_api::v1alpha1::{
    Actions, Apply, FieldRule, Normalization, OnGone, OnNoMatch, OnNull, OnUnmapped, StreamMode, ValueMapping,
};
use serde_json::{Value, json};

use crate::definitions::schema::FieldSchema;
use crate::expression::{Expression, View};
use crate::model::Line;
use crate::names::{FieldName, Side, StreamName};
use crate::value::{DateFormats, Rules};

/// A setting that can be run.
#[derive(Clone, Debug)]
pub struct CompiledSetting {
    streams: Vec<CompiledStream>,
    first_edition_rules: String,
    pub(crate) formats: DateFormats,
}

impl CompiledSetting {
    pub(super) fn new(streams: Vec<CompiledStream>, formats: DateFormats) -> Self {
        let first_edition_rules = first_edition_rules(&streams);
        Self { streams, first_edition_rules, formats }
    }

    /// Enabled streams that take part in runs, in the order in which they are written.
    pub fn streams(&self) -> &[CompiledStream] {
        &self.streams
    }

    /// One enabled stream.
    pub fn stream(&self, name: &str) -> Option<&CompiledStream> {
        self.streams.iter().find(|stream| stream.name == *name)
    }

    /// `sha256:` digest over scope and match rules of the enabled streams: what the first edition kept of an approval.
    pub fn first_edition_rules(&self) -> &str {
        &self.first_edition_rules
    }
}

fn first_edition_rules(streams: &[CompiledStream]) -> String {
    let mut rules: Vec<(&str, Value)> = streams
        .iter()
        .map(|stream| {
            let scope = stream.scope.as_ref().map(|scope| scope.whole.text.as_str());
            let on: Vec<&str> = stream.matched_fields().map(|field| field.to.as_str()).collect();
            (stream.name.as_str(), json!([stream.name, scope, on]))
        })
        .collect();
    rules.sort_unstable_by_key(|(name, _)| *name);
    let text = Value::from(rules.into_iter().map(|(_, rule)| rule).collect::<Vec<_>>()).to_string();
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    format!("sha256:{}", crate::value::hexadecimal(digest.as_ref()))
}

/// One stream that can be run.
#[derive(Clone, Debug)]
pub struct CompiledStream {
    /// Its name.
    pub name: StreamName,
    /// Which way records flow.
    pub mode: StreamMode,
    /// Fields of the source that are needed: mapped ones and those that expressions use. No other has to be read.
    pub wanted_from_source: Vec<FieldName>,
    /// Fields of the target that are needed.
    pub wanted_from_target: Vec<FieldName>,
    pub(crate) scope: Option<Scope>,
    pub(crate) leaver: CompiledLeaver,
    pub(crate) pick: Vec<CompiledPick>,
    pub(crate) fields: Vec<CompiledField>,
    pub(crate) match_rules: Vec<CompiledMatch>,
    pub(crate) actions: Actions,
    pub(crate) on_no_match: OnNoMatch,
    /// Whether the side that follows can switch records off and on.
    pub(crate) can_disable: bool,
    /// Whether the side that follows can delete records.
    pub(crate) can_delete: bool,
    /// The stream whose records these belong to.
    pub(crate) parent: Option<StreamName>,
    /// The source's fields that expressions use.
    pub(crate) source_view: View,
    /// The target's fields that expressions use.
    pub(crate) target_view: View,
}

impl CompiledStream {
    /// The side whose records decide what is created and removed on the other.
    pub const fn lead(&self) -> Side {
        match self.mode {
            StreamMode::Pull => Side::Target,
            StreamMode::Push | StreamMode::Both | StreamMode::MatchOnly | StreamMode::Ignore => Side::Source,
        }
    }

    /// The stream whose records these belong to.
    pub const fn parent(&self) -> Option<&StreamName> {
        self.parent.as_ref()
    }

    /// The side that follows.
    pub const fn follower(&self) -> Side {
        self.lead().other()
    }

    /// Fields of one side that are needed.
    pub fn wanted(&self, side: Side) -> &[FieldName] {
        match side {
            Side::Source => &self.wanted_from_source,
            Side::Target => &self.wanted_from_target,
        }
    }

    /// The view of the records of one side.
    pub(crate) const fn view(&self, side: Side) -> &View {
        match side {
            Side::Source => &self.source_view,
            Side::Target => &self.target_view,
        }
    }

    /// The fields of the match rules, in order.
    pub(crate) fn matched_fields(&self) -> impl Iterator<Item = &CompiledField> {
        self.match_rules.iter().flat_map(|rule| &rule.fields).filter_map(|index| self.fields.get(*index))
    }

    /// Whether anything can be written to a side.
    pub fn writes_to(&self, side: Side) -> bool {
        match self.mode {
            StreamMode::MatchOnly | StreamMode::Ignore => false,
            StreamMode::Push => side == Side::Target,
            StreamMode::Pull => side == Side::Source,
            StreamMode::Both => side == Side::Target || self.fields.iter().any(|field| field.rule != FieldRule::Push),
        }
    }

    /// Streams whose records are referred to by fields, or are parents.
    pub fn refers_to(&self) -> BTreeSet<&StreamName> {
        self.fields.iter().filter_map(|field| field.forward.schema.stream.as_ref()).chain(&self.parent).collect()
    }
}

/// Which records are sent.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) whole: Expression,
    /// The parts between top-level `&&`.
    pub(crate) clauses: Vec<Expression>,
}

/// Who counts as a leaver.
#[derive(Clone, Debug)]
pub(crate) struct CompiledLeaver {
    pub(crate) when: Option<Expression>,
    /// The fields that `when` uses.
    pub(crate) when_uses: Vec<FieldName>,
    pub(crate) last_day: Option<Expression>,
    pub(crate) on_absence: OnGone,
    pub(crate) on_out_of_scope: OnGone,
    pub(crate) delete_after_days: i32,
}

/// One step of a choice among the records of one parent.
#[derive(Clone, Debug)]
pub(crate) struct CompiledPick {
    pub(crate) when: Option<Expression>,
    pub(crate) latest: FieldName,
    pub(crate) schema: FieldSchema,
}

/// One match rule.
#[derive(Clone, Debug)]
pub(crate) struct CompiledMatch {
    /// Indexes into the stream's fields.
    pub(crate) fields: Vec<usize>,
    pub(crate) normalize: Normalization,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A field of the origin.
    Field(FieldName),
    Constant(String),
    Expression(Expression),
}

/// One field that is kept in step.
#[derive(Clone, Debug)]
pub(crate) struct CompiledField {
    /// The target's field.
    pub(crate) to: FieldName,
    pub(crate) rule: FieldRule,
    /// With rule Fill: whose value counts where both sides have one.
    pub(crate) winner: Option<Side>,
    pub(crate) apply: Apply,
    /// From source to target. For rule Pull it only serves to find records.
    pub(crate) forward: Flow,
    /// From target to source.
    pub(crate) backward: Option<Flow>,
}

impl CompiledField {
    /// How values come to a side; None when this field never writes there.
    pub(crate) fn flow_to(&self, side: Side) -> Option<&Flow> {
        match (side, self.rule) {
            (Side::Target, FieldRule::Push | FieldRule::Fill) => Some(&self.forward),
            (Side::Source, FieldRule::Pull | FieldRule::Fill) => self.backward.as_ref(),
            _ => None,
        }
    }

    /// Whether a line writes this field, on whichever side.
    pub(crate) fn is_written_by(&self, line: &Line) -> bool {
        self.flow_to(line.at)
            .is_some_and(|flow| line.set.contains(&flow.field) || line.references.contains_key(&flow.field))
    }
}

/// How a value gets from one side into a field of the other.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    /// The field that is written.
    pub(crate) field: FieldName,
    pub(crate) input: Input,
    pub(crate) on_null: OnNull,
    pub(crate) default: Option<String>,
    pub(crate) values: Vec<ValueMapping>,
    pub(crate) on_unmapped: OnUnmapped,
    pub(crate) rules: Rules,
    /// Of the field that is written.
    pub(crate) schema: FieldSchema,
}
