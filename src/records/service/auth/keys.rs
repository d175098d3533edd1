//! The cluster's keys, kept between requests: asked for anew when a token names one that is not known (the cluster has
//! rotated its keys), but not so often that made-up key ids become a load on the API server.

use std::sync::Arc;

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
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    keys: Option<Arc<IssuerKeys>>,
    asked_at: Option<Timestamp>,
}

impl Verifier {
    pub(crate) fn new(source: Arc<dyn KeySource>, clock: Clock) -> Self {
        Self { source, clock, known: Mutex::default() }
    }

    /// Keys to verify a token that names `key_id`. Fails with [`AuthError::Unavailable`] when none were ever fetched.
    pub(super) async fn keys_for(&self, key_id: &str) -> Result<Arc<IssuerKeys>, AuthError> {
        // Held while fetching: requests that come meanwhile wait for the same answer instead of asking as well.
        let mut known = self.known.lock().await;
        let now = (self.clock)();
        let age = known.asked_at.map(|asked| now.duration_since(asked).as_secs());
        let has_key = known.keys.as_ref().is_some_and(|keys| keys.has(key_id));
        let limit = if has_key { MAX_AGE_SECONDS } else { REFRESH_SECONDS };
        if age.is_none_or(|age| age >= limit) {
            known.asked_at = Some(now);
            match self.source.fetch().await {
                Ok(keys) => known.keys = Some(Arc::new(keys)),
                Err(error) => {
                    // Without any keys the next request may ask at once: the service has just started.
                    if known.keys.is_none() {
                        known.asked_at = None;
                        return Err(error);
                    }
                    tracing::warn!(%error, "the cluster's token keys could not be fetched; using those fetched before");
                }
            }
        }
        known.keys.clone().ok_or_else(|| AuthError::Unavailable("the cluster's token keys are not known yet".into()))
    }
}
