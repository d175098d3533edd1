//! What to do about an object: `(object, what is observed, now) -> Decision`. Values only: no client, no clock, no
//! randomness, so that every decision can be tabled in a test and repeated after a crash.

mod approval;
mod job;
mod pod_view;
mod provider;
mod setting;
mod stalled;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use rollcall_api::v1alpha1::{EmployeeSyncJob, IntegrationProvider};

pub use approval::{ApprovalObserved, decide_approval};
pub use job::{Counterpart, JobObserved, PodState, Refusal, current_pod_name, decide_job};
pub use pod_view::{PodStage, PodView};
pub use provider::{Definition, ProviderObserved, decide_provider};
pub use setting::{SettingObserved, decide_setting};
pub use stalled::{Conditioned, stalled};

/// One effect on the cluster. All of them can be repeated: names are deterministic, deletes are tied to a uid.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorAction {
    /// Create a connector or probe pod; one of ours that exists counts as success.
    CreatePod(Box<Pod>),
    /// Create a job; one of ours that exists counts as success.
    CreateJob(Box<EmployeeSyncJob>),
    /// Set `spec.cancel` of a job.
    CancelJob(Target),
    /// Delete a pod gracefully.
    DeletePod(Target),
    /// Delete a job; its pods go with it.
    DeleteJob(Target),
}

/// The object that an action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid: another object of the same name is left alone.
    pub uid: String,
}

/// An event to publish. Never one per record; never personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventNote {
    /// Whether something is wrong.
    pub warning: bool,
    /// One word of [`rollcall_api::reasons`].
    pub reason: String,
    /// The same for people.
    pub note: String,
}

/// Something that may go away or end by itself and is waited for with a deadline. How long ago it was first seen is
/// measured by the operator, on its monotonic clock: the times in objects are of other clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// An object that is referred to does not exist, or not yet.
    Missing,
    /// The API server does not take the pod.
    Refusal,
    /// A pod that has not ended; its uid.
    Pod(String),
    /// A pod that is being deleted; its uid.
    Leaving(String),
}

/// What an object waited for when it was last decided about, and for how long now.
pub type Sighted = Option<(Sight, SignedDuration)>;

/// For how long `sight` has been seen; zero when it was not seen before.
pub(crate) fn age(sighted: &Sighted, sight: &Sight) -> i64 {
    sighted.as_ref().filter(|(known, _)| known == sight).map_or(0, |(_, age)| age.as_secs())
}

/// What to do about one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<S> {
    /// Effects before the status is written, in order; the first error ends the pass.
    pub actions: Vec<OperatorAction>,
    /// The new status. None: it is as it should be, nothing is written.
    pub status: Option<S>,
    /// Clean-up after the status was written: what it removes is no longer needed as a memory.
    pub cleanup: Vec<OperatorAction>,
    /// Events to publish once the rest has succeeded.
    pub events: Vec<EventNote>,
    /// When to decide again even if nothing happens.
    pub wake_at: Option<Timestamp>,
    /// What is waited for with a deadline.
    pub sight: Option<Sight>,
    /// Something ends, is removed or released because of what a cache said: to be decided again on objects read live.
    pub unproven: bool,
}

impl<S> Default for Decision<S> {
    fn default() -> Self {
        Self {
            actions: Vec::new(),
            status: None,
            cleanup: Vec::new(),
            events: Vec::new(),
            wake_at: None,
            sight: None,
            unproven: false,
        }
    }
}

impl<S> Decision<S> {
    /// Asks to be woken at `time`, or earlier if that was asked before.
    pub(crate) fn wake(&mut self, time: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(time, |other| other.min(time)));
    }
}

/// Kubernetes times have whole seconds; a status that is written and read back must be equal.
pub(crate) fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// `time` and so many seconds.
pub(crate) fn plus(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(time)
}

/// Whether nothing may talk to the provider, or it is not known to work as its spec is now.
pub(crate) fn is_usable(provider: &IntegrationProvider) -> bool {
    let conditions = provider.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    !provider.spec.suspend && rollcall_api::conditions::is_ready(conditions, provider.metadata.generation)
}

/// A time as statuses have it.
pub(crate) const fn time(at: Timestamp) -> Time {
    Time(at)
}
