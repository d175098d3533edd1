//! How far the watches are: what readiness says and what a missing CRD looks like.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// State of one watch.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Syncing(String),
    Missing,
    Synced,
}

/// State of all watches.
#[derive(Debug, Default)]
pub struct SyncState {
    watches: Mutex<BTreeMap<String, State>>,
    changed: Notify,
}

impl SyncState {
    pub(super) fn begin(&self, watch: &str) {
        self.set(watch, State::Syncing("not listed yet".into()));
    }

    /// The kind does not exist on the server.
    pub(super) fn missing(&self, watch: &str) {
        self.set(watch, State::Missing);
    }

    /// A list failed; a watch that was complete once stays so (it serves what it has).
    pub(super) fn failed(&self, watch: &str, why: String) {
        let synced = self.lock().get(watch) == Some(&State::Synced);
        if !synced {
            self.set(watch, State::Syncing(why));
        }
    }

    pub(super) fn synced(&self, watch: &str) {
        self.set(watch, State::Synced);
    }

    /// What is still missing, for people; empty: everything is there.
    pub fn pending(&self) -> Vec<String> {
        let describe = |(watch, state): (&String, &State)| match state {
            State::Synced => None,
            State::Missing => Some(format!("{watch}: the CustomResourceDefinition is missing; install the CRDs")),
            State::Syncing(why) => Some(format!("{watch}: {why}")),
        };
        self.lock().iter().filter_map(describe).collect()
    }

    /// Watches whose kind does not exist on the server.
    pub fn missing_kinds(&self) -> Vec<String> {
        self.lock().iter().filter(|(_, state)| **state == State::Missing).map(|(watch, _)| watch.clone()).collect()
    }

    /// Resolves when every watch is complete.
    pub async fn wait(&self) {
        loop {
            let changed = self.changed.notified();
            if self.lock().values().all(|state| *state == State::Synced) {
                return;
            }
            changed.await;
        }
    }

    fn set(&self, watch: &str, state: State) {
        self.lock().insert(watch.to_owned(), state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, State>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
