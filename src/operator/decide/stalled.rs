//! What an object says of itself when a pass over it panicked or overran: Stalled, by a defect of Rollcall. Everything
//! else stays as it was; the next pass that succeeds decides anew.

use jiff::Timestamp;

use rollcall_api::conditions::{self, Draft};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    Condition, EmployeeSyncJobStatus, IntegrationProviderStatus, SyncApprovalStatus, SyncSettingStatus,
};

/// A status whose phase follows from its conditions.
pub trait Conditioned: Clone + Default + PartialEq {
    /// The conditions.
    fn conditions(&self) -> &[Condition];
    /// Replaces them, and with them the phase.
    fn set_conditions(&mut self, conditions: Vec<Condition>);
}

macro_rules! conditioned {
    ($($status:ty, $phase:ident = $compute:path;)*) => {$(
        impl Conditioned for $status {
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }
            fn set_conditions(&mut self, conditions: Vec<Condition>) {
                self.$phase = $compute(&conditions);
                self.conditions = conditions;
            }
        }
    )*};
}

conditioned! {
    IntegrationProviderStatus, phase = conditions::provider_phase;
    SyncSettingStatus, state = conditions::setting_state;
    EmployeeSyncJobStatus, phase = conditions::job_phase;
    SyncApprovalStatus, phase = conditions::approval_phase;
}

/// The status of an object that cannot be decided about.
pub fn stalled<S: Conditioned>(old: &S, generation: Option<i64>, why: &str, now: Timestamp) -> S {
    let kept = old.conditions().iter().filter_map(|one| {
        let type_ = [conditions::SUCCEEDED, conditions::SUSPENDED, conditions::HELD, conditions::LAST_RUN_SUCCEEDED]
            .into_iter()
            .chain([conditions::UNMAPPED_VALUES])
            .find(|known| *known == one.type_)?;
        conditions::carried(old.conditions(), type_)
    });
    let message = format!("{why}; it is tried again. This is a defect of Rollcall: please report it");
    let drafts: Vec<Draft> = [
        Draft::no(conditions::READY, reasons::INTERNAL, &message),
        Draft::yes(conditions::STALLED, reasons::INTERNAL, &message),
    ]
    .into_iter()
    .chain(kept)
    .collect();
    let mut new = old.clone();
    new.set_conditions(conditions::merge(old.conditions(), drafts, generation, now));
    new
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use rollcall_api::v1alpha1::{ApprovalPhase, JobPhase, ProviderPhase, SettingState};

    #[test]
    fn a_stalled_object_says_so_and_keeps_what_it_was_doing() {
        let provider = stalled(&provider("hr").status.unwrap(), Some(1), "why", now());
        assert_conditions_wellformed(&provider.conditions);
        assert_eq!(provider.phase, ProviderPhase::Error);
        let setting = stalled(&setting().status.unwrap(), Some(1), "why", now());
        assert_conditions_wellformed(&setting.conditions);
        assert_eq!(setting.state, SettingState::Error);
        let running =
            conditions::merge(&[], vec![Draft::unknown(conditions::SUCCEEDED, reasons::RUNNING, "")], Some(1), now());
        let job = EmployeeSyncJobStatus { conditions: running, phase: JobPhase::InProgress, ..Default::default() };
        let job = stalled(&job, Some(1), "why", now());
        assert_conditions_wellformed(&job.conditions);
        assert_eq!(job.phase, JobPhase::InProgress, "a run that goes on goes on");
        let approval = stalled(&SyncApprovalStatus::default(), Some(1), "why", now());
        assert_conditions_wellformed(&approval.conditions);
        assert_eq!(approval.phase, ApprovalPhase::Pending, "a defect voids no approval");
        assert_eq!(stalled(&approval, Some(1), "why", now()), approval, "written once");
    }
}
