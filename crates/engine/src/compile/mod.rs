//! Checks a setting against the schemas of its two vendors, and makes it ready for runs. All problems are reported, not
//! only the first. (The schedule and the time zone are checked in [`crate::schedule`].)

mod agreement;
mod compiled;
mod expressions;
mod fields;
mod inference;
mod matching;
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollcall_api::v1alpha1::{Stream, StreamMode, SyncMode, SyncSettingSpec};

use crate::suggest::suggestion;
pub use agreement::agreement;
pub(crate) use compiled::{CompiledField, CompiledMatch, CompiledPick, Flow, Input, Scope};
pub use compiled::{CompiledSetting, CompiledStream};

use super::value::DateFormats;
use crate::definitions::schema::StreamSchema;
use crate::names::StreamName;

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

/// Schemas of the streams of a vendor.
pub type Schemas = BTreeMap<StreamName, StreamSchema>;

/// What the checks of one setting share.
struct Setting<'a> {
    mode: SyncMode,
    formats: &'a DateFormats,
    /// Names of the streams that take part in runs.
    enabled: BTreeSet<&'a str>,
}

/// Checks a setting and compiles its expressions and patterns. `source` and `target` are the schemas of the two
/// vendors, by stream.
pub fn compile(spec: &SyncSettingSpec, source: &Schemas, target: &Schemas) -> Result<CompiledSetting, Vec<Problem>> {
    let mut problems = Problems::default();
    let (formats, bad) = DateFormats::parse(&spec.parsing.date_formats);
    for index in bad {
        problems.add(
            format!("spec.parsing.dateFormats[{index}]"),
            "a date format must contain YYYY, MM and DD once each",
            "write for instance DD/MM/YYYY",
        );
    }
    let takes_part = |stream: &&Stream| stream.enabled && stream.mode != StreamMode::Ignore;
    let enabled: Vec<&Stream> = spec.streams.iter().filter(takes_part).collect();
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
    Ok(CompiledSetting::new(order(streams, source, target), formats.clone()))
}

fn find<'a>(
    name: &str,
    schemas: &'a Schemas,
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

/// Orders streams so that each comes after its parent and after those that the schema of the side that is written to says
/// it depends on, otherwise by name. In a circle of dependencies the first by name goes first.
fn order(streams: Vec<CompiledStream>, source: &Schemas, target: &Schemas) -> Vec<CompiledStream> {
    let mut waiting: BTreeMap<StreamName, CompiledStream> =
        streams.into_iter().map(|stream| (stream.name.clone(), stream)).collect();
    let mut ordered = Vec::new();
    while let Some(first) = waiting.keys().next().cloned() {
        let is_free = |name: &StreamName| {
            let before = [source, target].into_iter().filter_map(|schemas| schemas.get(name)).flat_map(|schema| {
                let depends_on = if schema.can_write { schema.depends_on.as_slice() } else { &[] };
                depends_on.iter().chain(&schema.parent)
            });
            !before.into_iter().any(|other| other != name && waiting.contains_key(other))
        };
        let next = waiting.keys().find(|name| is_free(name)).cloned().unwrap_or(first);
        ordered.extend(waiting.remove(&next));
    }
    ordered
}

#[cfg(test)]
mod tests;
