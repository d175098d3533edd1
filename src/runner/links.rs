//! The links of a run as they are now: those it was started with, and what it made of them since.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rollcall_engine::model::{Link, Provenance, Witness};
use rollcall_engine::names::{RowId, Side, SourceKey, StreamName, TargetId};
use rollcall_engine::plan::{StreamInput, end};

use crate::records::{Outcome, pair};

/// Links as of now.
#[derive(Default)]
pub(super) struct Links {
    by_source: HashMap<(StreamName, SourceKey), Link>,
    by_target: HashMap<(StreamName, TargetId), SourceKey>,
}

impl Links {
    /// The links that the streams were read with.
    pub(super) fn of(streams: &BTreeMap<StreamName, StreamInput>) -> Self {
        let mut links = Self::default();
        for link in streams.values().flat_map(|stream| &stream.links) {
            links.put(link.clone());
        }
        links
    }

    /// The links of one stream.
    pub(super) fn of_stream(links: Vec<Link>) -> Self {
        let mut table = Self::default();
        for link in links {
            table.put(link);
        }
        table
    }

    /// The link between two ends: the known one, or a new one of this provenance.
    pub(super) fn link_or_new(
        &self,
        stream: &StreamName,
        key: &SourceKey,
        target_id: &TargetId,
        provenance: Provenance,
        now: Timestamp,
    ) -> Link {
        let known = self.of_source(stream, key).filter(|link| link.target_id == *target_id);
        known.cloned().unwrap_or_else(|| Link {
            stream: stream.clone(),
            source_key: key.clone(),
            target_id: target_id.clone(),
            provenance,
            created_at: now,
            disabled_at: None,
            witness: Witness::new(),
            agreed: BTreeMap::new(),
            undone: None,
        })
    }

    /// Takes in a link; the end of the target belongs to one record of the source only.
    pub(super) fn put(&mut self, link: Link) {
        let by_target = (link.stream.clone(), link.target_id.clone());
        if let Some(before) = self.by_target.insert(by_target, link.source_key.clone())
            && before != link.source_key
        {
            self.by_source.remove(&(link.stream.clone(), before));
        }
        self.by_source.insert((link.stream.clone(), link.source_key.clone()), link);
    }

    /// Forgets the link of a record of the source.
    pub(super) fn remove(&mut self, stream: &StreamName, key: &SourceKey) {
        if let Some(link) = self.by_source.remove(&(stream.clone(), key.clone())) {
            self.by_target.remove(&(stream.clone(), link.target_id));
        }
    }

    /// The link of a record of the source.
    pub(super) fn of_source(&self, stream: &StreamName, key: &SourceKey) -> Option<&Link> {
        self.by_source.get(&(stream.clone(), key.clone()))
    }

    /// The row on a side of the record that the other side knows by an identifier.
    pub(super) fn find(&self, stream: &StreamName, on: Side, other_end: &RowId) -> Option<RowId> {
        match on {
            Side::Target => self.by_source.get(&(stream.clone(), other_end.into())).map(|link| end(link, Side::Target)),
            Side::Source => self.by_target.get(&(stream.clone(), other_end.into())).map(RowId::from),
        }
    }

    /// How the pair of an outcome is known now: a record that had no row in the source then may have one by now.
    pub(super) fn pair_of(&self, outcome: &Outcome) -> String {
        let by_target = |id: &TargetId| self.by_target.get(&(outcome.stream.clone(), id.clone()));
        let key = outcome.source_key.as_ref().or_else(|| outcome.target_id.as_ref().and_then(by_target));
        pair(key, outcome.target_id.as_ref())
    }

    /// Whether a row of the target is linked to another record of the source.
    pub(super) fn is_anothers(&self, stream: &StreamName, id: &TargetId, key: Option<&SourceKey>) -> bool {
        self.by_target.get(&(stream.clone(), id.clone())).is_some_and(|owner| Some(owner) != key)
    }
}
