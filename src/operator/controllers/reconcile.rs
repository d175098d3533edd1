//! One pass over one object: observe, decide, act, write the status, clean up.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::definitions::Definitions;
use super::expect::{Expectations, Where};
use super::key::{Key, Kind};
use super::observe::{Reservation, Reservations, count_places};
use super::pass::Passes;
use super::queue::Queue;
use crate::operator::catalogue::Catalogue;
use crate::operator::clock::Clock;
use crate::operator::cluster::{Cluster, ClusterError, Regarding, Stored, Stores};
use crate::operator::decide::{
    Decision, JobObserved, OperatorAction, PodState, ProviderObserved, decide_approval, decide_job, decide_provider,
    decide_setting,
};
use crate::operator::metrics::Metrics;
use crate::operator::resources::PodDefaults;
use rollcall_api::v1alpha1::{EmployeeSyncJob, EmployeeSyncJobStatus, IntegrationProvider};

/// Everything a worker needs.
pub struct Controller {
    pub(super) cluster: Cluster,
    pub(super) stores: Arc<Stores>,
    pub(super) definitions: Definitions,
    pub(super) pods: PodDefaults,
    pub(super) queue: Arc<Queue>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) passes: Passes,
    expectations: Expectations,
    reservations: Mutex<Reservations>,
}

type Wake = Option<Timestamp>;

/// The two clocks drift by less than this between two looks; more means that the wall clock was set.
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(2);

impl Controller {
    /// Puts the parts together.
    pub fn new(
        cluster: Cluster,
        stores: Arc<Stores>,
        catalogue: Arc<dyn Catalogue>,
        pods: PodDefaults,
        queue: Arc<Queue>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        passes: Passes,
    ) -> Self {
        Self {
            definitions: Definitions::new(cluster.clone(), catalogue),
            cluster,
            stores,
            pods,
            queue,
            clock,
            metrics,
            passes,
            expectations: Expectations::default(),
            reservations: Mutex::default(),
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

    /// One pass, measured.
    pub(super) async fn pass(&self, key: &Key) -> Result<Wake, ClusterError> {
        let timer = self.metrics.pass_started(key.kind.as_str());
        let result = self.reconcile(key).await;
        timer.finish(result.as_ref().err().map(ClusterError::reason));
        result
    }

    async fn reconcile(&self, key: &Key) -> Result<Wake, ClusterError> {
        let now = self.clock.now();
        if let Some(until) = self.expectations.pending(key, &self.stores, now) {
            return Ok(Some(until));
        }
        let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
        match key.kind {
            Kind::Provider => {
                let Some(provider) = self.stores.providers.get(namespace, name) else {
                    self.definitions.forget(namespace, name);
                    return Ok(None);
                };
                self.reconcile_provider(key, &provider, now).await
            }
            Kind::Setting => {
                let Some(setting) = self.stores.settings.get(namespace, name) else { return Ok(None) };
                let observed = self.observe_setting(&setting).await?;
                let decision = decide_setting(&setting, &observed, now);
                self.carry_out(key, setting.as_ref(), setting.status.as_ref(), decision).await
            }
            Kind::Approval => {
                let Some(approval) = self.stores.approvals.get(namespace, name) else { return Ok(None) };
                let decision = decide_approval(&approval, &self.observe_approval(&approval), now);
                self.carry_out(key, approval.as_ref(), approval.status.as_ref(), decision).await
            }
            Kind::Job => {
                let Some(job) = self.stores.jobs.get(namespace, name) else { return Ok(None) };
                self.reconcile_job(key, &job, now).await
            }
        }
    }

    async fn reconcile_provider(
        &self,
        key: &Key,
        provider: &IntegrationProvider,
        now: Timestamp,
    ) -> Result<Wake, ClusterError> {
        let observed = self.observe_provider(provider).await?;
        let decision = decide_provider(provider, &observed, now);
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

    async fn reconcile_job(&self, key: &Key, job: &EmployeeSyncJob, now: Timestamp) -> Result<Wake, ClusterError> {
        let mut observed = self.observe_job(job).await?;
        let decision = self.decide_with_places(job, &mut observed, now);
        let starts = decision.actions.iter().any(|action| matches!(action, OperatorAction::CreatePod(_)));
        match self.carry_out_job(key, job, decision).await {
            Err(error) if starts => {
                self.reservations().remove(job.uid());
                let observed = JobObserved { pod: PodState::Refused(refusal(error)?), ..observed };
                self.carry_out_job(key, job, decide_job(job, &observed, now)).await
            }
            other => other,
        }
    }

    /// Counting places, deciding and reserving are one step: two workers never start one job too many.
    fn decide_with_places(
        &self,
        job: &EmployeeSyncJob,
        observed: &mut JobObserved,
        now: Timestamp,
    ) -> Decision<EmployeeSyncJobStatus> {
        let mut reservations = self.reservations();
        count_places(job, observed, &self.stores, &mut reservations);
        let decision = decide_job(job, observed, now);
        let starts = decision.actions.iter().any(|action| matches!(action, OperatorAction::CreatePod(_)));
        if let (Some(setting), true) = (&observed.setting, starts) {
            let reservation = Reservation {
                namespace: job.namespace().to_owned(),
                name: job.name().to_owned(),
                setting: setting.name().to_owned(),
                source: setting.spec.source_ref.name.clone(),
                target: setting.spec.target_ref.name.clone(),
            };
            reservations.insert(job.uid().to_owned(), reservation);
        }
        decision
    }

    fn reservations(&self) -> std::sync::MutexGuard<'_, Reservations> {
        self.reservations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry_out_job(
        &self,
        key: &Key,
        job: &EmployeeSyncJob,
        decision: Decision<EmployeeSyncJobStatus>,
    ) -> Result<Wake, ClusterError> {
        let ended = decision.status.clone().filter(|status| status.phase.is_finished());
        let wake = self.carry_out(key, job, job.status.as_ref(), decision).await?;
        if let Some(status) = ended {
            let (namespace, job_name, reason) = (job.namespace(), job.name(), status.reason.as_deref());
            tracing::info!(namespace, job = job_name, code = status.code, reason, "run ended");
            self.metrics.run_ended(job.namespace(), &status);
        }
        Ok(wake)
    }

    /// Actions, then status, then clean-up, then events; the first error ends the pass.
    async fn carry_out<K, S>(
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
            self.expectations.expect(key, Where::Object(key.kind), written, self.clock.now());
        }
        for action in &decision.cleanup {
            self.act(key, action).await?;
        }
        for note in &decision.events {
            self.cluster.publish(&Regarding::of(object), note);
        }
        Ok(decision.wake_at)
    }

    async fn act(&self, key: &Key, action: &OperatorAction) -> Result<(), ClusterError> {
        match action {
            OperatorAction::CreatePod(pod) => {
                let written = self.cluster.create_pod(pod).await?;
                self.expectations.expect(key, Where::Pod, written, self.clock.now());
            }
            OperatorAction::CreateJob(job) => {
                let written = self.cluster.create_job(job).await?;
                self.expectations.expect(key, Where::Object(Kind::Job), written, self.clock.now());
            }
            OperatorAction::CancelJob(target) => self.cluster.cancel_job(target).await?,
            OperatorAction::DeletePod(target) => {
                let deleted = self.cluster.delete_pod(target).await?;
                self.expectations.expect(key, Where::NoPod, deleted, self.clock.now());
            }
            OperatorAction::DeleteJob(target) => self.cluster.delete_job(target).await?,
        }
        Ok(())
    }
}

/// Why a pod will not be taken however often it is tried; any other error is given back.
fn refusal(error: ClusterError) -> Result<String, ClusterError> {
    match error {
        ClusterError::Taken { .. } => Ok(error.to_string()),
        ClusterError::Refused { message, .. } => Ok(message),
        other => Err(other),
    }
}
