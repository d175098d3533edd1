//! Which target record is meant: the stored link first, always; then the match rules in order. Several
//! hits, or a record that belongs to somebody else, are a conflict, never a guess.

use std::collections::{BTreeMap, HashMap};

use super::StreamInput;
use super::classify::Failure;
use super::mapping::Mapped;
use crate::compile::{CompiledField, CompiledStream};
use crate::model::{Link, TargetRecord};
use crate::value::comparable;
use rollcall_api::reasons;

/// Which target record a source record is.
#[derive(Clone, Debug)]
pub(super) enum Identity<'a> {
    /// The one that its link names.
    Linked(&'a TargetRecord),
    /// The one that a match rule found.
    Matched(&'a TargetRecord),
    /// None: the target does not have it.
    Missing,
    /// It could not be found out whether the target has it.
    Unknown,
    /// It cannot be told which.
    Conflict(&'static str, String),
    /// A value to look it up by could not be made.
    Failed(Failure),
    /// It was not asked for.
    NotAsked,
}

/// Records and links of one stream, indexed.
pub(super) struct Index<'a> {
    target_complete: bool,
    by_id: HashMap<&'a str, &'a TargetRecord>,
    rules: Vec<Rule<'a>>,
    links: HashMap<&'a str, &'a Link>,
    /// Source keys by the target record that they are linked to.
    owners: HashMap<&'a str, Vec<&'a str>>,
}

/// One match rule.
struct Rule<'a> {
    /// Index of its field.
    position: usize,
    field: &'a CompiledField,
    /// Target records by the value that they have in it.
    hits: HashMap<String, Vec<&'a TargetRecord>>,
}

impl<'a> Index<'a> {
    /// Indexes what was read.
    pub(super) fn new(stream: &'a CompiledStream, input: &'a StreamInput) -> Self {
        let mut owners: HashMap<&str, Vec<&str>> = HashMap::new();
        for link in &input.links {
            owners.entry(&link.target_id).or_default().push(&link.source_key);
        }
        let rule = |position: &usize| {
            let field = stream.fields.get(*position)?;
            let mut hits: HashMap<String, Vec<&TargetRecord>> = HashMap::new();
            for record in &input.target {
                let value = record.fields.0.get(&field.to).and_then(|value| comparable(value, &field.schema));
                if let Some(value) = value {
                    hits.entry(value).or_default().push(record);
                }
            }
            Some(Rule { position: *position, field, hits })
        };
        Self {
            target_complete: input.target_complete,
            by_id: input.target.iter().map(|record| (record.id.as_str(), record)).collect(),
            rules: stream.match_rules.iter().filter_map(rule).collect(),
            links: input.links.iter().map(|link| (link.source_key.as_str(), link)).collect(),
            owners,
        }
    }

    /// The stored link of a source record.
    pub(super) fn link(&self, key: &str) -> Option<&'a Link> {
        self.links.get(key).copied()
    }

    /// Whether the target no longer has the record of a link.
    pub(super) fn is_gone(&self, link: &Link) -> bool {
        self.target_complete && !self.by_id.contains_key(link.target_id.as_str())
    }

    /// By the stored link alone. None: there is no link.
    pub(super) fn by_link(&self, key: &str) -> Option<Identity<'a>> {
        let link = self.link(key)?;
        let is_shared = self.owners.get(link.target_id.as_str()).is_some_and(|owners| owners.len() > 1);
        Some(match self.by_id.get(link.target_id.as_str()) {
            Some(_) if is_shared => Identity::Conflict(
                reasons::CLAIMED_BY_ANOTHER,
                "another source record is linked to the same target record".into(),
            ),
            Some(record) => Identity::Linked(record),
            None if self.target_complete => Identity::Missing,
            None => Identity::Unknown,
        })
    }

    /// By the stored link, or by the match rules when there is none or its target record is gone.
    pub(super) fn identify(&self, key: &str, mapped: &[Result<Mapped, Failure>]) -> Identity<'a> {
        match self.by_link(key) {
            None | Some(Identity::Missing) => self.by_rules(key, mapped),
            Some(identity) => identity,
        }
    }

    fn by_rules(&self, key: &str, mapped: &[Result<Mapped, Failure>]) -> Identity<'a> {
        let mut earlier: Vec<(&CompiledField, String)> = Vec::new();
        for Rule { position, field, hits } in &self.rules {
            let value = match mapped.get(*position) {
                Some(Err(failure)) => return Identity::Failed(failure.clone()),
                // A default is shared by many: it identifies nobody.
                Some(Ok(Mapped::Value { value, is_default: false })) => comparable(value, &field.schema),
                _ => None,
            };
            let Some(value) = value else { continue };
            match hits.get(&value).map(Vec::as_slice) {
                None | Some([]) => earlier.push((field, value)),
                Some([record]) => return self.claim(key, record, field, &earlier),
                Some(_) => {
                    let text = format!("several target records have this record's value in '{}'", field.to);
                    return Identity::Conflict(reasons::SEVERAL_MATCHES, text);
                }
            }
        }
        if self.target_complete || self.rules.is_empty() { Identity::Missing } else { Identity::Unknown }
    }

    /// One hit: it must not belong to somebody else, neither by a link nor by a stronger identifier.
    fn claim(
        &self,
        key: &str,
        record: &'a TargetRecord,
        field: &CompiledField,
        earlier: &[(&CompiledField, String)],
    ) -> Identity<'a> {
        let owners = self.owners.get(record.id.as_str());
        if owners.is_some_and(|owners| owners.iter().any(|owner| *owner != key)) {
            let text = format!("the target record found by '{}' is linked to another source record", field.to);
            return Identity::Conflict(reasons::CLAIMED_BY_ANOTHER, text);
        }
        for (stronger, wanted) in earlier {
            let value = record.fields.0.get(&stronger.to).and_then(|value| comparable(value, &stronger.schema));
            if value.is_some_and(|value| value != *wanted) {
                let text = format!("the target record found by '{}' has another '{}'", field.to, stronger.to);
                return Identity::Conflict(reasons::CLAIMED_BY_ANOTHER, text);
            }
        }
        Identity::Matched(record)
    }
}

/// Turns identities that name the same target record into conflicts, for all of them.
pub(super) fn refuse_shared<'a, 'b>(identities: impl Iterator<Item = &'b mut Identity<'a>>)
where
    'a: 'b,
{
    let mut by_record: BTreeMap<&'a str, Vec<&'b mut Identity<'a>>> = BTreeMap::new();
    for identity in identities {
        if let Identity::Matched(record) = identity {
            by_record.entry(&record.id).or_default().push(identity);
        }
    }
    for identity in by_record.into_values().filter(|same| same.len() > 1).flatten() {
        let text = "another source record matches the same target record".to_owned();
        *identity = Identity::Conflict(reasons::MATCHED_TWICE, text);
    }
}
