//! Builders of the objects that the operator creates: pods and jobs. Pure: the same input gives the same object, byte
//! for byte.

mod job;
mod pod;
#[cfg(test)]
mod tests;

use ring::digest::{SHA256, digest};

use rollcall_api::v1alpha1::IntegrationProviderSpec;
use rollcall_engine::hexadecimal;

pub use job::{Trigger, due_job_name, new_job, release_job_name, requested_job_name, scheduled_job_name};
pub use pod::{PodProvider, ProbePod, RunPod, probe_pod, run_pod, run_pod_hash};

/// What all pods have in common, from the operator's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodDefaults {
    /// Image of connector pods; the operator's own.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: Option<String>,
    /// ServiceAccount of connector pods, unless a provider names another.
    pub service_account: Option<String>,
    /// Log level of connector pods: the operator's own. None: their default.
    pub log_level: Option<String>,
    /// Base URL of the records service.
    pub records_url: Option<String>,
    /// ConfigMap whose key `ca.crt` holds the certificate that the records service is checked against.
    pub records_ca_config_map: Option<String>,
}

/// SHA-256 of a text, as hexadecimal digits.
pub fn sha256_hex(text: &str) -> String {
    hexadecimal(digest(&SHA256, text.as_bytes()).as_ref())
}

/// The first `digits` hexadecimal digits of the SHA-256 of a text.
pub(crate) fn short_hash(text: &str, digits: usize) -> String {
    let mut hex = sha256_hex(text);
    hex.truncate(digits);
    hex
}

/// Digest of everything that can change what a probe finds: the definition and the spec without the fields that only
/// say when and how often.
pub fn probe_digest(spec: &IntegrationProviderSpec, definition_digest: &str) -> String {
    let probed = serde_json::json!([
        definition_digest,
        spec.vendor,
        spec.definition_ref,
        spec.endpoints,
        spec.credentials_ref,
        spec.tls,
        spec.network,
        spec.pod,
    ]);
    short_hash(&probed.to_string(), 16)
}

/// Name of the probe pod for a digest.
pub fn probe_pod_name(provider: &str, digest: &str) -> String {
    format!("{provider}-probe-{}", digest.get(..8).unwrap_or(digest))
}
