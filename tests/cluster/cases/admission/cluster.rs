//! Raw requests: objects that the types of Rust cannot express, and the server's answer word for word.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use super::table::Finding;
use super::text;

const KINDS: [&str; 4] = ["IntegrationProvider", "SyncSetting", "EmployeeSyncJob", "SyncApproval"];

/// A namespace of a cluster.
pub struct Cluster {
    client: Client,
    namespace: String,
}

/// State of an object in the store.
#[derive(PartialEq, Eq)]
pub struct Version {
    resource_version: String,
    /// Whether probes write to it now and then.
    pub is_probed: bool,
}

impl Cluster {
    /// Connects as KUBECONFIG says.
    pub async fn connect() -> Self {
        let client = Client::try_default().await.unwrap();
        let namespace = std::env::var("ADMISSION_NAMESPACE").unwrap_or_else(|_| "admission".into());
        Self { client, namespace }
    }

    /// Deletes all objects that this test makes.
    pub async fn clear(&self) {
        for kind in KINDS {
            self.send("DELETE", &self.path(kind), None).await.unwrap();
        }
        let fixture = format!("{}/broken-definition", self.path("ConfigMap"));
        // It need not exist yet.
        drop(self.send("DELETE", &fixture, None).await);
        let since = Instant::now();
        while !self.versions().await.is_empty() {
            assert!(since.elapsed() < Duration::from_secs(60), "objects are not deleted");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Creates an object; unknown fields are errors, as with kubectl. Gives the stored object or the refusal.
    pub async fn create(&self, object: &Value) -> Result<Value, String> {
        let path = format!("{}?fieldValidation=Strict", self.path(text(object, "/kind")));
        self.send("POST", &path, Some(("application/json", object))).await
    }

    /// Changes an object by a JSON patch.
    pub async fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<Value, String> {
        let path = format!("{}/{name}?fieldValidation=Strict", self.path(kind));
        self.send("PATCH", &path, Some(("application/json-patch+json", patch))).await
    }

    /// Waits until Ready is False and condition `type_` is True, both with the reason and the text.
    pub async fn expect(
        &self,
        kind: &str,
        name: &str,
        type_: &str,
        finding: &Finding,
        patience: Duration,
    ) -> Result<(), String> {
        let since = Instant::now();
        loop {
            let object = self.send("GET", &format!("{}/{name}", self.path(kind)), None).await?;
            if says(&object, "Ready", "False", finding) && says(&object, type_, "True", finding) {
                return Ok(());
            }
            if since.elapsed() > patience {
                return Err(format!("expected {type_} {finding:?}, found {}", object["status"]["conditions"]));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Versions of all objects of Rollcall's kinds.
    pub async fn versions(&self) -> BTreeMap<String, Version> {
        let mut versions = BTreeMap::new();
        for kind in KINDS {
            let list = self.send("GET", &self.path(kind), None).await.unwrap();
            for object in list["items"].as_array().unwrap() {
                let version = Version {
                    resource_version: text(object, "/metadata/resourceVersion").to_owned(),
                    is_probed: object.pointer("/status/lastProbe").is_some(),
                };
                versions.insert(format!("{kind}/{}", text(object, "/metadata/name")), version);
            }
        }
        versions
    }

    /// How often the operator's containers have been restarted, by pod.
    pub async fn restarts(&self) -> BTreeMap<String, i32> {
        let count = |pod: &Pod| {
            let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
            containers.map(|container| container.restart_count).sum()
        };
        self.operators().await.iter().map(|pod| (pod.name_any(), count(pod))).collect()
    }

    /// What the operator has written to its log.
    pub async fn operator_log(&self) -> String {
        let mut log = String::new();
        for pod in self.operators().await {
            log += &self.pods().logs(&pod.name_any(), &LogParams::default()).await.unwrap();
        }
        log
    }

    async fn operators(&self) -> Vec<Pod> {
        let selector = ListParams::default().labels("app.kubernetes.io/component=operator");
        let found = self.pods().list(&selector).await.unwrap().items;
        assert!(!found.is_empty(), "no release is installed in namespace {}", self.namespace);
        found
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn path(&self, kind: &str) -> String {
        let group = if kind == "ConfigMap" { "/api/v1" } else { "/apis/rollcall.dev/v1alpha1" };
        format!("{group}/namespaces/{}/{}s", self.namespace, kind.to_lowercase())
    }

    async fn send(&self, method: &str, path: &str, body: Option<(&str, &Value)>) -> Result<Value, String> {
        let mut request = Request::builder().method(method).uri(path);
        let mut bytes = Vec::new();
        if let Some((content, value)) = body {
            request = request.header("content-type", content);
            bytes = serde_json::to_vec(value).unwrap();
        }
        self.client.request(request.body(bytes).unwrap()).await.map_err(|error| match error {
            kube::Error::Api(status) => status.message.clone(),
            other => panic!("{method} {path}: {other}"),
        })
    }
}

fn says(object: &Value, type_: &str, status: &str, finding: &Finding) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| {
        condition["type"] == type_
            && condition["status"] == status
            && condition["reason"] == finding.reason.as_str()
            && text(condition, "/message").contains(&finding.message)
            && condition["observedGeneration"] == object["metadata"]["generation"]
    })
}
