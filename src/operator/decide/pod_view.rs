//! A pod reduced to what decisions need: a few hundred bytes instead of some kilobytes.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};

use rollcall_api::labels;

/// What is known about a connector or probe pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid: deletes are tied to it.
    pub uid: String,
    /// Version in the cache.
    pub resource_version: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Uid of the controlling owner.
    pub owner_uid: Option<String>,
    /// Name of the job, on pods of runs.
    pub job: Option<String>,
    /// Name of the setting, on pods of runs.
    pub setting: Option<String>,
    /// Names of the two providers at which it takes a place, on pods of runs.
    pub places: Vec<String>,
    /// Name of the provider, on probe pods.
    pub provider: Option<String>,
    /// What it was made for ([`labels::SPEC_HASH`]).
    pub spec_hash: Option<String>,
    /// Token of the probe request it answers.
    pub probe_token: Option<String>,
    /// How far it is.
    pub stage: PodStage,
    /// Whether its end, if it ends without a result, is a disruption and not its own failure.
    pub disrupted: bool,
}

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodStage {
    /// Not started yet; `obstacle` is the reason and text when something is in the way.
    Waiting {
        /// Whether the obstacle cannot go away by itself.
        permanent: bool,
        /// Reason and text.
        obstacle: Option<String>,
    },
    /// The container runs.
    Running,
    /// It ended.
    Ended {
        /// Exit code, when the kubelet knows it.
        exit_code: Option<i32>,
        /// Reason of the pod or its container (`OOMKilled`, `Evicted`, `DeadlineExceeded`, …).
        reason: String,
        /// Termination message.
        message: String,
    },
}

/// Reasons of pods that mean that the node, not the container, ended it (kubelet eviction, node shutdown, admission).
const DISRUPTIONS: &[&str] = &[
    "Evicted",
    "Preempting",
    "NodeLost",
    "NodeShutdown",
    "Shutdown",
    "Terminated",
    "NodeAffinity",
    "UnexpectedAdmissionError",
    "OutOfcpu",
    "OutOfmemory",
    "OutOfpods",
];

/// Reasons of a waiting container that nothing but another pod changes. A registry that hiccups or a Secret that is
/// applied a second later (`ImagePullBackOff`, `CreateContainerConfigError`, …) is not one of them.
const PERMANENT: &[&str] = &["InvalidImageName"];

impl PodView {
    /// Reduces a pod.
    pub fn of(pod: &Pod) -> Self {
        let metadata = &pod.metadata;
        let map = |values: &Option<std::collections::BTreeMap<String, String>>, key: &str| {
            values.as_ref().and_then(|values| values.get(key)).cloned()
        };
        let owner = metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        let status = pod.status.as_ref();
        let disrupted_by_condition = status
            .and_then(|status| status.conditions.as_ref())
            .is_some_and(|all| all.iter().any(|one| one.type_ == "DisruptionTarget" && one.status == "True"));
        let reason = status.and_then(|status| status.reason.as_deref()).unwrap_or_default();
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            owner_uid: owner.map(|owner| owner.uid.clone()),
            job: map(&metadata.labels, labels::JOB),
            setting: map(&metadata.labels, labels::SETTING),
            places: [labels::SOURCE, labels::TARGET]
                .into_iter()
                .filter_map(|side| map(&metadata.annotations, side))
                .collect(),
            provider: map(&metadata.labels, labels::PROVIDER),
            spec_hash: map(&metadata.annotations, labels::SPEC_HASH),
            probe_token: map(&metadata.annotations, labels::PROBE_TOKEN),
            stage: status.map_or(PodStage::Waiting { permanent: false, obstacle: None }, stage),
            disrupted: disrupted_by_condition || DISRUPTIONS.contains(&reason) || metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether it ended.
    pub const fn has_ended(&self) -> bool {
        matches!(self.stage, PodStage::Ended { .. })
    }
}

fn stage(status: &PodStatus) -> PodStage {
    let container = status.container_statuses.as_ref().and_then(|all| all.first());
    match status.phase.as_deref() {
        Some("Succeeded" | "Failed") => ended(status, container),
        Some("Running") => PodStage::Running,
        _ => waiting(status, container),
    }
}

fn ended(status: &PodStatus, container: Option<&ContainerStatus>) -> PodStage {
    let terminated =
        container.and_then(|container| container.state.as_ref()).and_then(|state| state.terminated.as_ref());
    let reason = status.reason.clone().or_else(|| terminated.and_then(|end| end.reason.clone()));
    PodStage::Ended {
        exit_code: terminated.map(|end| end.exit_code),
        reason: reason.unwrap_or_default(),
        message: terminated.and_then(|end| end.message.clone()).unwrap_or_default(),
    }
}

fn waiting(status: &PodStatus, container: Option<&ContainerStatus>) -> PodStage {
    let state = container.and_then(|container| container.state.as_ref()).and_then(|state| state.waiting.as_ref());
    if let Some((reason, message)) =
        state.and_then(|waiting| Some((waiting.reason.as_ref()?, waiting.message.as_ref())))
        && reason != "ContainerCreating"
    {
        let text = message.map_or_else(|| reason.clone(), |message| format!("{reason}: {message}"));
        return PodStage::Waiting { permanent: PERMANENT.contains(&reason.as_str()), obstacle: Some(text) };
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    let obstacle = unscheduled.map(|condition| {
        let reason = condition.reason.as_deref().unwrap_or("FailedScheduling");
        format!("{reason}: {}", condition.message.as_deref().unwrap_or_default())
    });
    PodStage::Waiting { permanent: false, obstacle }
}
