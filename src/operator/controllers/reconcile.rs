//! One pass over one object: observe, decide, act, write the status, clean up.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::definitions::Definitions;
use super::expect::{Expectations, Where};
use super::key::{Key, Kind};
use super::observe::View;
use super::pass::Passes;
use super::places::Places;
use super::queue::Queue;
use super::route::woken_by;
use super::sights::Sights;
use crate::operator::catalogue::Catalogue;
use crate::operator::clock::Clock;
use crate::operator::cluster::{Change, Cluster, ClusterError, Regarding, Stored, Stores};
use crate::operator::decide::{
    Decision, OperatorAction, ProviderObserved, Refusal, SettingObserved, decide_approval, decide_provider,
    decide_setting,
};
use crate::operator::metrics::Metrics;
use crate::operator::resources::PodDefaults;
use rollcall_api::v1alpha1::{IntegrationProvider, SyncSetting};

/// Everything a worker needs.
pub struct Controller {
    pub(super) cluster: Cluster,
    pub(super) stores: Arc<Stores>,
    pub(super) definitions: Definitions,
    pub(super) pods: PodDefaults,
    pub(super) queue: Queue,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) passes: Passes,
    pub(super) places: Places,
    pub(super) sights: Sights,
    expectations: Expectations,
}

pub(super) type Wake = Option<Timestamp>;

/// The two clocks drift by less than this between two looks; more means that the wall clock was set.
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(2);

impl Controller {
    /// Puts the parts together.
    pub fn new(
        cluster: Cluster,
        stores: Arc<Stores>,
        catalogue: Arc<dyn Catalogue>,
        pods: PodDefaults,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        passes: Passes,
    ) -> Self {
        Self {
            definitions: Definitions::new(cluster.clone(), catalogue),
            cluster,
            stores,
            pods,
            queue: Queue::default(),
            clock,
            metrics,
            passes,
            expectations: Expectations::default(),
            places: Places::default(),
            sights: Sights::default(),
        }
    }

    /// Puts keys in line when their time has come, until the queue is closed. When the wall clock was set, every timer
    /// is worked out anew.
    pub(super) async fn watch_timers(&self) {
        let offset = || self.clock.now().as_duration() - self.clock.elapsed();
        let mut known = offset();
        while !self.queue.is_closed() {
            if (offset() - known).abs() > CLOCK_STEP {
                tracing::warn!("the wall clock was set; looking at everything that waits for its time");
                known = offset();
                self.queue.release_all();
            }
            self.queue.release(self.clock.now());
            match self.queue.earliest() {
                None => self.queue.timers_changed().await,
                Some(time) => tokio::select! {
                    () = self.clock.sleep_until(time) => {}
                    () = self.queue.timers_changed() => {}
                },
            }
        }
    }

    /// What is to be looked at.
    pub const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What a change in the cluster makes worth looking at.
    pub fn changed(&self, change: &Change) {
        if !self.queue.is_open() {
            return;
        }
        let woken = woken_by(change, &self.stores);
        for key in woken.keys {
            self.queue.add(key);
        }
        for provider in woken.freed {
            if let Some(key) = self.places.wake_next(&provider) {
                self.queue.add(key);
            }
        }
    }

    /// One pass, measured.
    pub(super) async fn pass(&self, key: &Key) -> Result<Wake, ClusterError> {
        let timer = self.metrics.pass_started(key.kind.as_str());
        let result = self.reconcile(key).await;
        timer.finish(result.as_ref().err().map(ClusterError::reason));
        self.pass_turns_on(key);
        result
    }

    /// A job that was woken for a place and left it free lets the next one try.
    pub(super) fn pass_turns_on(&self, key: &Key) {
        for next in self.places.after_pass(key) {
            self.queue.add(next);
        }
    }

    async fn reconcile(&self, key: &Key) -> Result<Wake, ClusterError> {
        let now = self.clock.now();
        if let Some(rest) = self.expectations.pending(key, &self.stores, self.clock.elapsed()) {
            return Ok(Some(now.checked_add(rest).unwrap_or(now)));
        }
        let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
        match key.kind {
            Kind::Provider => {
                let Some(provider) = self.stores.providers.get(namespace, name) else {
                    self.definitions.forget(namespace, name);
                    self.sights.forget(key);
                    return Ok(None);
                };
                self.reconcile_provider(key, &provider, now).await
            }
            Kind::Setting => {
                let Some(setting) = self.stores.settings.get(namespace, name) else {
                    self.definitions.forget_check(namespace, name);
                    return Ok(None);
                };
                self.reconcile_setting(key, &setting, now).await
            }
            Kind::Approval => {
                let Some(approval) = self.stores.approvals.get(namespace, name) else { return Ok(None) };
                let mut decision =
                    decide_approval(&approval, &self.observe_approval(&approval, View::Cached).await?, now);
                if decision.unproven {
                    let observed = self.observe_approval(&approval, View::Live).await?;
                    decision = decide_approval(&approval, &observed, now);
                }
                self.carry_out(key, approval.as_ref(), approval.status.as_ref(), decision).await
            }
            Kind::Job => {
                let Some(job) = self.stores.jobs.get(namespace, name) else {
                    self.places.forget(key);
                    self.sights.forget(key);
                    return Ok(None);
                };
                self.reconcile_job(key, &job, now).await
            }
        }
    }

    /// A job that cannot be made does not keep the rest of the status from being written.
    async fn reconcile_setting(&self, key: &Key, setting: &SyncSetting, now: Timestamp) -> Result<Wake, ClusterError> {
        let observed = self.observe_setting(setting).await?;
        let mut decision = decide_setting(setting, &observed, now);
        if decision.unproven {
            // What removes or cancels jobs is decided on the setting as it is.
            let live = self.cluster.read_setting(setting.namespace(), setting.name()).await?;
            if live.is_none_or(|live| {
                live.uid() != setting.uid() || live.metadata.generation != setting.metadata.generation
            }) {
                return Err(ClusterError::Conflict { what: format!("decide about SyncSetting {}", setting.name()) });
            }
        }
        let creates = decision.actions.iter().any(|action| matches!(action, OperatorAction::CreateJob(_)));
        if !creates {
            return self.carry_out(key, setting, setting.status.as_ref(), decision).await;
        }
        let mut refused = None;
        for action in std::mem::take(&mut decision.actions) {
            if let Err(error) = self.act(key, &action).await {
                refused = Some(error);
                break;
            }
        }
        let Some(error) = refused else {
            return self.carry_out(key, setting, setting.status.as_ref(), decision).await;
        };
        let observed = SettingObserved { refused: Some(error.to_string()), ..observed };
        let decision = decide_setting(setting, &observed, now);
        self.carry_out(key, setting, setting.status.as_ref(), decision).await?;
        Err(error)
    }

    async fn reconcile_provider(
        &self,
        key: &Key,
        provider: &IntegrationProvider,
        now: Timestamp,
    ) -> Result<Wake, ClusterError> {
        let observed = self.observe_provider(provider).await?;
        let decision = decide_provider(provider, &observed, now);
        self.sights.note(key, provider.uid(), decision.sight.as_ref(), self.clock.elapsed());
        let starts = decision.actions.iter().any(|action| matches!(action, OperatorAction::CreatePod(_)));
        match self.carry_out(key, provider, provider.status.as_ref(), decision).await {
            Err(error) if starts => {
                let observed = ProviderObserved { refused: Some(refusal(error)?), ..observed };
                let decision = decide_provider(provider, &observed, now);
                self.carry_out(key, provider, provider.status.as_ref(), decision).await
            }
            other => other,
        }
    }

    /// Actions, then status, then clean-up, then events; the first error ends the pass.
    pub(super) async fn carry_out<K, S>(
        &self,
        key: &Key,
        object: &K,
        old: Option<&S>,
        decision: Decision<S>,
    ) -> Result<Wake, ClusterError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
        S: Serialize,
    {
        for action in &decision.actions {
            self.act(key, action).await?;
        }
        if let Some(status) = &decision.status {
            let written = self.cluster.patch_status(object, old, status).await?;
            self.expectations.expect(key, Where::Object(key.kind), written, self.clock.elapsed());
        }
        for action in &decision.cleanup {
            self.act(key, action).await?;
        }
        for note in &decision.events {
            self.cluster.publish(&Regarding::of(object), note);
        }
        Ok(decision.wake_at)
    }

    pub(super) async fn act(&self, key: &Key, action: &OperatorAction) -> Result<(), ClusterError> {
        match action {
            OperatorAction::CreatePod(pod) => {
                let written = self.cluster.create_pod(pod).await?;
                self.expectations.expect(key, Where::Pod, written, self.clock.elapsed());
            }
            OperatorAction::CreateJob(job) => {
                let written = self.cluster.create_job(job).await?;
                self.expectations.expect(key, Where::Object(Kind::Job), written, self.clock.elapsed());
            }
            OperatorAction::CancelJob(target) => self.cluster.cancel_job(target).await?,
            OperatorAction::DeletePod(target) => {
                let deleted = self.cluster.delete_pod(target).await?;
                self.expectations.expect(key, Where::NoPod, deleted, self.clock.elapsed());
            }
            OperatorAction::DeleteJob(target) => self.cluster.delete_job(target).await?,
        }
        Ok(())
    }
}

/// Why a pod is not taken; any other error is given back.
pub(super) fn refusal(error: ClusterError) -> Result<(Refusal, String), ClusterError> {
    match error {
        // A pod of an earlier object of this name may be on its way.
        ClusterError::Taken { .. } => Ok((Refusal::Forbidden, error.to_string())),
        ClusterError::Refused { refusal, message, .. } => Ok((refusal, message)),
        other => Err(other),
    }
}
