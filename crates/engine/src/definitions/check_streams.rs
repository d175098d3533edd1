//! The rules that streams and lookups of a definition must keep.

use std::collections::BTreeSet;

use super::check::Check;
use super::schema::{FieldType, StreamSchema};
use super::streams::{
    ListSpec, Paging, Preference, RestStream, ScimShape, ScimStream, SourceStream, TargetStream, ValueRule,
};
use rollcall_api::v1alpha1::Capability;

/// Checks lookups, source streams, target streams and what they promise together.
pub(super) fn run(check: &mut Check<'_>) {
    let definition = check.definition;
    lookups(check);
    let sources: BTreeSet<&str> = definition.source.keys().map(String::as_str).collect();
    for (name, stream) in &definition.source {
        source_stream(check, &format!("source.{name}"), stream, &sources);
    }
    let targets: BTreeSet<&str> = definition.target.keys().map(String::as_str).collect();
    for (name, stream) in &definition.target {
        let place = format!("target.{name}");
        schema(check, &place, stream.schema(), &targets);
        match stream {
            TargetStream::Scim2(stream) => scim_stream(check, &place, stream),
            TargetStream::Rest(stream) => rest_stream(check, &place, stream),
        }
    }
    capabilities(check);
}

fn lookups(check: &mut Check<'_>) {
    let definition = check.definition;
    let used: BTreeSet<&str> = definition
        .source
        .values()
        .flat_map(|stream| stream.values.values())
        .filter_map(|rule| rule.lookup.as_deref())
        .collect();
    for (name, lookup) in &definition.lookups {
        let place = format!("lookups.{name}");
        list(check, &format!("{place}.list"), &lookup.list, &[]);
        check.path(&format!("{place}.key"), &lookup.key);
        check.path(&format!("{place}.value"), &lookup.value);
        for path in lookup.only.keys() {
            check.path(&format!("{place}.only"), path);
        }
        if !used.contains(name.as_str()) {
            check.note(place, "is used by nothing", "name it as lookup of a value, or remove it");
        }
    }
}

fn list(check: &mut Check<'_>, place: &str, list: &ListSpec, variables: &[&str]) {
    check.request(&format!("{place}.request"), &list.request, variables);
    check.path(&format!("{place}.rows"), &list.rows);
    if let Some(total) = &list.total {
        check.path(&format!("{place}.total"), total);
    }
    match &list.paging {
        Paging::NextLink { link } => check.path(&format!("{place}.paging.link"), link),
        Paging::Offset { page_size, used_size, .. } => {
            if *page_size == 0 {
                check.note(format!("{place}.paging.pageSize"), "must be at least 1", "correct the number");
            }
            if let Some(path) = used_size {
                check.path(&format!("{place}.paging.usedSize"), path);
            }
        }
    }
}

fn source_stream(check: &mut Check<'_>, place: &str, stream: &SourceStream, streams: &BTreeSet<&str>) {
    schema(check, place, &stream.schema, streams);
    list(check, &format!("{place}.list"), &stream.list, &[]);
    check.path(&format!("{place}.key"), &stream.key);
    if stream.key_filter.as_ref().is_some_and(|filter| filter.batch == 0 || filter.separator.is_empty()) {
        check.note(format!("{place}.keyFilter"), "batch and separator must not be empty", "give both");
    }
    for (name, expansion) in &stream.expand {
        let place = format!("{place}.expand.{name}");
        list(check, &format!("{place}.list"), &expansion.list, &["key"]);
        preferences(check, &place, &expansion.prefer);
        if !stream.values.values().any(|rule| rule.from.as_deref() == Some(name)) {
            check.note(place, "is used by nothing", "name it as from of a value, or remove it");
        }
    }
    fields_and_values(check, place, &stream.schema, stream.values.keys());
    for (name, rule) in &stream.values {
        value_rule(check, &format!("{place}.values.{name}"), stream, rule);
    }
}

fn value_rule(check: &mut Check<'_>, place: &str, stream: &SourceStream, rule: &ValueRule) {
    check.path(place, &rule.path);
    for path in rule.other_spellings.iter().chain(&rule.list) {
        check.path(place, path);
    }
    if let Some(from) = &rule.from
        && !stream.expand.contains_key(from)
    {
        check.note(place, format!("names the unknown expansion {from}"), "describe it under expand");
    }
    if let Some(lookup) = &rule.lookup
        && !check.definition.lookups.contains_key(lookup)
    {
        check.note(place, format!("names the unknown lookup {lookup}"), "describe it under lookups");
    }
    if rule.list.is_some() {
        preferences(check, place, &rule.prefer);
    } else if !rule.prefer.is_empty() {
        check.note(place, "has prefer without list", "name the list, or remove prefer");
    }
}

fn preferences(check: &mut Check<'_>, place: &str, prefer: &[Preference]) {
    if prefer.is_empty() {
        check.note(format!("{place}.prefer"), "must not be empty", "say which element is chosen");
    }
    for (index, preference) in prefer.iter().enumerate() {
        let place = format!("{place}.prefer[{index}]");
        check.path(&place, &preference.path);
        if preference.values.is_empty() == preference.direction.is_none() {
            check.note(place, "must have exactly one of values and direction", "remove or add one");
        }
    }
}

fn scim_stream(check: &mut Check<'_>, place: &str, stream: &ScimStream) {
    check.endpoint(place, &stream.endpoint);
    check.rate_class(place, &stream.rate_class);
    if stream.page_size == 0 || stream.resource.is_empty() || stream.schemas.is_empty() {
        check.note(place, "pageSize, resource and schemas must not be empty", "give all three");
    }
    fields_and_values(check, place, &stream.schema, stream.values.keys());
    for (name, value) in &stream.values {
        let place = format!("{place}.values.{name}");
        if let Some(problem) = value.path.problem() {
            check.note(&place, format!("{}: {problem}", value.path.text()), "see RFC 7644 section 3.10");
        }
        if let Some(urn) = &value.path.extension
            && !stream.schemas.contains(urn)
        {
            check.note(&place, format!("{urn} is not in schemas"), "add the URN to schemas, or correct it");
        }
        let is_part = value.path.selector.is_some() || value.path.sub_attribute.is_some();
        if value.shape != ScimShape::Plain && is_part {
            check.note(place, "a wrapped value takes a whole attribute", "remove what follows the attribute's name");
        }
    }
}

fn rest_stream(check: &mut Check<'_>, place: &str, stream: &RestStream) {
    list(check, &format!("{place}.list"), &stream.list, &[]);
    check.path(&format!("{place}.id"), &stream.id);
    check.request(&format!("{place}.get"), &stream.get, &["id"]);
    check.request(&format!("{place}.create"), &stream.create, &[]);
    check.request(&format!("{place}.update"), &stream.update, &["id"]);
    fields_and_values(check, place, &stream.schema, stream.values.keys());
    for (name, value) in stream.values.iter().filter(|(_, value)| !value.path.is_plain()) {
        check.note(
            format!("{place}.values.{name}"),
            format!("{} is not made of names only", value.path.text()),
            "values that are written have paths like a.b",
        );
    }
    if stream.schema.can_disable || stream.schema.can_delete {
        check.note(format!("{place}.schema"), "this transport neither disables nor deletes", "set both to false");
    }
}

fn fields_and_values<'a>(
    check: &mut Check<'_>,
    place: &str,
    schema: &StreamSchema,
    values: impl Iterator<Item = &'a String> + Clone,
) {
    for (name, _) in schema.fields.iter().filter(|(_, field)| field.unsupported.is_none()) {
        if !values.clone().any(|value| **value == **name) {
            check.note(
                format!("{place}.schema.fields.{name}"),
                "has no entry under values",
                "say where its value is, or mark it unsupported",
            );
        }
    }
    for name in values.filter(|name| schema.fields.get(name.as_str()).is_none_or(|field| field.unsupported.is_some())) {
        check.note(format!("{place}.values.{name}"), "is not a supported field of the schema", "describe the field");
    }
}

fn schema(check: &mut Check<'_>, place: &str, schema: &StreamSchema, streams: &BTreeSet<&str>) {
    for name in schema.depends_on.iter().filter(|name| !streams.contains(name.as_str())) {
        check.note(format!("{place}.schema.dependsOn"), format!("names the unknown stream {name}"), "correct it");
    }
    for (name, field) in &schema.fields {
        let place = format!("{place}.schema.fields.{name}");
        let is_reference = field.type_ == FieldType::Reference;
        match &field.stream {
            Some(stream) if is_reference && streams.contains(stream.as_str()) => {}
            Some(stream) if is_reference => {
                check.note(&place, format!("points at the unknown stream {stream}"), "correct it");
            }
            Some(_) => check.note(&place, "has a stream but is no Reference", "set type: Reference"),
            None if is_reference => check.note(&place, "is a Reference without a stream", "say which stream"),
            None => {}
        }
        if let Some(pattern) = &field.pattern
            && regex::Regex::new(pattern).is_err()
        {
            check.note(&place, "pattern is not a regular expression", "correct it");
        }
        if schema.fields.keys().any(|other| other.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.')))
        {
            check.note(place, "is a value and the beginning of another field's name", "rename one of them");
        }
    }
}

fn capabilities(check: &mut Check<'_>) {
    let definition = check.definition;
    let has = |capability| definition.capabilities.contains(&capability);
    let any = |test: fn(&StreamSchema) -> bool| definition.target.values().any(|stream| test(stream.schema()));
    let rules = [
        (Capability::Read, !definition.source.is_empty(), "a source stream"),
        (Capability::Write, !definition.target.is_empty(), "a target stream"),
        (Capability::Deactivate, any(|schema| schema.can_disable), "a target stream with canDisable"),
        (Capability::Delete, any(|schema| schema.can_delete), "a target stream with canDelete"),
    ];
    for (capability, offered, what) in rules {
        if has(capability) != offered {
            check.note(
                "capabilities",
                format!("{capability:?} must be named exactly when there is {what}"),
                "add or remove it",
            );
        }
    }
}
