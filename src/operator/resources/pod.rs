//! Connector pods: one attempt of a run, or one probe. They satisfy Pod Security `restricted` and have no token for
//! the Kubernetes API.
//!
//! Credentials: the files of a Secret belong to root. The process is uid 65532, so the pod sets `fsGroup` 65532: the
//! kubelet then gives the files to that group and adds group read to the asked mode 0400 (read-only volumes get
//! `mode | 0440`). Nobody else can read them; without `fsGroup` the process could not either.

mod volumes;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, LocalObjectReference, Pod, PodSecurityContext, PodSpec, ResourceRequirements,
    SeccompProfile, SecurityContext, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use self::volumes::Volumes;
use super::{PodDefaults, probe_pod_name, short_hash};
use rollcall_api::contract::{
    CONTRACT_VERSION, DefinitionSource, PodRequest, ProbeRequest, ProviderRequest, RunRequest, paths,
};
use rollcall_api::labels;
use rollcall_api::v1alpha1::{EmployeeSyncJob, IntegrationProvider, PodSettings, RateLimit, SyncSetting};

/// User and group of the process, and owner group of its files (the image's `nonroot`).
const USER: i64 = 65_532;
/// How long a pod may take to stop at the next record boundary, in seconds.
const GRACE_SECONDS: i64 = 30;
/// How much later than the operator the kubelet ends a pod: the operator, if it is alive, ends it with a better reason.
const KUBELET_DEADLINE_MARGIN: i64 = 120;
/// The kubelet's limit for a probe, in seconds.
const PROBE_KUBELET_DEADLINE: i64 = 180;

/// A provider and where its definition is.
#[derive(Clone, Copy, Debug)]
pub struct PodProvider<'a> {
    /// The provider.
    pub provider: &'a IntegrationProvider,
    /// Its definition.
    pub definition: &'a DefinitionSource,
}

/// What a run's pod is made from.
#[derive(Clone, Copy, Debug)]
pub struct RunPod<'a> {
    /// The job.
    pub job: &'a EmployeeSyncJob,
    /// Its setting.
    pub setting: &'a SyncSetting,
    /// The system that is read.
    pub source: PodProvider<'a>,
    /// The system that is written to.
    pub target: PodProvider<'a>,
    /// Number of the attempt, from 1.
    pub attempt: i32,
    /// When the attempt must have ended.
    pub deadline: Timestamp,
    /// Seconds until then.
    pub seconds_left: i64,
}

/// What a probe pod is made from.
#[derive(Clone, Copy, Debug)]
pub struct ProbePod<'a> {
    /// The provider.
    pub provider: &'a IntegrationProvider,
    /// Its definition.
    pub definition: &'a DefinitionSource,
    /// What is probed ([`super::probe_digest`]).
    pub digest: &'a str,
    /// The request that the probe answers.
    pub token: Option<&'a str>,
}

/// What identifies an attempt: a pod of the same name with another hash is not ours.
pub fn run_pod_hash(job: &EmployeeSyncJob, attempt: i32) -> String {
    short_hash(&format!("{}/{attempt}", job.metadata.uid.as_deref().unwrap_or_default()), 16)
}

/// The pod of one attempt of a run, owned by the job.
pub fn run_pod(run: &RunPod<'_>, defaults: &PodDefaults) -> Pod {
    let (source, target) = (run.source.provider, run.target.provider);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let job_name = text(&run.job.metadata.name);
    let request = PodRequest::Run(Box::new(RunRequest {
        version: CONTRACT_VERSION,
        namespace: text(&run.job.metadata.namespace),
        job: job_name.clone(),
        job_uid: text(&run.job.metadata.uid),
        attempt: run.attempt,
        type_: run.job.spec.type_,
        selector: run.job.spec.selector.clone().unwrap_or_default(),
        release: run.job.spec.release.clone(),
        undo: run.job.spec.undo.clone(),
        setting: text(&run.setting.metadata.name),
        setting_uid: text(&run.setting.metadata.uid),
        setting_spec: run.setting.spec.clone(),
        source: provider_request(run.source),
        target: provider_request(run.target),
        records_url: defaults.records_url.clone(),
        deadline: run.deadline,
    }));
    let mut volumes = Volumes::new(defaults);
    volumes.add_source(source);
    volumes.add_target(target);
    let frame = Frame {
        name: format!("{job_name}-{}", run.attempt),
        owner: owner(run.job),
        labels: vec![
            (labels::COMPONENT, "run".to_owned()),
            (labels::JOB, job_name),
            (labels::SETTING, text(&run.setting.metadata.name)),
            (labels::ATTEMPT, run.attempt.to_string()),
        ],
        annotations: vec![
            (labels::SPEC_HASH, run_pod_hash(run.job, run.attempt)),
            (labels::SOURCE, text(&source.metadata.name)),
            (labels::TARGET, text(&target.metadata.name)),
        ],
        settings: merged(&source.spec.pod, &target.spec.pod),
        deadline: run.seconds_left.saturating_add(KUBELET_DEADLINE_MARGIN),
    };
    frame.build(run.job.metadata.namespace.clone(), &request, volumes, defaults)
}

/// The pod of one probe, owned by the provider.
pub fn probe_pod(probe: &ProbePod<'_>, defaults: &PodDefaults) -> Pod {
    let provider = probe.provider;
    let name = provider.metadata.name.clone().unwrap_or_default();
    let request = PodRequest::Probe(Box::new(ProbeRequest {
        version: CONTRACT_VERSION,
        namespace: provider.metadata.namespace.clone().unwrap_or_default(),
        provider: provider_request(PodProvider { provider, definition: probe.definition }),
    }));
    // A probe does not talk to the records service.
    let bare = PodDefaults { records_url: None, records_ca_config_map: None, ..defaults.clone() };
    let mut volumes = Volumes::new(&bare);
    volumes.add_source(provider);
    let mut annotations = vec![(labels::SPEC_HASH, probe.digest.to_owned())];
    annotations.extend(probe.token.map(|token| (labels::PROBE_TOKEN, token.to_owned())));
    let frame = Frame {
        name: probe_pod_name(&name, probe.digest),
        owner: owner(provider),
        labels: vec![(labels::COMPONENT, "probe".to_owned()), (labels::PROVIDER, name)],
        annotations,
        settings: provider.spec.pod.clone(),
        deadline: PROBE_KUBELET_DEADLINE,
    };
    frame.build(provider.metadata.namespace.clone(), &request, volumes, &bare)
}

fn owner<K: Resource<DynamicType = ()>>(object: &K) -> Option<OwnerReference> {
    object.controller_owner_ref(&()).map(|owner| OwnerReference { block_owner_deletion: None, ..owner })
}

fn provider_request(from: PodProvider<'_>) -> ProviderRequest {
    let spec = &from.provider.spec;
    let share_of = spec.max_concurrent_jobs.max(1);
    let divided = |limit: &RateLimit| RateLimit {
        requests: (limit.requests / share_of).max(1),
        burst: limit.burst.map(|burst| (burst / share_of).max(1)),
        ..limit.clone()
    };
    ProviderRequest {
        name: from.provider.metadata.name.clone().unwrap_or_default(),
        definition: from.definition.clone(),
        endpoints: spec.endpoints.iter().map(|(name, url)| (name.clone(), url.0.clone())).collect(),
        rate_limits: spec.rate_limits.iter().map(divided).collect(),
        share_of,
        retry: spec.retry.clone(),
        allow_private_addresses: spec.network.allow_private_addresses,
        has_ca: spec.tls.is_some(),
    }
}

/// Settings of a pod that talks to two providers: lists and maps are joined; where only one value is possible, the
/// target's wins, because it is the system that gets written to.
fn merged(source: &PodSettings, target: &PodSettings) -> PodSettings {
    let maps = |first: &BTreeMap<String, String>, second: &BTreeMap<String, String>| {
        first.iter().chain(second).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let mut tolerations: Vec<Toleration> = source.tolerations.clone();
    tolerations.extend(target.tolerations.iter().filter(|one| !source.tolerations.contains(one)).cloned());
    let mut pull = source.image_pull_secrets.clone();
    pull.extend(target.image_pull_secrets.iter().filter(|one| !source.image_pull_secrets.contains(one)).cloned());
    PodSettings {
        resources: target.resources.clone().or_else(|| source.resources.clone()),
        node_selector: maps(&source.node_selector, &target.node_selector),
        tolerations,
        labels: maps(&source.labels, &target.labels),
        annotations: maps(&source.annotations, &target.annotations),
        service_account_name: target.service_account_name.clone().or_else(|| source.service_account_name.clone()),
        image_pull_secrets: pull,
    }
}

/// What differs between the two kinds of pod.
struct Frame {
    name: String,
    owner: Option<OwnerReference>,
    labels: Vec<(&'static str, String)>,
    annotations: Vec<(&'static str, String)>,
    settings: PodSettings,
    deadline: i64,
}

fn connector_arguments(defaults: &PodDefaults) -> Vec<String> {
    let level = defaults.log_level.iter().map(|level| format!("--log-level={level}"));
    std::iter::once("connector".to_owned()).chain(level).collect()
}

impl Frame {
    fn build(self, namespace: Option<String>, request: &PodRequest, volumes: Volumes, defaults: &PodDefaults) -> Pod {
        let Self { name, owner, labels: own_labels, annotations, settings, deadline } = self;
        let mut pod_labels = settings.labels.clone();
        pod_labels.insert(labels::MANAGED_BY.into(), labels::MANAGER.into());
        pod_labels.extend(own_labels.into_iter().map(|(key, value)| (key.to_owned(), value)));
        let mut pod_annotations = settings.annotations.clone();
        pod_annotations.extend(annotations.into_iter().map(|(key, value)| (key.to_owned(), value)));
        // Serialising plain maps and strings cannot fail.
        pod_annotations.insert(labels::REQUEST.into(), serde_json::to_string(request).unwrap_or_default());
        let pull = |secret: &rollcall_api::v1alpha1::LocalReference| LocalObjectReference { name: secret.name.clone() };
        let spec = PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            restart_policy: Some("Never".into()),
            service_account_name: settings.service_account_name.clone().or_else(|| defaults.service_account.clone()),
            active_deadline_seconds: Some(deadline.max(1)),
            termination_grace_period_seconds: Some(GRACE_SECONDS),
            security_context: Some(pod_security()),
            node_selector: Some(settings.node_selector.clone()).filter(|map| !map.is_empty()),
            tolerations: Some(settings.tolerations.clone()).filter(|list| !list.is_empty()),
            image_pull_secrets: Some(settings.image_pull_secrets.iter().map(pull).collect::<Vec<_>>())
                .filter(|list| !list.is_empty()),
            containers: vec![Container {
                name: "connector".into(),
                image: Some(defaults.image.clone()),
                image_pull_policy: defaults.image_pull_policy.clone(),
                args: Some(connector_arguments(defaults)),
                resources: Some(settings.resources.clone().unwrap_or_else(default_resources)),
                security_context: Some(container_security()),
                termination_message_path: Some(paths::TERMINATION_MESSAGE.into()),
                termination_message_policy: Some("File".into()),
                volume_mounts: Some(volumes.mounts),
                ..Container::default()
            }],
            volumes: Some(volumes.volumes),
            ..PodSpec::default()
        };
        Pod {
            metadata: ObjectMeta {
                name: Some(name),
                namespace,
                labels: Some(pod_labels),
                annotations: Some(pod_annotations),
                owner_references: owner.map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            spec: Some(spec),
            status: None,
        }
    }
}

fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
        ..SecurityContext::default()
    }
}

fn default_resources() -> ResourceRequirements {
    let quantities = |cpu: &str, memory: &str| {
        [("cpu", cpu), ("memory", memory)]
            .into_iter()
            .map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))
            .collect::<BTreeMap<_, _>>()
    };
    ResourceRequirements {
        requests: Some(quantities("50m", "64Mi")),
        limits: Some(quantities("1", "512Mi")),
        ..ResourceRequirements::default()
    }
}
