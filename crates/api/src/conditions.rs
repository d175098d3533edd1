//! Conditions: set, merge, derive the phase. Pure.
//!
//! Rules (Flux `apis/meta/conditions.go`, kstatus): Ready is always present; Reconciling and Stalled exist only while
//! they are True; Ready is never True beside Stalled; `lastTransitionTime` moves only when `status` changes.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::reasons;
use super::v1alpha1::{ApprovalPhase, Condition, JobPhase, ProviderPhase, SettingState};

/// Whether the object is as wanted; for tools that wait.
pub const READY: &str = "Ready";
/// Only while the operator works towards the wanted state.
pub const RECONCILING: &str = "Reconciling";
/// Only while somebody must act before anything gets better.
pub const STALLED: &str = "Stalled";
/// Whether runs or probes are paused.
pub const SUSPENDED: &str = "Suspended";
/// On jobs: how the run ended; Unknown until then.
pub const SUCCEEDED: &str = "Succeeded";
/// Only while actions wait for an approval.
pub const HELD: &str = "Held";
/// On settings: how the last run ended.
pub const LAST_RUN_SUCCEEDED: &str = "LastRunSucceeded";
/// On settings: only while source values are missing from a value map.
pub const UNMAPPED_VALUES: &str = "UnmappedValues";

/// Longest message of a condition, in characters (Flux caps at the same number).
const MAX_MESSAGE: usize = 20_000;

/// Status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// Not known yet.
    Unknown,
}

impl ConditionStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition as it should be, without the times that merging keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    type_: &'static str,
    status: ConditionStatus,
    reason: String,
    message: String,
}

impl Draft {
    /// Any condition.
    pub fn new(
        type_: &'static str,
        status: ConditionStatus,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, status, reason: reason.into(), message: message.into() }
    }

    /// A condition with status True.
    pub fn yes(type_: &'static str, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(type_, ConditionStatus::True, reason, message)
    }

    /// A condition with status False.
    pub fn no(type_: &'static str, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(type_, ConditionStatus::False, reason, message)
    }

    /// A condition with status Unknown.
    pub fn unknown(type_: &'static str, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(type_, ConditionStatus::Unknown, reason, message)
    }
}

/// Makes the drafts the whole set of conditions. A type that is not drafted disappears; one whose status is
/// unchanged keeps its time. The order is that of the drafts.
pub fn merge(old: &[Condition], drafts: Vec<Draft>, generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    drafts
        .into_iter()
        .map(|draft| {
            let before = find(old, draft.type_).filter(|condition| condition.status == draft.status.as_str());
            Condition {
                type_: draft.type_.to_owned(),
                status: draft.status.as_str().to_owned(),
                observed_generation: generation,
                last_transition_time: before.map_or(Time(now), |condition| condition.last_transition_time.clone()),
                reason: draft.reason,
                message: shortened(&draft.message, MAX_MESSAGE),
            }
        })
        .collect()
}

/// The condition of a type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether a condition exists and is True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

fn is_false(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "False")
}

/// Whether Ready is True and was found out about this generation of the spec.
pub fn is_ready(conditions: &[Condition], generation: Option<i64>) -> bool {
    find(conditions, READY).is_some_and(|ready| {
        ready.status == "True" && generation.is_none_or(|now| ready.observed_generation == Some(now))
    })
}

/// A condition as a draft again: to carry it over unchanged.
pub fn carried(conditions: &[Condition], type_: &'static str) -> Option<Draft> {
    find(conditions, type_).map(|condition| Draft {
        type_,
        status: match condition.status.as_str() {
            "True" => ConditionStatus::True,
            "False" => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        },
        reason: condition.reason.clone(),
        message: condition.message.clone(),
    })
}

/// Phase of a provider.
pub fn provider_phase(conditions: &[Condition]) -> ProviderPhase {
    if is_true(conditions, READY) {
        ProviderPhase::Ready
    } else if is_true(conditions, STALLED) || is_false(conditions, READY) {
        ProviderPhase::Error
    } else {
        ProviderPhase::Pending
    }
}

/// State of a setting.
pub fn setting_state(conditions: &[Condition]) -> SettingState {
    let reason = |type_| find(conditions, type_).map(|condition| condition.reason.as_str());
    if is_true(conditions, STALLED) {
        SettingState::Error
    } else if !is_true(conditions, READY) {
        SettingState::Pending
    } else if reason(READY) == Some(reasons::NOT_PUBLISHED) {
        SettingState::Ready
    } else if is_true(conditions, SUSPENDED) && reason(SUSPENDED) == Some(reasons::SWITCHED_OFF) {
        SettingState::Off
    } else {
        SettingState::On
    }
}

/// Phase of a job.
pub fn job_phase(conditions: &[Condition]) -> JobPhase {
    match find(conditions, SUCCEEDED) {
        Some(ended) if ended.status == "True" => JobPhase::Complete,
        Some(ended) if ended.status == "False" => JobPhase::Error,
        Some(pending) if pending.reason == reasons::RUNNING => JobPhase::InProgress,
        _ => JobPhase::Queued,
    }
}

/// Phase of an approval.
pub fn approval_phase(conditions: &[Condition]) -> ApprovalPhase {
    match find(conditions, READY) {
        Some(ready) if ready.status == "True" && ready.reason == reasons::DENIED => ApprovalPhase::Denied,
        Some(ready) if ready.status == "True" => ApprovalPhase::Applied,
        // A defect of the operator decides nothing.
        Some(ready) if is_true(conditions, STALLED) && ready.reason != reasons::INTERNAL => ApprovalPhase::Void,
        _ => ApprovalPhase::Pending,
    }
}

/// Cuts a text to so many characters, with an ellipsis.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Says which rule a set of conditions breaks, if any. Used by every reconcile test.
pub fn wellformed(conditions: &[Condition]) -> Result<(), String> {
    let ready = find(conditions, READY).ok_or("Ready is missing")?;
    for type_ in [RECONCILING, STALLED, HELD, UNMAPPED_VALUES] {
        if find(conditions, type_).is_some_and(|condition| condition.status != "True") {
            return Err(format!("{type_} must be absent unless it is True"));
        }
    }
    if ready.status == "True" && is_true(conditions, STALLED) {
        return Err("Ready=True beside Stalled=True".into());
    }
    for (index, condition) in conditions.iter().enumerate() {
        if conditions.iter().skip(index + 1).any(|other| other.type_ == condition.type_) {
            return Err(format!("{} appears twice", condition.type_));
        }
        if reasons::find(&condition.reason).is_none() {
            return Err(format!("{} has the undocumented reason {:?}", condition.type_, condition.reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_time_moves_only_when_the_status_changes() {
        let first = merge(&[], vec![Draft::unknown(READY, reasons::PROBE_PENDING, "")], Some(1), at(1));
        let same = merge(&first, vec![Draft::unknown(READY, reasons::NEVER_RUN, "more")], Some(2), at(2));
        assert_eq!((same[0].last_transition_time.0, same[0].observed_generation), (at(1), Some(2)));
        let changed = merge(&same, vec![Draft::yes(READY, reasons::PROBE_SUCCEEDED, "")], Some(2), at(3));
        assert_eq!(changed[0].last_transition_time.0, at(3));
        assert_eq!(wellformed(&changed), Ok(()));
    }

    #[test]
    fn conditions_that_are_not_drafted_disappear() {
        let old = merge(
            &[],
            vec![Draft::no(READY, reasons::INVALID_SPEC, ""), Draft::yes(STALLED, reasons::INVALID_SPEC, "")],
            None,
            at(1),
        );
        let new = merge(&old, vec![Draft::yes(READY, reasons::ACTIVE, "")], None, at(2));
        assert_eq!(new.len(), 1);
    }

    #[test]
    fn broken_sets_are_named() {
        let set = |drafts| merge(&[], drafts, None, at(1));
        let ready = || Draft::yes(READY, reasons::ACTIVE, "");
        assert!(wellformed(&set(vec![])).is_err());
        assert!(wellformed(&set(vec![ready(), ready()])).is_err());
        assert!(wellformed(&set(vec![ready(), Draft::no(STALLED, reasons::ACTIVE, "")])).is_err());
        assert!(wellformed(&set(vec![ready(), Draft::yes(STALLED, reasons::ACTIVE, "")])).is_err());
        assert!(wellformed(&set(vec![Draft::yes(READY, "Whatever", "")])).is_err());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }
}
