//! The rules that streams and lookups of a definition must keep.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Check;
use super::check_rest;
use super::schema::{FieldType, StreamSchema};
use super::streams::{ListSpec, Paging, ScimShape, ScimStream, Stream, Transport};
use crate::names::{FieldName, StreamName};
use rollcall_api::v1alpha1::Capability;

/// Checks lookups, streams, and what they promise together.
pub(super) fn run(check: &mut Check<'_>) {
    let definition = check.definition;
    lookups(check);
    for (name, stream) in &definition.streams {
        let place = format!("streams.{name}");
        schema(check, &place, &stream.schema, &definition.streams);
        match &stream.transport {
            Transport::Scim2(scim) => scim_stream(check, &place, &stream.schema, scim),
            Transport::Rest(rest) => check_rest::run(check, &place, &stream.schema, rest),
        }
    }
    capabilities(check);
}

fn lookups(check: &mut Check<'_>) {
    let definition = check.definition;
    let rules = |stream: &'_ Stream| match &stream.transport {
        Transport::Rest(rest) => rest.values.values().filter_map(|rule| rule.lookup.clone()).collect(),
        Transport::Scim2(_) => Vec::new(),
    };
    let used: BTreeSet<String> = definition.streams.values().flat_map(rules).collect();
    for (name, lookup) in &definition.lookups {
        let place = format!("lookups.{name}");
        list(check, &format!("{place}.list"), &lookup.list, &[]);
        check.path(&format!("{place}.key"), &lookup.key);
        check.path(&format!("{place}.value"), &lookup.value);
        for path in lookup.only.keys() {
            check.path(&format!("{place}.only"), path);
        }
        if !used.contains(name) {
            check.note(place, "is used by nothing", "name it as lookup of a value, or remove it");
        }
    }
}

/// A list and how its pages are had.
pub(super) fn list(check: &mut Check<'_>, place: &str, list: &ListSpec, variables: &[&str]) {
    check.request(&format!("{place}.request"), &list.request, variables);
    check.path(&format!("{place}.rows"), &list.rows);
    if let Some(total) = &list.total {
        check.path(&format!("{place}.total"), total);
    }
    match &list.paging {
        Paging::NextLink { link } => check.path(&format!("{place}.paging.link"), link),
        Paging::Offset { page_size, .. } => {
            if *page_size == 0 {
                check.note(format!("{place}.paging.pageSize"), "must be at least 1", "correct the number");
            }
        }
    }
}

fn scim_stream(check: &mut Check<'_>, place: &str, schema: &StreamSchema, stream: &ScimStream) {
    if schema.parent.is_some() {
        check.note(format!("{place}.schema.parent"), "SCIM resources have no parent", "remove it, or use rest");
    }
    fields_and_values(check, place, "scim2", schema, stream.values.keys());
    let place = &format!("{place}.scim2");
    check.endpoint(place, &stream.endpoint);
    check.rate_class(place, &stream.rate_class);
    if stream.page_size == 0 || stream.resource.is_empty() || stream.schemas.is_empty() {
        check.note(place, "pageSize, resource and schemas must not be empty", "give all three");
    }
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

/// Fields of a schema, and places of their values, name each other.
pub(super) fn fields_and_values<'a>(
    check: &mut Check<'_>,
    place: &str,
    transport: &str,
    schema: &StreamSchema,
    values: impl Iterator<Item = &'a FieldName> + Clone,
) {
    for (name, _) in schema.fields.iter().filter(|(_, field)| field.unsupported.is_none()) {
        if !values.clone().any(|value| value == name) {
            check.note(
                format!("{place}.schema.fields.{name}"),
                "has no entry under values",
                "say where its value is, or mark it unsupported",
            );
        }
    }
    for name in values.filter(|name| schema.fields.get(*name).is_none_or(|field| field.unsupported.is_some())) {
        check.note(
            format!("{place}.{transport}.values.{name}"),
            "is not a supported field of the schema",
            "describe the field",
        );
    }
}

fn schema(check: &mut Check<'_>, place: &str, schema: &StreamSchema, streams: &BTreeMap<StreamName, Stream>) {
    for name in schema.depends_on.iter().filter(|name| !streams.contains_key(*name)) {
        check.note(format!("{place}.schema.dependsOn"), format!("names the unknown stream {name}"), "correct it");
    }
    if let Some(parent) = schema.parent.as_ref().filter(|parent| !streams.contains_key(*parent)) {
        check.note(format!("{place}.schema.parent"), format!("names the unknown stream {parent}"), "correct it");
    }
    for (name, field) in &schema.fields {
        let place = format!("{place}.schema.fields.{name}");
        let is_reference = field.type_ == FieldType::Reference;
        match &field.stream {
            Some(stream) if is_reference && streams.contains_key(stream) => {}
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
    let any = |test: fn(&Stream) -> bool| definition.streams.values().any(test);
    let rules = [
        (Capability::Read, any(|_| true), "a stream"),
        (Capability::Write, any(Stream::can_write), "a stream that can be written"),
        (Capability::Deactivate, any(|stream| stream.schema.can_disable), "a stream with canDisable"),
        (Capability::Delete, any(|stream| stream.schema.can_delete), "a stream with canDelete"),
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
