//! Checks one stream: scope, leaver rules, choice, actions, and that everything required is mapped.

use std::collections::BTreeSet;

use rollcall_api::v1alpha1::{FieldRule, PickRule, Stream, StreamMode, SyncMode};

use super::compiled::{CompiledField, CompiledLeaver, CompiledPick, CompiledStream, Scope};
use super::expressions::{self, Row, Wanted};
use super::{Problems, Setting, fields, matching};
use crate::definitions::schema::{FieldType, StreamSchema};
use crate::expression::{Expression, View, clauses};
use crate::names::{FieldName, Side};
use crate::suggest::suggestion;

/// One stream with the schemas of its two sides.
struct Sides<'a> {
    stream: &'a Stream,
    path: String,
    source: &'a StreamSchema,
    target: &'a StreamSchema,
}

impl<'a> Sides<'a> {
    const fn schema(&self, side: Side) -> &'a StreamSchema {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }

    const fn lead(&self) -> Side {
        match self.stream.mode {
            StreamMode::Pull => Side::Target,
            _ => Side::Source,
        }
    }

    /// The records that scope, leaver rules and choice look at.
    const fn lead_row(&self) -> Row<'a> {
        match self.lead() {
            Side::Source => Row::source(self.source),
            Side::Target => Row::target(self.target),
        }
    }
}

/// Fields that expressions use, of each side.
#[derive(Default)]
pub(super) struct Used {
    pub(super) source: BTreeSet<String>,
    pub(super) target: BTreeSet<String>,
}

impl Used {
    pub(super) const fn of(&mut self, side: Side) -> &mut BTreeSet<String> {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }
}

/// Checks a stream. What is returned is only usable when no problem was added.
pub(super) fn check(
    stream: &Stream,
    setting: &Setting<'_>,
    source: &StreamSchema,
    target: &StreamSchema,
    problems: &mut Problems,
) -> CompiledStream {
    let sides = Sides { stream, path: format!("spec.streams[{}]", stream.name), source, target };
    let mut used = Used::default();
    // First: where nothing can be written, nothing else about the stream matters.
    writable(&sides, problems);
    let scope = stream.scope.as_ref().and_then(|text| scope(&sides, text, &mut used, problems));
    let leaver = leaver(&sides, &mut used, problems);
    let pick =
        stream.pick.iter().enumerate().filter_map(|(index, rule)| pick(&sides, index, rule, &mut used, problems));
    let pick: Vec<CompiledPick> = pick.collect();
    let mut wanted = Used::default();
    let compiled = mappings(&sides, setting, &mut used, &mut wanted, problems);
    wanted.of(sides.lead()).extend(pick.iter().map(|rule| rule.latest.to_string()));
    required(&sides, problems);
    parents(&sides, setting, problems);
    let match_rules = matching::Checker { stream, target, fields: &compiled, problems }.check();
    actions(&sides, setting, problems);
    let follower = sides.schema(sides.lead().other());
    let source_view = View::new(source, &used.source);
    let target_view = View::new(target, &used.target);
    let names = |wanted: BTreeSet<String>, used: BTreeSet<String>| -> Vec<FieldName> {
        wanted.into_iter().chain(used).collect::<BTreeSet<_>>().into_iter().map(FieldName::from).collect()
    };
    CompiledStream {
        name: stream.name.as_str().into(),
        mode: stream.mode,
        wanted_from_source: names(wanted.source, used.source),
        wanted_from_target: names(wanted.target, used.target),
        scope,
        leaver,
        pick,
        fields: compiled,
        match_rules,
        actions: stream.actions.clone(),
        on_no_match: stream.on_no_match,
        can_disable: follower.can_disable,
        can_delete: follower.can_delete,
        parent: target.parent.clone().or_else(|| source.parent.clone()),
        source_view,
        target_view,
    }
}

fn mappings(
    sides: &Sides<'_>,
    setting: &Setting<'_>,
    used: &mut Used,
    wanted: &mut Used,
    problems: &mut Problems,
) -> Vec<CompiledField> {
    let mut compiled: Vec<CompiledField> = Vec::new();
    for mapping in &sides.stream.fields {
        let path = format!("{}.fields[{}]", sides.path, mapping.to);
        if compiled.iter().any(|field| field.to == *mapping.to) {
            problems.add(path, "the field is mapped twice", "remove one of the two");
            continue;
        }
        let mut checker = fields::Checker {
            setting,
            mode: sides.stream.mode,
            source: sides.source,
            target: sides.target,
            path,
            used: &mut *used,
            wanted: &mut *wanted,
            problems: &mut *problems,
        };
        compiled.extend(checker.check(mapping));
    }
    compiled
}

fn scope(sides: &Sides<'_>, text: &str, used: &mut Used, problems: &mut Problems) -> Option<Scope> {
    let path = format!("{}.scope", sides.path);
    let used = used.of(sides.lead());
    let whole = expressions::check(text, &path, Wanted::Truth, sides.lead_row(), used, problems)?;
    // A clause that does not stand on its own was split wrongly: then the whole expression is the reason.
    let parts: Result<Vec<Expression>, _> =
        clauses(text).iter().map(|clause| Expression::compile(clause, whole.variable)).collect();
    let clauses = parts.unwrap_or_else(|_| vec![whole.clone()]);
    Some(Scope { whole, clauses })
}

fn leaver(sides: &Sides<'_>, used: &mut Used, problems: &mut Problems) -> CompiledLeaver {
    let rules = &sides.stream.leaver;
    let mut expression = |text: &Option<String>, name: &str, wanted: Wanted| {
        let mut names = BTreeSet::new();
        let path = format!("{}.leaver.{name}", sides.path);
        let found = text
            .as_ref()
            .and_then(|text| expressions::check(text, &path, wanted, sides.lead_row(), &mut names, problems));
        used.of(sides.lead()).extend(names.iter().cloned());
        (found, names)
    };
    let (when, when_uses) = expression(&rules.when, "when", Wanted::Truth);
    let (last_day, _) = expression(&rules.last_day, "lastDay", Wanted::Day);
    CompiledLeaver {
        when,
        when_uses: when_uses.into_iter().map(FieldName::from).collect(),
        last_day,
        on_absence: rules.on_absence,
        on_out_of_scope: rules.on_out_of_scope,
        delete_after_days: rules.delete_after_days,
    }
}

fn pick(
    sides: &Sides<'_>,
    index: usize,
    rule: &PickRule,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<CompiledPick> {
    let schema = sides.schema(sides.lead());
    let path = format!("{}.pick[{index}]", sides.path);
    if schema.parent.is_none() {
        problems.add(&path, "records of this stream belong to no parent, so there is nothing to choose", "remove pick");
    }
    let when = rule.when.as_ref().map(|text| {
        let path = format!("{path}.when");
        expressions::check(text, &path, Wanted::Truth, sides.lead_row(), used.of(sides.lead()), problems)
    });
    let Some(field) = schema.fields.get(rule.latest.as_str()) else {
        let side = sides.lead().as_str();
        let remedy = suggestion(&rule.latest, schema.fields.keys());
        problems.add(format!("{path}.latest"), format!("the {side} has no field '{}'", rule.latest), remedy);
        return None;
    };
    if matches!(field.type_, FieldType::TextList) {
        problems.add(format!("{path}.latest"), "a list has no order", "name a date, a number or a text");
    }
    Some(CompiledPick { when: when.flatten(), latest: rule.latest.as_str().into(), schema: field.clone() })
}

/// Records can only be written where the definition says how.
fn writable(sides: &Sides<'_>, problems: &mut Problems) {
    let mode = sides.stream.mode;
    let flows_back = |rule: Option<FieldRule>| !matches!(rule, None | Some(FieldRule::Push));
    let to_source = mode == StreamMode::Pull
        || (mode == StreamMode::Both && sides.stream.fields.iter().any(|field| flows_back(field.rule)));
    let to_target = matches!(mode, StreamMode::Push | StreamMode::Both);
    for (side, is_written) in [(Side::Source, to_source), (Side::Target, to_target)] {
        if is_written && !sides.schema(side).can_write {
            problems.add(
                format!("{}.mode", sides.path),
                format!("the {}'s records of this stream can only be read", side.as_str()),
                "choose another mode, or another system",
            );
        }
    }
}

/// Fields that the side that records are created on requires.
fn required(sides: &Sides<'_>, problems: &mut Problems) {
    let stream = sides.stream;
    if stream.mode == StreamMode::MatchOnly {
        return;
    }
    let follower = sides.lead().other();
    for (name, field) in &sides.schema(follower).fields {
        let is_mapped = |mapping: &rollcall_api::v1alpha1::FieldMapping| match follower {
            Side::Target => mapping.to == **name && mapping.rule != Some(FieldRule::Pull),
            Side::Source => {
                mapping.from.as_deref() == Some(name.as_str())
                    && mapping.rule.unwrap_or(FieldRule::Pull) != FieldRule::Push
            }
        };
        let is_writable = !field.read_only && field.unsupported.is_none();
        if field.required && is_writable && !stream.fields.iter().any(is_mapped) {
            let part = if follower == Side::Target { "to" } else { "from" };
            problems.add(
                format!("{}.fields", sides.path),
                format!("the {} requires '{name}', which is not mapped", follower.as_str()),
                format!("add a mapping with {part}: {name}"),
            );
        }
    }
}

/// Both sides must agree whose children the records are, and the parents must be kept in step too.
fn parents(sides: &Sides<'_>, setting: &Setting<'_>, problems: &mut Problems) {
    let (of_source, of_target) = (&sides.source.parent, &sides.target.parent);
    if let (Some(one), Some(other)) = (of_source, of_target)
        && one != other
    {
        let rule = format!("records belong to {one} in the source, but to {other} in the target");
        problems.add(&sides.path, rule, "correct one of the definitions");
    }
    if let Some(parent) = of_target.as_ref().or(of_source.as_ref())
        && !setting.enabled.contains(parent.as_str())
    {
        problems.add(
            &sides.path,
            format!("records belong to stream '{parent}', which is not enabled"),
            format!("enable a stream '{parent}' in this setting; with mode: MatchOnly it is only linked"),
        );
    }
}

fn actions(sides: &Sides<'_>, setting: &Setting<'_>, problems: &mut Problems) {
    let (stream, path) = (sides.stream, &sides.path);
    let follower = sides.lead().other();
    let (schema, side) = (sides.schema(follower), follower.as_str());
    if setting.mode == SyncMode::CreateOnly || stream.mode == StreamMode::MatchOnly {
        return;
    }
    let has_leaver_rules = stream.leaver.when.is_some() || stream.leaver.last_day.is_some();
    let deletes_at_once = stream.actions.delete && stream.leaver.delete_after_days == 0;
    if has_leaver_rules && stream.actions.disable && !schema.can_disable && !deletes_at_once {
        problems.add(
            format!("{path}.leaver"),
            format!("the {side} cannot disable records of this stream"),
            "remove the leaver rules, or set actions.disable to false",
        );
    }
    if stream.actions.delete && !schema.can_delete {
        let path = format!("{path}.actions.delete");
        problems.add(path, format!("the {side} cannot delete records of this stream"), "set actions.delete to false");
    } else if stream.actions.delete && !schema.can_disable && !deletes_at_once {
        problems.add(
            format!("{path}.actions.delete"),
            format!("records are deleted some days after they were disabled, and the {side} cannot disable them"),
            "set leaver.deleteAfterDays to 0, which deletes at once, or actions.delete to false",
        );
    } else if deletes_at_once && schema.can_disable {
        problems.add(
            format!("{path}.leaver.deleteAfterDays"),
            format!("0 deletes at once, and the {side} can disable records of this stream instead"),
            "set it to 1 or more",
        );
    }
}
