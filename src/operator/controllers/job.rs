//! The driver of jobs: places are counted, a decision is made and the places are given in one step; what would end a
//! job because of what a cache said is decided again on objects that were read live.

use jiff::Timestamp;

use super::key::Key;
use super::observe::View;
use super::reconcile::{Controller, Wake, refusal};
use super::route::phase;
use crate::operator::cluster::{ClusterError, Stored};
use crate::operator::decide::{Decision, JobObserved, OperatorAction, PodState, current_pod_name, decide_job};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{EmployeeSyncJob, EmployeeSyncJobStatus, IntegrationProvider};

type JobDecision = Decision<EmployeeSyncJobStatus>;

impl Controller {
    pub(super) async fn reconcile_job(
        &self,
        key: &Key,
        job: &EmployeeSyncJob,
        now: Timestamp,
    ) -> Result<Wake, ClusterError> {
        if phase(job).is_finished() {
            return self.look_after(key, job, now).await;
        }
        let mut observed = self.observe_job(job, View::Cached).await?;
        let mut decision = self.decide_with_places(job, &mut observed, now);
        if decision.unproven {
            self.give_back(job);
            observed = self.observe_job(job, View::Live).await?;
            decision = self.decide_with_places(job, &mut observed, now);
        }
        for action in std::mem::take(&mut decision.actions) {
            let is_start = matches!(action, OperatorAction::CreatePod(_));
            if let Err(error) = self.act(key, &action).await {
                if is_start {
                    return self.pod_not_made(key, job, observed, error, now).await;
                }
                return Err(error);
            }
        }
        self.carry_out_job(key, job, decision).await
    }

    /// The API server did not take the pod, or one of its name exists.
    async fn pod_not_made(
        &self,
        key: &Key,
        job: &EmployeeSyncJob,
        observed: JobObserved,
        error: ClusterError,
        now: Timestamp,
    ) -> Result<Wake, ClusterError> {
        self.give_back(job);
        let pod = match error {
            // Whose it is decides.
            ClusterError::Taken { .. } => self.read_pod(job.namespace(), &current_pod_name(job)).await?,
            other => refusal(other).map(|(kind, why)| PodState::Refused(kind, why))?,
        };
        if pod == PodState::Absent {
            return Err(ClusterError::Conflict { what: format!("create the pod of {}", job.name()) });
        }
        let observed = JobObserved { pod, ..observed };
        self.carry_out_job(key, job, decide_job(job, &observed, now)).await
    }

    /// A job that has ended.
    async fn look_after(&self, key: &Key, job: &EmployeeSyncJob, now: Timestamp) -> Result<Wake, ClusterError> {
        self.places.forget(key);
        self.sights.forget(key);
        let mut decision = decide_job(job, &self.observe_ended(job, View::Cached).await?, now);
        if decision.unproven {
            decision = decide_job(job, &self.observe_ended(job, View::Live).await?, now);
        }
        self.carry_out(key, job, job.status.as_ref(), decision).await
    }

    /// Counting places, deciding and giving them are one step: two workers never start one job too many.
    fn decide_with_places(&self, job: &EmployeeSyncJob, observed: &mut JobObserved, now: Timestamp) -> JobDecision {
        let mut places = self.places.lock();
        places.count(job, observed, &self.stores);
        let decision = decide_job(job, observed, now);
        match &observed.setting {
            Some(setting) if starts(&decision) => places.give(job, setting),
            _ => {
                let reason =
                    decision.status.as_ref().or(job.status.as_ref()).and_then(|status| status.reason.as_deref());
                let waits = reason == Some(reasons::WAITING_FOR_SLOT);
                places.wait(job, if waits { full_providers(observed) } else { Vec::new() });
            }
        }
        decision
    }

    /// The job starts no pod after all.
    fn give_back(&self, job: &EmployeeSyncJob) {
        for key in self.places.take_back(job.uid()) {
            self.queue.add(key);
        }
    }

    async fn carry_out_job(
        &self,
        key: &Key,
        job: &EmployeeSyncJob,
        decision: JobDecision,
    ) -> Result<Wake, ClusterError> {
        self.sights.note(key, job.uid(), decision.sight.as_ref(), self.clock.elapsed());
        let ended = decision.status.clone().filter(|status| status.phase.is_finished());
        let wake = self.carry_out(key, job, job.status.as_ref(), decision).await?;
        if let Some(status) = ended {
            let (namespace, job_name, reason) = (job.namespace(), job.name(), status.reason.as_deref());
            tracing::info!(namespace, job = job_name, code = status.code, reason, "run ended");
            self.metrics.run_ended(job.namespace(), &status);
        }
        Ok(wake)
    }
}

fn starts(decision: &JobDecision) -> bool {
    decision.actions.iter().any(|action| matches!(action, OperatorAction::CreatePod(_)))
}

/// Providers of the job that have no place left.
fn full_providers(observed: &JobObserved) -> Vec<(String, String)> {
    let full = |provider: &IntegrationProvider, active: i32| active >= provider.spec.max_concurrent_jobs.max(1);
    let name = |provider: &IntegrationProvider| (provider.namespace().to_owned(), provider.name().to_owned());
    [&observed.source, &observed.target]
        .into_iter()
        .filter_map(|side| side.provider.as_deref().filter(|provider| full(provider, side.active_jobs)).map(name))
        .collect()
}
