//! Whether a job may start an attempt now, and if not, why not.

use std::sync::Arc;

use super::super::{Decision, OperatorAction, PodView, Sight, age, is_usable, plus};
use super::{Counterpart, MISSING_DEADLINE, Pass, Refusal, START_DEADLINE, current_attempt};
use crate::operator::resources::{self, PodProvider, RunPod};
use rollcall_api::contract::JobEnd;
use rollcall_api::v1alpha1::{
    Decision as Verdict, DesiredState, EmployeeSyncJobSpec, EmployeeSyncJobStatus, JobType, SyncApproval, SyncSetting,
};
use rollcall_api::{conditions, reasons};

/// What a job waits for.
struct Wait {
    reason: &'static str,
    message: String,
}

impl Pass<'_> {
    pub(super) fn start_or_wait(&self) -> Decision<EmployeeSyncJobStatus> {
        if let Some(finish) = self.stop_reason() {
            return self.finish(&finish);
        }
        let Some(setting) = &self.observed.setting else {
            let message = format!(
                "spec.settingRef: SyncSetting {} does not exist in this namespace",
                self.job.spec.setting_ref.name
            );
            return self.missing(reasons::SETTING_NOT_FOUND, message);
        };
        match approval(&self.job.spec, &self.observed.approvals) {
            Approval::Given => {}
            Approval::Denied(message) => return self.finish(&JobEnd::failed(reasons::NOT_APPROVED, message)),
            Approval::Missing(message) => return self.missing(reasons::NOT_APPROVED, message),
        }
        let next_attempt = self.observed.next_attempt.or(self.old.next_attempt_time.as_ref().map(|time| time.0));
        if let Some(time) = next_attempt.filter(|time| *time > self.now) {
            let mut decision = Decision::default();
            decision.wake(time.min(self.deadline()));
            return decision;
        }
        match self.gate(setting) {
            Ok(pod) => {
                let mut decision = self.in_progress();
                decision.actions.push(OperatorAction::CreatePod(Box::new(pod)));
                decision.wake(self.deadline());
                // A denial may have come a moment ago.
                decision.unproven = self.job.spec.release.is_some();
                decision
            }
            Err(wait) => {
                let mut decision = self.waiting(wait.reason, &wait.message);
                if self.old.start_time.is_some() {
                    decision.wake(self.deadline());
                }
                decision
            }
        }
    }

    /// The pod to create, or what has to happen first. Everything named here is watched: no polling.
    fn gate(&self, setting: &SyncSetting) -> Result<k8s_openapi::api::core::v1::Pod, Wait> {
        let source = usable(&self.observed.source, &setting.spec.source_ref.name)?;
        let target = usable(&self.observed.target, &setting.spec.target_ref.name)?;
        setting_ready(setting)?;
        self.first_in_line()?;
        free_slot(&self.observed.source)?;
        free_slot(&self.observed.target)?;
        let run = RunPod {
            job: self.job,
            setting,
            source,
            target,
            attempt: current_attempt(self.job),
            deadline: self.deadline(),
            seconds_left: self.deadline().as_second() - self.now.as_second(),
        };
        Ok(resources::run_pod(&run, &self.observed.defaults))
    }

    /// One unfinished run per setting, oldest first: the records store has one lock a setting. The message names no
    /// other run: it would have to be written anew for everybody in line whenever one ends.
    fn first_in_line(&self) -> Result<(), Wait> {
        if !self.observed.ahead {
            return Ok(());
        }
        let message = "another run of the same setting is unfinished".to_owned();
        Err(Wait { reason: reasons::WAITING_FOR_RUN, message })
    }

    /// Something that is referred to does not exist, or not yet.
    fn missing(&self, reason: &'static str, message: String) -> Decision<EmployeeSyncJobStatus> {
        self.wait_or_end(Sight::Missing, reason, MISSING_DEADLINE, message)
    }

    /// A pod of the own name belongs to an earlier job of this name and is on its way, or is somebody else's.
    pub(super) fn in_the_way(&self, pod: &PodView) -> Decision<EmployeeSyncJobStatus> {
        let message = format!("a pod {} that does not belong to this job exists already", pod.name);
        self.wait_or_end(Sight::Pod(pod.uid.clone()), reasons::POD_CANNOT_START, START_DEADLINE, message)
    }

    /// The API server does not take the pod.
    pub(super) fn refused(&self, kind: Refusal, why: &str) -> Decision<EmployeeSyncJobStatus> {
        if let Some(finish) = self.stop_reason() {
            return self.finish(&finish);
        }
        if kind == Refusal::Invalid {
            return self.finish(&JobEnd::failed(reasons::POD_CANNOT_START, why));
        }
        let age = age(&self.observed.sighted, &Sight::Refusal);
        let deadline = if kind == Refusal::Quota { i64::MAX } else { START_DEADLINE };
        let mut decision = self.wait_or_end(Sight::Refusal, reasons::POD_CANNOT_START, deadline, why.to_owned());
        // Nothing tells when it would be taken: less and less often it is tried.
        decision.wake(plus(self.now, (age / 2).clamp(5, 60)));
        decision
    }

    fn wait_or_end(
        &self,
        sight: Sight,
        reason: &'static str,
        deadline: i64,
        message: String,
    ) -> Decision<EmployeeSyncJobStatus> {
        let left = deadline.saturating_sub(age(&self.observed.sighted, &sight));
        if left <= 0 {
            return self.finish(&JobEnd::failed(reason, message));
        }
        let mut decision = self.waiting(reason, &message);
        if deadline < i64::MAX {
            decision.wake(plus(self.now, left));
        }
        decision.sight = Some(sight);
        decision
    }

    /// Puts the job back in line after its pod was lost. That does not count, but it must not turn in a circle.
    pub(super) fn lost(&self, why: &str) -> Decision<EmployeeSyncJobStatus> {
        let attempts = current_attempt(self.job);
        let losses = i64::from(attempts.saturating_sub(self.old.failed_attempts).max(1));
        let next = plus(self.now, losses.saturating_mul(10).min(300));
        let message = format!("{why}; another attempt follows and does not count against backoffLimit");
        self.next_attempt(self.old.failed_attempts, next, &message)
    }

    /// Puts the job back in line after a transient failure, or ends it.
    pub(super) fn retry(
        &self,
        reason: &str,
        message: &str,
        retry_after: Option<i64>,
    ) -> Decision<EmployeeSyncJobStatus> {
        if let Some(finish) = self.stop_reason() {
            return self.finish(&finish);
        }
        let failed = self.old.failed_attempts.saturating_add(1);
        if failed > self.backoff_limit() {
            let text = format!("{failed} attempts failed; the last one: {reason}: {message}");
            return self.finish(&JobEnd::failed(reasons::BACKOFF_LIMIT_EXCEEDED, text).after_failures(failed));
        }
        let wait = backoff_seconds(self.uid(), failed).max(retry_after.unwrap_or(0));
        self.next_attempt(failed, plus(self.now, wait), &format!("attempt {failed} failed: {reason}: {message}"))
    }
}

/// What the setting's state forbids.
pub(super) fn refusal(setting: &SyncSetting, type_: JobType) -> Option<JobEnd> {
    (setting.spec.state == DesiredState::Off && type_.writes()).then(|| {
        let message = "spec.state of the setting is Off: only jobs of type Plan and Show run; set it to On".to_owned();
        JobEnd::failed(reasons::ACTION_NOT_AVAILABLE, message)
    })
}

/// What the approvals say about a job of type Release; any other needs none.
enum Approval {
    Given,
    Denied(String),
    Missing(String),
}

/// Whoever may create jobs need not be allowed to approve: a job of type Release runs only where a SyncApproval says
/// the same, word for word, and none denies it.
fn approval(spec: &EmployeeSyncJobSpec, approvals: &[Arc<SyncApproval>]) -> Approval {
    let Some(release) = &spec.release else { return Approval::Given };
    let digest = &release.digest;
    let about_it = || {
        let same = |approval: &&Arc<SyncApproval>| {
            approval.spec.setting_ref == spec.setting_ref && approval.spec.digest == *digest
        };
        approvals.iter().filter(same)
    };
    let covers = |approval: &Arc<SyncApproval>| {
        let only = approval.spec.only.clone().unwrap_or_default();
        approval.spec.decision == Verdict::Approve && only.actions == release.actions && only.streams == release.streams
    };
    if about_it().any(|approval| approval.spec.decision == Verdict::Deny) {
        Approval::Denied(format!("a SyncApproval denies {digest}"))
    } else if about_it().any(covers) {
        Approval::Given
    } else {
        Approval::Missing(format!(
            "no SyncApproval approves {digest} for these actions and streams: kubectl rollcall approve"
        ))
    }
}

fn usable<'a>(counterpart: &'a Counterpart, name: &str) -> Result<PodProvider<'a>, Wait> {
    let wait = |why: &str| Wait {
        reason: reasons::WAITING_FOR_PROVIDER,
        message: format!("IntegrationProvider {name} {why}"),
    };
    let provider = counterpart.provider.as_deref().ok_or_else(|| wait("does not exist in this namespace"))?;
    if provider.spec.suspend {
        return Err(wait("is suspended"));
    }
    let definition =
        counterpart.definition.as_ref().filter(|_| is_usable(provider)).ok_or_else(|| wait("is not Ready"))?;
    Ok(PodProvider { provider, definition })
}

fn setting_ready(setting: &SyncSetting) -> Result<(), Wait> {
    let found = setting.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    if conditions::is_ready(found, setting.metadata.generation) {
        return Ok(());
    }
    let why = conditions::find(found, conditions::READY).map_or("not checked yet", |ready| ready.reason.as_str());
    Err(Wait { reason: reasons::SETTING_NOT_READY, message: format!("the SyncSetting is not Ready ({why})") })
}

fn free_slot(counterpart: &Counterpart) -> Result<(), Wait> {
    let Some(provider) = &counterpart.provider else { return Ok(()) };
    let most = provider.spec.max_concurrent_jobs.max(1);
    if counterpart.active_jobs < most {
        return Ok(());
    }
    let name = provider.metadata.name.as_deref().unwrap_or_default();
    let message = format!("maxConcurrentJobs ({most}) of IntegrationProvider {name} is used up");
    Err(Wait { reason: reasons::WAITING_FOR_SLOT, message })
}

/// Full jitter over 10 s doubling to 6 minutes (the bounds of batch/v1 Job), drawn from the uid and the attempt.
fn backoff_seconds(uid: &str, failed: i32) -> i64 {
    let doublings = u32::try_from(failed.clamp(1, 6) - 1).unwrap_or(0);
    let most = (10_i64 << doublings).min(360);
    let drawn = rollcall_engine::schedule::start_jitter(&format!("{uid}/{failed}"), i32::try_from(most).unwrap_or(360));
    drawn.as_secs().max(1)
}
