//! Decisions about a SyncApproval: carry it out by one Release job, or say why it is void.

use std::sync::Arc;

use jiff::Timestamp;

use super::job::target_of;
use super::{Decision, EventNote, OperatorAction, whole_seconds};
use crate::operator::resources::{self, Trigger};
use rollcall_api::conditions::{self, Draft};
use rollcall_api::labels;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    ApprovalPhase, Decision as Verdict, DesiredState, EmployeeSyncJob, EmployeeSyncJobSpec, JobPhase, JobType,
    LocalReference, Release, SyncApproval, SyncApprovalStatus, SyncSetting,
};

/// What is known besides the approval itself.
#[derive(Clone, Debug, Default)]
pub struct ApprovalObserved {
    /// The setting.
    pub setting: Option<Arc<SyncSetting>>,
    /// The job of the name that the Release job has.
    pub job: Option<Arc<EmployeeSyncJob>>,
    /// Whether another approval denies the same digest.
    pub denied: bool,
}

/// Decides about an approval.
pub fn decide_approval(
    approval: &SyncApproval,
    observed: &ApprovalObserved,
    now: Timestamp,
) -> Decision<SyncApprovalStatus> {
    let old = approval.status.clone().unwrap_or_default();
    // Terminal phases never change.
    if approval.metadata.deletion_timestamp.is_some() || old.phase != ApprovalPhase::Pending {
        return Decision::default();
    }
    let pass = Pass { approval, observed, old, now: whole_seconds(now) };
    match approval.spec.decision {
        Verdict::Deny => pass.set(Phase::Denied, reasons::DENIED, "the actions were denied"),
        Verdict::Approve => pass.approve(),
    }
}

#[derive(Clone, Copy)]
enum Phase {
    Pending,
    Applied,
    Void,
    Denied,
}

struct Pass<'a> {
    approval: &'a SyncApproval,
    observed: &'a ApprovalObserved,
    old: SyncApprovalStatus,
    now: Timestamp,
}

impl Pass<'_> {
    fn approve(&self) -> Decision<SyncApprovalStatus> {
        match &self.observed.job {
            Some(job) if self.is_own(job) => self.follow(job),
            Some(job) => self.replace(job),
            None if self.old.job_ref.is_some() => self.remember(),
            None => self.start(),
        }
    }

    /// The Release job of this approval, not of an earlier one of the same name.
    fn is_own(&self, job: &EmployeeSyncJob) -> bool {
        let uid = job.metadata.annotations.as_ref().and_then(|all| all.get(labels::APPROVAL_UID));
        uid.is_some() && uid == self.approval.metadata.uid.as_ref()
    }

    fn follow(&self, job: &EmployeeSyncJob) -> Decision<SyncApprovalStatus> {
        let Some(status) = &job.status else { return self.releasing() };
        let reason = status.reason.as_deref().unwrap_or(reasons::INTERNAL);
        self.after(status.phase, reason, status.message.as_deref().unwrap_or_default())
    }

    /// The job is gone; the setting's history knows how it ended.
    fn remember(&self) -> Decision<SyncApprovalStatus> {
        let name = resources::release_job_name(self.name());
        let setting = self.observed.setting.as_ref();
        let run = setting
            .and_then(|setting| setting.status.as_ref())
            .and_then(|status| status.history.iter().find(|run| run.name == name));
        match run {
            Some(run) => self.after(run.phase, &run.reason, "as the setting's history says"),
            None => self.set(Phase::Void, reasons::CANCELLED, "the Release job was deleted before it ended"),
        }
    }

    fn after(&self, phase: JobPhase, reason: &str, message: &str) -> Decision<SyncApprovalStatus> {
        match phase {
            JobPhase::Complete => self.set_with(
                Phase::Applied,
                reasons::APPLIED,
                "the approved actions were applied",
                Some(self.job_ref()),
            ),
            JobPhase::Error => self.set_with(Phase::Void, reason, message, Some(self.job_ref())),
            JobPhase::Queued | JobPhase::InProgress => self.releasing(),
        }
    }

    /// A job of an earlier approval with the same name is in the way; once it has ended it may go.
    fn replace(&self, job: &EmployeeSyncJob) -> Decision<SyncApprovalStatus> {
        let finished = job.status.as_ref().is_some_and(|status| status.phase.is_finished());
        let message = "a job of an earlier approval of the same name is in the way";
        let mut decision = self.set(Phase::Pending, reasons::WAITING_FOR_RUN, message);
        let ours = job.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(labels::APPROVAL_UID));
        if finished && ours {
            decision.cleanup.push(OperatorAction::DeleteJob(target_of(&job.metadata)));
            decision.unproven = true;
        }
        decision
    }

    fn start(&self) -> Decision<SyncApprovalStatus> {
        let spec = &self.approval.spec;
        let Some(setting) = &self.observed.setting else {
            let message =
                format!("spec.settingRef: SyncSetting {} does not exist in this namespace", spec.setting_ref.name);
            return self.set(Phase::Pending, reasons::SETTING_NOT_FOUND, &message);
        };
        if self.observed.denied {
            return self.set(Phase::Void, reasons::DENIED, "another SyncApproval denies the same digest");
        }
        match setting.status.as_ref().and_then(|status| status.held.as_ref()) {
            None => self.set(Phase::Pending, reasons::NOTHING_HELD, "the setting holds nothing yet"),
            // What is held now may be more than what was approved. The records store knows which lines the digest
            // stands for: the Release job writes those that are still the same, or finds that the terms have changed.
            Some(_) if setting.spec.state == DesiredState::Off => {
                self.set(Phase::Pending, reasons::SWITCHED_OFF, "spec.state of the setting is Off")
            }
            Some(_) => {
                let mut decision = self.releasing();
                // A denial may have come a moment ago.
                decision.unproven = true;
                decision.actions.push(OperatorAction::CreateJob(Box::new(self.release_job(setting))));
                decision
            }
        }
    }

    fn release_job(&self, setting: &SyncSetting) -> EmployeeSyncJob {
        let only = self.approval.spec.only.clone().unwrap_or_default();
        let release =
            Release { digest: self.approval.spec.digest.clone(), actions: only.actions, streams: only.streams };
        let spec = EmployeeSyncJobSpec { type_: JobType::Release, release: Some(release), ..Default::default() };
        let trigger = Trigger::Approval(self.approval.metadata.uid.clone().unwrap_or_default());
        resources::new_job(setting, resources::release_job_name(self.name()), &trigger, spec)
    }

    fn releasing(&self) -> Decision<SyncApprovalStatus> {
        self.set_with(Phase::Pending, reasons::RELEASING, "the Release job is at work", Some(self.job_ref()))
    }

    fn job_ref(&self) -> LocalReference {
        LocalReference { name: resources::release_job_name(self.name()) }
    }

    fn set(&self, phase: Phase, reason: &str, message: &str) -> Decision<SyncApprovalStatus> {
        self.set_with(phase, reason, message, self.old.job_ref.clone())
    }

    fn set_with(
        &self,
        phase: Phase,
        reason: &str,
        message: &str,
        job_ref: Option<LocalReference>,
    ) -> Decision<SyncApprovalStatus> {
        let drafts = match phase {
            Phase::Applied | Phase::Denied => vec![Draft::yes(conditions::READY, reason, message)],
            Phase::Void => {
                vec![Draft::no(conditions::READY, reason, message), Draft::yes(conditions::STALLED, reason, message)]
            }
            Phase::Pending => vec![
                Draft::no(conditions::READY, reason, message),
                Draft::yes(conditions::RECONCILING, reason, message),
            ],
        };
        let generation = self.approval.metadata.generation;
        let conditions = conditions::merge(&self.old.conditions, drafts, generation, self.now);
        let status = SyncApprovalStatus {
            observed_generation: generation,
            phase: conditions::approval_phase(&conditions),
            conditions,
            job_ref,
        };
        let mut decision = Decision::default();
        if status.phase == ApprovalPhase::Void {
            decision.unproven = true;
            let note = conditions::shortened(message, 1000);
            decision.events.push(EventNote { warning: true, reason: reason.to_owned(), note });
        }
        decision.status = (status != self.old).then_some(status);
        decision
    }

    fn name(&self) -> &str {
        self.approval.metadata.name.as_deref().unwrap_or_default()
    }
}
