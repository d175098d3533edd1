//! Checks a setting against the schemas of its two vendors, and makes it ready for runs. All problems are reported, not
//! only the first. (The schedule and the time zone are checked in [`crate::schedule`].)

mod compiled;
mod expressions;
mod fields;
mod inference;
pub(crate) mod kinds;
mod streams;
pub(crate) mod suggest;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::definitions::schema::StreamSchema;
use rollcall_api::v1alpha1::{Stream, SyncMode, SyncSettingSpec};

pub(crate) use compiled::{CompiledField, Input, Scope};
pub use compiled::{CompiledSetting, CompiledStream};
use suggest::suggestion;

use super::value::DateFormats;

/// Something in a setting that does not fit the definitions of its vendors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where. Example: `spec.streams[people].fields[givenName].expr`.
    pub path: String,
    /// What is wrong.
    pub rule: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.path, self.rule, self.remedy)
    }
}

/// Collects problems.
#[derive(Debug, Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, path: impl Into<String>, rule: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem { path: path.into(), rule: rule.into(), remedy: remedy.into() });
    }
}

/// What the checks of one setting share.
struct Setting<'a> {
    mode: SyncMode,
    formats: &'a DateFormats,
    /// Names of the streams that take part in runs.
    enabled: BTreeSet<&'a str>,
}

/// Checks a setting and compiles its expressions and patterns. `source` and `target` are the schemas of the two
/// vendors, by stream.
pub fn compile(
    spec: &SyncSettingSpec,
    source: &BTreeMap<String, StreamSchema>,
    target: &BTreeMap<String, StreamSchema>,
) -> Result<CompiledSetting, Vec<Problem>> {
    let mut problems = Problems::default();
    let (formats, bad) = DateFormats::parse(&spec.parsing.date_formats);
    for index in bad {
        problems.add(
            format!("spec.parsing.dateFormats[{index}]"),
            "a date format must contain YYYY, MM and DD once each",
            "write for instance DD/MM/YYYY",
        );
    }
    let enabled: Vec<&Stream> = spec.streams.iter().filter(|stream| stream.enabled).collect();
    let setting = Setting {
        mode: spec.mode,
        formats: &formats,
        enabled: enabled.iter().map(|stream| stream.name.as_str()).collect(),
    };
    let mut streams = Vec::new();
    let mut seen = BTreeSet::new();
    for stream in enabled {
        let path = format!("spec.streams[{}]", stream.name);
        if !seen.insert(stream.name.as_str()) {
            problems.add(&path, "two enabled streams have this name", "join them, or disable one");
            continue;
        }
        let from = find(&stream.name, source, "source", &path, &mut problems);
        let to = find(&stream.name, target, "target", &path, &mut problems);
        if let (Some(from), Some(to)) = (from, to) {
            streams.push(streams::check(stream, &setting, from, to, &mut problems));
        }
    }
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(CompiledSetting::new(order(streams, target), formats.clone()))
}

fn find<'a>(
    name: &str,
    schemas: &'a BTreeMap<String, StreamSchema>,
    side: &str,
    path: &str,
    problems: &mut Problems,
) -> Option<&'a StreamSchema> {
    let schema = schemas.get(name);
    if schema.is_none() {
        problems.add(path, format!("the {side} has no stream '{name}'"), suggestion(name, schemas.keys()));
    }
    schema
}

/// Orders streams so that each comes after those that the target's schema says it depends on, otherwise by name.
/// In a circle of dependencies the first by name goes first.
fn order(streams: Vec<CompiledStream>, target: &BTreeMap<String, StreamSchema>) -> Vec<CompiledStream> {
    let mut waiting: BTreeMap<String, CompiledStream> =
        streams.into_iter().map(|stream| (stream.name.clone(), stream)).collect();
    let mut ordered = Vec::new();
    while let Some(first) = waiting.keys().next().cloned() {
        let is_free = |name: &String| {
            target.get(name).is_none_or(|schema| {
                !schema.depends_on.iter().any(|other| **other != **name && waiting.contains_key(other.as_str()))
            })
        };
        let next = waiting.keys().find(|name| is_free(name)).cloned().unwrap_or(first);
        ordered.extend(waiting.remove(&next));
    }
    ordered
}

#[cfg(test)]
mod tests;
