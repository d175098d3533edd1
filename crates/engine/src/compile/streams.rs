//! Checks one stream: scope, leaver rules, match rules, actions, and that everything required is mapped.

use std::collections::BTreeSet;

use super::compiled::{CompiledField, CompiledLeaver, CompiledStream, Scope};
use super::expressions::{self, Row, Wanted};
use super::suggest::suggestion;
use super::{Problems, Setting, fields};
use crate::definitions::schema::{FieldType, StreamSchema};
use crate::expression::{Expression, View, clauses};
use rollcall_api::v1alpha1::{Stream, SyncMode};

/// Checks a stream. What is returned is only usable when no problem was added.
pub(super) fn check(
    stream: &Stream,
    setting: &Setting<'_>,
    source: &StreamSchema,
    target: &StreamSchema,
    problems: &mut Problems,
) -> CompiledStream {
    let path = format!("spec.streams[{}]", stream.name);
    let mut used = BTreeSet::new();
    let scope = stream.scope.as_ref().and_then(|text| scope(text, &path, source, &mut used, problems));
    let leaver = leaver(stream, &path, source, &mut used, problems);
    let mut wanted = BTreeSet::new();
    let mut compiled: Vec<CompiledField> = Vec::new();
    for mapping in &stream.fields {
        let path = format!("{path}.fields[{}]", mapping.to);
        if compiled.iter().any(|field| field.to == mapping.to) {
            problems.add(path, "the field is mapped twice", "remove one of the two");
            continue;
        }
        let mut checker =
            fields::Checker { setting, source, target, path, used: &mut used, wanted: &mut wanted, problems };
        compiled.extend(checker.check(mapping));
    }
    required(stream, &path, target, problems);
    let match_rules = match_rules(stream, &path, target, &compiled, problems);
    actions(stream, &path, setting, target, problems);
    let view = View::new(source, &used);
    wanted.extend(used);
    CompiledStream {
        name: stream.name.clone(),
        wanted: wanted.into_iter().collect(),
        match_on: stream.match_rules.iter().flat_map(|rule| rule.names()).map(str::to_owned).collect(),
        scope,
        leaver,
        fields: compiled,
        match_rules,
        actions: stream.actions.clone(),
        on_no_match: stream.on_no_match,
        can_disable: target.can_disable,
        can_delete: target.can_delete,
        view,
    }
}

fn scope(
    text: &str,
    path: &str,
    source: &StreamSchema,
    used: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> Option<Scope> {
    let whole = expressions::check(text, &format!("{path}.scope"), Wanted::Truth, Row::source(source), used, problems)?;
    // A clause that does not stand on its own was split wrongly: then the whole expression is the reason.
    let parts: Result<Vec<Expression>, _> =
        clauses(text).iter().map(|clause| Expression::compile(clause, whole.variable)).collect();
    let clauses = parts.unwrap_or_else(|_| vec![whole.clone()]);
    Some(Scope { whole, clauses })
}

fn leaver(
    stream: &Stream,
    path: &str,
    source: &StreamSchema,
    used: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> CompiledLeaver {
    let mut expression = |text: &Option<String>, name: &str, wanted: Wanted| {
        let text = text.as_ref()?;
        expressions::check(text, &format!("{path}.leaver.{name}"), wanted, Row::source(source), used, problems)
    };
    CompiledLeaver {
        when: expression(&stream.leaver.when, "when", Wanted::Truth),
        last_day: expression(&stream.leaver.last_day, "lastDay", Wanted::Day),
        on_absence: stream.leaver.on_absence,
        on_out_of_scope: stream.leaver.on_out_of_scope,
        delete_after_days: stream.leaver.delete_after_days,
    }
}

fn required(stream: &Stream, path: &str, target: &StreamSchema, problems: &mut Problems) {
    for (name, field) in &target.fields {
        let is_writable = !field.read_only && field.unsupported.is_none();
        if field.required && is_writable && !stream.fields.iter().any(|mapping| mapping.to == **name) {
            problems.add(
                format!("{path}.fields"),
                format!("the target requires '{name}', which is not mapped"),
                format!("add a mapping with to: {name}"),
            );
        }
    }
}

/// Gives the indexes of the matched fields.
fn match_rules(
    stream: &Stream,
    path: &str,
    target: &StreamSchema,
    compiled: &[CompiledField],
    problems: &mut Problems,
) -> Vec<usize> {
    let mut indexes = Vec::new();
    for (position, name) in stream
        .match_rules
        .iter()
        .enumerate()
        .flat_map(|(at, rule)| rule.names().into_iter().map(move |name| (at, name)))
    {
        let path = format!("{path}.match[{position}].field");
        let Some(field) = target.fields.get(name) else {
            let lookups = target.fields.iter().filter(|(_, field)| field.lookup).map(|(name, _)| name);
            problems.add(path, format!("the target has no field '{}'", name), suggestion(name, lookups));
            continue;
        };
        if !field.lookup {
            let lookups = target.fields.iter().filter(|(_, field)| field.lookup).map(|(name, _)| name);
            let rule = format!("records of the target cannot be looked up by '{}'", name);
            problems.add(&path, rule, suggestion("", lookups));
        }
        if matches!(field.type_, FieldType::TextList | FieldType::Reference) {
            problems.add(&path, format!("'{}' is not a single value", name), "match on a text or a number");
        }
        match compiled.iter().position(|field| field.to == name) {
            Some(index) if indexes.contains(&index) => {
                problems.add(path, format!("'{}' is matched on twice", name), "remove one of the two");
            }
            Some(index) => indexes.push(index),
            None if stream.fields.iter().any(|mapping| mapping.to == name) => {}
            None => problems.add(
                path,
                format!("'{}' is not mapped, so there is no value to look up", name),
                format!("add a mapping with to: {}", name),
            ),
        }
    }
    indexes
}

fn actions(stream: &Stream, path: &str, setting: &Setting<'_>, target: &StreamSchema, problems: &mut Problems) {
    if setting.mode == SyncMode::CreateOnly {
        return;
    }
    let has_leaver_rules = stream.leaver.when.is_some() || stream.leaver.last_day.is_some();
    if has_leaver_rules && stream.actions.disable && !target.can_disable {
        problems.add(
            format!("{path}.leaver"),
            "the target cannot disable records of this stream",
            "remove the leaver rules, or set actions.disable to false",
        );
    }
    if stream.actions.delete && !target.can_delete {
        let path = format!("{path}.actions.delete");
        problems.add(path, "the target cannot delete records of this stream", "set actions.delete to false");
    } else if stream.actions.delete && !target.can_disable {
        problems.add(
            format!("{path}.actions.delete"),
            "records are deleted some days after they were disabled, and the target cannot disable them",
            "set actions.delete to false",
        );
    }
}
