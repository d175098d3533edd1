//! Since when something is waited for with a deadline, by the operator's monotonic clock: it compares no clocks of two
//! machines, and a step of the wall clock moves no deadline. A new leader counts anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::key::Key;
use crate::operator::decide::{Sight, Sighted};

#[derive(Debug)]
struct Seen {
    uid: String,
    sight: Sight,
    first: SignedDuration,
}

/// Moments in monotonic time by the wall time that a status has for them.
#[derive(Debug, Default)]
struct Moments {
    uid: String,
    by_time: HashMap<Timestamp, SignedDuration>,
}

/// What each object waits for, one thing at a time; and when what it tells of happened.
#[derive(Debug, Default)]
pub(super) struct Sights {
    seen: Mutex<HashMap<Key, Seen>>,
    moments: Mutex<HashMap<Key, Moments>>,
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

    /// A time in a status, written by an operator's wall clock, as the wall clock would have it that goes as it goes
    /// now: when the clock was set since the time was first seen, the time is moved by as much.
    pub(super) fn present(
        &self,
        key: &Key,
        uid: &str,
        time: Timestamp,
        (now, elapsed): (Timestamp, SignedDuration),
    ) -> Timestamp {
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let known = moments.entry(key.clone()).or_default();
        if known.uid != uid {
            *known = Moments { uid: uid.to_owned(), by_time: HashMap::new() };
        }
        let moment = *known.by_time.entry(time).or_insert_with(|| elapsed.saturating_add(time.duration_since(now)));
        // To the second, as all times in statuses: the clocks are read one after the other.
        let present = now.checked_add(moment.saturating_sub(elapsed)).unwrap_or(time);
        Timestamp::from_second(present.as_millisecond().saturating_add(500).div_euclid(1000)).unwrap_or(time)
    }

    /// Forgets an object that is gone or has ended.
    pub(super) fn forget(&self, key: &Key) {
        self.lock().remove(key);
        self.moments.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Kind;
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    #[test]
    fn a_time_in_a_status_moves_with_the_wall_clock_and_with_nothing_else() {
        let (sights, key) = (Sights::default(), Key::new(Kind::Job, "acme", "run"));
        let seconds = SignedDuration::from_secs;
        let present = |uid: &str, now, elapsed| sights.present(&key, uid, at(50_000), (now, elapsed));
        assert_eq!(present("one", at(100_000), seconds(7)), at(50_000));
        assert_eq!(present("one", at(160_000), seconds(67)), at(50_000), "time has passed");
        assert_eq!(present("one", at(3_760_000), seconds(67)), at(3_650_000), "the clock was set");
        assert_eq!(
            present("one", at(3_760_003), seconds(67)),
            at(3_650_000),
            "whole seconds, or a pass follows at once"
        );
        assert_eq!(present("two", at(3_760_000), seconds(67)), at(50_000), "another object of the name");
        sights.forget(&key);
        assert_eq!(present("one", at(3_760_000), seconds(67)), at(50_000));
    }

    #[test]
    fn the_age_of_what_is_waited_for_counts_from_its_first_sight() {
        let (sights, key) = (Sights::default(), Key::new(Kind::Job, "acme", "run"));
        let seconds = SignedDuration::from_secs;
        let pod = Sight::Pod("uid-1".into());
        sights.note(&key, "one", Some(&pod), seconds(10));
        sights.note(&key, "one", Some(&pod), seconds(20));
        assert_eq!(sights.get(&key, "one", seconds(30)), Some((pod.clone(), seconds(20))));
        assert_eq!(sights.get(&key, "two", seconds(30)), None, "another object of the name");
        sights.note(&key, "one", Some(&Sight::Missing), seconds(40));
        assert_eq!(sights.get(&key, "one", seconds(41)), Some((Sight::Missing, seconds(1))));
        sights.note(&key, "one", None, seconds(50));
        assert_eq!(sights.get(&key, "one", seconds(51)), None);
    }
}
