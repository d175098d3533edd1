//! Read your own writes: after a write, nothing is decided on a cache that is older than that write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;

use super::key::{Key, Kind};
use crate::operator::cluster::{Store, Stored, Stores, Written};

/// After so long a write counts as seen: the object may have been deleted before the watch showed it. All writes are
/// safe to repeat on an old view, so this only bounds the waiting.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// Which store shows a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Object(Kind),
    Pod,
    /// The pod is gone, or on its way.
    NoPod,
}

#[derive(Debug)]
struct Expected {
    place: Where,
    written: Written,
    until: SignedDuration,
}

/// What each key waits to see.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    by_key: Mutex<HashMap<Key, Vec<Expected>>>,
}

impl Expectations {
    /// `elapsed` is monotonic: a step of the wall clock must not prolong the waiting.
    pub(super) fn expect(&self, key: &Key, place: Where, written: Written, elapsed: SignedDuration) {
        let until = elapsed.saturating_add(PATIENCE);
        let mut all = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(key.clone()).or_default().push(Expected { place, written, until });
    }

    /// For how long the key should not be decided about; None: the cache shows all its writes.
    pub(super) fn pending(&self, key: &Key, stores: &Stores, elapsed: SignedDuration) -> Option<SignedDuration> {
        let mut all = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = all.get_mut(key)?;
        expected.retain(|one| one.until > elapsed && !is_seen(stores, one));
        let until = expected.iter().map(|one| one.until).max();
        if until.is_none() {
            all.remove(key);
        }
        until.map(|until| until - elapsed)
    }
}

fn is_seen(stores: &Stores, expected: &Expected) -> bool {
    let written = &expected.written;
    match expected.place {
        Where::Object(Kind::Provider) => shows(&stores.providers, written),
        Where::Object(Kind::Setting) => shows(&stores.settings, written),
        Where::Object(Kind::Job) => shows(&stores.jobs, written),
        Where::Object(Kind::Approval) => shows(&stores.approvals, written),
        Where::Pod => shows(&stores.pods, written),
        Where::NoPod => {
            let pod = stores.pods.get(&written.namespace, &written.name);
            pod.is_none_or(|pod| pod.uid != written.uid || pod.deleting)
        }
    }
}

/// Whether the store has this version or a later one. Versions of one resource may be compared as numbers
/// (KEP-5504; before that they are etcd revisions in practice).
fn shows<V: Stored>(store: &Store<V>, written: &Written) -> bool {
    let Some(known) = store.get(&written.namespace, &written.name) else { return false };
    let number = |version: &str| version.parse::<u64>().ok();
    match (number(known.resource_version()), number(&written.resource_version)) {
        (Some(known), Some(written)) => known >= written,
        _ => known.uid() == written.uid && known.resource_version() == written.resource_version,
    }
}
