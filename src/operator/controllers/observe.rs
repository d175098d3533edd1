//! Gathers what a decision needs: from the stores, and from the API server where a store's "not there" is no proof.

use std::collections::HashMap;
use std::sync::Arc;

use super::reconcile::Controller;
use super::route::phase;
use crate::operator::cluster::{ClusterError, Stored, Stores};
use crate::operator::decide::{
    ApprovalObserved, Counterpart, JobObserved, PodState, ProviderObserved, SettingObserved, Sibling, current_pod_name,
};
use crate::operator::resources::release_job_name;
use rollcall_api::v1alpha1::{
    Decision as Verdict, EmployeeSyncJob, IntegrationProvider, JobPhase, SyncApproval, SyncSetting,
};

/// A job that was given its places and is not InProgress in the cache yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reservation {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) setting: String,
    pub(super) source: String,
    pub(super) target: String,
}

/// Reservations by uid of the job. Held over deciding, so that two workers never give the same place away twice.
pub(super) type Reservations = HashMap<String, Reservation>;

impl Controller {
    pub(super) async fn observe_provider(
        &self,
        provider: &IntegrationProvider,
    ) -> Result<ProviderObserved, ClusterError> {
        let group = format!("{}={}", rollcall_api::labels::PROVIDER, provider.name());
        let mut pods = self.stores.pods.group(provider.namespace(), &group);
        pods.retain(|pod| pod.owner_uid.as_deref() == Some(provider.uid()));
        let definition = self.definitions.read(provider).await?;
        Ok(ProviderObserved { definition, pods, refused: None, defaults: self.pods.clone() })
    }

    pub(super) async fn observe_setting(&self, setting: &SyncSetting) -> Result<SettingObserved, ClusterError> {
        let namespace = setting.namespace();
        let source = self.stores.providers.get(namespace, &setting.spec.source_ref.name);
        let target = self.stores.providers.get(namespace, &setting.spec.target_ref.name);
        let check = match (self.definition(source.as_ref()).await?, self.definition(target.as_ref()).await?) {
            (Some(from), Some(to)) => {
                let generation = setting.metadata.generation;
                Some(self.definitions.check(setting.uid(), generation, &setting.spec, &from, &to))
            }
            _ => None,
        };
        Ok(SettingObserved { source, target, check, jobs: self.stores.jobs.group(namespace, setting.name()) })
    }

    /// Everything but the places: those are counted when the decision is made.
    pub(super) async fn observe_job(&self, job: &EmployeeSyncJob) -> Result<JobObserved, ClusterError> {
        let setting = self.setting_of(job).await?;
        let counterpart = |name: &str| self.stores.providers.get(job.namespace(), name);
        let (source, target) = match &setting {
            Some(one) => (counterpart(&one.spec.source_ref.name), counterpart(&one.spec.target_ref.name)),
            None => (None, None),
        };
        let pod_name = current_pod_name(job);
        let pod = match self.stores.pods.get(job.namespace(), &pod_name) {
            Some(pod) => PodState::Seen(pod),
            // "Gone" costs an attempt: the cache's word is not enough.
            None if phase(job) == JobPhase::InProgress => {
                let live = self.cluster.read_pod(job.namespace(), &pod_name).await?;
                live.map_or(PodState::Absent, |pod| PodState::Seen(Arc::new(pod)))
            }
            None => PodState::Absent,
        };
        Ok(JobObserved {
            source: self.counterpart(source).await?,
            target: self.counterpart(target).await?,
            setting,
            siblings: Vec::new(),
            pod,
            approvals: self.stores.approvals.group(job.namespace(), &job.spec.setting_ref.name),
            defaults: self.pods.clone(),
        })
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

    /// A missing setting ends the job, so the cache's word is not enough.
    async fn setting_of(&self, job: &EmployeeSyncJob) -> Result<Option<Arc<SyncSetting>>, ClusterError> {
        let name = &job.spec.setting_ref.name;
        match self.stores.settings.get(job.namespace(), name) {
            Some(setting) => Ok(Some(setting)),
            None if phase(job).is_finished() => Ok(None),
            None => Ok(self.cluster.read_setting(job.namespace(), name).await?.map(Arc::new)),
        }
    }

    pub(super) fn observe_approval(&self, approval: &SyncApproval) -> ApprovalObserved {
        let (namespace, setting) = (approval.namespace(), approval.spec.setting_ref.name.as_str());
        let denies = |other: &Arc<SyncApproval>| {
            other.spec.decision == Verdict::Deny && other.spec.digest == approval.spec.digest
        };
        ApprovalObserved {
            setting: self.stores.settings.get(namespace, setting),
            job: self.stores.jobs.get(namespace, &release_job_name(approval.name())),
            denied: self.stores.approvals.group(namespace, setting).iter().any(denies),
        }
    }
}

/// Counts who is at work: jobs that the cache shows InProgress, and those that were just given a place.
pub(super) fn count_places(
    job: &EmployeeSyncJob,
    observed: &mut JobObserved,
    stores: &Stores,
    reservations: &mut Reservations,
) {
    reservations
        .retain(|_, one| stores.jobs.get(&one.namespace, &one.name).is_some_and(|job| phase(&job) == JobPhase::Queued));
    let Some(setting) = observed.setting.clone() else { return };
    let others = || reservations.iter().filter(|(uid, one)| *uid != job.uid() && one.namespace == job.namespace());
    let reserved = |uid: &str| reservations.contains_key(uid);
    let siblings = stores.jobs.group(job.namespace(), &job.spec.setting_ref.name);
    observed.siblings = siblings
        .iter()
        .filter(|other| other.uid() != job.uid() && !phase(other).is_finished())
        .map(|other| Sibling {
            name: other.name().to_owned(),
            created: other.metadata.creation_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
            active: phase(other) == JobPhase::InProgress || reserved(other.uid()),
        })
        .collect();
    let active = |provider: &str| {
        let settings = stores.settings.group(job.namespace(), provider);
        let running = settings
            .iter()
            .flat_map(|setting| stores.jobs.group(setting.namespace(), setting.name()))
            .filter(|other| other.uid() != job.uid() && phase(other) == JobPhase::InProgress)
            .count();
        let given = others().filter(|(_, one)| one.source == provider || one.target == provider).count();
        i32::try_from(running + given).unwrap_or(i32::MAX)
    };
    observed.source.active_jobs = active(&setting.spec.source_ref.name);
    observed.target.active_jobs = active(&setting.spec.target_ref.name);
}
