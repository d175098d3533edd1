//! The book of a run: one outcome for each considered record, links made and dropped, and the figures they add up to.
//! Entries are stored in batches, so that a crash loses at most one batch of bookkeeping, never a fact of the target.

use std::collections::HashMap;

use jiff::Timestamp;

use super::finish::RunFailure;
use super::input::RunInput;
use super::read::Answered;
use crate::records::{Batch, Outcome, OutcomeResult};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Counts, ReadStatus};
use rollcall_engine::model::{Entry, Fields, Link, Plan, Provenance, Verdict};
use rollcall_engine::plan::StreamInput;

/// How many outcomes are stored in one transaction.
const BATCH: usize = 200;

/// Which record of the target belongs to which of the source, as of now.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkTable {
    target: HashMap<(String, String), String>,
    source: HashMap<(String, String), String>,
}

impl LinkTable {
    /// The links that the streams were read with.
    pub(super) fn of(streams: &std::collections::BTreeMap<String, StreamInput>) -> Self {
        let mut table = Self::default();
        for link in streams.values().flat_map(|stream| &stream.links) {
            table.insert(link);
        }
        table
    }

    fn insert(&mut self, link: &Link) {
        let stream = &link.stream;
        self.target.insert((stream.clone(), link.source_key.clone()), link.target_id.clone());
        self.source.insert((stream.clone(), link.target_id.clone()), link.source_key.clone());
    }

    /// The target record of a source record.
    pub(super) fn target_id(&self, stream: &str, source_key: &str) -> Option<&str> {
        self.target.get(&(stream.to_owned(), source_key.to_owned())).map(String::as_str)
    }

    /// Whether a target record is linked to another source record.
    fn is_claimed_by_another(&self, stream: &str, target_id: &str, source_key: &str) -> bool {
        self.source.get(&(stream.to_owned(), target_id.to_owned())).is_some_and(|owner| owner != source_key)
    }
}

/// Mapped values by stream and source key.
pub(super) type Shown = std::collections::BTreeMap<(String, String), Fields>;

/// What became of an entry.
pub(super) struct Done<'a> {
    /// Which end it met.
    pub(super) result: OutcomeResult,
    /// 201, 200, 204 or 400.
    pub(super) code: i32,
    /// One word of the reasons.
    pub(super) reason: &'a str,
    /// For people.
    pub(super) message: String,
}

/// The book of one run.
pub(super) struct Ledger {
    counts: Counts,
    read: ReadStatus,
    links: LinkTable,
    linked_at: HashMap<(String, String), Link>,
    batch: Batch,
    now: Timestamp,
}

impl Ledger {
    /// Opens the book of a plan.
    pub(super) fn new(input: &RunInput, plan: &Plan, links: LinkTable, facts: ReadFacts) -> Self {
        let mut counts = Counts::default();
        for stream in &plan.streams {
            counts.read += stream.read;
            counts.out_of_scope += i64::try_from(stream.out_of_scope.len()).unwrap_or(i64::MAX);
            counts.considered += i64::try_from(stream.entries.len()).unwrap_or(i64::MAX);
        }
        let mut ledger = Self {
            counts,
            read: facts.read,
            links,
            linked_at: facts
                .links
                .into_iter()
                .map(|link| ((link.stream.clone(), link.source_key.clone()), link))
                .collect(),
            batch: Batch::default(),
            now: input.now,
        };
        ledger.note_out_of_scope(plan);
        ledger
    }

    /// Records left out by scope are not outcomes, but "why was this person not sent?" must have an answer.
    fn note_out_of_scope(&mut self, plan: &Plan) {
        for stream in &plan.streams {
            for left_out in &stream.out_of_scope {
                self.batch.outcomes.push(Outcome {
                    stream: stream.name.clone(),
                    source_key: left_out.source_key.clone(),
                    target_id: None,
                    result: OutcomeResult::OutOfScope,
                    action: None,
                    code: 204,
                    reason: reasons::OUT_OF_SCOPE.into(),
                    message: format!("scope is false because of: {}", left_out.clause),
                    fields: Fields::default().into(),
                    defaulted: Vec::new(),
                    at: self.now,
                });
            }
        }
    }

    /// Links as of now.
    pub(super) const fn links(&self) -> &LinkTable {
        &self.links
    }

    /// Whether some found records may be taken for the one of `source_key`: exactly one, not linked to another.
    pub(super) fn sole_unclaimed<'a>(
        &self,
        stream: &str,
        source_key: &str,
        answered: &'a Answered,
    ) -> Result<Option<&'a rollcall_engine::model::TargetRecord>, &'static str> {
        let mut found: Vec<_> = answered.found.iter().collect();
        found.sort_by(|left, right| left.id.cmp(&right.id));
        found.dedup_by(|left, right| left.id == right.id);
        match found.as_slice() {
            [] => Ok(None),
            [one] if self.links.is_claimed_by_another(stream, &one.id, source_key) => Err(reasons::CLAIMED_BY_ANOTHER),
            [one] => Ok(Some(one)),
            _ => Err(reasons::SEVERAL_MATCHES),
        }
    }

    /// Notes what became of an entry. A record has one outcome: a later one of the same entry replaces it and must
    /// have the same result.
    pub(super) fn settle(&mut self, stream: &str, entry: &Entry, target_id: Option<&str>, done: Done<'_>) {
        self.count(done.result);
        self.push(stream, entry, target_id, done);
    }

    /// Replaces reason and message of an entry that is settled already.
    pub(super) fn amend(&mut self, stream: &str, entry: &Entry, target_id: Option<&str>, done: Done<'_>) {
        self.push(stream, entry, target_id, done);
    }

    fn push(&mut self, stream: &str, entry: &Entry, target_id: Option<&str>, done: Done<'_>) {
        let fields = sent(&entry.verdict);
        self.batch.outcomes.push(Outcome {
            stream: stream.to_owned(),
            source_key: entry.source_key.clone(),
            target_id: target_id.map(str::to_owned).or_else(|| entry.target_id.clone()),
            result: done.result,
            action: entry.verdict.action(),
            code: done.code,
            reason: done.reason.to_owned(),
            message: done.message,
            fields: fields.into(),
            defaulted: entry.defaulted.clone(),
            at: self.now,
        });
    }

    const fn count(&mut self, result: OutcomeResult) {
        let counter = match result {
            OutcomeResult::Created => &mut self.counts.created,
            OutcomeResult::Updated => &mut self.counts.updated,
            OutcomeResult::Disabled => &mut self.counts.disabled,
            OutcomeResult::Deleted => &mut self.counts.deleted,
            OutcomeResult::Unchanged => &mut self.counts.unchanged,
            OutcomeResult::Skipped => &mut self.counts.skipped,
            OutcomeResult::Held => &mut self.counts.held,
            OutcomeResult::Conflict => &mut self.counts.conflicts,
            OutcomeResult::Failed => &mut self.counts.failed,
            OutcomeResult::OutOfScope => return,
        };
        *counter += 1;
    }

    /// Settles an entry that needs no write, or that must wait.
    pub(super) fn settle_without_write(&mut self, stream: &str, entry: &Entry) {
        let result = match (&entry.verdict, entry.held) {
            (verdict, Some(_)) if verdict.action().is_some() => OutcomeResult::Held,
            (Verdict::Conflict, _) => OutcomeResult::Conflict,
            (Verdict::Fail, _) => OutcomeResult::Failed,
            (Verdict::Skip, _) => OutcomeResult::Skipped,
            _ => OutcomeResult::Unchanged,
        };
        let code = if matches!(result, OutcomeResult::Conflict | OutcomeResult::Failed) { 400 } else { 204 };
        let reason = if result == OutcomeResult::Held { entry.held.unwrap_or(entry.reason) } else { entry.reason };
        let done = Done { result, code, reason, message: entry.message.clone() };
        self.settle(stream, entry, None, done);
        if entry.reason == reasons::ALREADY_GONE {
            self.batch.dropped_links.push((stream.to_owned(), entry.source_key.clone()));
        }
        if let (true, None, Some(id)) = (entry.new_link, entry.held, &entry.target_id) {
            self.link(stream, &entry.source_key, id, Provenance::Auto);
        }
    }

    /// Settles all entries of a run that only looks, with the result that a run would have. `shown` has the values to
    /// show in place of those that would be sent.
    pub(super) fn preview(&mut self, plan: &Plan, shown: &Shown) {
        for stream in &plan.streams {
            for entry in &stream.entries {
                let action = entry.verdict.action().filter(|_| entry.held.is_none());
                let Some(action) = action else {
                    self.preview_without_link(&stream.name, entry);
                    continue;
                };
                let (result, code) = result_of(action);
                let done = Done { result, code, reason: entry.reason, message: entry.message.clone() };
                self.settle(&stream.name, entry, None, done);
            }
        }
        for outcome in &mut self.batch.outcomes {
            if let Some(fields) = shown.get(&(outcome.stream.clone(), outcome.source_key.clone())) {
                outcome.fields = fields.clone().into();
            }
        }
    }

    fn preview_without_link(&mut self, stream: &str, entry: &Entry) {
        let unlinked = Entry { new_link: false, ..entry.clone() };
        self.settle_without_write(stream, &unlinked);
        self.batch.dropped_links.clear();
    }

    /// Stores a new link, or who it belongs to from now on.
    pub(super) fn link(&mut self, stream: &str, source_key: &str, target_id: &str, provenance: Provenance) {
        let link = Link {
            stream: stream.to_owned(),
            source_key: source_key.to_owned(),
            target_id: target_id.to_owned(),
            provenance,
            created_at: self.now,
            disabled_at: None,
        };
        self.put_link(link);
    }

    fn put_link(&mut self, link: Link) {
        self.links.insert(&link);
        self.linked_at.insert((link.stream.clone(), link.source_key.clone()), link.clone());
        self.batch.links.push(link);
    }

    /// Notes that a linked record was disabled or enabled by Rollcall; makes the link when there is none yet.
    pub(super) fn mark_disabled(&mut self, stream: &str, source_key: &str, target_id: &str, disabled: bool) {
        let known = self.linked_at.get(&(stream.to_owned(), source_key.to_owned())).cloned();
        let link = known.unwrap_or_else(|| Link {
            stream: stream.to_owned(),
            source_key: source_key.to_owned(),
            target_id: target_id.to_owned(),
            provenance: Provenance::Auto,
            created_at: self.now,
            disabled_at: None,
        });
        self.put_link(Link { disabled_at: disabled.then_some(self.now), ..link });
    }

    /// Drops the link of a record that was deleted.
    pub(super) fn unlink(&mut self, stream: &str, source_key: &str) {
        self.batch.dropped_links.push((stream.to_owned(), source_key.to_owned()));
    }

    /// Stores what has come together when it is enough for a batch.
    pub(super) async fn flush_if_full(&mut self, input: &RunInput) -> Result<(), RunFailure> {
        if self.batch.outcomes.len() >= BATCH { self.flush(input).await } else { Ok(()) }
    }

    /// Stores what has come together.
    pub(super) async fn flush(&mut self, input: &RunInput) -> Result<(), RunFailure> {
        let batch = std::mem::take(&mut self.batch);
        if batch != Batch::default() {
            input.records.commit(&input.run_id, input.attempt, &batch).await?;
        }
        Ok(())
    }

    /// The figures of the run.
    /// Fails when a considered record has no outcome or two: a defect that must not pass as a success.
    pub(super) fn into_figures(self) -> Result<(Counts, ReadStatus), RunFailure> {
        if self.counts.considered == self.counts.outcomes() {
            return Ok((self.counts, self.read));
        }
        Err(RunFailure::internal(format!(
            "{} records were considered but {} outcomes noted",
            self.counts.considered,
            self.counts.outcomes()
        )))
    }
}

/// What a verdict sends. A reference is shown as the source key of the record it points at: the target's identifier may
/// not be known yet.
fn sent(verdict: &Verdict) -> Fields {
    let (mut fields, references) = match verdict {
        Verdict::Create { fields, references } => (fields.clone(), references),
        Verdict::Update { changes, references, .. } => (changes.clone(), references),
        _ => return Fields::default(),
    };
    for (field, reference) in references {
        fields.0.insert(field.clone(), reference.source_key.clone().into());
    }
    fields
}

/// The end that an action leads to when it succeeds.
pub(super) const fn result_of(action: rollcall_api::v1alpha1::Action) -> (OutcomeResult, i32) {
    use rollcall_api::v1alpha1::Action;
    match action {
        Action::Create => (OutcomeResult::Created, 201),
        Action::Update => (OutcomeResult::Updated, 200),
        Action::Disable => (OutcomeResult::Disabled, 200),
        Action::Delete => (OutcomeResult::Deleted, 200),
    }
}

/// What is worth keeping of the reads once the plan is made.
pub(super) struct ReadFacts {
    read: ReadStatus,
    links: Vec<Link>,
}

impl ReadFacts {
    /// Sums the reads of all streams up.
    pub(super) fn of(streams: &std::collections::BTreeMap<String, StreamInput>) -> Self {
        let reads = || streams.values().map(|stream| &stream.source);
        let weakest = reads().map(|read| read.proof).find(|proof| !proof.is_complete());
        let proof = weakest.or_else(|| reads().map(|read| read.proof).next_back());
        let totals: Vec<i64> = reads().filter_map(|read| read.declared_total).collect();
        Self {
            read: ReadStatus {
                complete: weakest.is_none(),
                pages: reads().map(|read| read.pages).sum(),
                declared_total: (totals.len() == streams.len()).then(|| totals.iter().sum()),
                proof: proof.map_or("", |proof| proof.as_str()).to_owned(),
            },
            links: streams.values().flat_map(|stream| stream.links.clone()).collect(),
        }
    }
}
