//! Decisions about an EmployeeSyncJob: when it may start, what its pod is doing, how it ended.
//!
//! A successful run costs three writes: the pod, InProgress, the end. Pods are named `<job>-<attempt>`, so an attempt
//! never has two, whatever crashed in between.

mod end;
mod start;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;

use self::end::End;
use super::{Decision, OperatorAction, PodStage, PodView, Target, plus, whole_seconds};
use crate::operator::resources::PodDefaults;
use rollcall_api::contract::{DefinitionSource, JobEnd};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, EmployeeSyncJobStatus, IntegrationProvider, JobPhase, SyncApproval, SyncSetting, TimeToLive,
};

/// A pod that has not started after this many seconds never will.
const START_DEADLINE: i64 = 300;
/// How long after its announced end a pod that is being deleted still counts as there, in seconds.
const LOST_AFTER: i64 = 60;
/// Default of `activeDeadlineSeconds` when there is no setting to ask.
const DEFAULT_DEADLINE: i64 = 21_600;
/// Default of `backoffLimit` when there is no setting to ask.
const DEFAULT_BACKOFF_LIMIT: i32 = 3;

/// One of the two providers of a job.
#[derive(Clone, Debug, Default)]
pub struct Counterpart {
    /// The provider, if it exists.
    pub provider: Option<Arc<IntegrationProvider>>,
    /// Where its definition is; None while that is not known.
    pub definition: Option<DefinitionSource>,
    /// Other jobs that are at work with it.
    pub active_jobs: i32,
}

/// Another unfinished job of the same setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is at work.
    pub active: bool,
}

/// The pod of the attempt that [`current_attempt`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodState {
    /// It does not exist. While the job is InProgress this must be known from the API server, not from a cache.
    Absent,
    /// It exists.
    Seen(Arc<PodView>),
    /// The API server refuses to create it, for this reason.
    Refused(String),
}

/// What is known besides the job itself.
#[derive(Clone, Debug)]
pub struct JobObserved {
    /// The setting. None must be known from the API server, not from a cache.
    pub setting: Option<Arc<SyncSetting>>,
    /// The system that is read.
    pub source: Counterpart,
    /// The system that is written to.
    pub target: Counterpart,
    /// Other unfinished jobs of the setting.
    pub siblings: Vec<Sibling>,
    /// The pod of the current attempt.
    pub pod: PodState,
    /// Decisions about the setting's held actions: a job of type Release carries one of them out.
    pub approvals: Vec<Arc<SyncApproval>>,
    /// How pods are made.
    pub defaults: PodDefaults,
}

/// Number of the attempt that is at work, or of the next one.
pub(super) fn current_attempt(job: &EmployeeSyncJob) -> i32 {
    let (phase, attempts) = job.status.as_ref().map_or((JobPhase::Queued, 0), |status| (status.phase, status.attempts));
    if phase == JobPhase::InProgress { attempts } else { attempts.saturating_add(1) }
}

/// Name of the pod of [`current_attempt`].
pub fn current_pod_name(job: &EmployeeSyncJob) -> String {
    format!("{}-{}", job.metadata.name.as_deref().unwrap_or_default(), current_attempt(job))
}

/// Decides about a job.
pub fn decide_job(job: &EmployeeSyncJob, observed: &JobObserved, now: Timestamp) -> Decision<EmployeeSyncJobStatus> {
    if job.metadata.deletion_timestamp.is_some() {
        return Decision::default();
    }
    let pass = Pass { job, observed, old: job.status.clone().unwrap_or_default(), now: whole_seconds(now) };
    if pass.old.phase.is_finished() {
        return pass.forget_when_orphaned();
    }
    match &observed.pod {
        PodState::Refused(why) => pass.finish(&JobEnd::failed(reasons::POD_CANNOT_START, why.clone())),
        PodState::Seen(pod) if pod.owner_uid.as_deref() != job.metadata.uid.as_deref() => {
            let message = format!("a pod {} that does not belong to this job exists already", pod.name);
            pass.finish(&JobEnd::failed(reasons::POD_CANNOT_START, message))
        }
        PodState::Seen(pod) => pass.with_pod(pod),
        PodState::Absent if pass.old.phase == JobPhase::InProgress => pass.without_its_pod("its pod is gone"),
        PodState::Absent => pass.start_or_wait(),
    }
}

/// When a finished job is to be deleted, by its own `ttl`, else the setting's.
pub(crate) fn expiry(job: &EmployeeSyncJob, setting: Option<&TimeToLive>) -> Option<Timestamp> {
    let status = job.status.as_ref().filter(|status| status.phase.is_finished())?;
    let pick = |ttl: &TimeToLive| match status.phase {
        JobPhase::Complete => ttl.after_success_seconds,
        _ => ttl.after_failure_seconds,
    };
    let seconds = pick(&job.spec.ttl).or_else(|| setting.and_then(pick))?;
    Some(plus(status.completion_time.as_ref()?.0, seconds))
}

struct Pass<'a> {
    job: &'a EmployeeSyncJob,
    observed: &'a JobObserved,
    old: EmployeeSyncJobStatus,
    now: Timestamp,
}

impl Pass<'_> {
    /// Without a setting nobody else applies the job's own time to live.
    fn forget_when_orphaned(&self) -> Decision<EmployeeSyncJobStatus> {
        let mut decision = Decision::default();
        if let (None, Some(expiry)) = (&self.observed.setting, expiry(self.job, None)) {
            if expiry <= self.now {
                decision.cleanup.push(OperatorAction::DeleteJob(target_of(&self.job.metadata)));
            } else {
                decision.wake(expiry);
            }
        }
        decision
    }

    fn with_pod(&self, pod: &PodView) -> Decision<EmployeeSyncJobStatus> {
        let deadline = self.deadline();
        match &pod.stage {
            PodStage::Ended { exit_code, reason, message } => match end::of_pod(pod, *exit_code, reason, message) {
                End::Finished(finish) => self.finish(&finish),
                End::Stopped => self.without_its_pod("its pod was stopped"),
                End::Lost(why) => self.without_its_pod(&why),
                End::Transient { reason, message, retry_after } => self.retry(&reason, &message, retry_after),
            },
            PodStage::Waiting { permanent, obstacle }
                if !self.must_stop() && (*permanent || self.now >= plus(pod.created, START_DEADLINE)) =>
            {
                let obstacle = obstacle.as_deref().unwrap_or("the kubelet has not started it (volumes, node)");
                let message = format!("pod {} cannot start: {obstacle}", pod.name);
                // The pod goes first: it must not start after the job has ended.
                let mut decision = self.finish(&JobEnd::failed(reasons::POD_CANNOT_START, message));
                decision.actions.extend(delete(pod));
                decision
            }
            PodStage::Waiting { .. } | PodStage::Running => {
                let overdue = pod.deleting.map(|end| plus(end, LOST_AFTER));
                if overdue.is_some_and(|overdue| overdue <= self.now) {
                    return self.without_its_pod("its node is lost");
                }
                let mut decision = self.in_progress();
                if self.must_stop() {
                    decision.actions.extend(delete(pod));
                } else {
                    decision.wake(deadline);
                    if matches!(pod.stage, PodStage::Waiting { .. }) {
                        decision.wake(plus(pod.created, START_DEADLINE));
                    }
                }
                if let Some(overdue) = overdue {
                    decision.wake(overdue);
                }
                decision
            }
        }
    }

    /// The attempt is over without a result of its own.
    fn without_its_pod(&self, why: &str) -> Decision<EmployeeSyncJobStatus> {
        match self.stop_reason() {
            Some(finish) => self.finish(&finish),
            None => self.lost(why),
        }
    }

    /// Why no attempt may go on or start, if so.
    fn stop_reason(&self) -> Option<JobEnd> {
        if self.job.spec.cancel {
            return Some(JobEnd::failed(reasons::CANCELLED, "spec.cancel was set"));
        }
        let began = self.old.start_time.is_some();
        (began && self.deadline() <= self.now).then(|| {
            let message = format!("the run took longer than {} s", self.deadline_seconds());
            JobEnd::failed(reasons::DEADLINE_EXCEEDED, message)
        })
    }

    fn must_stop(&self) -> bool {
        self.stop_reason().is_some()
    }

    fn deadline_seconds(&self) -> i64 {
        let setting = self.observed.setting.as_ref().map(|setting| setting.spec.active_deadline_seconds);
        self.job.spec.active_deadline_seconds.or(setting).unwrap_or(DEFAULT_DEADLINE)
    }

    /// Counted from the first attempt on, as batch/v1 Job does.
    fn deadline(&self) -> Timestamp {
        let start = self.old.start_time.as_ref().map_or(self.now, |start| start.0);
        plus(start, self.deadline_seconds())
    }

    fn backoff_limit(&self) -> i32 {
        let setting = self.observed.setting.as_ref().map(|setting| setting.spec.backoff_limit);
        self.job.spec.backoff_limit.or(setting).unwrap_or(DEFAULT_BACKOFF_LIMIT)
    }

    fn uid(&self) -> &str {
        self.job.metadata.uid.as_deref().unwrap_or_default()
    }
}

fn delete(pod: &PodView) -> Option<OperatorAction> {
    let target = Target { namespace: pod.namespace.clone(), name: pod.name.clone(), uid: pod.uid.clone() };
    pod.deleting.is_none().then_some(OperatorAction::DeletePod(target))
}

pub(crate) fn target_of(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> Target {
    Target {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
    }
}
