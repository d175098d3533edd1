//! Works out what a run would do: one entry for each considered pair. Pure and deterministic: the same inputs give the
//! same plan and digest, whatever the order of the rows.
//!
//! The steps: each record of the leading side is classified ([`classify`]: leaver, scope), mapped ([`mapping`]) and
//! identified ([`index`]: link, match rules); compared with what is remembered of it ([`witness`]); and turned into lines
//! ([`diff`], [`removal`]). Then what was not agreed is held ([`terms`]), what was approved is released ([`approval`]),
//! and what goes beyond the limits is held ([`guard`]).

mod approval;
mod classify;
mod diff;
mod digest;
mod directory;
mod draft;
mod fields;
mod guard;
mod index;
mod input;
mod keys;
mod mapping;
mod pick;
mod projection;
pub mod questions;
mod removal;
mod table;
mod terms;
#[cfg(test)]
mod tests;
mod undo;
mod witness;
mod work;

use std::collections::{BTreeSet, HashSet};

use rollcall_api::reasons;
use rollcall_api::v1alpha1::{OnGone, SyncMode};

pub use approval::Approved;
pub use input::{PlanInput, StreamInput, end};
pub use projection::{match_keys_of, match_values_of, projection};
pub use terms::Terms;
pub use undo::{UndoInput, undo};

use classify::Class;
use digest::Digester;
use directory::Directory;
use draft::{Draft, DraftStream};
use index::Identity;
use witness::Resemblance;
use work::{Record, Work};

use crate::model::{Link, OutOfScope, Plan, Proposal, ReadProof, StreamPlan};
use crate::names::{FieldName, RowId, Side};

/// A plan with what it proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What waits for an approval, as it is kept until somebody decides.
    pub proposal: Option<Proposal>,
}

/// Plans a run.
pub fn plan(input: &PlanInput<'_>) -> Planned {
    let mut directory = Directory::default();
    let mut all: Vec<Work<'_>> = Vec::new();
    for stream in input.setting.streams() {
        if let Some(read) = input.streams.get(&stream.name) {
            let work = Work::new(stream, read, input);
            directory.add(&work);
            all.push(work);
        }
    }
    let mut unmapped_fields = BTreeSet::new();
    let next_due = all.iter().filter_map(next_due).min();
    let is_doubtful = all.iter().any(is_doubtful);
    let streams = all.iter().map(|work| draft_stream(work, input, &directory, &mut unmapped_fields)).collect();
    settle(input, streams, &directory, is_doubtful, (next_due, unmapped_fields))
}

/// Holds, releases and limits what was drafted, and closes the plan.
fn settle(
    input: &PlanInput<'_>,
    mut streams: Vec<DraftStream>,
    directory: &Directory,
    is_doubtful: bool,
    (next_due, unmapped_fields): (Option<jiff::Timestamp>, BTreeSet<FieldName>),
) -> Planned {
    let digester = Digester::new(input.key);
    for stream in &mut streams {
        stream.leave_out(input.actions);
        if let Some(compiled) = input.setting.stream(&stream.plan.name) {
            stream.hold(compiled, input.terms, is_doubtful);
        }
        // Who approves everything says that they are the same people.
        if is_doubtful && !input.approved.is_some_and(Approved::is_whole) {
            stream.keep_memory();
        }
    }
    if let Some(approved) = input.approved {
        approved.release(&mut streams, &digester);
    }
    for stream in &mut streams {
        let effects = input.streams.get(&stream.plan.name).map(|read| read.effects.clone()).unwrap_or_default();
        guard::hold(stream, &input.terms.guard, &effects);
        if input.approved.is_some() {
            stream.leave_out_unapproved();
        }
        stream.settle_moved();
        stream.drop_unapproved_links(input.terms);
    }
    directory::settle(&mut streams, directory);
    let digest = digester.plan(&streams);
    let (held, proposal) =
        digester.proposal(&streams, &input.terms.present, &input.origin, input.terms.pending).unzip();
    let streams = streams.into_iter().map(DraftStream::close).collect();
    Planned { plan: Plan { streams, digest, held, next_due, unmapped_fields }, proposal }
}

/// When the next leaving day of a record takes effect that a run would do something about.
fn next_due(work: &Work<'_>) -> Option<jiff::Timestamp> {
    let due = work.records.iter().filter_map(|record| match &record.class {
        Class::InScope { leaves_at } => *leaves_at,
        Class::OutOfScope { leaves_at, .. } => leaves_at.filter(|_| work.index.link(&record.row.id).is_some()),
        Class::Leaver(_) | Class::Failed(_) => None,
    });
    due.min()
}

/// Whether so many linked rows are somebody else's, or gone, that the systems are not the ones that were linked.
fn is_doubtful(work: &Work<'_>) -> bool {
    let lead = work.stream.lead();
    let delivered: HashSet<&RowId> = work.records.iter().map(|record| &record.row.id).collect();
    let absent = work.input.links.iter().filter(|link| !delivered.contains(&end(link, lead)));
    let is_strange = |link: &&Link| match work.index.row(link) {
        Some(row) => work.resemblance_of_follower(link, row) != Resemblance::Same,
        None => link.disabled_at.is_none() && work.index.is_gone(link),
    };
    let strange = work.records.iter().filter(|record| record.resemblance != Resemblance::Same).count()
        + absent.filter(is_strange).count();
    let vanished = work
        .records
        .iter()
        .filter(|record| {
            matches!(record.class, Class::InScope { .. })
                && matches!(record.identity, Identity::Missing { vanished: true })
        })
        .count();
    let active = work.input.links.iter().filter(|link| link.disabled_at.is_none()).count();
    witness::are_many(strange + vanished, active)
}

fn draft_stream(
    work: &Work<'_>,
    input: &PlanInput<'_>,
    directory: &Directory,
    unmapped: &mut BTreeSet<FieldName>,
) -> DraftStream {
    let lead = work.stream.lead();
    let mut out_of_scope = Vec::new();
    let mut drafts: Vec<Draft> = Vec::new();
    for record in &work.records {
        match considered(work, record, input, directory, unmapped) {
            Ok(draft) => drafts.push(draft),
            Err(left_out) => out_of_scope.push(left_out),
        }
    }
    drafts.extend(removal::absent(work, input.mode));
    drafts.extend(work::unknown_requests(work.input, lead).iter().map(|id| Draft::not_found(lead, id)));
    drafts.sort_by(|one, two| one.entry.ends().cmp(&two.entry.ends()));
    out_of_scope
        .sort_by(|one: &OutOfScope, two| one.source_key.cmp(&two.source_key).then(one.target_id.cmp(&two.target_id)));
    let read = work.input.read(lead);
    let readable = work.records.iter().filter(|record| !matches!(record.class, Class::Failed(_))).count();
    let matched = work.records.iter().filter(|record| matches!(&record.identity, Identity::Matched(row) if row.active));
    DraftStream {
        active: work.input.links.iter().filter(|link| link.disabled_at.is_none()).count() + matched.count(),
        population: (read.proof != ReadProof::Selected).then_some(readable),
        plan: StreamPlan {
            name: work.stream.name.clone(),
            read: i64::try_from(read.rows.len()).unwrap_or(i64::MAX),
            out_of_scope,
            entries: Vec::new(),
        },
        drafts,
    }
}

/// What is to happen to a record, or the clause that leaves it out.
fn considered(
    work: &Work<'_>,
    record: &Record<'_>,
    input: &PlanInput<'_>,
    directory: &Directory,
    unmapped: &mut BTreeSet<FieldName>,
) -> Result<Draft, OutOfScope> {
    let is_to_be_sent = matches!(record.class, Class::Leaver(_) | Class::InScope { .. });
    if is_to_be_sent
        && input.mode == SyncMode::CreateOnly
        && let Some(link) = work.index.link(&record.row.id)
        && !matches!(record.identity, Identity::Conflict(..))
    {
        return Ok(removal::sent_once(link));
    }
    let wanted =
        |reason| Draft::settled(work, record).unwrap_or_else(|| removal::leaver(work, record, input.mode, reason));
    Ok(match &record.class {
        Class::Failed(failure) => Draft::failed(work, record, failure),
        Class::Leaver(reason) => wanted(reason),
        Class::InScope { .. } => Draft::settled(work, record)
            .unwrap_or_else(|| diff::wanted(work, record, input.mode, directory, unmapped))
            .completed(work, record),
        Class::OutOfScope { clause, .. } => {
            if work.input.read(work.stream.lead()).proof == ReadProof::Selected {
                return Ok(Draft::skip(work, record, reasons::NOT_ELIGIBLE, &format!("not in scope: {clause}")));
            }
            let is_kept = work.stream.leaver.on_out_of_scope == OnGone::Keep || input.mode == SyncMode::CreateOnly;
            if is_kept || matches!(record.identity, Identity::NotAsked) {
                return Err(left_out(work, record, clause));
            }
            wanted(reasons::LEAVER_OUT_OF_SCOPE)
        }
    })
}

fn left_out(work: &Work<'_>, record: &Record<'_>, clause: &str) -> OutOfScope {
    let lead = work.stream.lead();
    OutOfScope {
        source_key: (lead == Side::Source).then(|| (&record.row.id).into()),
        target_id: (lead == Side::Target).then(|| (&record.row.id).into()),
        clause: clause.to_owned(),
    }
}
