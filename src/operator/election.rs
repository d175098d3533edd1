//! Who acts: the replica that holds the Lease. Fail-stop: a holder that cannot renew in time ends, before anybody
//! else may take over. Every change of the Lease is tied to its resourceVersion, so two replicas cannot both take it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::sync::watch;

use super::clock::Clock;
use super::cluster::{Cluster, ClusterError};

/// How long a Lease lasts without being renewed, in seconds.
pub const LEASE_SECONDS: i32 = 15;
/// A holder that has not renewed for so long stops: earlier than anybody else may take over.
const RENEW_DEADLINE: SignedDuration = SignedDuration::from_secs(10);
/// How often the Lease is renewed or looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// Why the process must end.
#[derive(Debug, thiserror::Error)]
pub enum ElectionError {
    /// The Lease could not be renewed in time.
    #[error("the Lease could not be renewed within 10 s: stopping before another replica takes over ({0})")]
    NotRenewed(String),
    /// Somebody else holds the Lease now.
    #[error("another replica holds the Lease now: stopping")]
    TakenOver,
}

/// What to do about the Lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is none: create it.
    Create(Box<Lease>),
    /// It is ours, or nobody's any more: replace it.
    Take(Box<Lease>),
    /// Somebody else holds it.
    Wait,
}

/// What is remembered of somebody else's Lease: since when it has not changed, by the own clock. Comparing the
/// holder's times with the own clock would trust two clocks to agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    version: String,
    since: Option<Timestamp>,
}

/// Decides what to do about a Lease. Pure but for `seen`, which is brought up to date.
pub fn evaluate(lease: Option<&Lease>, name: &ObjectMeta, me: &str, now: Timestamp, seen: &mut Seen) -> Step {
    let Some(lease) = lease else {
        let spec = spec(me, now, now, 0);
        return Step::Create(Box::new(Lease { metadata: name.clone(), spec: Some(spec) }));
    };
    let version = lease.metadata.resource_version.clone().unwrap_or_default();
    if seen.version != version || seen.since.is_none() {
        *seen = Seen { version, since: Some(now) };
    }
    let old = lease.spec.clone().unwrap_or_default();
    let holder = old.holder_identity.as_deref().unwrap_or_default();
    let changes = old.lease_transitions.unwrap_or(0);
    let with = |spec: LeaseSpec| Step::Take(Box::new(Lease { metadata: lease.metadata.clone(), spec: Some(spec) }));
    if holder == me {
        let acquired = old.acquire_time.map_or(now, |time| time.0);
        return with(spec(me, acquired, now, changes));
    }
    let lasts = SignedDuration::from_secs(i64::from(old.lease_duration_seconds.unwrap_or(LEASE_SECONDS)));
    let unchanged = seen.since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
    if holder.is_empty() || unchanged >= lasts {
        with(spec(me, now, now, changes.saturating_add(1)))
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

/// Takes part in the election.
pub struct Election {
    /// Access to the cluster.
    pub cluster: Cluster,
    /// The time.
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

impl Election {
    /// Runs until `stop` is told, then gives the Lease back. An error means that the process must end.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), ElectionError> {
        let mut seen = Seen::default();
        let mut held: Option<(Lease, Timestamp)> = None;
        loop {
            let before = self.clock.now();
            match self.attempt(held.as_ref().map(|(lease, _)| lease), &mut seen).await {
                Ok(Some(lease)) => {
                    held = Some((lease, before));
                    self.leading.send_replace(true);
                }
                Ok(None) if held.is_some() => return Err(ElectionError::TakenOver),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "the Lease could not be read or renewed");
                    let renewed = held.as_ref().map(|(_, time)| *time);
                    if renewed.is_some_and(|time| self.clock.now().duration_since(time) >= RENEW_DEADLINE) {
                        return Err(ElectionError::NotRenewed(error.to_string()));
                    }
                    // The cached version may be the reason: the next attempt reads it again.
                    if let (Some((lease, _)), ClusterError::Conflict { .. }) = (held.as_mut(), &error) {
                        lease.metadata.resource_version = None;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        if let Some((lease, _)) = held {
            self.release(lease).await;
        }
        Ok(())
    }

    /// One look or renewal; None: somebody else holds it. A renewal is bounded by the deadline's rest.
    async fn attempt(&self, held: Option<&Lease>, seen: &mut Seen) -> Result<Option<Lease>, ClusterError> {
        let limit = Duration::from_secs(5);
        let timeout = |_| ClusterError::Timeout { what: "renew Lease".into(), seconds: limit.as_secs() };
        tokio::time::timeout(limit, self.step(held, seen)).await.map_err(timeout)?
    }

    async fn step(&self, held: Option<&Lease>, seen: &mut Seen) -> Result<Option<Lease>, ClusterError> {
        // A holder renews what it wrote last: one request. Everybody else looks.
        let current = match held.filter(|lease| lease.metadata.resource_version.is_some()) {
            Some(lease) => Some(lease.clone()),
            None => self.cluster.read_lease(&self.namespace, &self.name).await?,
        };
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            ..ObjectMeta::default()
        };
        match evaluate(current.as_ref(), &metadata, &self.identity, self.clock.now(), seen) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn held_by(holder: &str, version: &str) -> Lease {
        let metadata = ObjectMeta { resource_version: Some(version.into()), ..ObjectMeta::default() };
        Lease { metadata, spec: Some(spec(holder, at(0), at(0), 3)) }
    }

    #[test]
    fn a_missing_lease_is_created_and_an_own_one_renewed() {
        let mut seen = Seen::default();
        let step = evaluate(None, &ObjectMeta::default(), "me", at(100), &mut seen);
        assert!(matches!(step, Step::Create(_)));
        let Step::Take(lease) = evaluate(Some(&held_by("me", "1")), &ObjectMeta::default(), "me", at(100), &mut seen)
        else {
            panic!("not renewed")
        };
        let spec = lease.spec.unwrap();
        assert_eq!((spec.acquire_time.unwrap().0, spec.renew_time.unwrap().0), (at(0), at(100)));
        assert_eq!((spec.lease_transitions, lease.metadata.resource_version.as_deref()), (Some(3), Some("1")));
    }

    #[test]
    fn another_holder_is_waited_for_until_its_lease_has_not_changed_for_its_duration() {
        let mut seen = Seen::default();
        let mut step = |version: &str, second| {
            evaluate(Some(&held_by("other", version)), &ObjectMeta::default(), "me", at(second), &mut seen)
        };
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
        let step = evaluate(Some(&held_by("", "1")), &ObjectMeta::default(), "me", at(5), &mut Seen::default());
        assert!(matches!(step, Step::Take(_)));
    }
}
