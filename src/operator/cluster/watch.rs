//! Watches: one per kind and namespace, into the stores. Streaming lists are tried first; a server that cannot do
//! them (etcd without progress requests answers 500 or never) gets paged lists. A missing CRD is waited for.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::reduce::{prune, prune_approval, prune_job};
use super::{Cluster, Regarding, Store, Stored, SyncState};
use crate::operator::decide::{EventNote, PodView};
use crate::operator::settings::Namespaces;
use rollcall_api::v1alpha1::{EmployeeSyncJob, IntegrationProvider, SyncApproval, SyncSetting};
use rollcall_api::{labels, reasons};

/// A streaming list that has not ended after so long never will.
const STREAMING_TIMEOUT: Duration = Duration::from_secs(20);
/// First and longest wait after a failed list or watch.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// All stores.
#[derive(Debug, Default)]
pub struct Stores {
    /// Providers; no groups.
    pub providers: Store<IntegrationProvider>,
    /// Settings; grouped by the names of their providers.
    pub settings: Store<SyncSetting>,
    /// Jobs; grouped by the name of their setting, and see [`super::groups`].
    pub jobs: Store<EmployeeSyncJob>,
    /// Approvals; see [`super::groups`].
    pub approvals: Store<SyncApproval>,
    /// Pods of this operator; see [`super::groups`].
    pub pods: Store<PodView>,
}

/// A change in a store: what was known before and what is known now.
#[derive(Clone, Debug)]
pub enum Change {
    /// Of a provider.
    Provider(Option<Arc<IntegrationProvider>>, Option<Arc<IntegrationProvider>>),
    /// Of a setting.
    Setting(Option<Arc<SyncSetting>>, Option<Arc<SyncSetting>>),
    /// Of a job.
    Job(Option<Arc<EmployeeSyncJob>>, Option<Arc<EmployeeSyncJob>>),
    /// Of an approval.
    Approval(Option<Arc<SyncApproval>>, Option<Arc<SyncApproval>>),
    /// Of a pod.
    Pod(Option<Arc<PodView>>, Option<Arc<PodView>>),
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Before<V> = Option<Arc<V>>;

/// Everything that is watched.
pub struct Watches {
    /// Access to the cluster.
    pub cluster: Cluster,
    /// Where objects are kept.
    pub stores: Arc<Stores>,
    /// How far the watches are.
    pub sync: Arc<SyncState>,
    /// Called for every change, after the store has it.
    pub on_change: Arc<dyn Fn(Change) + Send + Sync>,
}

impl Watches {
    /// One task for each kind and namespace; they end only with the process.
    pub fn tasks(&self, namespaces: &Namespaces) -> Vec<Task> {
        let scopes: Vec<Option<String>> = match namespaces {
            Namespaces::All => vec![None],
            Namespaces::List(names) => names.iter().cloned().map(Some).collect(),
        };
        scopes.iter().flat_map(|scope| self.tasks_of(scope.as_deref())).collect()
    }

    fn tasks_of(&self, scope: Option<&str>) -> Vec<Task> {
        let none = watcher::Config::default();
        let ours = none.clone().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
        vec![
            self.task(scope, none.clone(), |all| &all.providers, prune::<IntegrationProvider>, Change::Provider),
            self.task(scope, none.clone(), |all| &all.settings, prune::<SyncSetting>, Change::Setting),
            self.task(scope, none.clone(), |all| &all.jobs, prune_job, Change::Job),
            self.task(scope, none, |all| &all.approvals, prune_approval, Change::Approval),
            self.task(scope, ours, |all| &all.pods, |pod: Pod| PodView::of(&pod), Change::Pod),
        ]
    }

    fn task<K, V>(
        &self,
        scope: Option<&str>,
        config: watcher::Config,
        store: fn(&Stores) -> &Store<V>,
        reduce: fn(K) -> V,
        change: fn(Before<V>, Before<V>) -> Change,
    ) -> Task
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
        V: Stored,
    {
        let name = match scope {
            Some(namespace) => format!("{}.{} in {namespace}", K::plural(&()), K::group(&())),
            None => format!("{}.{}", K::plural(&()), K::group(&())),
        };
        self.sync.begin(&name);
        let watch = Watch {
            name,
            scope: scope.map(str::to_owned),
            config,
            cluster: self.cluster.clone(),
            stores: Arc::clone(&self.stores),
            sync: Arc::clone(&self.sync),
            on_change: Arc::clone(&self.on_change),
            store,
            reduce,
            change,
        };
        Box::pin(watch.run())
    }
}

struct Watch<K, V> {
    name: String,
    scope: Option<String>,
    config: watcher::Config,
    cluster: Cluster,
    stores: Arc<Stores>,
    sync: Arc<SyncState>,
    on_change: Arc<dyn Fn(Change) + Send + Sync>,
    store: fn(&Stores) -> &Store<V>,
    reduce: fn(K) -> V,
    change: fn(Before<V>, Before<V>) -> Change,
}

impl<K, V> Watch<K, V>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
    V: Stored,
{
    async fn run(self) {
        let mut streaming = true;
        loop {
            let config = if streaming { self.config.clone().streaming_lists() } else { self.config.clone() };
            self.follow(config, streaming).await;
            // Only a streaming list that did not work comes back.
            streaming = false;
            tracing::info!(watch = self.name, "streaming list not available; using paged lists");
        }
    }

    /// Follows one stream; returns when a streaming list turns out not to work.
    async fn follow(&self, config: watcher::Config, streaming: bool) {
        let client = self.cluster.client();
        let api: Api<DeserializeGuard<K>> = match &self.scope {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let mut stream = std::pin::pin!(watcher::watcher(api, config));
        let mut listed: Vec<Arc<V>> = Vec::new();
        let mut complete = false;
        let mut wait = BACKOFF.0;
        loop {
            let next = if streaming && !complete {
                match tokio::time::timeout(STREAMING_TIMEOUT, stream.next()).await {
                    Ok(next) => next,
                    Err(_) => return,
                }
            } else {
                stream.next().await
            };
            match next {
                Some(Ok(event)) => {
                    complete |= matches!(event, Event::InitDone);
                    if !matches!(event, Event::Init) {
                        wait = BACKOFF.0;
                    }
                    self.handle(event, &mut listed);
                }
                Some(Err(error)) => {
                    self.note_failure(&error);
                    if streaming && !complete && !is_missing(&error) {
                        return;
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(BACKOFF.1);
                }
                None => return,
            }
        }
    }

    fn handle(&self, event: Event<DeserializeGuard<K>>, listed: &mut Vec<Arc<V>>) {
        let store = (self.store)(&self.stores);
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => listed.extend(self.read(object)),
            Event::InitDone => {
                for (before, after) in store.replace(self.scope.as_deref(), std::mem::take(listed)) {
                    (self.on_change)((self.change)(before, after));
                }
                self.sync.synced(&self.name);
            }
            Event::Apply(DeserializeGuard(Err(invalid))) => {
                let metadata = invalid.metadata.clone();
                self.read(DeserializeGuard(Err(invalid)));
                self.forget(&metadata);
            }
            Event::Apply(object) => {
                if let Some(object) = self.read(object) {
                    let before = store.put(Arc::clone(&object));
                    (self.on_change)((self.change)(before, Some(object)));
                }
            }
            Event::Delete(object) => self.forget(object.meta()),
        }
    }

    fn forget(&self, metadata: &kube::core::ObjectMeta) {
        let (namespace, name) = (metadata.namespace.as_deref(), metadata.name.as_deref());
        let before = (self.store)(&self.stores).remove(namespace.unwrap_or_default(), name.unwrap_or_default());
        if before.is_some() {
            (self.on_change)((self.change)(before, None));
        }
    }

    /// An object that cannot be read is reported and left out; it stops nothing else.
    fn read(&self, object: DeserializeGuard<K>) -> Option<Arc<V>> {
        match object.0 {
            Ok(object) => Some(Arc::new((self.reduce)(object))),
            Err(invalid) => {
                let (namespace, name) = (invalid.metadata.namespace.clone(), invalid.metadata.name.clone());
                tracing::error!(watch = self.name, namespace, name, error = invalid.error, "object cannot be read");
                let note = EventNote {
                    warning: true,
                    reason: reasons::INVALID_SPEC.to_owned(),
                    note: format!("the object cannot be read and is left alone: {}", invalid.error),
                };
                self.cluster.publish(&Regarding::named::<K>(&invalid.metadata), &note);
                None
            }
        }
    }

    fn note_failure(&self, error: &watcher::Error) {
        if is_missing(error) {
            self.sync.missing(&self.name);
            tracing::warn!(watch = self.name, "the kind does not exist on the server yet; waiting for it");
        } else {
            self.sync.failed(&self.name, error.to_string());
            tracing::warn!(watch = self.name, %error, "watch failed; trying again");
        }
    }
}

/// 404 on a list means that the kind is not served.
fn is_missing(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(cause) | watcher::Error::WatchStartFailed(cause)) = error else {
        return false;
    };
    matches!(cause, kube::Error::Api(status) if status.code == 404)
}
