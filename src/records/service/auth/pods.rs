//! What is known about calling pods, remembered for a short time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::{AuthError, PodDirectory};
use crate::records::clock::Clock;

/// How long a pod that was found is not looked up again. A deleted pod's token works this much longer at most.
const CACHE_SECONDS: i64 = 120;

/// What decides whether a pod may use records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Uid of the pod.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Uid of the `SyncSetting` in the run request it was made with.
    pub setting_uid: Option<String>,
}

/// A directory that remembers pods by their uid, so that a new pod of the same name is looked up.
pub(crate) struct CachedPods {
    directory: Arc<dyn PodDirectory>,
    clock: Clock,
    seen: Mutex<HashMap<String, (Timestamp, PodFacts)>>,
}

impl CachedPods {
    pub(crate) fn new(directory: Arc<dyn PodDirectory>, clock: Clock) -> Self {
        Self { directory, clock, seen: Mutex::default() }
    }

    /// The pod with that name and uid; None: it is gone, or another one has its name.
    pub(super) async fn pod(&self, namespace: &str, name: &str, uid: &str) -> Result<Option<PodFacts>, AuthError> {
        let now = (self.clock)();
        if let Some(facts) = self.remembered(uid, now) {
            return Ok(Some(facts));
        }
        let found = self.directory.pod(namespace, name).await?.filter(|facts| facts.uid == uid);
        if let Some(facts) = &found {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(uid.to_owned(), (now, facts.clone()));
        }
        Ok(found)
    }

    fn remembered(&self, uid: &str, now: Timestamp) -> Option<PodFacts> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, (since, _)| now.duration_since(*since).as_secs() < CACHE_SECONDS);
        seen.get(uid).map(|(_, facts)| facts.clone())
    }
}
