//! What the identifiers of the other side stand for, in every stream of the run: for fields that refer to other records,
//! and for records that belong to others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_api::reasons;
use rollcall_api::v1alpha1::OnNoMatch;

use super::classify::Class;
use super::index::Identity;
use super::input::end;
use super::work::Work;
use super::{Draft, DraftStream, diff};
use crate::model::{Disposition, Entry, Reference};
use crate::names::{FieldName, RowId, Side, StreamName};

/// What is known of a record on the side that refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The row with this identifier, by a stored link.
    Row(RowId),
    /// The row with this identifier, which a match rule just found; its link is not stored yet.
    Matched(RowId),
    /// It is going to be created in this run.
    Planned,
}

/// Rows of one side by the identifiers of the other, by stream and by the side of the row.
#[derive(Debug, Default)]
pub(super) struct Directory(BTreeMap<(StreamName, Side), HashMap<RowId, Known>>);

impl Directory {
    fn note(&mut self, stream: &StreamName, on: Side, other_end: &RowId, known: Known) {
        self.0.entry((stream.clone(), on)).or_default().insert(other_end.clone(), known);
    }

    /// The row on a side of the record that the other side knows by an identifier.
    pub(super) fn find(&self, stream: &StreamName, on: Side, other_end: &RowId) -> Option<&Known> {
        self.0.get(&(stream.clone(), on))?.get(other_end)
    }

    /// Notes what the records of a stream stand for.
    pub(super) fn add(&mut self, work: &Work<'_>) {
        let (name, lead, follower) = (&work.stream.name, work.stream.lead(), work.stream.follower());
        for link in &work.input.links {
            if !work.index.is_gone(link) {
                self.note(name, follower, &end(link, lead), Known::Row(end(link, follower)));
                self.note(name, lead, &end(link, follower), Known::Row(end(link, lead)));
            }
        }
        let creates = work.stream.actions.create && work.stream.on_no_match == OnNoMatch::Create;
        for record in &work.records {
            match &record.identity {
                Identity::Matched(row) | Identity::Moved(_, row) => {
                    self.note(name, follower, &record.row.id, Known::Matched(row.id.clone()));
                    self.note(name, lead, &row.id, Known::Matched(record.row.id.clone()));
                }
                Identity::Missing { .. } => {
                    let is_new = matches!(record.class, Class::InScope { .. });
                    if is_new && creates && diff::create_failure(work, record).is_none() {
                        self.note(name, follower, &record.row.id, Known::Planned);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Which records can be referred to when the plan is carried out: linked ones, and those whose create or new link does
/// not wait for an approval.
struct Ready<'a> {
    directory: &'a Directory,
    new: BTreeSet<(StreamName, Side, RowId)>,
}

impl Ready<'_> {
    fn has(&self, on: Side, reference: &Reference) -> bool {
        let Some(key) = &reference.key else { return true };
        match self.directory.find(&reference.stream, on, key) {
            Some(Known::Row(_)) => true,
            Some(Known::Matched(_) | Known::Planned) => self.new.contains(&(reference.stream.clone(), on, key.clone())),
            None => false,
        }
    }
}

fn ready<'a>(streams: &[DraftStream], directory: &'a Directory) -> Ready<'a> {
    let mut new = BTreeSet::new();
    for stream in streams {
        for Draft { entry, .. } in stream.drafts.iter().filter(|draft| draft.entry.held.is_none() && draft.entry.links)
        {
            let name = &stream.plan.name;
            if let Some(key) = &entry.source_key {
                new.insert((name.clone(), Side::Target, key.into()));
            }
            if let Some(id) = &entry.target_id {
                new.insert((name.clone(), Side::Source, id.into()));
            }
        }
    }
    Ready { directory, new }
}

/// Leaves out references to records that wait for an approval, and blocks lines that cannot do without such a record:
/// nothing is written half. Held entries stay as they are, so that the digest of what is held does not depend on it. A
/// blocked record may itself be needed, so this goes on until nothing changes.
pub(super) fn settle(streams: &mut [DraftStream], directory: &Directory) {
    loop {
        let ready = ready(streams, directory);
        let mut has_changed = false;
        for draft in streams.iter_mut().flat_map(|stream| &mut stream.drafts) {
            if draft.entry.held.is_none() {
                has_changed |= block(draft, &ready);
            }
        }
        if !has_changed {
            for draft in streams.iter_mut().flat_map(|stream| &mut stream.drafts) {
                if draft.entry.held.is_none() {
                    drop_references(&mut draft.entry, &ready);
                }
            }
            return;
        }
    }
}

fn block(draft: &mut Draft, ready: &Ready<'_>) -> bool {
    let lines = draft.entry.lines().iter();
    let mut needs = lines.flat_map(|line| line.needs.iter().map(move |need| (line.at, need)));
    let Some((_, need)) = needs.find(|(side, need)| !ready.has(*side, need)) else { return false };
    let message = format!("it needs a record of {} that is not there yet, or waits itself", need.stream);
    draft.leave(reasons::BLOCKED_BY, &message);
    true
}

fn drop_references(entry: &mut Entry, ready: &Ready<'_>) {
    let Disposition::Write(lines) = &mut entry.disposition else { return };
    let mut left_out = Vec::new();
    for line in lines.iter_mut() {
        let at = line.at;
        let waiting: Vec<_> = line
            .references
            .iter()
            .filter(|(_, reference)| !ready.has(at, reference))
            .map(|(field, _)| field.clone())
            .collect();
        line.references.retain(|field, _| !waiting.contains(field));
        left_out.extend(waiting);
    }
    if left_out.is_empty() {
        return;
    }
    lines.retain(|line| !line.is_silent());
    let names: Vec<&str> = left_out.iter().map(FieldName::as_str).collect();
    let note = format!(
        "{}: {} left out until the approval of the records referred to",
        reasons::REFERENCE_UNRESOLVED,
        names.join(", ")
    );
    entry.message = if entry.message.is_empty() { note } else { format!("{}; {note}", entry.message) };
    if lines.is_empty() {
        entry.disposition = Disposition::Unchanged;
        entry.reason = reasons::UNCHANGED;
    }
}
