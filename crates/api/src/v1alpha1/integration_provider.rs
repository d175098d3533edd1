//! `IntegrationProvider`: one system of one tenant, how to reach it and with which credentials.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, LocalReference};

/// One system (a provider) that settings read from or write to: which vendor it is, where it is, and which
/// Secret holds its credentials. The operator checks it with a short probe pod and reports the result in `status`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "IntegrationProvider",
    namespaced,
    derive = "PartialEq",
    derive = "Default",
    doc = "One system (a provider) that settings read from or write to.",
    shortname = "iprov",
    category = "rollcall",
    status = "IntegrationProviderStatus",
    selectable = ".spec.vendor",
    validation = Rule::new("self.metadata.name.size() <= 52").message("metadata.name must not be longer than 52 characters: names of pods and labels are made from it"),
    printcolumn(name = "Vendor", type_ = "string", json_path = ".spec.vendor"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Capabilities", type_ = "string", json_path = ".status.capabilities", priority = "1"),
    printcolumn(name = "Last Probe", type_ = "date", json_path = ".status.lastProbe.time"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
)]
#[x_kube(validation = Rule::new("has(self.vendor) != has(self.definitionRef)").message("exactly one of vendor and definitionRef must be set"))]
#[serde(rename_all = "camelCase")]
pub struct IntegrationProviderSpec {
    /// Name of a vendor definition of the catalogue; `rollcall definitions list` shows them. Example: `personio-v2`.
    /// Exactly one of `vendor` and `definitionRef` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub vendor: Option<String>,
    /// ConfigMap in the same namespace that holds a vendor definition of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_ref: Option<DefinitionReference>,
    /// Base URLs by the definition's endpoint names, where they differ from the definition's defaults.
    /// Example: `api: https://api.personio.de`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub endpoints: BTreeMap<String, BaseUrl>,
    /// Secret in the same namespace with the credentials; the definition says which keys it needs. It is mounted
    /// into connector pods by the kubelet; the operator itself never reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<LocalReference>,
    /// How the system's TLS certificate is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ProviderTls>,
    /// Which addresses may be reached.
    #[serde(default)]
    pub network: ProviderNetwork,
    /// Overrides of the definition's rate limits, by class. Example: `{class: default, requests: 10, periodSeconds: 1}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["class".into()]))]
    pub rate_limits: Vec<RateLimit>,
    /// How many runs may talk to this system at once. The rate limits are shared out evenly. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_jobs: i32,
    /// What happens after a transient failure (time-out, 5xx, 429).
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Seconds between two checks of credentials and reachability. Default: 3600.
    #[serde(default = "default_probe_period")]
    #[schemars(range(min = 30, max = 604_800))]
    pub probe_period_seconds: i32,
    /// While true nothing talks to this system, and nobody is removed anywhere because of it. Default: false.
    #[serde(default)]
    pub suspend: bool,
    /// Why it is suspended, for people. No personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub suspend_reason: Option<String>,
    /// How connector pods that talk to this system are made.
    #[serde(default)]
    pub pod: PodSettings,
}

const fn one() -> i32 {
    1
}

const fn default_probe_period() -> i32 {
    3600
}

/// A vendor definition in a ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionReference {
    /// Name of the ConfigMap, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the ConfigMap that holds the definition. Default: `definition.yaml`.
    #[serde(default = "default_definition_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn default_definition_key() -> String {
    "definition.yaml".into()
}

/// An absolute http or https URL without a query. Plain http is meant for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BaseUrl(
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https?://[^\s?#@]+$"))]
    pub String,
);

/// TLS of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderTls {
    /// Where the certificates of the authorities to trust are (PEM), in addition to the public ones.
    pub ca_ref: CaReference,
}

/// A PEM bundle in a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaReference {
    /// `ConfigMap` (default) or `Secret`.
    #[serde(default)]
    pub kind: CaKind,
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key that holds the bundle. Default: `ca.crt`.
    #[serde(default = "default_ca_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn default_ca_key() -> String {
    "ca.crt".into()
}

/// Kind of object that holds a PEM bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CaKind {
    #[default]
    ConfigMap,
    Secret,
}

/// Which addresses connector pods may reach for this provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderNetwork {
    /// Permits loopback, link-local and private addresses. Default: false, so that a provider cannot be pointed
    /// at the inside of the cluster's network.
    #[serde(default)]
    pub allow_private_addresses: bool,
}

/// One request budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Class of requests in the definition; `default` covers all that name no class.
    #[schemars(length(min = 1, max = 63))]
    pub class: String,
    /// Requests allowed per period.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests: i32,
    /// Length of the period in seconds. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 86_400))]
    pub period_seconds: i32,
    /// Requests that may be sent at once after a pause. Default: the same as `requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<i32>,
}

/// Retries of single requests after transient failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// How often one request is tried again. Default: 4.
    #[serde(default = "default_retry_limit")]
    #[schemars(range(min = 0, max = 20))]
    pub limit: i32,
    /// Longest first wait in seconds; it doubles with every attempt and is drawn with full jitter. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 600))]
    pub backoff_seconds: i32,
    /// Upper bound of a wait in seconds; a longer Retry-After of the server ends the attempt as transient. Default: 60.
    #[serde(default = "default_max_backoff")]
    #[schemars(range(min = 1, max = 3600))]
    pub max_backoff_seconds: i32,
}

const fn default_retry_limit() -> i32 {
    4
}

const fn default_max_backoff() -> i32 {
    60
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { limit: default_retry_limit(), backoff_seconds: 1, max_backoff_seconds: default_max_backoff() }
    }
}

/// The few settings of a connector pod that may be chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodSettings {
    /// Resource requests and limits. Default: requests 50m CPU and 64Mi memory, limits 1 CPU and 512Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Labels a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that are tolerated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tolerations: Vec<Toleration>,
    /// Extra labels; those of Rollcall win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub labels: BTreeMap<String, String>,
    /// Extra annotations; those of Rollcall win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub annotations: BTreeMap<String, String>,
    /// ServiceAccount of the pod. Default: the one that the operator was installed with. It needs no rights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Secrets with credentials of image registries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalReference>,
}

/// Phase of a provider, computed from its conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ProviderPhase {
    #[default]
    Pending,
    Ready,
    Error,
}

/// What a provider can do, as its definition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Capability {
    Read,
    Write,
    Deactivate,
    Delete,
}

/// What was found out about a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationProviderStatus {
    /// Generation of the spec that this status belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Pending`, `Ready` or `Error`.
    #[serde(default)]
    pub phase: ProviderPhase,
    /// Ready, and Reconciling or Stalled while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// What the vendor definition allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// The last finished check of credentials and reachability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_probe: Option<LastProbe>,
    /// Last value of the annotation `rollcall.dev/probe-requested-at` that led to a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_probe_request: Option<String>,
}

/// The last finished probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastProbe {
    /// When it ended.
    pub time: Time,
    /// What came of it. Example: `ProbeSucceeded`, `CredentialsRejected`.
    pub reason: String,
    /// Digest of the spec (and definition) that was probed; a change of either starts a new probe.
    pub spec_digest: String,
    /// How many probes in a row have failed; spaces out the next ones.
    #[serde(default)]
    pub consecutive_failures: i32,
    /// Uid of its pod: what is known of it already is not counted twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
}
