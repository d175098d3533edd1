//! What is decided about held actions, and under which name. Pure.

use kube::ResourceExt;

use super::super::shown::{held_in_words, waiting};
use super::names;
use super::next_steps::command;
use super::problem::Problem;
use rollcall_api::v1alpha1::{
    ApprovalLimits, ApprovalPhase, Decision, Held, LocalReference, SyncApproval, SyncApprovalSpec, SyncSetting,
};

/// What is to be done about a decision.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Create a SyncApproval of this name.
    Create(String),
    /// This one says the same and is in force.
    Exists(String),
}

/// What the setting holds, which must be what `asked` names, if anything.
pub(super) fn held(setting: &SyncSetting, asked: Option<&str>) -> Result<Held, Problem> {
    let name = setting.name_any();
    let held = waiting(setting.status.as_ref().and_then(|status| status.held.as_ref())).cloned();
    let Some(held) = held else {
        return Err(Problem::Usage(format!("`{name}` holds nothing, so there is nothing to decide")));
    };
    match asked {
        Some(digest) if digest != held.digest => Err(Problem::Usage(format!(
            "`{name}` does not hold {digest} but {} ({}): look at it again ({})",
            held.digest,
            held_in_words(&held),
            command(&setting.namespace().unwrap_or_default(), &format!("status {name}"))
        ))),
        _ => Ok(held),
    }
}

/// What is shown before somebody decides.
pub(super) fn question(setting: &SyncSetting, held: &Held, only: Option<&ApprovalLimits>) -> String {
    let name = setting.name_any();
    let mut lines = vec![format!("`{name}` holds: {}", held_in_words(held)), format!("digest: {}", held.digest)];
    let status = setting.status.clone().unwrap_or_default();
    if let Some(condition) = status.conditions.iter().find(|condition| condition.type_ == "Held") {
        lines.push(format!("why: {} {}", condition.reason, condition.message));
    }
    if let Some(run) = status.last_run.filter(|run| run.counts.held > 0) {
        let words = format!("records {} --result Held", run.name);
        lines.push(format!("who: {}", command(&setting.namespace().unwrap_or_default(), &words)));
    }
    if let Some(limits) = only {
        let actions: Vec<String> = limits.actions.iter().map(ToString::to_string).collect();
        let all = |words: Vec<String>| if words.is_empty() { "all".to_owned() } else { words.join(", ") };
        lines.push(format!("limited to actions: {}; streams: {}", all(actions), all(limits.streams.clone())));
    }
    lines.join("\n")
}

/// The decision as an object's spec.
pub(super) fn spec(
    setting: &str,
    held: &Held,
    decision: Decision,
    only: Option<ApprovalLimits>,
    note: Option<String>,
) -> SyncApprovalSpec {
    SyncApprovalSpec {
        setting_ref: LocalReference { name: setting.to_owned() },
        digest: held.digest.clone(),
        decision,
        only,
        note,
    }
}

/// What earlier decisions leave to be done. A denial of the same digest makes every approval of it void, so it has to be
/// taken back first. One that is in force is not repeated; one that has ended gives way to a new one.
pub(super) fn step(earlier: &[SyncApproval], spec: &SyncApprovalSpec) -> Result<Step, Problem> {
    let about_this = |approval: &&SyncApproval| {
        approval.spec.setting_ref == spec.setting_ref
            && approval.spec.digest == spec.digest
            && approval.metadata.deletion_timestamp.is_none()
    };
    let phase = |approval: &SyncApproval| approval.status.as_ref().map(|status| status.phase).unwrap_or_default();
    let is_in_force = |approval: &SyncApproval| match phase(approval) {
        ApprovalPhase::Pending => true,
        ApprovalPhase::Denied => approval.spec.decision == Decision::Deny,
        ApprovalPhase::Applied | ApprovalPhase::Void => false,
    };
    let mut denials = earlier.iter().filter(about_this).filter(|approval| approval.spec.decision == Decision::Deny);
    if let (Decision::Approve, Some(denial)) = (spec.decision, denials.next()) {
        return Err(Problem::Usage(format!(
            "SyncApproval `{0}` denies exactly these actions; take that back first: kubectl delete syncapproval {0}",
            denial.name_any()
        )));
    }
    let same = earlier.iter().filter(about_this).find(|approval| {
        approval.spec.decision == spec.decision && approval.spec.only == spec.only && is_in_force(approval)
    });
    if let Some(same) = same {
        return Ok(Step::Exists(same.name_any()));
    }
    let is_free = |name: &String| earlier.iter().all(|approval| approval.name_any() != *name);
    let name =
        |number| names::approval_name(&spec.setting_ref.name, &spec.digest, spec.decision, spec.only.as_ref(), number);
    (1..100)
        .map(name)
        .find(is_free)
        .map(Step::Create)
        .ok_or_else(|| Problem::Usage("a hundred decisions about these actions exist; delete old SyncApprovals".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_api::v1alpha1::{Action, SyncApprovalStatus, SyncSettingStatus};

    fn held_three() -> Held {
        Held { digest: format!("sha256:{}", "ab".repeat(32)), disable: 3, ..Held::default() }
    }

    fn setting(held: Option<Held>) -> SyncSetting {
        let mut setting = SyncSetting::default();
        setting.metadata.name = Some("people".into());
        setting.status = Some(SyncSettingStatus { held, ..SyncSettingStatus::default() });
        setting
    }

    fn decided(name: &str, decision: Decision, phase: ApprovalPhase) -> SyncApproval {
        let mut approval = SyncApproval::new(name, spec("people", &held_three(), decision, None, None));
        approval.status = Some(SyncApprovalStatus { phase, ..SyncApprovalStatus::default() });
        approval
    }

    fn next(earlier: &[SyncApproval], decision: Decision) -> Result<Step, String> {
        step(earlier, &spec("people", &held_three(), decision, None, None)).map_err(|problem| problem.to_string())
    }

    #[test]
    fn only_what_is_held_now_can_be_decided() {
        let digest = held_three().digest;
        assert!(held(&setting(None), None).is_err());
        assert!(held(&setting(Some(Held::default())), None).is_err());
        assert_eq!(held(&setting(Some(held_three())), None).unwrap(), held_three());
        assert_eq!(held(&setting(Some(held_three())), Some(&digest)).unwrap(), held_three());
        let other = held(&setting(Some(held_three())), Some("sha256:00")).unwrap_err().to_string();
        assert!(other.contains(&digest) && other.contains("3 disable"), "{other}");
    }

    #[test]
    fn terms_that_wait_without_an_action_can_be_decided() {
        let terms = Held { digest: held_three().digest, ..Held::default() };
        assert_eq!(held(&setting(Some(terms.clone())), None).unwrap(), terms);
        assert!(question(&setting(Some(terms.clone())), &terms, None).contains("holds: the terms of the setting"));
    }

    #[test]
    fn a_decision_in_force_is_not_repeated_and_an_ended_one_gives_way() {
        use Decision::{Approve, Deny};
        let name = "people-ababababab";
        assert_eq!(next(&[], Approve), Ok(Step::Create(name.into())));
        let pending = decided(name, Approve, ApprovalPhase::Pending);
        assert_eq!(next(&[pending], Approve), Ok(Step::Exists(name.into())));
        let void = decided(name, Approve, ApprovalPhase::Void);
        assert_eq!(next(&[void], Approve), Ok(Step::Create(format!("{name}-2"))));
        let denied = decided("no", Deny, ApprovalPhase::Denied);
        assert_eq!(next(&[denied], Deny), Ok(Step::Exists("no".into())));
    }

    #[test]
    fn a_denial_of_the_same_actions_must_be_taken_back_before_they_can_be_approved() {
        let denied = decided("no", Decision::Deny, ApprovalPhase::Denied);
        let error = next(&[denied], Decision::Approve).unwrap_err();
        assert!(error.contains("kubectl delete syncapproval no"), "{error}");
    }

    #[test]
    fn the_question_tells_figures_digest_and_limits() {
        let only = ApprovalLimits { actions: vec![Action::Disable], streams: vec![] };
        let text = question(&setting(Some(held_three())), &held_three(), Some(&only));
        assert!(text.contains("3 disable") && text.contains("sha256:abab"), "{text}");
        assert!(text.contains("limited to actions: Disable; streams: all"), "{text}");
    }
}
