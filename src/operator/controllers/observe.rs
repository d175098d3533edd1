//! Gathers what a decision needs: from the stores, and from the API server where a store's "not there" is no proof.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::key::{Key, Kind};
use super::reconcile::Controller;
use super::route::phase;
use crate::operator::cluster::{ClusterError, Stored, groups};
use crate::operator::decide::{
    ApprovalObserved, Counterpart, JobObserved, PodState, ProviderObserved, SettingObserved, current_pod_name,
};
use crate::operator::resources::{PodDefaults, release_job_name};
use rollcall_api::v1alpha1::{
    Decision as Verdict, EmployeeSyncJob, IntegrationProvider, JobPhase, SyncApproval, SyncSetting,
};

/// Where a decision's view of other objects comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The stores; they may lag, each by another time.
    Cached,
    /// The API server itself.
    Live,
}

impl Controller {
    pub(super) async fn observe_provider(
        &self,
        provider: &IntegrationProvider,
    ) -> Result<ProviderObserved, ClusterError> {
        let mut pods = self.stores.pods.group(provider.namespace(), &groups::probes(provider.name()));
        pods.retain(|pod| pod.owner_uid.as_deref() == Some(provider.uid()));
        let definition = self.definitions.read(provider).await?;
        let sighted = self.sights.get(&Key::of(Kind::Provider, provider), provider.uid(), self.clock.elapsed());
        Ok(ProviderObserved { definition, pods, refused: None, defaults: self.pods.clone(), sighted })
    }

    pub(super) async fn observe_setting(&self, setting: &SyncSetting) -> Result<SettingObserved, ClusterError> {
        let namespace = setting.namespace();
        let source = self.stores.providers.get(namespace, &setting.spec.source_ref.name);
        let target = self.stores.providers.get(namespace, &setting.spec.target_ref.name);
        let check = match (self.definition(source.as_ref()).await?, self.definition(target.as_ref()).await?) {
            (Some(from), Some(to)) => Some(self.definitions.check(setting, &from, &to)),
            _ => None,
        };
        let jobs = self.stores.jobs.group(namespace, setting.name());
        Ok(SettingObserved { source, target, check, jobs, refused: None })
    }

    /// Everything but the places: those are counted when the decision is made.
    pub(super) async fn observe_job(&self, job: &EmployeeSyncJob, view: View) -> Result<JobObserved, ClusterError> {
        let setting = self.setting_of(job, view).await?;
        let counterpart = |name: &str| self.stores.providers.get(job.namespace(), name);
        let (source, target) = match &setting {
            Some(one) => (counterpart(&one.spec.source_ref.name), counterpart(&one.spec.target_ref.name)),
            None => (None, None),
        };
        let key = Key::of(Kind::Job, job);
        let elapsed = self.clock.elapsed();
        let clocks = (self.clock.now(), elapsed);
        let present = |time: &Time| self.sights.present(&key, job.uid(), time.0, clocks);
        let status = job.status.as_ref();
        Ok(JobObserved {
            source: self.counterpart(source).await?,
            target: self.counterpart(target).await?,
            setting,
            ahead: false,
            pod: self.pod_of(job, view).await?,
            approvals: self.approvals_of(job, view).await?,
            defaults: self.pods.clone(),
            sighted: self.sights.get(&key, job.uid(), elapsed),
            start: status.and_then(|status| status.start_time.as_ref()).map(present),
            next_attempt: status.and_then(|status| status.next_attempt_time.as_ref()).map(present),
        })
    }

    /// Of a finished job only its setting matters.
    pub(super) async fn observe_ended(&self, job: &EmployeeSyncJob, view: View) -> Result<JobObserved, ClusterError> {
        Ok(JobObserved {
            setting: self.setting_of(job, view).await?,
            source: Counterpart::default(),
            target: Counterpart::default(),
            ahead: false,
            pod: PodState::Absent,
            approvals: Vec::new(),
            defaults: PodDefaults::default(),
            sighted: None,
            start: None,
            next_attempt: None,
        })
    }

    async fn pod_of(&self, job: &EmployeeSyncJob, view: View) -> Result<PodState, ClusterError> {
        let name = current_pod_name(job);
        let cached = self.stores.pods.get(job.namespace(), &name);
        let own = cached.as_ref().is_some_and(|pod| pod.owner_uid.as_deref() == Some(job.uid()));
        // "Gone" costs an attempt: the cache's word is not enough.
        if view == View::Live || (!own && phase(job) == JobPhase::InProgress) {
            return self.read_pod(job.namespace(), &name).await;
        }
        Ok(cached.map_or(PodState::Absent, PodState::Seen))
    }

    pub(super) async fn read_pod(&self, namespace: &str, name: &str) -> Result<PodState, ClusterError> {
        let live = self.cluster.read_pod(namespace, name).await?;
        Ok(live.map_or(PodState::Absent, |pod| PodState::Seen(Arc::new(pod))))
    }

    async fn approvals_of(&self, job: &EmployeeSyncJob, view: View) -> Result<Vec<Arc<SyncApproval>>, ClusterError> {
        let Some(release) = &job.spec.release else { return Ok(Vec::new()) };
        match view {
            View::Cached => Ok(self.stores.approvals.group(job.namespace(), &groups::digest(&release.digest))),
            View::Live => {
                let found = self.cluster.list_approvals(job.namespace(), &job.spec.setting_ref.name).await?;
                Ok(found.into_iter().map(Arc::new).collect())
            }
        }
    }

    async fn counterpart(&self, provider: Option<Arc<IntegrationProvider>>) -> Result<Counterpart, ClusterError> {
        let definition = self.definition(provider.as_ref()).await?.map(|definition| definition.source);
        Ok(Counterpart { provider, definition, active_jobs: 0 })
    }

    async fn definition(
        &self,
        provider: Option<&Arc<IntegrationProvider>>,
    ) -> Result<Option<crate::operator::decide::Definition>, ClusterError> {
        match provider {
            Some(provider) => self.definitions.get(provider).await,
            None => Ok(None),
        }
    }

    async fn setting_of(&self, job: &EmployeeSyncJob, view: View) -> Result<Option<Arc<SyncSetting>>, ClusterError> {
        self.setting(job.namespace(), &job.spec.setting_ref.name, view).await
    }

    async fn setting(&self, namespace: &str, name: &str, view: View) -> Result<Option<Arc<SyncSetting>>, ClusterError> {
        match view {
            View::Cached => Ok(self.stores.settings.get(namespace, name)),
            View::Live => Ok(self.cluster.read_setting(namespace, name).await?.map(Arc::new)),
        }
    }

    pub(super) async fn observe_approval(
        &self,
        approval: &SyncApproval,
        view: View,
    ) -> Result<ApprovalObserved, ClusterError> {
        let (namespace, setting) = (approval.namespace(), approval.spec.setting_ref.name.as_str());
        let job_name = release_job_name(approval.name());
        let (job, others) = match view {
            View::Cached => {
                let others = self.stores.approvals.group(namespace, &groups::digest(&approval.spec.digest));
                (self.stores.jobs.get(namespace, &job_name), others)
            }
            View::Live => {
                let job = self.cluster.read_job(namespace, &job_name).await?.map(Arc::new);
                let others = self.cluster.list_approvals(namespace, setting).await?;
                (job, others.into_iter().map(Arc::new).collect())
            }
        };
        let denies = |other: &Arc<SyncApproval>| {
            other.spec.decision == Verdict::Deny
                && other.spec.digest == approval.spec.digest
                && other.spec.setting_ref == approval.spec.setting_ref
        };
        Ok(ApprovalObserved {
            setting: self.setting(namespace, setting, view).await?,
            job,
            denied: others.iter().any(denies),
        })
    }
}
