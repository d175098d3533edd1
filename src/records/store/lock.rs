//! Who may write to a setting's records: decided here from values only.

use jiff::{SignedDuration, Timestamp};

use crate::records::{LOCK_SECONDS, RunRecord, StoreError};

/// The lock of a setting as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) run: String,
    pub(super) job: String,
    pub(super) attempt: i32,
    /// Milliseconds since 1970.
    pub(super) until: i64,
}

/// When a lock that is taken or renewed now expires, in milliseconds since 1970.
pub(super) fn expiry(now: Timestamp) -> i64 {
    now.saturating_add(SignedDuration::from_secs(LOCK_SECONDS)).map_or(i64::MAX, Timestamp::as_millisecond)
}

/// Whether `run` may take the setting's lock. `stored` is what is known of the same run.
///
/// - Another run's lock that has not expired: [`StoreError::Busy`].
/// - A later attempt of the same run was here, or this attempt has ended: [`StoreError::LockLost`] (a pod that was
///   given up for lost and comes back must not write).
pub(super) fn may_begin(
    lock: Option<&Lock>,
    stored: Option<&RunRecord>,
    run: &RunRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(lock) = lock.filter(|lock| *lock.run != *run.run_id && lock.until > now.as_millisecond()) {
        let until = Timestamp::from_millisecond(lock.until).unwrap_or(Timestamp::MAX);
        return Err(StoreError::Busy { job: lock.job.clone(), until });
    }
    let Some(stored) = stored else { return Ok(()) };
    if stored.attempt > run.attempt || (stored.attempt == run.attempt && stored.ended_at.is_some()) {
        return Err(StoreError::LockLost);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::fixtures::run;

    fn lock(run: &str, attempt: i32, until: i64) -> Lock {
        Lock { run: run.into(), job: format!("job-{run}"), attempt, until }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_000).unwrap()
    }

    #[test]
    fn a_free_or_expired_lock_can_be_taken() {
        assert_eq!(may_begin(None, None, &run("b", 1), now()), Ok(()));
        assert_eq!(may_begin(Some(&lock("a", 1, 1_000_000)), None, &run("b", 1), now()), Ok(()));
    }

    #[test]
    fn another_runs_lock_says_whose_it_is_and_until_when() {
        let error = may_begin(Some(&lock("a", 1, 1_000_001)), None, &run("b", 1), now()).unwrap_err();
        let until = Timestamp::from_millisecond(1_000_001).unwrap();
        assert_eq!(error, StoreError::Busy { job: "job-a".into(), until });
    }

    #[test]
    fn a_later_attempt_takes_over_and_an_earlier_one_may_not_come_back() {
        let held = lock("a", 2, 1_050_000);
        assert_eq!(may_begin(Some(&held), Some(&run("a", 2)), &run("a", 3), now()), Ok(()));
        assert_eq!(may_begin(Some(&held), Some(&run("a", 2)), &run("a", 2), now()), Ok(()), "a repeated request");
        assert_eq!(may_begin(Some(&held), Some(&run("a", 2)), &run("a", 1), now()), Err(StoreError::LockLost));
        assert_eq!(may_begin(None, Some(&run("a", 2)), &run("a", 1), now()), Err(StoreError::LockLost));
    }

    #[test]
    fn an_attempt_that_has_ended_does_not_begin_again() {
        let mut ended = run("a", 1);
        ended.ended_at = Some(now());
        assert_eq!(may_begin(None, Some(&ended), &run("a", 1), now()), Err(StoreError::LockLost));
        assert_eq!(may_begin(None, Some(&ended), &run("a", 2), now()), Ok(()));
    }
}
