//! The work queue: first in, first out within a namespace, namespaces in turn, one worker at a time for each key, one
//! timer a key for what is due later. A replica that does not lead keeps nothing here.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::key::Key;
use crate::operator::decide::plus;

/// First and longest wait after an error, in seconds.
const BACKOFF: (i64, i64) = (1, 300);

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<String, VecDeque<Key>>,
    turns: VecDeque<String>,
    queued: HashSet<Key>,
    running: HashSet<Key>,
    again: HashSet<Key>,
    failures: HashMap<Key, u32>,
    timers: BTreeSet<(Timestamp, Key)>,
    due: HashMap<Key, Timestamp>,
    open: bool,
    closed: bool,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    ready: Notify,
    timers_changed: Notify,
}

impl Queue {
    /// Takes keys from now on. Until then each is forgotten: whoever begins to lead looks at every object anyway.
    pub fn open(&self) {
        self.lock().open = true;
    }

    /// Whether it takes keys.
    pub fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Puts a key at the end of its namespace's line; one that waits already keeps its place.
    pub fn add(&self, key: Key) {
        self.lock().add(key);
        self.ready.notify_one();
    }

    /// Puts a key in line at `time`, or earlier if that was asked before.
    pub fn add_at(&self, key: Key, time: Timestamp) {
        let mut state = self.lock();
        if state.open && state.due.get(&key).is_none_or(|known| time < *known) {
            state.forget_timer(&key);
            state.due.insert(key.clone(), time);
            state.timers.insert((time, key));
            drop(state);
            self.timers_changed.notify_one();
        }
    }

    /// The next key whose turn it is; None once the queue is closed.
    pub async fn next(&self) -> Option<Key> {
        loop {
            {
                let mut state = self.lock();
                if state.closed {
                    // Let the next worker see it, too.
                    self.ready.notify_one();
                    return None;
                }
                if let Some(key) = state.take() {
                    if !state.turns.is_empty() {
                        self.ready.notify_one();
                    }
                    return Some(key);
                }
            }
            self.ready.notified().await;
        }
    }

    /// Ends a pass: `wake_at` is when the next is due even if nothing happens.
    pub fn done(&self, key: &Key, wake_at: Option<Timestamp>) {
        let mut state = self.lock();
        state.failures.remove(key);
        state.forget_timer(key);
        let again = state.end(key);
        drop(state);
        if let Some(time) = wake_at {
            self.add_at(key.clone(), time);
        }
        if again {
            self.ready.notify_one();
        }
    }

    /// Ends a failed pass: it is tried again after 1 s, doubling up to 5 min.
    pub fn failed(&self, key: &Key, now: Timestamp) {
        let mut state = self.lock();
        let failures = state.failures.entry(key.clone()).or_default();
        let wait = (BACKOFF.0 << (*failures).min(16)).min(BACKOFF.1);
        *failures = failures.saturating_add(1);
        state.forget_timer(key);
        let again = state.end(key);
        drop(state);
        self.add_at(key.clone(), plus(now, wait));
        if again {
            self.ready.notify_one();
        }
    }

    /// When the earliest timer is due.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.lock().timers.first().map(|(time, _)| *time)
    }

    /// Puts everything in line that is due.
    pub fn release(&self, now: Timestamp) {
        self.release_where(|time| time <= now);
    }

    /// Puts everything in line that waits for its time: the wall clock was set, and each pass finds its time anew.
    pub fn release_all(&self) {
        self.release_where(|_| true);
    }

    fn release_where(&self, is_due: impl Fn(Timestamp) -> bool) {
        let mut state = self.lock();
        while state.timers.first().is_some_and(|(time, _)| is_due(*time)) {
            if let Some((_, key)) = state.timers.pop_first() {
                state.due.remove(&key);
                state.add(key);
            }
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Resolves when a timer was added.
    pub async fn timers_changed(&self) {
        self.timers_changed.notified().await;
    }

    /// Lets all workers end after their current pass.
    pub fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
        self.timers_changed.notify_one();
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    // Each change is a few map operations that cannot panic, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, key: Key) {
        if !self.open {
            return;
        }
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.queued.insert(key.clone()) {
            let line = self.waiting.entry(key.namespace.clone()).or_default();
            if line.is_empty() {
                self.turns.push_back(key.namespace.clone());
            }
            line.push_back(key);
        }
    }

    fn take(&mut self) -> Option<Key> {
        let namespace = self.turns.pop_front()?;
        let line = self.waiting.get_mut(&namespace)?;
        let key = line.pop_front()?;
        if line.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
        self.queued.remove(&key);
        self.running.insert(key.clone());
        Some(key)
    }

    fn forget_timer(&mut self, key: &Key) {
        if let Some(time) = self.due.remove(key) {
            self.timers.remove(&(time, key.clone()));
        }
    }

    /// Whether the key is in line again.
    fn end(&mut self, key: &Key) -> bool {
        self.running.remove(key);
        let again = self.again.remove(key);
        if again {
            self.add(key.clone());
        }
        again
    }
}
