//! What creating and changing records have in common: how far the run is, which entries write, how references and
//! failures are dealt with.

use tokio_util::sync::CancellationToken;

use super::finish::RunFailure;
use super::ledger::{Done, Ledger};
use super::progress::{RunProgress, Stage};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::records::OutcomeResult;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::Action;
use rollcall_engine::model::{Entry, Fields, Plan, References, StreamPlan};

/// How many writes are under way at once; the provider's rate budget limits them further.
pub(super) const WRITES_AT_ONCE: usize = 8;

/// How many records between two looks at the cancellation and the store.
pub(super) const CHUNK: usize = 40;

/// How many writes in a row may fail for a transient reason before the run ends.
const TRANSIENT_FAILURES_IN_A_ROW: usize = 5;

/// Where a run is, for its watchers and its own guards.
pub(super) struct Course<'a> {
    cancel: &'a CancellationToken,
    progress: &'a dyn RunProgress,
    done: u64,
    total: u64,
    transient_failures: usize,
}

impl<'a> Course<'a> {
    /// The beginning of the way.
    pub(super) fn new(plan: &Plan, cancel: &'a CancellationToken, progress: &'a dyn RunProgress) -> Self {
        let total = plan.streams.iter().map(|stream| stream.entries.len() as u64).sum();
        Self { cancel, progress, done: 0, total, transient_failures: 0 }
    }

    /// Ends the run when it was cancelled.
    pub(super) fn check(&self) -> Result<(), RunFailure> {
        if self.cancel.is_cancelled() { Err(RunFailure::cancelled()) } else { Ok(()) }
    }

    /// Notes that a record is done.
    pub(super) fn advance(&mut self, stream: &str) {
        self.done += 1;
        self.progress.advance(Stage::Write, stream, self.done, Some(self.total));
    }

    /// Notes how a write ended; several transient failures in a row mean that the system is gone.
    pub(super) fn note(&mut self, outcome: Result<(), &ConnectorError>) -> Result<(), RunFailure> {
        match outcome {
            Err(error) if matches!(error.kind, ErrorKind::Transient | ErrorKind::OutcomeUnknown) => {
                self.transient_failures += 1;
                if self.transient_failures >= TRANSIENT_FAILURES_IN_A_ROW {
                    return Err(RunFailure::target(error.clone()));
                }
            }
            _ => self.transient_failures = 0,
        }
        Ok(())
    }
}

/// Whether a run writes because of an entry.
pub(super) fn is_write(entry: &Entry) -> bool {
    entry.held.is_none() && entry.verdict.action().is_some()
}

/// The writing entries of one kind.
pub(super) fn entries_with<'a>(stream: &'a StreamPlan, wanted: &'a [Action]) -> impl Iterator<Item = &'a Entry> {
    stream
        .entries
        .iter()
        .filter(move |entry| is_write(entry) && entry.verdict.action().is_some_and(|action| wanted.contains(&action)))
}

/// Notes a failed write. Failures that concern the whole system end the run.
pub(super) fn settle_failure(
    stream: &str,
    entry: &Entry,
    error: &ConnectorError,
    ledger: &mut Ledger,
) -> Result<(), RunFailure> {
    let reason = match error.kind {
        ErrorKind::Credentials | ErrorKind::Configuration | ErrorKind::Cancelled | ErrorKind::Unsupported => {
            return Err(RunFailure::target(error.clone()));
        }
        ErrorKind::Rejected => reasons::TARGET_REJECTED,
        ErrorKind::Conflict => reasons::CLAIMED_BY_ANOTHER,
        ErrorKind::NotFound => reasons::TARGET_UNKNOWN,
        ErrorKind::OutcomeUnknown => reasons::OUTCOME_UNKNOWN,
        ErrorKind::Transient => reasons::WRITE_FAILED,
    };
    let result = if error.kind == ErrorKind::Conflict { OutcomeResult::Conflict } else { OutcomeResult::Failed };
    ledger.settle(stream, entry, None, Done { result, code: 400, reason, message: error.message.clone() });
    Ok(())
}

/// Sets references to records that are known by now into `fields`; returns those that are not.
pub(super) fn resolve(references: &References, ledger: &Ledger, fields: &mut Fields) -> References {
    let mut rest = References::new();
    for (field, reference) in references {
        let value = match &reference.source_key {
            None => Some(serde_json::Value::Null),
            Some(key) => ledger.links().target_id(&reference.stream, key).map(Into::into),
        };
        match value {
            Some(value) => {
                fields.0.insert(field.clone(), value);
            }
            None => {
                rest.insert(field.clone(), reference.clone());
            }
        }
    }
    rest
}
