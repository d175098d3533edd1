//! Decisions about a SyncSetting: whether it is ready, which jobs are due, what finished jobs add to its status, and
//! which of them are no longer kept.
//!
//! A run costs the setting two writes: the job, and one status when the job has ended. A scheduled one costs another:
//! that its time was dealt with is written when its job is made, so that deleting the job does not make it again.

mod due;
mod ready;
mod retention;
mod rollup;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use self::ready::Readiness;
use super::{Decision, OperatorAction, whole_seconds};
use rollcall_api::conditions;
use rollcall_api::labels;
use rollcall_api::v1alpha1::{
    DesiredState, EmployeeSyncJob, IntegrationProvider, JobPhase, PublishPolicy, SyncSetting, SyncSettingStatus,
};
use rollcall_engine::schedule::Schedule;

/// What is known besides the setting itself.
#[derive(Clone, Debug, Default)]
pub struct SettingObserved {
    /// The system that is read.
    pub source: Option<Arc<IntegrationProvider>>,
    /// The system that is written to.
    pub target: Option<Arc<IntegrationProvider>>,
    /// What the check against the two definitions found; None while a definition is missing.
    pub check: Option<Result<(), Vec<String>>>,
    /// All jobs of the setting.
    pub jobs: Vec<Arc<EmployeeSyncJob>>,
    /// Why a job could not be made, in the pass that tried to.
    pub refused: Option<String>,
}

/// Decides about a setting.
pub fn decide_setting(
    setting: &SyncSetting,
    observed: &SettingObserved,
    now: Timestamp,
) -> Decision<SyncSettingStatus> {
    if setting.metadata.deletion_timestamp.is_some() {
        return Decision::default();
    }
    let old = setting.status.clone().unwrap_or_default();
    let uid = setting.metadata.uid.as_deref().unwrap_or_default();
    let parsed = ready::parse_schedule(&setting.spec);
    let pass = Pass {
        setting,
        observed,
        schedule: parsed
            .as_ref()
            .ok()
            .cloned()
            .flatten()
            .map(|it| it.with_jitter(uid, setting.spec.start_jitter_seconds)),
        readiness: ready::of(setting, observed, parsed.err()),
        now: whole_seconds(now),
    };
    pass.decide(&old)
}

struct Pass<'a> {
    setting: &'a SyncSetting,
    observed: &'a SettingObserved,
    schedule: Option<Schedule>,
    readiness: Readiness,
    now: Timestamp,
}

impl Pass<'_> {
    fn decide(&self, old: &SyncSettingStatus) -> Decision<SyncSettingStatus> {
        let mut decision = Decision::default();
        let rolled = self.roll_up(old);
        let mut status = rolled.status;
        if self.setting.spec.publish == PublishPolicy::Automatic {
            status.published = true;
        }
        self.start_requested(&mut status, &mut decision);
        self.start_scheduled(old, &mut status, &mut decision);
        self.start_due(&status, &mut decision);
        self.forget_jobs(&status, &mut decision);
        if self.observed.refused.is_some() {
            // They have been tried.
            decision.actions.clear();
        }
        decision.unproven = !decision.cleanup.is_empty()
            || decision.actions.iter().any(|one| matches!(one, OperatorAction::CancelJob(_)));

        let drafts = self.drafts(old, &status, rolled.last_run, rolled.unmapped_fields);
        let generation = self.setting.metadata.generation;
        status.observed_generation = generation;
        status.conditions = conditions::merge(&old.conditions, drafts, generation, self.now);
        status.state = conditions::setting_state(&status.conditions);
        if status != *old {
            decision.status = Some(status);
        }
        decision
    }

    /// Whether the schedule and leaving days may start runs.
    fn may_start(&self) -> bool {
        matches!(self.readiness, Readiness::Ready)
            && self.setting.spec.state == DesiredState::On
            && self.suspended_provider().is_none()
    }

    fn suspended_provider(&self) -> Option<&IntegrationProvider> {
        let providers = [&self.observed.source, &self.observed.target];
        providers.into_iter().flatten().map(AsRef::as_ref).find(|provider| provider.spec.suspend)
    }

    fn unfinished(&self) -> impl Iterator<Item = &EmployeeSyncJob> {
        self.observed.jobs.iter().map(AsRef::as_ref).filter(|job| !phase(job).is_finished())
    }

    /// Jobs that were made for this setting, not for an earlier one of its name.
    fn owned(&self) -> impl Iterator<Item = &EmployeeSyncJob> {
        self.observed.jobs.iter().map(AsRef::as_ref).filter(|job| self.is_owned(job))
    }

    fn is_owned(&self, job: &EmployeeSyncJob) -> bool {
        owner(job).is_some() && owner(job) == self.setting.metadata.uid.as_deref()
    }

    /// Whether a finished job ran for this setting. Who made it, or which setting it ran, says so; of one that never
    /// started, when the API server created both.
    fn ran_for_this(&self, job: &EmployeeSyncJob) -> bool {
        let uid = self.setting.metadata.uid.as_deref();
        let ran_for = job.status.as_ref().and_then(|status| status.setting_uid.as_deref());
        match owner(job).or(ran_for) {
            Some(known) => Some(known) == uid,
            None => job.metadata.creation_timestamp >= self.setting.metadata.creation_timestamp,
        }
    }

    fn name(&self) -> &str {
        self.setting.metadata.name.as_deref().unwrap_or_default()
    }

    fn created(&self) -> Timestamp {
        self.setting.metadata.creation_timestamp.as_ref().map_or(self.now, |time| time.0)
    }
}

fn phase(job: &EmployeeSyncJob) -> JobPhase {
    job.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

/// Uid of the setting that made the job.
fn owner(job: &EmployeeSyncJob) -> Option<&str> {
    let owners = job.metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

/// Version of an object as a number: those of one resource can be compared (KEP-5504).
fn version_of(metadata: &ObjectMeta) -> Option<u64> {
    metadata.resource_version.as_deref()?.parse().ok()
}

fn version(job: &EmployeeSyncJob) -> Option<u64> {
    version_of(&job.metadata)
}

/// Order in which jobs ended: that of their last writes.
fn order_of_end(job: &EmployeeSyncJob) -> (Option<u64>, Option<Timestamp>, Option<&str>) {
    (version(job), completion(job), job.metadata.name.as_deref())
}

/// The scheduled time a job was made for.
fn scheduled_time(job: &EmployeeSyncJob) -> Option<Timestamp> {
    job.metadata.annotations.as_ref()?.get(labels::SCHEDULED_TIME)?.parse().ok()
}

/// When a job ended.
fn completion(job: &EmployeeSyncJob) -> Option<Timestamp> {
    job.status.as_ref()?.completion_time.as_ref().map(|time| time.0)
}
