//! The book of a run: one outcome for each considered pair, the links as they are now, what became of each write, and the
//! figures that all of it adds up to. What is known is stored in batches together with the facts it rests on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Action, Counts};
use rollcall_engine::model::{Claim, Claimed, Disposition, Entry, Fields, Link, Plan};
use rollcall_engine::names::{RowId, RunId, Side, SourceKey, StreamName, TargetId};

use super::failure::RunFailure;
use super::input::RunInput;
use super::links::Links;
use crate::records::{Batch, Outcome, OutcomeResult, Refused, Settled, pair};

/// How many outcomes are stored in one transaction.
const BATCH: usize = 200;

/// Mapped values by stream and identifier of the row, for jobs of type Show.
pub(super) type Shown = BTreeMap<(StreamName, RowId), Fields>;

/// What became of an entry.
pub(super) struct Done {
    /// Which end it met.
    pub(super) result: OutcomeResult,
    /// One word of the reasons.
    pub(super) reason: String,
    /// For people.
    pub(super) message: String,
}

impl Done {
    pub(super) fn new(result: OutcomeResult, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { result, reason: reason.into(), message: message.into() }
    }
}

/// The book of one run.
pub(super) struct Ledger {
    run: RunId,
    attempt: i32,
    now: Timestamp,
    considered: i64,
    read: i64,
    out_of_scope: i64,
    /// The latest end of each pair, with the stream.
    ends: HashMap<(StreamName, String), OutcomeResult>,
    /// What earlier attempts of this run did, by stream and pair.
    earlier: HashMap<(StreamName, String), Outcome>,
    links: Links,
    batch: Batch,
}

impl Ledger {
    /// Opens the book of a plan. `earlier`: what former attempts of the same run noted.
    pub(super) fn new(input: &RunInput, plan: &Plan, links: Links, earlier: Vec<Outcome>) -> Self {
        let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let mut ledger = Self {
            run: input.run_id.clone(),
            attempt: input.attempt,
            now: input.now,
            considered: plan.streams.iter().map(|stream| number(stream.entries.len())).sum(),
            read: plan.streams.iter().map(|stream| stream.read).sum(),
            out_of_scope: plan.streams.iter().map(|stream| number(stream.out_of_scope.len())).sum(),
            ends: HashMap::new(),
            earlier: earlier
                .into_iter()
                .map(|outcome| ((outcome.stream.clone(), links.pair_of(&outcome)), outcome))
                .collect(),
            links,
            batch: Batch::default(),
        };
        ledger.note_out_of_scope(plan);
        ledger.keep_what_is_past(plan);
        ledger
    }

    /// Records left out by scope are not outcomes, but "why was this person not sent?" must have an answer.
    fn note_out_of_scope(&mut self, plan: &Plan) {
        for stream in &plan.streams {
            for left_out in &stream.out_of_scope {
                self.batch.outcomes.push(Outcome {
                    stream: stream.name.clone(),
                    source_key: left_out.source_key.clone(),
                    target_id: left_out.target_id.clone(),
                    result: OutcomeResult::OutOfScope,
                    action: None,
                    code: 204,
                    reason: reasons::OUT_OF_SCOPE.into(),
                    message: format!("scope is false because of: {}", left_out.clause),
                    fields: Fields::new().into(),
                    before: Fields::new().into(),
                    defaulted: Vec::new(),
                    at: self.now,
                });
            }
        }
    }

    /// What an earlier attempt did to pairs that are nobody's concern any more (a record that it deleted) stays part of
    /// the run.
    fn keep_what_is_past(&mut self, plan: &Plan) {
        let mut concerned: BTreeSet<(&StreamName, String)> = BTreeSet::new();
        for stream in &plan.streams {
            let entries = stream.entries.iter().map(|entry| pair(entry.source_key.as_ref(), entry.target_id.as_ref()));
            let left_out = stream.out_of_scope.iter().map(|one| pair(one.source_key.as_ref(), one.target_id.as_ref()));
            concerned.extend(entries.chain(left_out).map(|pair| (&stream.name, pair)));
        }
        let past: Vec<((StreamName, String), OutcomeResult)> = self
            .earlier
            .iter()
            .filter(|((stream, pair), outcome)| {
                outcome.result != OutcomeResult::OutOfScope && !concerned.contains(&(stream, pair.clone()))
            })
            .map(|(key, outcome)| (key.clone(), outcome.result))
            .collect();
        for (key, result) in past {
            self.considered += 1;
            self.ends.insert(key, result);
        }
    }

    /// Links as of now.
    pub(super) const fn links(&self) -> &Links {
        &self.links
    }

    /// Notes what became of an entry. A later end of the same pair replaces an earlier one; what an earlier attempt of
    /// the run did to it stays its end.
    pub(super) fn settle(&mut self, stream: &StreamName, entry: &Entry, target_id: Option<&TargetId>, done: Done) {
        let key = (stream.clone(), pair(entry.source_key.as_ref(), entry.target_id.as_ref()));
        let mut outcome = Outcome {
            stream: stream.clone(),
            source_key: entry.source_key.clone(),
            target_id: target_id.or(entry.target_id.as_ref()).cloned(),
            result: done.result,
            action: entry.action(),
            code: code(done.result),
            reason: done.reason,
            message: done.message,
            fields: set(entry).into(),
            before: before(entry).into(),
            defaulted: entry.defaulted.clone(),
            at: self.now,
        };
        if let Some(earlier) = self.earlier.get(&key)
            && stays(earlier.result, outcome.result)
        {
            outcome = Outcome { target_id: outcome.target_id, ..earlier.clone() };
        }
        self.ends.insert(key, outcome.result);
        self.batch.outcomes.push(outcome);
    }

    /// Settles what the run did not come to before it was stopped: every record has an end, also in a run that failed.
    pub(super) fn settle_rest(&mut self, plan: &Plan) {
        for stream in &plan.streams {
            for entry in &stream.entries {
                let name = pair(entry.source_key.as_ref(), entry.target_id.as_ref());
                if self.ends.contains_key(&(stream.name.clone(), name)) {
                    continue;
                }
                if entry.is_write() {
                    let message = "not tried: the run was stopped before; the next run tries again";
                    self.settle(
                        &stream.name,
                        entry,
                        None,
                        Done::new(OutcomeResult::Failed, reasons::WRITE_FAILED, message),
                    );
                } else {
                    self.settle_without_write(&stream.name, entry);
                }
            }
        }
    }

    /// Settles an entry that needs no write, or that must wait.
    pub(super) fn settle_without_write(&mut self, stream: &StreamName, entry: &Entry) {
        let result = match (&entry.disposition, entry.held) {
            (Disposition::Write(_), _) => OutcomeResult::Held,
            (Disposition::Conflict, _) => OutcomeResult::Conflict,
            (Disposition::Fail, _) => OutcomeResult::Failed,
            (Disposition::Skip, _) => OutcomeResult::Skipped,
            (Disposition::Unchanged, _) => OutcomeResult::Unchanged,
        };
        let reason = if result == OutcomeResult::Held { entry.held.unwrap_or(entry.reason) } else { entry.reason };
        // Why it waits is one thing, why it would be written another.
        let message = match (result, entry.message.is_empty()) {
            (OutcomeResult::Held, true) if reason != entry.reason => entry.reason.to_owned(),
            (OutcomeResult::Held, false) if reason != entry.reason => format!("{}: {}", entry.reason, entry.message),
            _ => entry.message.clone(),
        };
        self.settle(stream, entry, None, Done::new(result, reason, message));
    }

    /// Settles all entries of a run that only looks, with the result that a run would have. `shown` has the values to
    /// show in place of those that would be sent.
    pub(super) fn preview(&mut self, plan: &Plan, shown: &Shown) {
        for stream in &plan.streams {
            for entry in &stream.entries {
                match entry.action().filter(|_| entry.held.is_none()) {
                    Some(action) => {
                        let done = Done::new(result_of(action), entry.reason, entry.message.clone());
                        self.settle(&stream.name, entry, None, done);
                    }
                    None => self.settle_without_write(&stream.name, entry),
                }
            }
        }
        for outcome in &mut self.batch.outcomes {
            let row = outcome.source_key.as_ref().map(RowId::from);
            if let Some(fields) = row.and_then(|row| shown.get(&(outcome.stream.clone(), row))) {
                outcome.fields = fields.clone().into();
            }
        }
    }

    /// Stores a link, or what it remembers from now on, and claims its rows.
    pub(super) fn put_link(&mut self, link: Link, claims: Vec<Claim>) {
        self.links.put(link.clone());
        self.batch.claims.extend(claims);
        self.batch.links.push(link);
    }

    /// Drops the link of a record that was deleted, or that is gone from both sides.
    pub(super) fn drop_link(&mut self, stream: &StreamName, key: &SourceKey) {
        self.links.remove(stream, key);
        self.batch.dropped_links.push((stream.clone(), key.clone()));
    }

    /// Notes what came of an announced write.
    pub(super) fn settle_write(&mut self, settled: Settled) {
        self.batch.settled.push(settled);
    }

    /// Notes that writes of an earlier run were taken back.
    pub(super) fn take_back(&mut self, writes: impl IntoIterator<Item = (RunId, String)>) {
        self.batch.undone.extend(writes);
    }

    /// Stores what has come together when it is enough for a batch.
    pub(super) async fn flush_if_full(&mut self, input: &RunInput) -> Result<(), RunFailure> {
        if self.batch.outcomes.len() >= BATCH { self.flush(input).await.map(|_| ()) } else { Ok(()) }
    }

    /// Stores what has come together. Claims that were refused come back: their pairs have no link.
    pub(super) async fn flush(&mut self, input: &RunInput) -> Result<Vec<Refused>, RunFailure> {
        let batch = std::mem::take(&mut self.batch);
        if batch == Batch::default() {
            return Ok(Vec::new());
        }
        let refused = input.records.commit(&self.run, self.attempt, &batch).await?;
        for refusal in &refused {
            let key = SourceKey::from(refusal.claim.pair.as_str());
            self.links.remove(&refusal.claim.stream, &key);
        }
        Ok(refused)
    }

    /// The figures so far: of a run that stopped on the way too.
    pub(super) fn figures(&self) -> Counts {
        let mut counts = Counts {
            read: self.read,
            out_of_scope: self.out_of_scope,
            considered: self.considered,
            ..Counts::default()
        };
        for result in self.ends.values() {
            let counter = match result {
                OutcomeResult::Created => &mut counts.created,
                OutcomeResult::Updated => &mut counts.updated,
                OutcomeResult::Disabled => &mut counts.disabled,
                OutcomeResult::Deleted => &mut counts.deleted,
                OutcomeResult::Unchanged => &mut counts.unchanged,
                OutcomeResult::Skipped => &mut counts.skipped,
                OutcomeResult::Held => &mut counts.held,
                OutcomeResult::Conflict => &mut counts.conflicts,
                OutcomeResult::Failed => &mut counts.failed,
                OutcomeResult::OutOfScope => continue,
            };
            *counter += 1;
        }
        counts
    }

    /// The figures of a run that came to its end. Fails when a considered record has no outcome or two: a defect that
    /// must not pass as a success.
    pub(super) fn final_figures(&self) -> Result<Counts, RunFailure> {
        let counts = self.figures();
        if counts.considered == counts.outcomes() {
            return Ok(counts);
        }
        Err(RunFailure::internal(format!(
            "{} records were considered but {} outcomes noted",
            counts.considered,
            counts.outcomes()
        )))
    }
}

/// Whether what an earlier attempt did stays the end of a pair, seen what this attempt came to.
const fn stays(earlier: OutcomeResult, now: OutcomeResult) -> bool {
    use OutcomeResult::{Created, Deleted, Disabled, Skipped, Unchanged, Updated};
    matches!(
        (earlier, now),
        (Created, Unchanged | Skipped | Updated) | (Updated | Disabled | Deleted, Unchanged | Skipped)
    )
}

/// 201, 200, 204 or 400.
pub(super) const fn code(result: OutcomeResult) -> i32 {
    match result {
        OutcomeResult::Created => 201,
        OutcomeResult::Updated | OutcomeResult::Disabled | OutcomeResult::Deleted => 200,
        OutcomeResult::Unchanged | OutcomeResult::Skipped | OutcomeResult::Held | OutcomeResult::OutOfScope => 204,
        OutcomeResult::Conflict | OutcomeResult::Failed => 400,
    }
}

/// The end that an action leads to when it succeeds.
pub(super) const fn result_of(action: Action) -> OutcomeResult {
    match action {
        Action::Create => OutcomeResult::Created,
        Action::Update => OutcomeResult::Updated,
        Action::Disable => OutcomeResult::Disabled,
        Action::Delete => OutcomeResult::Deleted,
    }
}

/// What an entry sets. A reference is shown as the identifier, on the other side, of the record it points at: that of
/// this side may not be known yet.
fn set(entry: &Entry) -> Fields {
    let mut fields = Fields::new();
    for line in entry.lines() {
        fields.extend(line.set.clone());
        for (field, reference) in &line.references {
            let key = reference.key.as_ref().map(std::string::ToString::to_string);
            fields.insert(field.clone(), key.into());
        }
    }
    fields
}

fn before(entry: &Entry) -> Fields {
    entry.lines().iter().flat_map(|line| line.before.clone()).collect()
}

/// The claim to a row.
pub(super) fn row_claim(input: &RunInput, stream: &StreamName, at: Side, row: RowId, pair: String) -> Claim {
    Claim { system: input.system_id(at).clone(), stream: stream.clone(), what: Claimed::Row(row), pair }
}
