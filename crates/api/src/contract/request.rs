//! What a connector pod is asked to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::v1alpha1::{JobType, RateLimit, Release, RetryPolicy, Selector, SyncSettingSpec, UndoRequest};

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum PodRequest {
    /// Carry out one attempt of a run.
    Run(Box<RunRequest>),
    /// Check credentials and reachability of one provider.
    Probe(Box<ProbeRequest>),
}

/// One attempt of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// [`super::CONTRACT_VERSION`].
    pub version: u32,
    /// Namespace of all objects.
    pub namespace: String,
    /// Name of the EmployeeSyncJob.
    pub job: String,
    /// Its uid; the run's identity in the records store.
    pub job_uid: String,
    /// Number of the attempt, from 1.
    pub attempt: i32,
    /// What to do.
    #[serde(rename = "type")]
    pub type_: JobType,
    /// Which records or streams.
    #[serde(default)]
    pub selector: Selector,
    /// What was approved, for type Release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Which run is taken back, for type Undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoRequest>,
    /// Name of the SyncSetting.
    pub setting: String,
    /// Its uid: links belong to it.
    pub setting_uid: String,
    /// Its spec as of the start of the attempt.
    pub setting_spec: SyncSettingSpec,
    /// The system that is read.
    pub source: ProviderRequest,
    /// The system that is written to.
    pub target: ProviderRequest,
    /// Base URL of the records service (`https://…`). None: records live in the pod's memory and end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_url: Option<String>,
    /// When the attempt must have ended (RFC 3339).
    pub deadline: jiff::Timestamp,
}

/// One provider as a pod needs it. Credentials and CA bundles come as files (see [`super::paths`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderRequest {
    /// Name of the IntegrationProvider.
    pub name: String,
    /// Where the vendor definition is.
    pub definition: DefinitionSource,
    /// Base URLs by endpoint name, where they differ from the definition's.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// Overrides of rate limits; already divided by the number of runs that may share the provider.
    #[serde(default)]
    pub rate_limits: Vec<RateLimit>,
    /// Over how many runs the definition's own limits are divided; at least 1.
    #[serde(default)]
    pub share_of: i32,
    /// Retries of single requests.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Whether loopback, link-local and private addresses may be reached.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// Whether a CA bundle is mounted.
    #[serde(default)]
    pub has_ca: bool,
}

/// Where a vendor definition comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DefinitionSource {
    /// The catalogue in the binary.
    Vendor(String),
    /// The text of a user's definition, taken from the ConfigMap by the operator (definitions hold no secrets).
    Inline(String),
}

impl Default for DefinitionSource {
    fn default() -> Self {
        Self::Vendor(String::new())
    }
}

/// A check of one provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeRequest {
    /// [`super::CONTRACT_VERSION`].
    pub version: u32,
    /// Namespace of the provider.
    pub namespace: String,
    /// The provider; its credentials are mounted as the source's.
    pub provider: ProviderRequest,
}
