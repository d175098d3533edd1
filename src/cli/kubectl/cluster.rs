//! The cluster and namespace that a command works on.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::{Problem, failed};
use rollcall_api::v1alpha1::SyncSetting;

/// Name under which changes by the plugin are recorded in `metadata.managedFields`.
const FIELD_MANAGER: &str = "kubectl-rollcall";
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster and namespace; the words and defaults of kubectl.
#[derive(Debug, Args)]
pub(super) struct ClusterArguments {
    /// Namespace of the objects [default: that of the kubeconfig's context].
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Context of the kubeconfig [default: its current context].
    #[arg(long, global = true, value_name = "CONTEXT")]
    context: Option<String>,
    /// Kubeconfig file [default: KUBECONFIG, then ~/.kube/config].
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Kinds that live in a namespace and are known when compiling.
pub(super) trait Kind:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize
{
}

impl<K> Kind for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize
{
}

/// A connection to the cluster with the namespace that is meant.
pub(super) struct Cluster {
    client: Client,
    /// Namespace that is meant.
    pub(super) namespace: String,
}

impl Cluster {
    /// Reads the kubeconfig; nothing is sent yet.
    pub(super) async fn connect(arguments: &ClusterArguments) -> Result<Self, Problem> {
        let options = KubeConfigOptions { context: arguments.context.clone(), ..KubeConfigOptions::default() };
        let chosen = arguments.kubeconfig.is_some() || options.context.is_some();
        let mut config = match &arguments.kubeconfig {
            Some(file) => {
                let content = Kubeconfig::read_from(file).map_err(|error| Problem::Kubeconfig(error.to_string()))?;
                Config::from_custom_kubeconfig(content, &options).await
            }
            None => Config::from_kubeconfig(&options).await,
        }
        // Without a kubeconfig the plugin may run in a pod.
        .or_else(|error| if chosen { Err(error) } else { Config::incluster().map_err(|_| error) })
        .map_err(|error| Problem::Kubeconfig(error.to_string()))?;
        config.connect_timeout = Some(CONNECT);
        let namespace = arguments.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| Problem::Kubeconfig(error.to_string()))?;
        Ok(Self { client, namespace })
    }

    /// Objects of a kind in a namespace.
    pub(super) fn api_in<K: Kind>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Objects of a kind in the namespace that is meant.
    pub(super) fn api<K: Kind>(&self) -> Api<K> {
        self.api_in(&self.namespace)
    }

    /// An object, if it exists.
    pub(super) async fn find<K: Kind>(&self, namespace: &str, name: &str) -> Result<Option<K>, Problem> {
        let found = self.api_in::<K>(namespace).get_opt(name).await;
        found.map_err(|error| failed::<K>("get", Some(namespace), &error))
    }

    /// Objects of the namespace that is meant.
    pub(super) async fn list<K: Kind>(&self, parameters: &ListParams) -> Result<Vec<K>, Problem> {
        self.list_in(&self.namespace, parameters).await
    }

    /// Objects of a namespace.
    pub(super) async fn list_in<K: Kind>(&self, namespace: &str, parameters: &ListParams) -> Result<Vec<K>, Problem> {
        let list = self.api_in::<K>(namespace).list(parameters).await;
        Ok(list.map_err(|error| failed::<K>("list", Some(namespace), &error))?.items)
    }

    /// Objects of all namespaces.
    pub(super) async fn list_everywhere<K: Kind>(&self) -> Result<Vec<K>, Problem> {
        let list = Api::<K>::all(self.client.clone()).list(&ListParams::default()).await;
        Ok(list.map_err(|error| failed::<K>("list", None, &error))?.items)
    }

    /// Creates an object. None: the name is taken.
    pub(super) async fn create<K: Kind>(&self, object: &K) -> Result<Option<K>, Problem> {
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match self.api::<K>().create(&parameters, object).await {
            Ok(created) => Ok(Some(created)),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
            Err(error) => Err(failed::<K>("create", Some(&self.namespace), &error)),
        }
    }

    /// Changes some fields of an object.
    pub(super) async fn merge<K: Kind>(&self, name: &str, patch: &Value) -> Result<K, Problem> {
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let patched = self.api::<K>().patch(name, &parameters, &Patch::Merge(patch)).await;
        patched.map_err(|error| failed::<K>("patch", Some(&self.namespace), &error))
    }

    /// The setting of that name.
    pub(super) async fn setting(&self, name: &str) -> Result<SyncSetting, Problem> {
        match self.find(&self.namespace, name).await? {
            Some(setting) => Ok(setting),
            None => Err(self.no_setting(name).await),
        }
    }

    /// Says which settings there are instead, unless another problem is the better message (kind not installed).
    async fn no_setting(&self, name: &str) -> Problem {
        match self.list::<SyncSetting>(&ListParams::default()).await {
            Ok(all) => Problem::NoSuchSetting {
                name: name.to_owned(),
                namespace: self.namespace.clone(),
                existing: all.iter().map(ResourceExt::name_any).collect(),
            },
            Err(Problem::Forbidden { .. }) => Problem::Usage(format!(
                "SyncSetting `{name}` does not exist in namespace `{}`, and those there are may not be listed",
                self.namespace
            )),
            Err(problem) => problem,
        }
    }
}
