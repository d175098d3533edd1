//! Entries on their way into a plan, with what only planning knows about them.

use std::collections::BTreeMap;

use rollcall_api::reasons;
use rollcall_api::v1alpha1::Action;
use serde_json::Value;

use super::classify::Failure;
use super::index::Identity;
use super::input::end;
use super::terms::Terms;
use super::witness::{Resemblance, SOMEBODY_ELSE};
use super::work::{Record, Work};
use crate::compile::CompiledStream;
use crate::model::{Agreed, Disposition, Entry, Line, Link, Memory, Row, StreamPlan};
use crate::names::{FieldName, RowId, Side, SourceKey, TargetId};

/// One entry with what only planning knows about it.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) entry: Entry,
    /// A value for a required field, or the only change, waits for an entry of its value map. Approving it would send a
    /// record that the target must refuse; it stays held until the value is mapped.
    pub(super) is_incomplete: bool,
    /// Fields whose value waits for an entry of the value map.
    pub(super) unmapped: Vec<FieldName>,
    /// Values that the target keeps in another form, as they will be remembered.
    pub(super) agreed: BTreeMap<FieldName, Agreed>,
    /// The record was left by a run of type Undo as it is.
    pub(super) is_undone: bool,
    /// Drop the link: both rows are gone.
    pub(super) drops_link: bool,
}

/// One stream before the limits are applied.
pub(super) struct DraftStream {
    pub(super) plan: StreamPlan,
    pub(super) drafts: Vec<Draft>,
    /// Linked records that are not disabled, those matched in this run included.
    pub(super) active: usize,
    /// Usable records that the leading side delivered; None when only selected ones were asked for.
    pub(super) population: Option<usize>,
}

impl Draft {
    pub(super) fn of(
        source_key: Option<SourceKey>,
        target_id: Option<TargetId>,
        disposition: Disposition,
        reason: &'static str,
        message: &str,
    ) -> Self {
        let entry = Entry {
            source_key,
            target_id,
            disposition,
            held: None,
            approved: false,
            links: false,
            replaces: None,
            reason,
            message: message.to_owned(),
            defaulted: Vec::new(),
            memory: None,
            drops_link: false,
        };
        Self {
            entry,
            is_incomplete: false,
            unmapped: Vec::new(),
            agreed: BTreeMap::new(),
            is_undone: false,
            drops_link: false,
        }
    }

    /// About a record of the leading side.
    pub(super) fn new(
        work: &Work<'_>,
        record: &Record<'_>,
        disposition: Disposition,
        reason: &'static str,
        message: &str,
    ) -> Self {
        let other = match &record.identity {
            Identity::Linked(_, row) | Identity::Matched(row) | Identity::Moved(_, row) => Some(row.id.clone()),
            // The row of a link that is gone is nobody's: a new one takes its place.
            Identity::Missing { .. } => None,
            _ => work.index.link(&record.row.id).map(|link| end(link, work.stream.follower())),
        };
        let (source, target) = match work.stream.lead() {
            Side::Source => (Some(&record.row.id), other.as_ref()),
            Side::Target => (other.as_ref(), Some(&record.row.id)),
        };
        let mut draft = Self::of(source.map(Into::into), target.map(Into::into), disposition, reason, message);
        if let Identity::Linked(link, _) = &record.identity {
            draft.is_undone = link.undone.is_some();
        }
        if let Identity::Moved(link, _) = &record.identity {
            draft.entry.replaces = Some(link.source_key.clone());
        }
        draft
    }

    /// About a link alone.
    pub(super) fn of_link(link: &Link, disposition: Disposition, reason: &'static str, message: &str) -> Self {
        let mut draft =
            Self::of(Some(link.source_key.clone()), Some(link.target_id.clone()), disposition, reason, message);
        draft.is_undone = link.undone.is_some();
        draft
    }

    /// An identifier that was asked for and that the leading side does not have.
    pub(super) fn not_found(lead: Side, id: &RowId) -> Self {
        let message = format!("the {} has no record with this identifier", lead.as_str());
        let (source, target) = match lead {
            Side::Source => (Some(id.into()), None),
            Side::Target => (None, Some(id.into())),
        };
        Self::of(source, target, Disposition::Fail, reasons::NOT_IN_SOURCE, &message)
    }

    pub(super) fn failed(work: &Work<'_>, record: &Record<'_>, failure: &Failure) -> Self {
        Self::new(work, record, Disposition::Fail, failure.reason, &failure.message)
    }

    pub(super) fn skip(work: &Work<'_>, record: &Record<'_>, reason: &'static str, message: &str) -> Self {
        Self::new(work, record, Disposition::Skip, reason, message)
    }

    pub(super) fn unchanged(work: &Work<'_>, record: &Record<'_>, reason: &'static str, message: &str) -> Self {
        Self::new(work, record, Disposition::Unchanged, reason, message)
    }

    pub(super) fn write(
        work: &Work<'_>,
        record: &Record<'_>,
        mut lines: Vec<Line>,
        reason: &'static str,
        message: &str,
    ) -> Self {
        for line in &mut lines {
            if let Some(row) = row_at(work, record, line.at) {
                note_before(line, row);
            }
        }
        Self::new(work, record, Disposition::Write(lines), reason, message)
    }

    /// The end of records of which it cannot be told which row they are, or that are somebody else's.
    pub(super) fn settled(work: &Work<'_>, record: &Record<'_>) -> Option<Self> {
        let new = |disposition, reason, message: &str| Some(Self::new(work, record, disposition, reason, message));
        let is_leaver = !matches!(record.class, super::classify::Class::InScope { .. });
        match &record.identity {
            Identity::Failed(failure) => return Some(Self::failed(work, record, failure)),
            Identity::Conflict(reason, message) => return new(Disposition::Conflict, reason, message),
            Identity::Unknown(message) => return new(Disposition::Fail, reasons::TARGET_UNKNOWN, message),
            Identity::Unlisted if !is_leaver => {
                let text = "the list was cut by position, so whether it has the record is not known";
                return new(Disposition::Fail, reasons::TARGET_UNKNOWN, text);
            }
            Identity::Taken(message) if !is_leaver => {
                return new(Disposition::Conflict, reasons::CLAIMED_BY_ANOTHER, message);
            }
            // Somebody who was taken on again goes on under another identifier; who has left has no row of their own.
            Identity::Taken(_)
            | Identity::Linked(..)
            | Identity::Matched(_)
            | Identity::Moved(..)
            | Identity::Missing { .. }
            | Identity::Unlisted
            | Identity::NotAsked => {}
        }
        if record.resemblance == Resemblance::Stranger {
            return new(Disposition::Conflict, reasons::SOMEBODY_ELSE, SOMEBODY_ELSE);
        }
        match &record.identity {
            Identity::Linked(_, row) | Identity::Matched(row) | Identity::Moved(_, row) if row.fault.is_some() => {
                let linked_leaver = is_leaver && matches!(record.identity, Identity::Linked(..));
                let fault = row.fault.as_ref().map(|fault| fault.message.as_str()).unwrap_or_default();
                if linked_leaver { None } else { new(Disposition::Fail, reasons::TARGET_UNREADABLE, fault) }
            }
            _ => None,
        }
    }

    /// Does nothing about the record in this run: nothing is written, linked, or remembered as if it had been done.
    pub(super) fn leave(&mut self, reason: &'static str, message: &str) {
        let entry = &mut self.entry;
        entry.disposition = Disposition::Skip;
        entry.held = None;
        entry.links = false;
        entry.memory = None;
        entry.reason = reason;
        message.clone_into(&mut entry.message);
    }

    /// Adds what the pair's link is to remember once the entry is done.
    pub(super) fn completed(mut self, work: &Work<'_>, record: &Record<'_>) -> Self {
        if matches!(self.entry.disposition, Disposition::Fail | Disposition::Conflict | Disposition::Skip) {
            return self;
        }
        if let Identity::Moved(..) = &record.identity {
            if self.entry.disposition == Disposition::Unchanged {
                // Nothing differs, but the link itself has to move.
                let line = Line::relink(work.stream.follower());
                self.entry.disposition = Disposition::Write(vec![line]);
            }
            self.entry.reason = reasons::KEY_CHANGED;
            self.entry.held = Some(reasons::KEY_CHANGED);
        }
        let mut witness = record.witness.clone();
        let link = work.index.link(&record.row.id);
        if let Some(link) = link {
            // What the record no longer has a value for stays known as it was.
            for (field, hash) in &link.witness {
                witness.entry(field.clone()).or_insert(*hash);
            }
        }
        let is_open = row_at(work, record, work.stream.follower()).is_some_and(|row| row.fault.is_none() && row.active);
        let enabled_elsewhere = is_open && link.is_some_and(|link| link.disabled_at.is_some());
        let memory = Memory { witness, agreed: std::mem::take(&mut self.agreed), enabled_elsewhere };
        let is_known = link.is_some_and(|link| {
            link.witness == memory.witness && link.agreed == memory.agreed && !memory.enabled_elsewhere
        });
        self.entry.memory = (!is_known || self.entry.links).then_some(memory);
        self
    }
}

/// The row that a line would change; None for a new one.
fn row_at<'a>(work: &Work<'_>, record: &Record<'a>, at: Side) -> Option<&'a Row> {
    if at == work.stream.lead() {
        return Some(record.row);
    }
    match &record.identity {
        Identity::Linked(_, row) | Identity::Matched(row) | Identity::Moved(_, row) => Some(row),
        _ => None,
    }
}

fn note_before(line: &mut Line, row: &Row) {
    line.active_before = Some(row.active);
    let names: Vec<FieldName> = line.set.names().chain(line.references.keys()).cloned().collect();
    for name in names {
        let value = row.values().get(&name).cloned().unwrap_or(Value::Null);
        line.before.insert(name, value);
    }
}

impl DraftStream {
    /// Leaves kinds of write that the run is not about to a later one.
    pub(super) fn leave_out(&mut self, actions: &[Action]) {
        if actions.is_empty() {
            return;
        }
        for draft in &mut self.drafts {
            if draft.entry.action().is_some_and(|action| !actions.contains(&action)) {
                draft.leave(reasons::ACTION_NOT_SELECTED, "the run is limited to other kinds of write");
            }
        }
    }

    /// In a run of type Release, leaves what nobody approved to the next run.
    pub(super) fn leave_out_unapproved(&mut self) {
        for draft in self.drafts.iter_mut().filter(|draft| draft.entry.is_write() && !draft.entry.approved) {
            draft.leave(reasons::LEFT_FOR_SYNC, "needs no approval; this run writes only what was approved");
        }
    }

    /// Holds what was not agreed, what may belong to other people, and what a run of type Undo left as it is.
    pub(super) fn hold(&mut self, stream: &CompiledStream, terms: &Terms, is_doubtful: bool) {
        for draft in &mut self.drafts {
            if draft.entry.lines().is_empty() {
                continue;
            }
            let by_terms = terms.hold(stream, &draft.entry);
            let by_identity = is_doubtful.then_some(reasons::IDENTITY_DOUBTFUL);
            let by_undo = draft.is_undone.then_some(reasons::UNDONE);
            // A value without a translation says more than a first run.
            if draft.entry.held != Some(reasons::VALUE_UNMAPPED) {
                draft.entry.held = by_identity.or(by_undo).or(by_terms).or(draft.entry.held);
            }
        }
    }

    /// Leaves links, and what they remember, as they are: the next run must be able to tell what this one could.
    pub(super) fn keep_memory(&mut self) {
        for draft in self.drafts.iter_mut().filter(|draft| draft.entry.lines().is_empty()) {
            draft.entry.links = false;
            draft.entry.memory = None;
            draft.drops_link = false;
        }
    }

    /// Once a record has taken a row over, the one that had it does nothing about it any more.
    pub(super) fn settle_moved(&mut self) {
        let taken: Vec<SourceKey> = self
            .drafts
            .iter()
            .filter(|draft| draft.entry.is_write())
            .filter_map(|draft| draft.entry.replaces.clone())
            .collect();
        for draft in &mut self.drafts {
            if draft.entry.replaces.is_none() && draft.entry.source_key.as_ref().is_some_and(|key| taken.contains(key))
            {
                draft.leave(reasons::KEY_CHANGED, "the same record goes on under another identifier");
            }
        }
    }

    /// Without an agreement on the rules, what they matched is not stored either.
    pub(super) fn drop_unapproved_links(&mut self, terms: &Terms) {
        let may_link = terms.may_link(&self.plan.name);
        for draft in &mut self.drafts {
            let writes = !draft.entry.lines().is_empty();
            let is_free = draft.entry.held.is_none();
            draft.entry.links &= if writes { is_free } else { may_link && is_free };
            if !may_link && !draft.entry.approved {
                draft.entry.memory = None;
            }
        }
    }

    /// The stream of the finished plan.
    pub(super) fn close(self) -> StreamPlan {
        let mut plan = self.plan;
        plan.entries = self
            .drafts
            .into_iter()
            .map(|draft| Entry { drops_link: draft.drops_link && draft.entry.held.is_none(), ..draft.entry })
            .collect();
        plan
    }
}
