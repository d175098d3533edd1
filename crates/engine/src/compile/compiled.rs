//! A setting that was checked: expressions and patterns compiled, streams in the order in which they are written.

use serde_json::{Value, json};

use crate::definitions::schema::FieldSchema;
use crate::expression::{Expression, View};
use crate::value::{DateFormats, Rules};
use rollcall_api::v1alpha1::{Actions, Apply, OnGone, OnNoMatch, OnNull, OnUnmapped, ValueMapping};

/// A setting that can be run.
#[derive(Clone, Debug)]
pub struct CompiledSetting {
    streams: Vec<CompiledStream>,
    rules_digest: String,
    pub(crate) formats: DateFormats,
}

impl CompiledSetting {
    pub(super) fn new(streams: Vec<CompiledStream>, formats: DateFormats) -> Self {
        let rules_digest = rules_digest(&streams);
        Self { streams, rules_digest, formats }
    }

    /// Enabled streams, in the order in which they are written.
    pub fn streams(&self) -> &[CompiledStream] {
        &self.streams
    }

    /// One enabled stream.
    pub fn stream(&self, name: &str) -> Option<&CompiledStream> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// `sha256:` digest over scope and match rules of the enabled streams. When it differs from the one that was
    /// published, everything that a run would do is held. Nothing else changes it.
    pub fn rules_digest(&self) -> &str {
        &self.rules_digest
    }
}

fn rules_digest(streams: &[CompiledStream]) -> String {
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
    pub name: String,
    /// Fields of the source (dotted names) that are needed: mapped ones and those that expressions use. No other has
    /// to be read or held.
    pub wanted: Vec<String>,
    /// Names of the target's fields that records are matched on, in order.
    pub match_on: Vec<String>,
    pub(crate) scope: Option<Scope>,
    pub(crate) leaver: CompiledLeaver,
    pub(crate) fields: Vec<CompiledField>,
    /// Indexes into `fields`.
    pub(crate) match_rules: Vec<usize>,
    pub(crate) actions: Actions,
    pub(crate) on_no_match: OnNoMatch,
    pub(crate) can_disable: bool,
    pub(crate) can_delete: bool,
    /// The fields that expressions use.
    pub(crate) view: View,
}

impl CompiledStream {
    /// The fields of the match rules, in order.
    pub(crate) fn matched_fields(&self) -> impl Iterator<Item = &CompiledField> {
        self.match_rules.iter().filter_map(|index| self.fields.get(*index))
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
    pub(crate) last_day: Option<Expression>,
    pub(crate) on_absence: OnGone,
    pub(crate) on_out_of_scope: OnGone,
    pub(crate) delete_after_days: i32,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Parts of the path of a source field.
    Path(Vec<String>),
    Constant(String),
    Expression(Expression),
}

/// What is sent to one field of the target.
#[derive(Clone, Debug)]
pub(crate) struct CompiledField {
    pub(crate) to: String,
    pub(crate) input: Input,
    pub(crate) apply: Apply,
    pub(crate) on_null: OnNull,
    pub(crate) default: Option<String>,
    pub(crate) values: Vec<ValueMapping>,
    pub(crate) on_unmapped: OnUnmapped,
    pub(crate) rules: Rules,
    pub(crate) schema: FieldSchema,
}
