//! The rules that a stream must keep which is read and written by requests of the definition.

use super::access::Request;
use super::check::Check;
use super::check_streams::{fields_and_values, list};
use super::schema::StreamSchema;
use super::streams::{Preference, RestStream, ValueRule};

/// Checks one stream.
pub(super) fn run(check: &mut Check<'_>, place: &str, schema: &StreamSchema, stream: &RestStream) {
    fields_and_values(check, place, "rest", schema, stream.values.keys());
    let rest = format!("{place}.rest");
    list(check, &format!("{rest}.list"), &stream.list, &[]);
    check.path(&format!("{rest}.id"), &stream.id);
    if stream.key_filter.as_ref().is_some_and(|filter| filter.batch == 0 || filter.separator.is_empty()) {
        check.note(format!("{rest}.keyFilter"), "batch and separator must not be empty", "give both");
    }
    if let Some(active) = &stream.active {
        check.path(&format!("{rest}.active"), &active.path);
        if active.inactive.is_empty() {
            check.note(format!("{rest}.active.inactive"), "must not be empty", "name the values that mean inactive");
        }
    }
    for (name, expansion) in &stream.expand {
        let place = format!("{rest}.expand.{name}");
        list(check, &format!("{place}.list"), &expansion.list, &["id"]);
        preferences(check, &place, &expansion.prefer);
        if !stream.values.values().any(|rule| rule.from.as_deref() == Some(name)) {
            check.note(place, "is used by nothing", "name it as from of a value, or remove it");
        }
    }
    for (name, rule) in &stream.values {
        value_rule(check, &format!("{rest}.values.{name}"), stream, rule);
    }
    parent(check, place, schema, stream);
    requests(check, &rest, stream);
    abilities(check, place, schema, stream);
}

fn value_rule(check: &mut Check<'_>, place: &str, stream: &RestStream, rule: &ValueRule) {
    check.path(place, &rule.path);
    for path in rule.other_spellings.iter().chain(&rule.list) {
        check.path(place, path);
    }
    if let Some(from) = rule.from.as_ref().filter(|from| !stream.expand.contains_key(*from)) {
        check.note(place, format!("names the unknown expansion {from}"), "describe it under expand");
    }
    if let Some(lookup) = rule.lookup.as_ref().filter(|lookup| !check.definition.lookups.contains_key(*lookup)) {
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

fn parent(check: &mut Check<'_>, place: &str, schema: &StreamSchema, stream: &RestStream) {
    let at = format!("{place}.rest.parent");
    match (&schema.parent, &stream.parent) {
        (Some(_), None) => check.note(at, "is missing, but the schema names a parent", "say where its identifier is"),
        (None, Some(_)) => {
            check.note(format!("{place}.schema"), "has no parent, but rest does", "name the stream of the parent");
        }
        (Some(_), Some(path)) => {
            check.path(&at, path);
            if stream.create.is_some() && !path.is_plain() {
                check.note(at, "is not made of names only", "records that are created have a path like a.b there");
            }
        }
        (None, None) => {}
    }
}

fn requests(check: &mut Check<'_>, place: &str, stream: &RestStream) {
    let known: [(&str, &Option<Request>, &[&str]); 6] = [
        ("get", &stream.get, &["id"]),
        ("create", &stream.create, &[]),
        ("update", &stream.update, &["id"]),
        ("delete", &stream.delete, &["id"]),
        ("enable", &stream.enable, &["id"]),
        ("disable", &stream.disable, &["id"]),
    ];
    for (name, request, variables) in known {
        if let Some(request) = request {
            check.request(&format!("{place}.{name}"), request, variables);
        }
    }
    let writes = [&stream.create, &stream.update, &stream.delete, &stream.enable, &stream.disable];
    if writes.into_iter().any(Option::is_some) && (stream.create.is_none() || stream.update.is_none()) {
        check.note(place, "is written without both create and update", "add what is missing, or remove the others");
    }
    if stream.enable.is_some() != stream.disable.is_some() {
        check.note(place, "has only one of enable and disable", "add the other one: who returns is enabled again");
    }
}

/// What the schema promises must be what the requests can do.
fn abilities(check: &mut Check<'_>, place: &str, schema: &StreamSchema, stream: &RestStream) {
    let pairs = [
        ("canDisable", schema.can_disable, stream.disable.is_some() && stream.enable.is_some(), "disable and enable"),
        ("canDelete", schema.can_delete, stream.delete.is_some(), "delete"),
    ];
    for (ability, promised, offered, what) in pairs {
        if promised != offered {
            check.note(
                format!("{place}.schema.{ability}"),
                format!("must be true exactly when rest has {what}"),
                "correct it, or add or remove the request",
            );
        }
    }
    if stream.disable.is_some() && stream.active.is_none() {
        check.note(
            format!("{place}.rest.disable"),
            "disables records, but nothing says which ones are disabled",
            "say under active where a row says so",
        );
    }
    if stream.create.is_none() && stream.update.is_none() {
        return;
    }
    let is_promised = |name| schema.fields.get(name).is_some_and(|field| !field.read_only);
    for (name, _) in stream.values.iter().filter(|(name, rule)| !rule.is_writable() && is_promised(*name)) {
        check.note(
            format!("{place}.rest.values.{name}"),
            "can only be read: values that are written have a path made of names, and neither from, list nor lookup",
            format!("correct it, or set readOnly at {place}.schema.fields.{name}"),
        );
    }
}
