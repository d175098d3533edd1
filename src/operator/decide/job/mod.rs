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
use super::{Decision, OperatorAction, PodStage, PodView, Sight, Sighted, Target, age, plus, whole_seconds};
use crate::operator::resources::PodDefaults;
use rollcall_api::contract::{DefinitionSource, JobEnd};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, EmployeeSyncJobStatus, IntegrationProvider, JobPhase, SyncApproval, SyncSetting, TimeToLive,
};

/// A pod that has not started, or is not taken by the API server, after this many seconds never will.
const START_DEADLINE: i64 = 300;
/// How long a pod that is being deleted counts as there, in seconds: twice its grace period, and then some.
const LOST_AFTER: i64 = 90;
/// How long a job waits for its setting or approval to appear, in seconds: files of a folder are applied in any order.
const MISSING_DEADLINE: i64 = 60;
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
    /// Other runs that are at work with it.
    pub active_jobs: i32,
}

/// Why the API server does not take a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The pod is wrong: it says so every time.
    Invalid,
    /// Something forbids it now: a policy, a ServiceAccount that an upgrade has not made yet, rights.
    Forbidden,
    /// The quota is used up; it may be free at any time.
    Quota,
}

/// The pod of the attempt that [`current_attempt`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodState {
    /// It does not exist. While the job is InProgress this must be known from the API server, not from a cache.
    Absent,
    /// It exists.
    Seen(Arc<PodView>),
    /// The API server refuses to create it, with these words.
    Refused(Refusal, String),
}

/// What is known besides the job itself.
#[derive(Clone, Debug)]
pub struct JobObserved {
    /// The setting.
    pub setting: Option<Arc<SyncSetting>>,
    /// The system that is read.
    pub source: Counterpart,
    /// The system that is written to.
    pub target: Counterpart,
    /// Whether another run of the setting is at work, or an older job of it is unfinished.
    pub ahead: bool,
    /// The pod of the current attempt.
    pub pod: PodState,
    /// Decisions about the setting's held actions: a job of type Release carries one of them out.
    pub approvals: Vec<Arc<SyncApproval>>,
    /// How pods are made.
    pub defaults: PodDefaults,
    /// What the job has been waiting for, and how long.
    pub sighted: Sighted,
    /// `status.startTime`, moved by as much as the wall clock was since.
    pub start: Option<Timestamp>,
    /// `status.nextAttemptTime`, moved likewise.
    pub next_attempt: Option<Timestamp>,
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
        return pass.after_the_end();
    }
    match &observed.pod {
        PodState::Refused(kind, why) => pass.refused(*kind, why),
        PodState::Seen(pod) if pod.owner_uid.as_deref() == job.metadata.uid.as_deref() => pass.with_pod(pod),
        // A pod of another owner: the own one is gone, or was never made.
        _ if pass.old.phase == JobPhase::InProgress => pass.without_its_pod("its pod is gone"),
        PodState::Seen(pod) => pass.in_the_way(pod),
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
    /// A finished job changes no more; but tools wait for `observedGeneration` to follow a late `cancel`, and without a
    /// setting nobody else applies the job's own time to live.
    fn after_the_end(&self) -> Decision<EmployeeSyncJobStatus> {
        let mut decision = Decision::default();
        if self.old.observed_generation != self.job.metadata.generation {
            let generation = self.job.metadata.generation;
            decision.status = Some(EmployeeSyncJobStatus { observed_generation: generation, ..self.old.clone() });
        }
        if let (None, Some(expiry)) = (&self.observed.setting, expiry(self.job, None)) {
            if expiry <= self.now {
                decision.cleanup.push(OperatorAction::DeleteJob(target_of(&self.job.metadata)));
                decision.unproven = true;
            } else {
                decision.wake(expiry);
            }
        }
        decision
    }

    fn with_pod(&self, pod: &PodView) -> Decision<EmployeeSyncJobStatus> {
        match &pod.stage {
            PodStage::Ended { exit_code, reason, message } => match end::of_pod(pod, *exit_code, reason, message) {
                // The pod's own word: no cache can be wrong about it.
                End::Finished(finish) => Decision { unproven: false, ..self.finish(&finish) },
                End::Stopped => self.without_its_pod("its pod was stopped"),
                End::Lost(why) => self.without_its_pod(&why),
                End::Transient { reason, message, retry_after } => self.retry(&reason, &message, retry_after),
            },
            PodStage::Waiting { .. } | PodStage::Running if pod.deleting => self.leaving(pod),
            PodStage::Waiting { .. } | PodStage::Running if self.must_stop() => {
                let mut decision = self.in_progress();
                decision.actions.extend(delete(pod));
                decision.sight = Some(Sight::Leaving(pod.uid.clone()));
                decision
            }
            PodStage::Waiting { permanent, obstacle } => self.starting(pod, *permanent, obstacle.as_deref()),
            PodStage::Running => {
                let mut decision = self.in_progress();
                decision.wake(self.deadline());
                decision
            }
        }
    }

    /// The pod has not started yet.
    fn starting(&self, pod: &PodView, permanent: bool, obstacle: Option<&str>) -> Decision<EmployeeSyncJobStatus> {
        let sight = Sight::Pod(pod.uid.clone());
        let left = START_DEADLINE - age(&self.observed.sighted, &sight);
        if permanent || left <= 0 {
            let obstacle = obstacle.unwrap_or("the kubelet has not started it (volumes, node)");
            let message = format!("pod {} cannot start: {obstacle}", pod.name);
            // The pod goes first: it must not start after the job has ended.
            let mut decision = self.finish(&JobEnd::failed(reasons::POD_CANNOT_START, message));
            decision.actions.extend(delete(pod));
            return decision;
        }
        let mut decision = self.in_progress();
        decision.wake(plus(self.now, left).min(self.deadline()));
        decision.sight = Some(sight);
        decision
    }

    /// The pod is being deleted; a kubelet that is gone never says so.
    fn leaving(&self, pod: &PodView) -> Decision<EmployeeSyncJobStatus> {
        let sight = Sight::Leaving(pod.uid.clone());
        let left = LOST_AFTER - age(&self.observed.sighted, &sight);
        if left <= 0 {
            return self.without_its_pod("its node is lost");
        }
        let mut decision = self.in_progress();
        decision.wake(plus(self.now, left));
        decision.sight = Some(sight);
        decision
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
        let refused = self.observed.setting.as_ref().and_then(|setting| start::refusal(setting, self.job.spec.type_));
        if refused.is_some() {
            return refused;
        }
        let began = self.old.start_time.is_some();
        (began && self.deadline() <= self.now).then(|| {
            let message = format!("the run took longer than {} s", self.deadline_seconds());
            JobEnd::failed(reasons::DEADLINE_EXCEEDED, message)
        })
    }

    /// Whether a pod that is at work has to go: the run ends, or nothing may talk to a provider for now.
    fn must_stop(&self) -> bool {
        let suspended = |side: &Counterpart| side.provider.as_ref().is_some_and(|provider| provider.spec.suspend);
        self.stop_reason().is_some() || suspended(&self.observed.source) || suspended(&self.observed.target)
    }

    fn deadline_seconds(&self) -> i64 {
        let setting = self.observed.setting.as_ref().map(|setting| setting.spec.active_deadline_seconds);
        self.job.spec.active_deadline_seconds.or(setting).unwrap_or(DEFAULT_DEADLINE)
    }

    /// Counted from the first attempt on, as batch/v1 Job does.
    fn deadline(&self) -> Timestamp {
        let start = self.observed.start.or(self.old.start_time.as_ref().map(|start| start.0));
        plus(start.unwrap_or(self.now), self.deadline_seconds())
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
    (!pod.deleting).then_some(OperatorAction::DeletePod(target))
}

pub(crate) fn target_of(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> Target {
    Target {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
    }
}
