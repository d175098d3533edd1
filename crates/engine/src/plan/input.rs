//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rollcall_api::v1alpha1::{Action, SyncMode};

use super::approval::Approved;
use super::terms::Terms;
use crate::compile::CompiledSetting;
use crate::model::{Effects, Link, Origin, Read};
use crate::names::{RowId, Side, StreamName};

/// Everything that the plan of a run depends on.
#[derive(Clone, Debug)]
pub struct PlanInput<'a> {
    /// The setting.
    pub setting: &'a CompiledSetting,
    /// What was read, by stream. Streams that are not part of the run are there with their links only.
    pub streams: BTreeMap<StreamName, StreamInput>,
    /// The time of the run.
    pub now: Timestamp,
    /// The setting's time zone: leaving days end there.
    pub zone: TimeZone,
    /// Whether existing records may be changed at all.
    pub mode: SyncMode,
    /// What was agreed, and what waits for an approval because it was not.
    pub terms: &'a Terms,
    /// What was approved, in a run of type Release.
    pub approved: Option<&'a Approved>,
    /// Kinds of write that the run is limited to; empty: all.
    pub actions: &'a [Action],
    /// Key of digests and witnesses: without it nobody can tell from one whether they guessed its values.
    pub key: &'a [u8],
    /// What kind of run it is.
    pub origin: Origin,
}

/// What was read of one stream.
#[derive(Clone, Debug)]
pub struct StreamInput {
    /// Of the source.
    pub source: Read,
    /// Of the target.
    pub target: Read,
    /// All stored links of the stream.
    pub links: Vec<Link>,
    /// Whether the leading side can be asked for one row by its identifier, so that "not found" is its own word.
    pub asks_by_id: bool,
    /// Rows of the leading side that it says it does not have.
    pub gone_from_lead: BTreeSet<RowId>,
    /// Rows of the other side that it says it does not have.
    pub gone_from_follower: BTreeSet<RowId>,
    /// Rows of the leading side that the other was searched for: every match rule that has a value was answered.
    pub looked_up: BTreeSet<RowId>,
    /// Rows of the side that is written to that belong to another setting.
    pub claimed: BTreeSet<RowId>,
    /// What was done to the stream within the guard's window.
    pub effects: Effects,
    /// Identifiers that the run was limited to; empty: all.
    pub requested: Vec<RowId>,
}

impl StreamInput {
    /// A stream that is not part of the run: other records may refer to its linked ones.
    pub fn links_only(links: Vec<Link>) -> Self {
        Self {
            source: Read::none(),
            target: Read::none(),
            links,
            asks_by_id: false,
            gone_from_lead: BTreeSet::new(),
            gone_from_follower: BTreeSet::new(),
            looked_up: BTreeSet::new(),
            claimed: BTreeSet::new(),
            effects: Effects::default(),
            requested: Vec::new(),
        }
    }

    /// What was read of one side.
    pub const fn read(&self, side: Side) -> &Read {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// The same, to add to.
    pub const fn read_mut(&mut self, side: Side) -> &mut Read {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }
}

/// The identifier that a link has on a side.
pub fn end(link: &Link, side: Side) -> RowId {
    match side {
        Side::Source => (&link.source_key).into(),
        Side::Target => (&link.target_id).into(),
    }
}
