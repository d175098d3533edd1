//! Whether a setting can run, and the conditions that say so.

use super::{Pass, SettingObserved};
use rollcall_api::conditions::{self, Draft};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{DesiredState, IntegrationProvider, SyncSetting, SyncSettingSpec, SyncSettingStatus};
use rollcall_engine::schedule::{self, Schedule, ScheduleError};

/// So many errors of a mapping are shown.
const SHOWN_ERRORS: usize = 10;

/// Whether a setting can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It can.
    Ready,
    /// Not yet; something that is watched has to happen first.
    Pending(&'static str, String),
    /// Not before its spec is corrected.
    Stalled(&'static str, String),
}

/// The schedule, if there is one. The zone is checked in any case: leaving days use it.
pub(super) fn parse_schedule(spec: &SyncSettingSpec) -> Result<Option<Schedule>, ScheduleError> {
    match &spec.schedule {
        Some(expression) => Schedule::parse(expression, &spec.time_zone).map(Some),
        None => schedule::parse_zone(&spec.time_zone).map(|_| None),
    }
}

/// Finds out; `problem` is that of the schedule.
pub(super) fn of(setting: &SyncSetting, observed: &SettingObserved, problem: Option<ScheduleError>) -> Readiness {
    if let Some(error) = problem {
        return Readiness::Stalled(error.reason(), error.to_string());
    }
    let spec = &setting.spec;
    if spec.source_ref == spec.target_ref {
        let message = "spec.sourceRef and spec.targetRef name the same provider: name two different ones";
        return Readiness::Stalled(reasons::INVALID_SPEC, message.into());
    }
    let sides = [("source", &spec.source_ref, &observed.source), ("target", &spec.target_ref, &observed.target)];
    for (side, reference, provider) in &sides {
        if provider.is_none() {
            let message =
                format!("spec.{side}Ref: IntegrationProvider {} does not exist in this namespace", reference.name);
            return Readiness::Pending(reasons::PROVIDER_NOT_FOUND, message);
        }
    }
    if let Some(Err(errors)) = &observed.check {
        return Readiness::Stalled(reasons::MAPPING_INVALID, listed(errors));
    }
    for (side, reference, provider) in &sides {
        if !provider.as_ref().is_some_and(|provider| is_ready(provider)) {
            let message = format!("{side} IntegrationProvider {} is not Ready", reference.name);
            return Readiness::Pending(reasons::PROVIDER_NOT_READY, message);
        }
    }
    if observed.check.is_none() {
        let message = "a provider's definition is not known yet".to_owned();
        return Readiness::Pending(reasons::PROVIDER_NOT_READY, message);
    }
    Readiness::Ready
}

/// A suspended provider keeps its last verdict.
fn is_ready(provider: &IntegrationProvider) -> bool {
    let found = provider.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions::is_ready(found, provider.metadata.generation)
}

fn listed(errors: &[String]) -> String {
    let text = errors.iter().take(SHOWN_ERRORS).cloned().collect::<Vec<_>>().join("; ");
    match errors.len().saturating_sub(SHOWN_ERRORS) {
        0 => text,
        more => format!("{text}; and {more} more"),
    }
}

impl Pass<'_> {
    /// The whole set of conditions. What no run has changed is carried over.
    pub(super) fn drafts(
        &self,
        old: &SyncSettingStatus,
        status: &SyncSettingStatus,
        last_run: Option<Draft>,
        unmapped_fields: Option<Vec<String>>,
    ) -> Vec<Draft> {
        let mut drafts = self.ready_drafts(status.published);
        if let (Some(why), Readiness::Ready) = (&self.observed.refused, &self.readiness) {
            let text = format!("a job could not be made; it is tried again: {}", conditions::shortened(why, 1024));
            drafts.push(Draft::yes(conditions::RECONCILING, reasons::WAITING_FOR_RETRY, text));
        }
        drafts.push(self.suspended_draft(status));
        let carried = || conditions::carried(&old.conditions, conditions::LAST_RUN_SUCCEEDED);
        drafts.push(last_run.or_else(carried).unwrap_or_else(|| {
            Draft::unknown(conditions::LAST_RUN_SUCCEEDED, reasons::NEVER_RUN, "no run has ended yet")
        }));
        if let Some(held) = &status.held {
            let text = format!("{} actions wait for an approval of {}", held.total(), held.digest);
            drafts.push(Draft::yes(conditions::HELD, reasons::COMPLETED_WITH_HOLDS, text));
        }
        drafts.extend(match unmapped_fields {
            None => conditions::carried(&old.conditions, conditions::UNMAPPED_VALUES),
            Some(fields) if fields.is_empty() => None,
            Some(fields) => {
                let text = format!("the source has values that these fields do not map: {}", fields.join(", "));
                Some(Draft::yes(conditions::UNMAPPED_VALUES, reasons::VALUE_UNMAPPED, text))
            }
        });
        drafts
    }

    fn ready_drafts(&self, published: bool) -> Vec<Draft> {
        match &self.readiness {
            Readiness::Ready if published => {
                vec![Draft::yes(conditions::READY, reasons::PUBLISHED, "the setting is set up and published")]
            }
            Readiness::Ready => {
                let text = "the setting is set up; what the first run would do waits for an approval";
                vec![Draft::yes(conditions::READY, reasons::NOT_PUBLISHED, text)]
            }
            Readiness::Pending(reason, message) => vec![
                Draft::no(conditions::READY, *reason, message),
                Draft::yes(conditions::RECONCILING, *reason, message),
            ],
            Readiness::Stalled(reason, message) => {
                vec![Draft::no(conditions::READY, *reason, message), Draft::yes(conditions::STALLED, *reason, message)]
            }
        }
    }

    fn suspended_draft(&self, status: &SyncSettingStatus) -> Draft {
        if self.setting.spec.state == DesiredState::Off {
            let waits = self.token().is_some_and(|token| status.last_handled_run_request.as_deref() != Some(token));
            let text = if waits {
                "spec.state is Off; a run was asked for and starts when it is On again"
            } else {
                "spec.state is Off"
            };
            return Draft::yes(conditions::SUSPENDED, reasons::SWITCHED_OFF, text);
        }
        match self.suspended_provider() {
            Some(provider) => {
                let name = provider.metadata.name.as_deref().unwrap_or_default();
                let text = format!("IntegrationProvider {name} is suspended");
                Draft::yes(conditions::SUSPENDED, reasons::SUSPENDED, text)
            }
            None => Draft::no(conditions::SUSPENDED, reasons::ACTIVE, "spec.state is On"),
        }
    }
}
