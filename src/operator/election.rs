//! Who acts: the replica that holds the Lease. Fail-stop: a holder that cannot renew in time ends, before anybody
//! else may take over. Every change of the Lease is tied to its resourceVersion, so two replicas cannot both take it.
//! Ages are measured on the own monotonic clock, from when something was first seen here; the times in the Lease are
//! for people.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::Clock;
use super::cluster::{Cluster, ClusterError};

/// How long a Lease lasts without being renewed, in seconds.
pub const LEASE_SECONDS: i32 = 15;
/// The same, for a Lease that does not say.
const LEASE: Duration = Duration::from_secs(15);
/// A holder that has not renewed for so long stops: earlier than anybody else may take over.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often the Lease is renewed or looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// How long one attempt may take, unless the deadline is nearer.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Why the process must end.
#[derive(Debug, thiserror::Error)]
pub enum ElectionError {
    /// The Lease could not be renewed in time.
    #[error("the Lease could not be renewed within 10 s: stopping before another replica takes over ({0})")]
    NotRenewed(String),
    /// Somebody else holds the Lease now.
    #[error("another replica holds the Lease now: stopping")]
    TakenOver,
    /// The Lease is gone; whoever makes a new one leads.
    #[error("the Lease was deleted: stopping before another replica makes a new one")]
    Deleted,
}

/// What to do about the Lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is none: create it.
    Create(Box<Lease>),
    /// It is ours, or nobody's any more: replace it.
    Take(Box<Lease>),
    /// Somebody else holds it, or may still believe so.
    Wait,
}

/// What is remembered of a Lease that is not ours: since when it has been as it is, missing included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    version: Option<String>,
    since: Option<Instant>,
}

impl Seen {
    /// For how long this version has been seen.
    fn age(&mut self, version: Option<&str>, at: Instant) -> Duration {
        match self.since {
            Some(since) if self.version.as_deref() == version => at.saturating_duration_since(since),
            _ => {
                *self = Self { version: version.map(str::to_owned), since: Some(at) };
                Duration::ZERO
            }
        }
    }
}

/// The moment of a look at the Lease, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// For ages.
    pub at: Instant,
    /// For people.
    pub wall: Timestamp,
}

/// Decides what to do about a Lease. Pure but for `seen`, which is brought up to date.
///
/// A missing Lease may have been deleted under a holder that has not noticed yet: it is waited out like a held one.
pub fn evaluate(lease: Option<&Lease>, name: &ObjectMeta, me: &str, now: Moment, seen: &mut Seen) -> Step {
    let wall = now.wall;
    let Some(lease) = lease else {
        if seen.age(None, now.at) < LEASE {
            return Step::Wait;
        }
        let spec = spec(me, wall, wall, 0);
        return Step::Create(Box::new(Lease { metadata: name.clone(), spec: Some(spec) }));
    };
    let unchanged = seen.age(lease.metadata.resource_version.as_deref(), now.at);
    let old = lease.spec.clone().unwrap_or_default();
    let holder = old.holder_identity.as_deref().unwrap_or_default();
    let changes = old.lease_transitions.unwrap_or(0);
    let with = |spec: LeaseSpec| Step::Take(Box::new(Lease { metadata: lease.metadata.clone(), spec: Some(spec) }));
    if holder == me {
        let acquired = old.acquire_time.map_or(wall, |time| time.0);
        return with(spec(me, acquired, wall, changes));
    }
    let lasts = old.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    if holder.is_empty() || unchanged >= lasts.map_or(LEASE, Duration::from_secs) {
        with(spec(me, wall, wall, changes.saturating_add(1)))
    } else {
        Step::Wait
    }
}

fn spec(me: &str, acquired: Timestamp, renewed: Timestamp, changes: i32) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: Some(LEASE_SECONDS),
        acquire_time: Some(MicroTime(acquired)),
        renew_time: Some(MicroTime(renewed)),
        lease_transitions: Some(changes),
        ..LeaseSpec::default()
    }
}

/// `most`, but for a holder never longer than what is left of its deadline.
fn bounded(most: Duration, unrenewed_for: Option<Duration>) -> Duration {
    unrenewed_for.map_or(most, |age| most.min(RENEW_DEADLINE.saturating_sub(age)))
}

/// Takes part in the election.
pub struct Election {
    /// Access to the cluster.
    pub cluster: Cluster,
    /// The time that is written into the Lease.
    pub clock: Arc<dyn Clock>,
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// This replica.
    pub identity: String,
    /// Told when this replica becomes the leader.
    pub leading: watch::Sender<bool>,
}

/// The Lease as it was last written, and when that attempt began.
struct Held {
    lease: Lease,
    renewed: Instant,
}

impl Election {
    /// Runs until `stop` is told, then gives the Lease back. An error means that the process must end.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), ElectionError> {
        let mut seen = Seen::default();
        let mut held: Option<Held> = None;
        loop {
            let began = Instant::now();
            match self.attempt(held.as_ref(), &mut seen).await {
                Ok(Some(lease)) => {
                    held = Some(Held { lease, renewed: began });
                    self.leading.send_replace(true);
                }
                Ok(None) if held.is_some() => return Err(ElectionError::TakenOver),
                Ok(None) => {}
                Err(ClusterError::NotFound { .. }) if held.is_some() => return Err(ElectionError::Deleted),
                Err(error) => {
                    tracing::warn!(%error, "the Lease could not be read or renewed");
                    if age(held.as_ref()).is_some_and(|age| age >= RENEW_DEADLINE) {
                        return Err(ElectionError::NotRenewed(error.to_string()));
                    }
                    // The cached version may be the reason: the next attempt reads it again.
                    if let (Some(held), ClusterError::Conflict { .. }) = (held.as_mut(), &error) {
                        held.lease.metadata.resource_version = None;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(bounded(PERIOD, age(held.as_ref()))) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if let Some(Held { lease, .. }) = held {
            self.release(lease).await;
        }
        Ok(())
    }

    /// One look or renewal; None: somebody else holds it.
    async fn attempt(&self, held: Option<&Held>, seen: &mut Seen) -> Result<Option<Lease>, ClusterError> {
        let limit = bounded(ATTEMPT, age(held));
        let timeout = |_| ClusterError::Timeout { what: "renew Lease".into(), seconds: limit.as_secs() };
        tokio::time::timeout(limit, self.step(held, seen)).await.map_err(timeout)?
    }

    async fn step(&self, held: Option<&Held>, seen: &mut Seen) -> Result<Option<Lease>, ClusterError> {
        // A holder renews what it wrote last: one request. Everybody else looks.
        let known = held.map(|held| &held.lease).filter(|lease| lease.metadata.resource_version.is_some());
        let current = match known {
            Some(lease) => Some(lease.clone()),
            None => self.cluster.read_lease(&self.namespace, &self.name).await?,
        };
        if current.is_none() && held.is_some() {
            return Err(ClusterError::NotFound { what: format!("renew Lease {}/{}", self.namespace, self.name) });
        }
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            ..ObjectMeta::default()
        };
        let now = Moment { at: Instant::now(), wall: self.clock.now() };
        match evaluate(current.as_ref(), &metadata, &self.identity, now, seen) {
            Step::Create(lease) => self.cluster.create_lease(&lease).await.map(Some),
            Step::Take(lease) => self.cluster.replace_lease(&lease).await.map(Some),
            Step::Wait => Ok(None),
        }
    }

    /// Gives the Lease back, so that another replica need not wait. Best effort.
    async fn release(&self, mut lease: Lease) {
        if let Some(spec) = lease.spec.as_mut() {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(self.clock.now()));
        }
        if let Err(error) = self.cluster.replace_lease(&lease).await {
            tracing::info!(%error, "the Lease was not given back; it runs out by itself");
        }
    }
}

/// For how long a holder has not renewed.
fn age(held: Option<&Held>) -> Option<Duration> {
    held.map(|held| held.renewed.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Looks at a Lease, so many seconds after the first look.
    struct Watcher {
        began: Instant,
        seen: Seen,
    }

    impl Watcher {
        fn new() -> Self {
            Self { began: Instant::now(), seen: Seen::default() }
        }

        fn look(&mut self, lease: Option<&Lease>, second: u64) -> Step {
            // The wall clock says something else altogether: nothing may depend on it.
            let now = Moment { at: self.began + Duration::from_secs(second), wall: at(100) };
            evaluate(lease, &ObjectMeta::default(), "me", now, &mut self.seen)
        }
    }

    fn held_by(holder: &str, version: &str) -> Lease {
        let metadata = ObjectMeta { resource_version: Some(version.into()), ..ObjectMeta::default() };
        Lease { metadata, spec: Some(spec(holder, at(0), at(0), 3)) }
    }

    #[test]
    fn an_own_lease_is_renewed() {
        let Step::Take(lease) = Watcher::new().look(Some(&held_by("me", "1")), 0) else { panic!("not renewed") };
        let spec = lease.spec.unwrap();
        assert_eq!((spec.acquire_time.unwrap().0, spec.renew_time.unwrap().0), (at(0), at(100)));
        assert_eq!((spec.lease_transitions, lease.metadata.resource_version.as_deref()), (Some(3), Some("1")));
    }

    #[test]
    fn a_missing_lease_is_created_only_once_a_holder_must_have_noticed() {
        let mut watcher = Watcher::new();
        assert_eq!(watcher.look(Some(&held_by("other", "1")), 0), Step::Wait);
        assert_eq!(watcher.look(None, 2), Step::Wait, "deleted: the holder may still believe to lead");
        assert_eq!(watcher.look(None, 16), Step::Wait);
        assert!(matches!(watcher.look(None, 17), Step::Create(_)));
    }

    #[test]
    fn another_holder_is_waited_for_until_its_lease_has_not_changed_for_its_duration() {
        let mut watcher = Watcher::new();
        let mut step = |version: &str, second| watcher.look(Some(&held_by("other", version)), second);
        // The holder's own times are long past; only what was seen here counts.
        assert_eq!(step("1", 1000), Step::Wait);
        assert_eq!(step("1", 1014), Step::Wait);
        assert_eq!(step("2", 1014), Step::Wait);
        assert_eq!(step("2", 1028), Step::Wait);
        let Step::Take(lease) = step("2", 1029) else { panic!("not taken") };
        assert_eq!(lease.spec.unwrap().lease_transitions, Some(4));
    }

    #[test]
    fn a_lease_that_was_given_back_is_taken_at_once() {
        assert!(matches!(Watcher::new().look(Some(&held_by("", "1")), 0), Step::Take(_)));
    }

    #[test]
    fn neither_an_attempt_nor_a_pause_reaches_beyond_the_deadline() {
        let after = |millis| Some(Duration::from_millis(millis));
        assert_eq!(bounded(ATTEMPT, None), ATTEMPT);
        assert_eq!(bounded(ATTEMPT, after(1000)), ATTEMPT);
        assert_eq!(bounded(ATTEMPT, after(9900)), Duration::from_millis(100));
        assert_eq!(bounded(PERIOD, after(9900)), Duration::from_millis(100));
        assert_eq!(bounded(PERIOD, after(12_000)), Duration::ZERO);
        assert!(RENEW_DEADLINE < LEASE, "a holder stops before anybody else may take over");
    }
}
