//! Rows and links of one stream, indexed: which row of the following side is meant by a leading one. The stored link
//! first, always; then the match rules in order. Several hits, or a row that belongs to somebody else, are a conflict,
//! never a guess; what could not be read or was not answered is unknown, never absent.

use std::collections::{BTreeMap, HashMap};

use rollcall_api::reasons;

use super::classify::{Class, Failure};
use super::input::{StreamInput, end};
use super::keys::Key;
use crate::compile::{CompiledMatch, CompiledStream};
use crate::model::{Link, ReadProof, Row};
use crate::names::{RowId, Side};

/// Which row of the following side a leading record is.
#[derive(Clone, Debug)]
pub(super) enum Identity<'a> {
    /// The one that its link names.
    Linked(&'a Link, &'a Row),
    /// The one that a match rule found.
    Matched(&'a Row),
    /// The one that a match rule found, which is linked to a record that has gone: the same person under another
    /// identifier, as it seems.
    Moved(&'a Link, &'a Row),
    /// The one that a match rule found is linked to another record, which is there and has not left.
    Taken(String),
    /// None: the following side does not have it. `vanished`: it had, by the record's link.
    Missing { vanished: bool },
    /// The following side's list does not have it, but its pages were cut by position: a row that moved meanwhile would
    /// not show.
    Unlisted,
    /// It could not be found out whether the following side has it.
    Unknown(String),
    /// It cannot be told which.
    Conflict(&'static str, String),
    /// A value to look it up by could not be made.
    Failed(Failure),
    /// It was not asked for.
    NotAsked,
}

/// What is known of a record of the leading side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is there and has not left.
    Present,
    /// It is there and has left.
    Left,
    /// It is not there: the read was complete, and where it can be asked, the side itself says so.
    Absent,
    /// Nothing can be concluded.
    Unknown,
}

/// Rows and links of one stream, indexed.
pub(super) struct Index<'a> {
    input: &'a StreamInput,
    lead: Side,
    follower_is_complete: bool,
    by_id: HashMap<&'a RowId, &'a Row>,
    rules: Vec<Rule<'a>>,
    /// Links by the identifier on the leading side.
    links: HashMap<RowId, &'a Link>,
    /// Links by the identifier on the other side.
    owners: HashMap<RowId, Vec<&'a Link>>,
    presence: HashMap<&'a RowId, Presence>,
}

/// Rows of the following side by the key of one match rule.
struct Rule<'a> {
    name: String,
    /// Fields of the rule.
    fields: &'a [usize],
    hits: HashMap<String, Vec<&'a Row>>,
    /// The key of each row that has one.
    keys: HashMap<&'a RowId, String>,
    /// Rows whose key could not be read: each of them may be anybody.
    unknown: usize,
}

impl<'a> Index<'a> {
    /// Indexes what was read. `key` gives the key of a row of the following side, `classes` what the rows of the leading
    /// side are.
    pub(super) fn new(
        stream: &'a CompiledStream,
        input: &'a StreamInput,
        key: impl Fn(&CompiledMatch, &Row) -> Key,
        classes: &HashMap<&'a RowId, Class>,
    ) -> Self {
        let (lead, follower) = (stream.lead(), stream.follower());
        let mut owners: HashMap<RowId, Vec<&Link>> = HashMap::new();
        for link in &input.links {
            owners.entry(end(link, follower)).or_default().push(link);
        }
        let rows = &input.read(follower).rows;
        let rules = stream.match_rules.iter().map(|rule| {
            let mut hits: HashMap<String, Vec<&Row>> = HashMap::new();
            let mut keys = HashMap::new();
            let mut unknown = 0;
            for row in rows {
                match key(rule, row) {
                    Key::Value(value) => {
                        hits.entry(value.clone()).or_default().push(row);
                        keys.insert(&row.id, value);
                    }
                    Key::Unknown => unknown += 1,
                    Key::Failed(failure) if failure.leaves_value_unknown() => unknown += 1,
                    // A value that breaks a rule is no value that anybody is searched by.
                    Key::None | Key::Failed(_) => {}
                }
            }
            let names = rule.fields.iter().filter_map(|index| stream.fields.get(*index));
            let name = names.map(|field| field.to.as_str()).collect::<Vec<_>>().join("' and '");
            Rule { name, fields: &rule.fields, hits, keys, unknown }
        });
        let presence = classes.iter().map(|(id, class)| {
            let presence = match class {
                Class::Leaver(_) => Presence::Left,
                Class::InScope { .. } | Class::OutOfScope { .. } => Presence::Present,
                Class::Failed(_) => Presence::Unknown,
            };
            (*id, presence)
        });
        Self {
            input,
            lead,
            follower_is_complete: input.read(follower).proof.is_complete(),
            by_id: rows.iter().map(|row| (&row.id, row)).collect(),
            rules: rules.collect(),
            links: input.links.iter().map(|link| (end(link, lead), link)).collect(),
            owners,
            presence: presence.collect(),
        }
    }

    /// The stored link of a record of the leading side.
    pub(super) fn link(&self, lead: &RowId) -> Option<&'a Link> {
        self.links.get(lead).copied()
    }

    /// What is known of a record of the leading side.
    pub(super) fn presence(&self, lead: &RowId) -> Presence {
        if let Some(known) = self.presence.get(lead) {
            return *known;
        }
        let is_complete = self.input.read(self.lead).proof.is_complete();
        let says_so = !self.input.asks_by_id || self.input.gone_from_lead.contains(lead);
        if is_complete && says_so { Presence::Absent } else { Presence::Unknown }
    }

    /// Whether the following side no longer has the row of a link.
    pub(super) fn is_gone(&self, link: &Link) -> bool {
        self.input.gone_from_follower.contains(&end(link, self.lead.other()))
    }

    /// The row of a link, as far as it was read.
    pub(super) fn row(&self, link: &Link) -> Option<&'a Row> {
        self.by_id.get(&end(link, self.lead.other())).copied()
    }

    /// By the stored link alone. None: there is no link.
    pub(super) fn by_link(&self, lead: &RowId) -> Option<Identity<'a>> {
        let link = self.link(lead)?;
        let id = end(link, self.lead.other());
        if self.input.claimed.contains(&id) {
            return Some(claimed_by_setting());
        }
        if self.owners.get(&id).is_some_and(|owners| owners.len() > 1) {
            let text = "another record is linked to the same row".to_owned();
            return Some(Identity::Conflict(reasons::CLAIMED_BY_ANOTHER, text));
        }
        Some(match self.by_id.get(&id) {
            Some(row) => Identity::Linked(link, row),
            None if self.input.gone_from_follower.contains(&id) => Identity::Missing { vanished: true },
            None => {
                Identity::Unknown(format!("the {} did not say whether it still has it", self.lead.other().as_str()))
            }
        })
    }

    /// By the stored link, or by the match rules when there is none or its row is gone.
    pub(super) fn identify(&self, lead: &RowId, keys: &[Key]) -> Identity<'a> {
        match self.by_link(lead) {
            None => self.by_rules(lead, keys, false),
            Some(Identity::Missing { .. }) => self.by_rules(lead, keys, true),
            Some(identity) => identity,
        }
    }

    fn by_rules(&self, lead: &RowId, keys: &[Key], vanished: bool) -> Identity<'a> {
        let mut earlier: Vec<(&Rule<'_>, &str)> = Vec::new();
        let mut in_doubt = false;
        for (rule, key) in self.rules.iter().zip(keys) {
            let value = match key {
                Key::Failed(failure) => return Identity::Failed(failure.clone()),
                Key::Unknown => {
                    in_doubt = true;
                    continue;
                }
                Key::None => continue,
                Key::Value(value) => value.as_str(),
            };
            match rule.hits.get(value).map(Vec::as_slice) {
                None | Some([]) => {
                    in_doubt |= rule.unknown > 0;
                    earlier.push((rule, value));
                }
                Some([row]) => {
                    // A weaker rule decides nothing as long as a stronger one may find another row.
                    let is_first = earlier.is_empty() && !in_doubt;
                    return match if is_first { None } else { self.doubt(lead, in_doubt) } {
                        None => self.claim(lead, row, rule, &earlier),
                        Some(Identity::Unlisted) => Identity::Unknown(format!(
                            "found by '{}' in a list that was cut by position, which does not show what a stronger rule finds",
                            rule.name
                        )),
                        Some(doubt) => doubt,
                    };
                }
                Some(_) => {
                    let text = format!("several rows have this record's value in '{}'", rule.name);
                    return Identity::Conflict(reasons::SEVERAL_MATCHES, text);
                }
            }
        }
        self.doubt(lead, in_doubt).unwrap_or(Identity::Missing { vanished })
    }

    /// Why rules that found nothing may yet be wrong, if they may.
    fn doubt(&self, lead: &RowId, may_be_unreadable: bool) -> Option<Identity<'a>> {
        let side = self.lead.other().as_str();
        let text = if may_be_unreadable {
            format!("a row of the {side} that could not be read whole may be this record")
        } else if self.follower_is_complete || self.input.looked_up.contains(lead) {
            return None;
        } else if self.input.read(self.lead.other()).proof == ReadProof::ByPosition {
            return Some(Identity::Unlisted);
        } else {
            format!("the {side} did not answer every match rule, so whether it has the record is not known")
        };
        Some(Identity::Unknown(text))
    }

    /// One hit: it must not belong to somebody else, neither by a claim, a link nor a stronger identifier.
    fn claim(&self, lead: &RowId, row: &'a Row, rule: &Rule<'_>, earlier: &[(&Rule<'_>, &str)]) -> Identity<'a> {
        if self.input.claimed.contains(&row.id) {
            return claimed_by_setting();
        }
        let others = self.owners.get(&row.id).into_iter().flatten();
        let owner = others.copied().find(|link| end(link, self.lead) != *lead);
        if let Some(owner) = owner {
            return match self.presence(&end(owner, self.lead)) {
                Presence::Absent | Presence::Left => Identity::Moved(owner, row),
                Presence::Unknown => Identity::Unknown(format!(
                    "the row found by '{}' is linked to a record that could not be read",
                    rule.name
                )),
                Presence::Present => {
                    Identity::Taken(format!("the row found by '{}' is linked to another record", rule.name))
                }
            };
        }
        for (stronger, wanted) in earlier {
            if Self::has_another(stronger, wanted, row) {
                let text = format!("the row found by '{}' has another '{}'", rule.name, stronger.name);
                return Identity::Conflict(reasons::CLAIMED_BY_ANOTHER, text);
            }
        }
        Identity::Matched(row)
    }

    /// Whether a row has a value in a rule's field, and not the wanted one. Rules over several fields are no identifiers.
    fn has_another(rule: &Rule<'_>, wanted: &str, row: &Row) -> bool {
        rule.fields.len() == 1 && rule.keys.get(&row.id).is_some_and(|value| value != wanted)
    }
}

fn claimed_by_setting<'a>() -> Identity<'a> {
    let text = "the row belongs to another setting that writes to the same system".to_owned();
    Identity::Conflict(reasons::CLAIMED_BY_SETTING, text)
}

/// Turns identities that name the same row into conflicts, for all of them.
pub(super) fn refuse_shared<'a, 'b>(identities: impl Iterator<Item = &'b mut Identity<'a>>)
where
    'a: 'b,
{
    let mut by_row: BTreeMap<&'a RowId, Vec<&'b mut Identity<'a>>> = BTreeMap::new();
    for identity in identities {
        if let Identity::Matched(row) | Identity::Moved(_, row) = identity {
            by_row.entry(&row.id).or_default().push(identity);
        }
    }
    for identity in by_row.into_values().filter(|same| same.len() > 1).flatten() {
        let text = "another record matches the same row".to_owned();
        *identity = Identity::Conflict(reasons::MATCHED_TWICE, text);
    }
}
