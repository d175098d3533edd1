//! The requests the operator makes. Each has a time limit and is counted.
//!
//! Status is written as a JSON merge patch that carries the resourceVersion the decision was made on: the API server
//! answers 409 when the object has changed since, so a decision on an old view never overwrites a newer one. A merge
//! patch, unlike an update, sends only what differs and never an old spec.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::ObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::ClusterError;
use super::events::{Publisher, Regarding, described};
use super::merge::merge_patch;
use crate::operator::decide::{EventNote, PodView, Target};
use crate::operator::metrics::Metrics;
use rollcall_api::labels;
use rollcall_api::v1alpha1::{EmployeeSyncJob, SyncApproval, SyncSetting};

/// Time limit of one request, in seconds.
const TIMEOUT_SECONDS: u64 = 10;
/// Field manager of every write.
const MANAGER: &str = "rollcall";

/// What a write left behind: the version that the cache must have reached before it is trusted again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Version.
    pub resource_version: String,
}

impl Written {
    fn of(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
        }
    }
}

/// Access to the cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    metrics: Arc<Metrics>,
    publisher: Publisher,
}

impl Cluster {
    /// `identity` names this replica in events.
    pub fn new(client: Client, metrics: Arc<Metrics>, identity: String) -> Self {
        let publisher = Publisher::new(client.clone(), identity);
        Self { client, metrics, publisher }
    }

    /// The client, for watches.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Publishes an event in the background.
    pub fn publish(&self, regarding: &Regarding, note: &EventNote) {
        self.publisher.publish(regarding, note);
    }

    /// Creates a pod. One that exists counts as success if it has the same owner and was made for the same.
    pub async fn create_pod(&self, pod: &Pod) -> Result<Written, ClusterError> {
        let api = self.api::<Pod>(pod);
        match self.create(&api, pod).await {
            Err(ClusterError::Conflict { what }) => {
                let existing = self.run("get", "pods", &what, api.get(&pod.name_any())).await?;
                let ours = owner(&existing.metadata) == owner(&pod.metadata)
                    && existing.annotations().get(labels::SPEC_HASH) == pod.annotations().get(labels::SPEC_HASH);
                if ours { Ok(Written::of(&existing.metadata)) } else { Err(ClusterError::Taken { what }) }
            }
            other => other,
        }
    }

    /// Creates a job. One that exists counts as success if it has the same owner and does the same.
    pub async fn create_job(&self, job: &EmployeeSyncJob) -> Result<Written, ClusterError> {
        let api = self.api::<EmployeeSyncJob>(job);
        match self.create(&api, job).await {
            Err(ClusterError::Conflict { what }) => {
                let existing = self.run("get", "employeesyncjobs", &what, api.get(&job.name_any())).await?;
                let same = |job: &EmployeeSyncJob| (job.spec.type_, job.spec.release.clone());
                let ours = owner(&existing.metadata) == owner(&job.metadata) && same(&existing) == same(job);
                if ours { Ok(Written::of(&existing.metadata)) } else { Err(ClusterError::Taken { what }) }
            }
            other => other,
        }
    }

    /// Writes a status if the object is still at the version that `object` has.
    pub async fn patch_status<K, S>(&self, object: &K, old: Option<&S>, new: &S) -> Result<Written, ClusterError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        S: Serialize,
    {
        let value = |status: &S| serde_json::to_value(status).unwrap_or(Value::Null);
        let patch = Patch::Merge(json!({
            "metadata": { "resourceVersion": object.resource_version(), "uid": object.uid() },
            "status": merge_patch(&old.map_or(Value::Null, value), &value(new)),
        }));
        let api = self.api::<K>(object);
        let what = format!("write status of {}", described(object));
        let (name, params) = (object.name_any(), parameters());
        let request = api.patch_status(&name, &params, &patch);
        let written = self.run("patch", &K::plural(&()), &what, request).await?;
        Ok(Written::of(written.meta()))
    }

    /// Sets `spec.cancel`. A job that is gone needs no cancelling.
    pub async fn cancel_job(&self, target: &Target) -> Result<(), ClusterError> {
        let api: Api<EmployeeSyncJob> = Api::namespaced(self.client(), &target.namespace);
        let patch = Patch::Merge(json!({ "metadata": { "uid": target.uid }, "spec": { "cancel": true } }));
        let (what, params) = (format!("cancel EmployeeSyncJob {}/{}", target.namespace, target.name), parameters());
        let request = api.patch(&target.name, &params, &patch);
        unless_gone(self.run("patch", "employeesyncjobs", &what, request).await.map(|_| ()))
    }

    /// Deletes exactly this pod, gracefully.
    pub async fn delete_pod(&self, target: &Target) -> Result<Written, ClusterError> {
        self.delete::<Pod>(target).await?;
        let Target { namespace, name, uid } = target.clone();
        Ok(Written { namespace, name, uid, resource_version: String::new() })
    }

    /// Deletes exactly this job; its pods follow.
    pub async fn delete_job(&self, target: &Target) -> Result<(), ClusterError> {
        self.delete::<EmployeeSyncJob>(target).await
    }

    /// Reads a pod from the API server itself.
    pub async fn read_pod(&self, namespace: &str, name: &str) -> Result<Option<PodView>, ClusterError> {
        Ok(self.read::<Pod>(namespace, name).await?.map(|pod| PodView::of(&pod)))
    }

    /// Reads a setting from the API server itself.
    pub async fn read_setting(&self, namespace: &str, name: &str) -> Result<Option<SyncSetting>, ClusterError> {
        self.read(namespace, name).await
    }

    /// Reads a job from the API server itself.
    pub async fn read_job(&self, namespace: &str, name: &str) -> Result<Option<EmployeeSyncJob>, ClusterError> {
        self.read(namespace, name).await
    }

    /// Reads the approvals of a setting from the API server itself.
    pub async fn list_approvals(&self, namespace: &str, setting: &str) -> Result<Vec<SyncApproval>, ClusterError> {
        let api: Api<SyncApproval> = Api::namespaced(self.client(), namespace);
        let what = format!("list SyncApprovals of {namespace}/{setting}");
        let params = ListParams::default().fields(&format!("spec.settingRef.name={setting}"));
        let found = self.run("list", "syncapprovals", &what, api.list(&params)).await?;
        Ok(found.items.into_iter().filter(|one| one.spec.setting_ref.name == setting).collect())
    }

    /// Reads one key of a ConfigMap.
    pub async fn read_config_map(&self, space: &str, name: &str, key: &str) -> Result<Option<String>, ClusterError> {
        let found = self.read::<ConfigMap>(space, name).await?;
        Ok(found.and_then(|map| map.data.and_then(|mut data| data.remove(key))))
    }

    /// Reads the Lease.
    pub async fn read_lease(&self, namespace: &str, name: &str) -> Result<Option<Lease>, ClusterError> {
        self.read(namespace, name).await
    }

    /// Creates the Lease; Conflict when it exists.
    pub async fn create_lease(&self, lease: &Lease) -> Result<Lease, ClusterError> {
        let what = format!("create {}", described(lease));
        self.run("create", "leases", &what, self.api::<Lease>(lease).create(&PostParams::default(), lease)).await
    }

    /// Replaces the Lease if it is still at the version that `lease` has.
    pub async fn replace_lease(&self, lease: &Lease) -> Result<Lease, ClusterError> {
        let (api, name, params) = (self.api::<Lease>(lease), lease.name_any(), PostParams::default());
        let what = format!("replace {}", described(lease));
        self.run("update", "leases", &what, api.replace(&name, &params, lease)).await
    }

    async fn read<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, ClusterError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client(), namespace);
        let what = format!("read {} {namespace}/{name}", K::kind(&()));
        self.run("get", &K::plural(&()), &what, api.get_opt(name)).await
    }

    async fn create<K>(&self, api: &Api<K>, object: &K) -> Result<Written, ClusterError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Serialize,
    {
        let what = format!("create {}", described(object));
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        let created = self.run("create", &K::plural(&()), &what, api.create(&params, object)).await?;
        Ok(Written::of(created.meta()))
    }

    async fn delete<K>(&self, target: &Target) -> Result<(), ClusterError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client(), &target.namespace);
        let only = Preconditions { uid: Some(target.uid.clone()), resource_version: None };
        let params = DeleteParams::background().preconditions(only);
        let what = format!("delete {} {}/{}", K::kind(&()), target.namespace, target.name);
        let request = api.delete(&target.name, &params);
        unless_gone(self.run("delete", &K::plural(&()), &what, request).await.map(|_| ()))
    }

    fn api<K>(&self, object: &K) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client(), object.meta().namespace.as_deref().unwrap_or_default())
    }

    async fn run<T>(
        &self,
        verb: &str,
        resource: &str,
        what: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        let timer = self.metrics.request_started(verb, resource);
        let answer = tokio::time::timeout(Duration::from_secs(TIMEOUT_SECONDS), request).await;
        match answer {
            Ok(Ok(value)) => {
                timer.finish("200");
                Ok(value)
            }
            Ok(Err(error)) => {
                let code = match &error {
                    kube::Error::Api(status) => status.code.to_string(),
                    _ => "error".to_owned(),
                };
                timer.finish(&code);
                Err(ClusterError::from_kube(what.to_owned(), error))
            }
            Err(_) => {
                timer.finish("timeout");
                Err(ClusterError::Timeout { what: what.to_owned(), seconds: TIMEOUT_SECONDS })
            }
        }
    }
}

/// Gone, or replaced by another object of the same name (the uid no longer fits): there is nothing left to do.
fn unless_gone(result: Result<(), ClusterError>) -> Result<(), ClusterError> {
    match result {
        Err(ClusterError::NotFound { .. } | ClusterError::Conflict { .. }) => Ok(()),
        other => other,
    }
}

fn owner(metadata: &ObjectMeta) -> Option<&str> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

fn parameters() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() }
}
