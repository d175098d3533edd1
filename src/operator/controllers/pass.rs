//! A pass apart from everything else: a task of its own with a budget of time. One that panics or overruns marks its own
//! object Stalled and is tried again later; the others, the watches and the election go on.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};

use super::key::{Key, Kind};
use super::reconcile::Controller;
use super::route::phase;
use crate::operator::cluster::ClusterError;
use crate::operator::decide::{Conditioned, stalled};
use rollcall_api::v1alpha1::ApprovalPhase;

/// How long a pass may take. Its requests have limits of their own, far below.
pub const PASS_BUDGET: Duration = Duration::from_secs(60);

/// Where passes run, and for how long.
#[derive(Clone)]
pub struct Passes {
    /// Their connections: those of the election and the watches are kept apart.
    pub client: Client,
    /// Their runtime; the operator gives them one of their own, so that a pass that never yields blocks nothing else.
    pub runtime: Handle,
    /// How long each may take.
    pub budget: Duration,
}

type Ended = Option<Result<Result<Option<Timestamp>, ClusterError>, JoinError>>;

impl Controller {
    /// Works through the queue until it is closed.
    pub(super) async fn work(self: Arc<Self>) {
        while let Some(key) = self.queue.next().await {
            let mut pass = JoinSet::new();
            let (this, own) = (Arc::clone(&self), key.clone());
            pass.spawn_on(async move { this.pass(&own).await }, &self.passes.runtime);
            match tokio::time::timeout(self.passes.budget, pass.join_next()).await {
                Ok(ended) => self.end_pass(&key, ended).await,
                Err(_) => self.give_up(key, pass).await,
            }
        }
    }

    async fn end_pass(&self, key: &Key, ended: Ended) {
        let (kind, namespace, name) = (key.kind.as_str(), &key.namespace, &key.name);
        match ended {
            Some(Ok(Ok(wake))) => self.queue.done(key, wake),
            Some(Ok(Err(error))) => {
                if matches!(error, ClusterError::Conflict { .. }) {
                    tracing::debug!(kind, namespace, name, %error, "pass ended early");
                } else {
                    tracing::warn!(kind, namespace, name, %error, "pass failed; trying again");
                }
                self.queue.failed(key, self.clock.now());
            }
            Some(Err(_)) | None => {
                tracing::error!(kind, namespace, name, "pass panicked: a defect, please report it");
                self.metrics.pass_lost(kind, "Panicked");
                self.stall(key, "a pass over the object panicked").await;
                self.queue.failed(key, self.clock.now());
            }
        }
    }

    /// The key is not worked on again before the pass is really over: two passes over one object never overlap.
    async fn give_up(self: &Arc<Self>, key: Key, mut pass: JoinSet<Result<Option<Timestamp>, ClusterError>>) {
        let (kind, namespace, name) = (key.kind.as_str(), &key.namespace, &key.name);
        tracing::error!(kind, namespace, name, "pass overran its time: a defect, please report it");
        self.metrics.pass_lost(kind, "Overran");
        pass.abort_all();
        let text = format!("a pass over the object took longer than {} s", self.passes.budget.as_secs());
        self.stall(&key, &text).await;
        let this = Arc::clone(self);
        tokio::spawn(async move {
            pass.join_next().await;
            this.queue.failed(&key, this.clock.now());
        });
    }

    /// Best effort: an object that is gone or that ended is left alone.
    async fn stall(&self, key: &Key, why: &str) {
        self.places.lose(key);
        self.pass_turns_on(key);
        let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
        let written = match key.kind {
            Kind::Provider => match self.stores.providers.get(namespace, name) {
                Some(one) => self.write_stalled(one.as_ref(), one.status.as_ref(), why).await,
                None => Ok(()),
            },
            Kind::Setting => match self.stores.settings.get(namespace, name) {
                Some(one) => self.write_stalled(one.as_ref(), one.status.as_ref(), why).await,
                None => Ok(()),
            },
            Kind::Job => match self.stores.jobs.get(namespace, name) {
                Some(one) if !phase(&one).is_finished() => {
                    self.write_stalled(one.as_ref(), one.status.as_ref(), why).await
                }
                _ => Ok(()),
            },
            Kind::Approval => match self.stores.approvals.get(namespace, name) {
                Some(one) if one.status.as_ref().is_none_or(|status| status.phase == ApprovalPhase::Pending) => {
                    self.write_stalled(one.as_ref(), one.status.as_ref(), why).await
                }
                _ => Ok(()),
            },
        };
        if let Err(error) = written {
            tracing::warn!(kind = key.kind.as_str(), namespace, name, %error, "the object could not be marked Stalled");
        }
    }

    async fn write_stalled<K, S>(&self, object: &K, old: Option<&S>, why: &str) -> Result<(), ClusterError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        S: Serialize + Conditioned,
    {
        let before = old.cloned().unwrap_or_default();
        let new = stalled(&before, object.meta().generation, why, self.clock.now());
        if new != before {
            self.cluster.patch_status(object, old, &new).await?;
        }
        Ok(())
    }
}
