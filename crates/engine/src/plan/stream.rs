//! Plans the streams: first which target record each source record is, in all of them, so that references can be
//! resolved; then what is to happen to each.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::classify::{Class, Failure, classify};
use super::identify::{Identity, Index, refuse_shared};
use super::mapping::{self, Mapped};
use super::references::{Directory, Known};
use super::{Draft, DraftPlan, DraftStream, PlanInput, StreamInput, absent, diff};
use crate::compile::CompiledStream;
use crate::model::{OutOfScope, ReadProof, SourceRecord, StreamPlan, Verdict};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{OnGone, OnNoMatch, SyncMode};

/// One source record on its way.
pub(super) struct Record<'a> {
    pub(super) source: &'a SourceRecord,
    pub(super) class: Class,
    /// One for each field of the stream; empty for records that are left out.
    pub(super) mapped: Vec<Result<Mapped, Failure>>,
    pub(super) identity: Identity<'a>,
}

/// One stream on its way.
pub(super) struct Work<'a> {
    pub(super) stream: &'a CompiledStream,
    pub(super) input: &'a StreamInput,
    pub(super) index: Index<'a>,
    pub(super) records: Vec<Record<'a>>,
    pub(super) mode: SyncMode,
    pub(super) now: Timestamp,
}

/// Plans all streams of the input.
pub(super) fn plan_all(input: &PlanInput<'_>) -> DraftPlan {
    let mut directory = Directory::default();
    let mut all: Vec<Work<'_>> = Vec::new();
    for stream in input.setting.streams() {
        if let Some(read) = input.streams.get(&stream.name) {
            let work = identify(stream, read, input);
            note(&work, &mut directory);
            all.push(work);
        }
    }
    let mut unmapped_fields = BTreeSet::new();
    let next_due = all.iter().filter_map(next_due).min();
    let streams = all.iter().map(|work| draft(work, &directory, &mut unmapped_fields)).collect();
    DraftPlan { streams, directory, next_due, unmapped_fields }
}

fn identify<'a>(stream: &'a CompiledStream, read: &'a StreamInput, input: &PlanInput<'_>) -> Work<'a> {
    let index = Index::new(stream, read);
    let mut records: Vec<Record<'a>> = Vec::with_capacity(read.source.records.len());
    let repeated = repeated(read);
    for source in &read.source.records {
        if repeated.contains(source.key.as_str()) {
            let class = Class::Failed(Failure {
                reason: reasons::SOURCE_UNREADABLE,
                message: "the source delivered this key more than once".into(),
            });
            records.push(Record { source, class, mapped: Vec::new(), identity: Identity::NotAsked });
            continue;
        }
        let body = source.body.expose();
        let context = stream.view.context(body);
        let formats = &input.setting.formats;
        let class = classify(stream, &context, formats, input.now, &input.zone);
        let mut mapped = Vec::new();
        let identity = match &class {
            Class::Leaver(_) | Class::InScope { .. } => {
                mapped = stream.fields.iter().map(|field| mapping::map(field, body, &context, formats)).collect();
                index.identify(&source.key, &mapped)
            }
            Class::OutOfScope { .. } => index.by_link(&source.key).unwrap_or(Identity::NotAsked),
            Class::Failed(_) => Identity::NotAsked,
        };
        records.push(Record { source, class, mapped, identity });
    }
    refuse_shared(records.iter_mut().map(|record| &mut record.identity));
    Work { stream, input: read, index, records, mode: input.mode, now: input.now }
}

/// Keys that the source delivered more than once: which of the records is meant cannot be told.
fn repeated(read: &StreamInput) -> HashSet<&str> {
    let mut seen = HashSet::new();
    let keys = read.source.records.iter().map(|record| record.key.as_str());
    let keys = keys.chain(read.source.unreadable.iter().map(|record| record.key.as_str()));
    keys.filter(|key| !seen.insert(*key)).collect()
}

/// Notes which target records the source keys of a stream stand for.
fn note(work: &Work<'_>, directory: &mut Directory) {
    let name = &work.stream.name;
    // A selected read says nothing about the others: their links stand.
    let read = &work.input.source;
    let asked: HashSet<&str> = read.records.iter().map(|record| record.key.as_str()).collect();
    let is_in_doubt = |key: &str| read.proof != ReadProof::Selected || asked.contains(key);
    for link in &work.input.links {
        if !is_in_doubt(&link.source_key) || !work.index.is_gone(link) {
            directory.note(name, &link.source_key, Known::Record(link.target_id.clone()));
        }
    }
    let creates = work.stream.actions.create && work.stream.on_no_match == OnNoMatch::Create;
    for record in &work.records {
        match &record.identity {
            Identity::Matched(target) => {
                directory.note(name, &record.source.key, Known::Matched(target.id.clone()));
            }
            Identity::Missing => {
                let is_new = matches!(record.class, Class::InScope { .. });
                if is_new && creates && diff::create_failure(work.stream, record).is_none() {
                    directory.note(name, &record.source.key, Known::Planned);
                }
            }
            _ => {}
        }
    }
}

/// When the next leaving day of a record takes effect that a run would do something about.
fn next_due(work: &Work<'_>) -> Option<Timestamp> {
    let due = work.records.iter().filter_map(|record| match &record.class {
        Class::InScope { leaves_at } => *leaves_at,
        Class::OutOfScope { leaves_at, .. } => leaves_at.filter(|_| work.index.link(&record.source.key).is_some()),
        Class::Leaver(_) | Class::Failed(_) => None,
    });
    due.min()
}

fn draft(work: &Work<'_>, directory: &Directory, unmapped: &mut BTreeSet<String>) -> DraftStream {
    let mut out_of_scope = Vec::new();
    let mut drafts: Vec<Draft> = Vec::new();
    for record in &work.records {
        match considered(work, record, directory, unmapped) {
            Ok(mut draft) => {
                if matches!(draft.entry.verdict, Verdict::Fail | Verdict::Conflict) {
                    draft.entry.target_id = work.index.link(&record.source.key).map(|link| link.target_id.clone());
                }
                drafts.push(draft);
            }
            Err(left_out) => out_of_scope.push(left_out),
        }
    }
    drafts.extend(work.input.source.unreadable.iter().map(|unreadable| {
        let link = work.index.link(&unreadable.key);
        let message = format!("{}: {}", unreadable.reason, unreadable.message);
        let mut draft = Draft::new(&unreadable.key, Verdict::Fail, reasons::SOURCE_UNREADABLE, message);
        draft.entry.target_id = link.map(|link| link.target_id.clone());
        draft
    }));
    drafts.extend(absent::absent(work));
    drafts.sort_by(|one, two| one.entry.source_key.cmp(&two.entry.source_key));
    out_of_scope.sort_by(|one, two| one.source_key.cmp(&two.source_key));
    let read = work.input.source.records.len() + work.input.source.unreadable.len();
    let population = (work.input.source.proof != ReadProof::Selected).then_some(work.records.len());
    DraftStream {
        plan: StreamPlan {
            name: work.stream.name.clone(),
            read: i64::try_from(read).unwrap_or(i64::MAX),
            out_of_scope,
            entries: Vec::new(),
        },
        drafts,
        linked: linked(work),
        population,
    }
}

/// How many source records are linked or have just been matched.
fn linked(work: &Work<'_>) -> usize {
    let mut keys: HashSet<&str> = work.input.links.iter().map(|link| link.source_key.as_str()).collect();
    let is_matched = |record: &&Record<'_>| matches!(record.identity, Identity::Matched(_));
    keys.extend(work.records.iter().filter(is_matched).map(|record| record.source.key.as_str()));
    keys.len()
}

/// What is to happen to a record, or the clause that leaves it out.
fn considered(
    work: &Work<'_>,
    record: &Record<'_>,
    directory: &Directory,
    unmapped: &mut BTreeSet<String>,
) -> Result<Draft, OutOfScope> {
    let key = &record.source.key;
    let is_to_be_sent = matches!(record.class, Class::Leaver(_) | Class::InScope { .. });
    if is_to_be_sent
        && work.mode == SyncMode::CreateOnly
        && let Some(link) = work.index.link(key)
    {
        return Ok(diff::sent_once(link));
    }
    Ok(match &record.class {
        Class::Failed(failure) => Draft::failed(key, failure),
        Class::Leaver(reason) => match diff::settled(record) {
            Some(draft) => draft,
            None => diff::leaver(work, record, reason),
        },
        Class::InScope { .. } => match diff::settled(record) {
            Some(draft) => draft,
            None => diff::wanted(work, record, directory, unmapped),
        },
        Class::OutOfScope { clause, .. } => {
            if work.input.source.proof == ReadProof::Selected {
                let message = format!("not in scope: {clause}");
                return Ok(Draft::new(key, Verdict::Skip, reasons::NOT_ELIGIBLE, message));
            }
            let is_kept = work.stream.leaver.on_out_of_scope == OnGone::Keep || work.mode == SyncMode::CreateOnly;
            if is_kept || matches!(record.identity, Identity::NotAsked) {
                return Err(OutOfScope { source_key: key.clone(), clause: clause.clone() });
            }
            diff::settled(record).unwrap_or_else(|| diff::leaver(work, record, reasons::LEAVER_OUT_OF_SCOPE))
        }
    })
}
