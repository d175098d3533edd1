//! Which jobs to create: asked for, scheduled, or because a leaving day takes effect.

use jiff::Timestamp;

use super::super::job::target_of;
use super::super::{Decision, EventNote, OperatorAction, time};
use super::{Pass, scheduled_time};
use crate::operator::resources::{self, Trigger};
use rollcall_api::labels;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    ConcurrencyPolicy, DesiredState, EmployeeSyncJob, EmployeeSyncJobSpec, JobType, SyncSettingStatus,
};
use rollcall_engine::schedule::{Missed, Schedule};

type SettingDecision = Decision<SyncSettingStatus>;

impl Pass<'_> {
    /// One job for each new token, whatever crashes in between: its name is made from the token.
    pub(super) fn start_requested(&self, status: &mut SyncSettingStatus, decision: &mut SettingDecision) {
        let Some(token) = self.token() else { return };
        if status.last_handled_run_request.as_deref() == Some(token) || self.setting.spec.state == DesiredState::Off {
            return;
        }
        if self.create(resources::requested_job_name(self.name(), token), &Trigger::Request, decision) {
            status.last_handled_run_request = Some(token.to_owned());
        }
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.setting.metadata.annotations.as_ref()?.get(labels::RUN_REQUESTED_AT).map(String::as_str)
    }

    /// Starts what the schedule says, or skips and counts it.
    pub(super) fn start_scheduled(
        &self,
        old: &SyncSettingStatus,
        status: &mut SyncSettingStatus,
        decision: &mut SettingDecision,
    ) {
        let (Some(schedule), true) = (&self.schedule, self.may_start()) else {
            status.next_schedule_time = None;
            return;
        };
        let started = self.started();
        let dealt_with = started.max(old.last_schedule_time.as_ref().map(|time| time.0));
        let since = dealt_with.map_or(self.created(), |time| time.max(self.created()));
        let next = schedule.next_start(self.now).map(|(start, _)| start);
        if let Some(start) = next {
            decision.wake(start);
        }
        status.next_schedule_time = next.map(time);

        match schedule.missed(since, self.now) {
            Some(missed) if self.may_start_now(schedule, &missed, decision) => {
                let name = resources::scheduled_job_name(self.name(), missed.latest);
                if self.create(name, &Trigger::Schedule(missed.latest), decision) {
                    status.last_schedule_time = Some(time(missed.latest));
                    status.missed_schedules = 0;
                }
            }
            Some(missed) => {
                status.last_schedule_time = Some(time(missed.latest));
                status.missed_schedules = status.missed_schedules.saturating_add(missed.count);
            }
            None if started > old.last_schedule_time.as_ref().map(|time| time.0) => {
                // The process died between the job and the status.
                status.last_schedule_time = dealt_with.map(time);
                status.missed_schedules = 0;
            }
            None => {}
        }
    }

    /// The latest scheduled time for which a job of this setting exists. Anybody may write annotations: the name has to
    /// be the one that was made from that time, and the time has to have come.
    fn started(&self) -> Option<Timestamp> {
        let made_for = |job: &EmployeeSyncJob| {
            let time = scheduled_time(job).filter(|time| *time <= self.now)?;
            let name = resources::scheduled_job_name(self.name(), time);
            (job.metadata.name.as_deref() == Some(name.as_str())).then_some(time)
        };
        self.owned().filter_map(made_for).max()
    }

    /// Applies startingDeadlineSeconds and concurrencyPolicy.
    fn may_start_now(&self, schedule: &Schedule, missed: &Missed, decision: &mut SettingDecision) -> bool {
        let late = self.now.as_second() - schedule.start_of(missed.latest).as_second();
        if self.setting.spec.starting_deadline_seconds.is_some_and(|most| late > most) {
            skip(decision, missed.latest, "it came later than startingDeadlineSeconds allows");
            return false;
        }
        let mut active = self.unfinished().filter(|job| job.spec.type_.writes()).peekable();
        if active.peek().is_none() {
            return true;
        }
        match self.setting.spec.concurrency_policy {
            ConcurrencyPolicy::Forbid => {
                skip(decision, missed.latest, "another run of the setting is unfinished");
                false
            }
            ConcurrencyPolicy::Replace => {
                // Only plain runs are replaced: an approval or a request for single records is not repeated by the next run.
                let replaced = active.filter(|job| is_whole_sync(job) && !job.spec.cancel);
                let targets: Vec<_> = replaced.map(|job| OperatorAction::CancelJob(target_of(&job.metadata))).collect();
                decision.actions.extend(targets);
                true
            }
        }
    }

    /// A run at the moment when a leaving day takes effect, whatever the schedule says.
    pub(super) fn start_due(&self, status: &SyncSettingStatus, decision: &mut SettingDecision) {
        let (Some(due), true) = (status.next_due_time.as_ref().map(|time| time.0), self.may_start()) else { return };
        if due > self.now {
            decision.wake(due);
            return;
        }
        // A run that has not read yet will see the leaver itself.
        let not_begun = |job: &EmployeeSyncJob| job.status.as_ref().is_none_or(|status| status.start_time.is_none());
        let covered = self.unfinished().any(|job| is_whole_sync(job) && not_begun(job))
            || decision.actions.iter().any(|action| matches!(action, OperatorAction::CreateJob(_)));
        if !covered {
            self.create(resources::due_job_name(self.name(), due), &Trigger::Due, decision);
        }
    }

    /// Makes a job, unless it was made before. False: it could not be made.
    fn create(&self, name: String, trigger: &Trigger, decision: &mut SettingDecision) -> bool {
        if self.owned().any(|job| job.metadata.name.as_deref() == Some(name.as_str())) {
            return true;
        }
        if self.observed.refused.is_some() {
            return false;
        }
        let spec = EmployeeSyncJobSpec { type_: JobType::Sync, ..EmployeeSyncJobSpec::default() };
        let job = resources::new_job(self.setting, name, trigger, spec);
        decision.actions.push(OperatorAction::CreateJob(Box::new(job)));
        true
    }
}

/// A plain run of the whole setting.
fn is_whole_sync(job: &EmployeeSyncJob) -> bool {
    job.spec.type_ == JobType::Sync && job.spec.selector.is_none()
}

fn skip(decision: &mut SettingDecision, time: Timestamp, why: &str) {
    let note = format!("the run scheduled for {time} was skipped: {why}");
    decision.events.push(EventNote { warning: true, reason: reasons::SCHEDULE_SKIPPED.to_owned(), note });
}
