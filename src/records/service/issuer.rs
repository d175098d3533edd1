//! The only place of the service that talks to Kubernetes: the cluster's token keys, and the pods that call.

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use serde::Deserialize;

use super::auth::{AuthError, IssuerKeys, KeySource, PodDirectory, PodFacts};
use rollcall_api::labels;

/// Longest wait for one answer of the API server.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where the API server says who it is (`OpenID` Connect Discovery 1.0).
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// Its key set. Always this path: `jwks_uri` names an address for callers outside the cluster.
const KEYS_PATH: &str = "/openid/v1/jwks";

/// Keys and pods of the cluster that a client talks to.
pub(crate) struct Cluster {
    client: Client,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

/// The part of a run request that says whose records its pod may use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestScope {
    setting_uid: Option<String>,
}

impl Cluster {
    /// Connects with the pod's own credentials, or with a kubeconfig outside a cluster.
    pub(crate) async fn connect() -> Result<Self, kube::Error> {
        Ok(Self { client: Client::try_default().await? })
    }

    async fn text(&self, path: &str) -> Result<String, AuthError> {
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, "application/json, application/jwk-set+json")
            .body(Vec::new())
            .map_err(|_| unavailable("a request cannot be built"))?;
        let answer = tokio::time::timeout(TIMEOUT, self.client.request_text(request)).await;
        answer.map_err(|_| unavailable("no answer in time"))?.map_err(|error| failed(&error))
    }
}

#[async_trait]
impl KeySource for Cluster {
    async fn fetch(&self) -> Result<IssuerKeys, AuthError> {
        let discovery: Discovery = serde_json::from_str(&self.text(DISCOVERY_PATH).await?)
            .map_err(|_| unavailable("its discovery document names no issuer"))?;
        IssuerKeys::parse(discovery.issuer, &self.text(KEYS_PATH).await?)
    }
}

#[async_trait]
impl PodDirectory for Cluster {
    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<PodFacts>, AuthError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let answer = tokio::time::timeout(TIMEOUT, pods.get_opt(name)).await;
        let pod = answer.map_err(|_| unavailable("no answer in time"))?.map_err(|error| failed(&error))?;
        Ok(pod.and_then(facts))
    }
}

fn facts(pod: Pod) -> Option<PodFacts> {
    let request = pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(labels::REQUEST));
    let request = request.and_then(|text| serde_json::from_str::<RequestScope>(text).ok());
    Some(PodFacts {
        uid: pod.metadata.uid?,
        setting_uid: request.and_then(|request| request.setting_uid),
        labels: pod.metadata.labels.unwrap_or_default(),
    })
}

fn failed(error: &kube::Error) -> AuthError {
    match error {
        kube::Error::Api(status) => unavailable(&format!("it answered {} {}", status.code, status.reason)),
        _ => unavailable("it cannot be reached"),
    }
}

fn unavailable(why: &str) -> AuthError {
    AuthError::Unavailable(format!("the Kubernetes API server cannot be asked who is calling: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_facts_are_its_uid_its_labels_and_the_setting_of_its_request() {
        let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {
            "uid": "pod-uid",
            "labels": {"rollcall.dev/setting": "people"},
            "annotations": {"rollcall.dev/request": "{\"kind\":\"Run\",\"settingUid\":\"uid-1\"}"},
        }}))
        .unwrap();
        let facts = facts(pod).unwrap();
        assert_eq!((facts.uid.as_str(), facts.setting_uid.as_deref()), ("pod-uid", Some("uid-1")));
        assert_eq!(facts.labels["rollcall.dev/setting"], "people");
    }

    #[test]
    fn a_pod_without_a_readable_request_has_no_setting() {
        let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {
            "uid": "u", "annotations": {"rollcall.dev/request": "{"}}}))
        .unwrap();
        assert_eq!(facts(pod).unwrap().setting_uid, None);
    }
}
