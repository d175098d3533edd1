//! Since when something is waited for with a deadline, by the operator's monotonic clock: it compares no clocks of two
//! machines, and a step of the wall clock moves no deadline. A new leader counts anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;

use super::key::Key;
use crate::operator::decide::{Sight, Sighted};

#[derive(Debug)]
struct Seen {
    uid: String,
    sight: Sight,
    first: SignedDuration,
}

/// What each object waits for; one thing at a time.
#[derive(Debug, Default)]
pub(super) struct Sights {
    seen: Mutex<HashMap<Key, Seen>>,
}

impl Sights {
    /// What the object of this uid waits for, and for how long.
    pub(super) fn get(&self, key: &Key, uid: &str, elapsed: SignedDuration) -> Sighted {
        let seen = self.lock();
        let known = seen.get(key).filter(|known| known.uid == uid)?;
        Some((known.sight.clone(), elapsed - known.first))
    }

    /// Remembers what a decision saw; the same as before keeps its time.
    pub(super) fn note(&self, key: &Key, uid: &str, sight: Option<&Sight>, elapsed: SignedDuration) {
        let mut seen = self.lock();
        let Some(sight) = sight else {
            seen.remove(key);
            return;
        };
        if seen.get(key).is_none_or(|known| known.uid != uid || known.sight != *sight) {
            seen.insert(key.clone(), Seen { uid: uid.to_owned(), sight: sight.clone(), first: elapsed });
        }
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
