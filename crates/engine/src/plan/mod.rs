//! Works out what a run would do: one entry for each considered record. Pure and deterministic: the
//! same inputs give the same plan and digest, whatever the order of the records.
//!
//! The steps: each record is classified ([`classify`]: leaver, scope), identified in the target ([`identify`]: link,
//! match rules), mapped ([`mapping`]) and compared ([`diff`]); then limits are applied ([`guard`]) and what was approved
//! is released ([`digest`], here).

mod absent;
mod classify;
mod diff;
mod digest;
mod guard;
mod identify;
mod lookups;
mod mapping;
mod references;
mod stream;

pub use lookups::{match_values, match_values_of, projection};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::compile::CompiledSetting;
use super::model::{Entry, Link, Plan, Read, SourceRecord, StreamPlan, TargetRecord};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Action, Guard, Held, Release, SyncMode};

/// Everything that a plan depends on.
pub struct PlanInput<'a> {
    /// The checked setting.
    pub setting: &'a CompiledSetting,
    /// What was read, by stream. A stream that is not here is not planned. A stream that others refer to, but that is not
    /// part of the run, is given with its links and an empty read with proof [`super::model::ReadProof::Selected`].
    pub streams: BTreeMap<String, StreamInput>,
    /// The time of the run.
    pub now: Timestamp,
    /// The setting's time zone: leaving days end there.
    pub zone: TimeZone,
    /// Limits beyond which actions are held.
    pub guard: &'a Guard,
    /// Whether existing records may be changed at all.
    pub mode: SyncMode,
    /// Whether the setting's rules were approved.
    pub published: Published,
    /// What was approved, in a run of type Release.
    pub release: Option<&'a Release>,
    /// Key of the digests: without it nobody can tell from a digest whether they guessed its values.
    pub digest_key: &'a [u8],
}

/// What was read of one stream.
#[derive(Clone, Debug)]
pub struct StreamInput {
    /// Of the source.
    pub source: Read<SourceRecord>,
    /// Of the target.
    pub target: Vec<TargetRecord>,
    /// Whether `target` has every record of the target, so that what is not in it does not exist.
    pub target_complete: bool,
    /// All stored links of the stream.
    pub links: Vec<Link>,
}

/// Whether scope and match rules are the approved ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// They are, or `publish` is Automatic.
    Yes,
    /// No plan has been approved yet: everything is held.
    FirstRun,
    /// They have changed since the last approval: everything is held.
    RulesChanged,
}

/// What came of planning.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanOutcome {
    /// The plan. In a run of type Release: what was approved is no longer held.
    Planned(Plan),
    /// A release was asked for, but nothing is held now. The plan is what an ordinary run would do.
    NothingHeld(Plan),
    /// A release was asked for, but what is held now is not what was approved: nothing may be applied.
    PlanChanged(Held),
}

/// An entry with what only planning knows about it.
#[derive(Clone, Debug)]
struct Draft {
    entry: Entry,
    /// A create without a value for a required field, because the value is not in its value map. Approving it would
    /// send a record that the target must refuse; it stays held until the value is mapped.
    is_incomplete: bool,
}

/// Plans a run.
pub fn plan(input: &PlanInput<'_>) -> PlanOutcome {
    let mut draft = stream::plan_all(input);
    for stream in &mut draft.streams {
        guard::hold(stream, input);
    }
    let held = digest::held(&draft.streams, input.digest_key);
    let released = match (input.release, &held) {
        (None, _) => None,
        (Some(release), Some(held)) if release.digest == held.digest => Some(release),
        (Some(_), Some(held)) => return PlanOutcome::PlanChanged(held.clone()),
        (Some(_), None) => return PlanOutcome::NothingHeld(finish(draft, held, None, input)),
    };
    let held = match released {
        Some(release) => {
            draft.streams.iter_mut().for_each(|stream| release_holds(stream, release));
            digest::held(&draft.streams, input.digest_key)
        }
        None => held,
    };
    PlanOutcome::Planned(finish(draft, held, released, input))
}

/// All streams before the limits are applied.
struct DraftPlan {
    streams: Vec<DraftStream>,
    directory: references::Directory,
    next_due: Option<Timestamp>,
    unmapped_fields: BTreeSet<String>,
}

/// One stream before the limits are applied.
struct DraftStream {
    plan: StreamPlan,
    drafts: Vec<Draft>,
    /// Linked records, those matched in this run included.
    linked: usize,
    /// Usable records that the source delivered; None when only selected ones were asked for.
    population: Option<usize>,
}

fn release_holds(stream: &mut DraftStream, release: &Release) {
    if !release.streams.is_empty() && !release.streams.contains(&stream.plan.name) {
        return;
    }
    for draft in &mut stream.drafts {
        let is_covered = draft.entry.verdict.action().is_some_and(|action| covers(release, action));
        let must_wait = draft.is_incomplete && draft.entry.held == Some(reasons::VALUE_UNMAPPED);
        if is_covered && !must_wait {
            draft.entry.held = None;
        }
    }
}

fn covers(release: &Release, action: Action) -> bool {
    release.actions.is_empty() || release.actions.contains(&action)
}

/// Without an approval of the rules, what they matched is not stored either.
fn drop_unapproved_links(stream: &mut DraftStream, released: Option<&Release>, published: Published) {
    let is_approved = published == Published::Yes
        || released.is_some_and(|release| release.streams.is_empty() || release.streams.contains(&stream.plan.name));
    for draft in &mut stream.drafts {
        let writes = draft.entry.verdict.action().is_some();
        draft.entry.new_link &= is_approved || (writes && draft.entry.held.is_none());
    }
}

fn finish(mut draft: DraftPlan, held: Option<Held>, released: Option<&Release>, input: &PlanInput<'_>) -> Plan {
    draft.streams.iter_mut().for_each(|stream| drop_unapproved_links(stream, released, input.published));
    references::drop_waiting(&mut draft.streams, &draft.directory);
    let digest = digest::whole(&draft.streams, input.digest_key);
    let streams = draft.streams.into_iter().map(|stream| {
        let mut plan = stream.plan;
        plan.entries = stream.drafts.into_iter().map(|draft| draft.entry).collect();
        plan
    });
    let streams = streams.collect();
    Plan { streams, digest, held, next_due: draft.next_due, unmapped_fields: draft.unmapped_fields }
}

#[cfg(test)]
mod tests;
