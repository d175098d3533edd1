//! How far a run is, and when a kind of write is given up. One record's refusal, whatever its status, fails that record;
//! a run ends early only on evidence that the system is gone, and many failures in a row stop that kind of write alone.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_api::v1alpha1::Action;
use rollcall_engine::model::Plan;
use rollcall_engine::names::{RunId, Side, StreamName};
use tokio_util::sync::CancellationToken;

use super::failure::RunFailure;
use super::input::RunInput;
use super::journal::Namer;
use super::progress::{RunProgress, Stage};
use crate::connectors::{ConnectorError, ErrorKind};

/// How many writes are under way at once; the provider's rate budget limits them further.
pub(super) const WRITES_AT_ONCE: usize = 8;

/// How many records between two looks at the cancellation and the store.
pub(super) const CHUNK: usize = 40;

/// How many writes of one kind in a row may fail for a reason that is not the record's before the kind is given up.
const FAILURES_IN_A_ROW: usize = 5;

/// Writes of an earlier run by stream and pair, which this run takes back.
#[derive(Debug, Default)]
pub(super) struct TakenBack {
    pub(super) run: RunId,
    pub(super) writes: BTreeMap<(StreamName, String), Vec<String>>,
}

/// Where a run is, for its watchers and its own guards.
pub(super) struct Course<'a> {
    cancel: &'a CancellationToken,
    progress: &'a dyn RunProgress,
    done: u64,
    total: u64,
    failures: BTreeMap<(Side, Action), usize>,
    stopped: BTreeSet<(Side, Action)>,
    /// Sides whose probe was accepted after a write had been refused for its credentials.
    accepted: BTreeSet<Side>,
    pub(super) namer: Namer,
    /// For a run of type Undo, what it takes back.
    pub(super) taken_back: Option<TakenBack>,
}

impl<'a> Course<'a> {
    /// The beginning of the way.
    pub(super) fn new(
        plan: &Plan,
        key: &[u8],
        taken_back: Option<TakenBack>,
        cancel: &'a CancellationToken,
        progress: &'a dyn RunProgress,
    ) -> Self {
        Self {
            cancel,
            progress,
            done: 0,
            total: plan.streams.iter().map(|stream| stream.entries.len() as u64).sum(),
            failures: BTreeMap::new(),
            stopped: BTreeSet::new(),
            accepted: BTreeSet::new(),
            namer: Namer::new(key),
            taken_back,
        }
    }

    /// Ends the run when it was cancelled.
    pub(super) fn check(&self) -> Result<(), RunFailure> {
        if self.cancel.is_cancelled() { Err(RunFailure::cancelled()) } else { Ok(()) }
    }

    /// Notes that a record is done.
    pub(super) fn advance(&mut self, stream: &str) {
        self.done += 1;
        self.progress.advance(Stage::Write, stream, self.done.min(self.total), Some(self.total));
    }

    /// Whether a kind of write was given up.
    pub(super) fn is_stopped(&self, at: Side, action: Action) -> bool {
        self.stopped.contains(&(at, action))
    }

    /// Notes how a write ended. Fails when a probe shows that the system is gone.
    pub(super) async fn note(
        &mut self,
        input: &RunInput,
        at: Side,
        action: Action,
        error: Option<&ConnectorError>,
    ) -> Result<(), RunFailure> {
        let Some(error) = error else {
            self.failures.remove(&(at, action));
            return Ok(());
        };
        match error.kind {
            ErrorKind::Cancelled => return Err(RunFailure::cancelled()),
            ErrorKind::Rejected | ErrorKind::Conflict | ErrorKind::NotFound => return Ok(()),
            ErrorKind::Credentials if !self.accepted.contains(&at) => {
                // The one question that tells a record that may not be written from credentials that are worth nothing.
                probe(input, at).await?;
                self.accepted.insert(at);
            }
            ErrorKind::Credentials
            | ErrorKind::Configuration
            | ErrorKind::Unsupported
            | ErrorKind::Transient
            | ErrorKind::OutcomeUnknown => {}
        }
        let failures = self.failures.entry((at, action)).or_default();
        *failures += 1;
        if *failures >= FAILURES_IN_A_ROW && !self.stopped.contains(&(at, action)) {
            probe(input, at).await?;
            self.stopped.insert((at, action));
        }
        Ok(())
    }
}

async fn probe(input: &RunInput, at: Side) -> Result<(), RunFailure> {
    input.system(at).probe().await.map_err(|error| RunFailure::connector(at.as_str(), &error))
}
