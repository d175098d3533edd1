//! The cluster's keys, kept between requests: asked for anew when a token names one that is not known (the cluster has
//! rotated its keys), but not so often that made-up key ids become a load on the API server.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{AuthError, IssuerKeys, KeySource};
use crate::records::clock::Clock;

/// Least time between two fetches because of an unknown key.
const REFRESH_SECONDS: i64 = 30;
/// Known keys are fetched anew after this time, so that one that was withdrawn stops working.
const MAX_AGE_SECONDS: i64 = 3_600;

/// Hands out keys, fetching them when needed.
pub(crate) struct Verifier {
    source: Arc<dyn KeySource>,
    clock: Clock,
    known: RwLock<Known>,
    /// Held while fetching, so that requests that come meanwhile wait for the same answer instead of asking as well.
    fetching: Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Option<Arc<IssuerKeys>>,
    asked_at: Option<Timestamp>,
}

impl Known {
    /// The keys, if there is no reason to ask for newer ones because of `key_id`.
    fn sufficient(&self, key_id: &str, now: Timestamp) -> Option<Arc<IssuerKeys>> {
        let keys = self.keys.clone()?;
        let limit = if keys.has(key_id) { MAX_AGE_SECONDS } else { REFRESH_SECONDS };
        (now.duration_since(self.asked_at?).as_secs() < limit).then_some(keys)
    }
}

impl Verifier {
    pub(crate) fn new(source: Arc<dyn KeySource>, clock: Clock) -> Self {
        Self { source, clock, known: RwLock::default(), fetching: Mutex::default() }
    }

    /// Keys to verify a token that names `key_id`. Fails with [`AuthError::Unavailable`] when none were ever fetched.
    pub(super) async fn keys_for(&self, key_id: &str) -> Result<Arc<IssuerKeys>, AuthError> {
        let now = (self.clock)();
        if let Some(keys) = self.known().sufficient(key_id, now) {
            return Ok(keys);
        }
        let _fetching = self.fetching.lock().await;
        // Another request may have fetched them while this one waited.
        let known = self.known();
        if let Some(keys) = known.sufficient(key_id, now) {
            return Ok(keys);
        }
        let keys = match (self.source.fetch().await, known.keys) {
            (Ok(keys), _) => Arc::new(keys),
            (Err(error), None) => return Err(error),
            (Err(error), Some(keys)) => {
                tracing::warn!(%error, "the cluster's token keys could not be fetched; using those fetched before");
                keys
            }
        };
        let known = Known { keys: Some(keys.clone()), asked_at: Some(now) };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(keys)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
