//! The part of an emulator's state that does not depend on the vendor: counters, the journal, the
//! list of writes, faults, pauses, and the signal to stop.

use super::faults::{Armed, Fault, FaultKind, Faults, Seen};
use super::journal::{Entry, Journal};
use super::lock;
use super::pause::{Hold, Pause, Pauses, Point};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;

/// So many writes are kept; older ones are only counted.
const WRITES_KEPT: usize = 20_000;

/// A request that changes data, and how it was answered by the emulated vendor (a fault may
/// have hidden that answer from the caller).
#[derive(Clone, Debug, Serialize)]
pub struct Write {
    /// Running number from 1.
    pub seq: u64,
    /// HTTP method.
    pub method: String,
    /// Route template.
    pub route: String,
    /// Path and query as sent.
    pub target: String,
    /// Status before a fault changed it.
    pub status: u16,
    /// JSON body, if it was JSON.
    pub body: Option<Value>,
}

/// Requests of one method and route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteCount {
    /// HTTP method.
    pub method: String,
    /// Route template.
    pub route: String,
    /// Requests since the start or the last reset.
    pub count: u64,
}

/// What awaits a request that has come.
#[derive(Debug)]
pub struct Arrival {
    /// Its number in the journal.
    pub number: u64,
    /// The fault that fires at it.
    pub fault: Option<FaultKind>,
    /// The pause that holds it.
    pub hold: Option<Hold>,
}

#[derive(Debug, Default)]
struct Inner {
    faults: Faults,
    pauses: Pauses,
    journal: Journal,
    counts: BTreeMap<(String, String), u64>,
    writes: VecDeque<Write>,
    written: u64,
    pages: HashMap<String, Value>,
}

/// Counters, journal, writes, faults, pauses.
#[derive(Debug)]
pub struct Core {
    inner: Mutex<Inner>,
    stop: watch::Sender<bool>,
}

impl Default for Core {
    fn default() -> Self {
        Self { inner: Mutex::default(), stop: watch::channel(false).0 }
    }
}

impl Core {
    /// Counts a request, notes it, and says what awaits it.
    pub fn arrive(&self, seen: &Seen<'_>) -> Arrival {
        let mut inner = lock(&self.inner);
        *inner.counts.entry((seen.method.to_owned(), seen.route.to_owned())).or_default() += 1;
        Arrival { number: inner.journal.note(seen), fault: inner.faults.fire(seen), hold: inner.pauses.arrive(seen) }
    }

    /// Notes how the emulated system answered a request of the journal.
    pub fn answered(&self, number: u64, status: u16) {
        lock(&self.inner).journal.answered(number, status);
    }

    /// The requests that are kept, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        lock(&self.inner).journal.entries()
    }

    /// Holds the request at a point.
    pub fn pause(&self, point: Point) -> Pause {
        lock(&self.inner).pauses.set(point)
    }

    /// Notes a write.
    pub fn record(&self, seen: &Seen<'_>, status: u16) {
        let mut inner = lock(&self.inner);
        inner.written += 1;
        let write = Write {
            seq: inner.written,
            method: seen.method.to_owned(),
            route: seen.route.to_owned(),
            target: seen.target.to_owned(),
            status,
            body: serde_json::from_str(seen.body).ok(),
        };
        if inner.writes.len() == WRITES_KEPT {
            inner.writes.pop_front();
        }
        inner.writes.push_back(write);
    }

    /// Keeps the rows of a page for [`FaultKind::RepeatPage`] and gives those of the page before.
    pub fn remember_page(&self, route: &str, rows: Value) -> Option<Value> {
        lock(&self.inner).pages.insert(route.to_owned(), rows)
    }

    /// Whether pages have to be remembered.
    pub fn repeats_pages(&self) -> bool {
        lock(&self.inner).faults.repeats_pages()
    }

    /// Adds a fault.
    pub fn add_fault(&self, fault: Fault) {
        lock(&self.inner).faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        lock(&self.inner).faults.clear();
    }

    /// The faults with their counters.
    pub fn faults(&self) -> Vec<Armed> {
        lock(&self.inner).faults.list().to_vec()
    }

    /// Requests of this method and route template.
    pub fn requests(&self, method: &str, route: &str) -> u64 {
        let key = (method.to_owned(), route.to_owned());
        lock(&self.inner).counts.get(&key).copied().unwrap_or(0)
    }

    /// All request counters.
    pub fn counts(&self) -> Vec<RouteCount> {
        let inner = lock(&self.inner);
        let counts = inner.counts.iter();
        counts
            .map(|((method, route), count)| RouteCount { method: method.clone(), route: route.clone(), count: *count })
            .collect()
    }

    /// The writes that are kept, oldest first.
    pub fn writes(&self) -> Vec<Write> {
        lock(&self.inner).writes.iter().cloned().collect()
    }

    /// How many writes there were.
    pub fn written(&self) -> u64 {
        lock(&self.inner).written
    }

    /// Sets the counters to zero and forgets the journal and the writes; faults and pauses keep
    /// their counting.
    pub fn reset_counters(&self) {
        let mut inner = lock(&self.inner);
        inner.counts.clear();
        inner.journal.clear();
        inner.writes.clear();
        inner.written = 0;
    }

    /// Tells everybody to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for [`Core::stop`].
    pub async fn stopped(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Waits, but not longer than until the emulator stops.
    pub async fn wait(&self, ms: u64) {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(ms)) => {}
            () = self.stopped() => {}
        }
    }
}
