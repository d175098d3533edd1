//! Providers and approvals: what scenarios do not reach.

use std::sync::Arc;

use super::testing::*;
use super::*;
use crate::operator::catalogue::{Problem, ProviderFacts};
use crate::operator::decide::testing::assert_conditions_wellformed;
use rollcall_api::conditions::{find, is_true};
use rollcall_api::contract::{DefinitionSource, PodResult, ProbeResult};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    ApprovalPhase, Decision as Verdict, DesiredState, Held, IntegrationProviderStatus, ProviderPhase, SyncApproval,
    SyncApprovalSpec,
};

fn fresh() -> IntegrationProvider {
    IntegrationProvider { status: None, ..provider("hr") }
}

fn seen(pods: Vec<PodView>) -> ProviderObserved {
    let facts = ProviderFacts { capabilities: Vec::new(), digest: "one".into() };
    ProviderObserved {
        refused: None,
        definition: Ok(Definition { source: DefinitionSource::Vendor("scim-generic".into()), facts }),
        pods: pods.into_iter().map(Arc::new).collect(),
        defaults: defaults(),
        sighted: None,
    }
}

/// The probe pod as the first decision makes it.
fn probe(stage: PodStage) -> PodView {
    let decision = decide_provider(&fresh(), &seen(vec![]), now());
    let [OperatorAction::CreatePod(made)] = decision.actions.as_slice() else { panic!("{decision:#?}") };
    pod(made.metadata.name.as_deref().unwrap(), "hr", stage)
}

fn after(stage: PodStage, seconds: i64) -> Option<IntegrationProviderStatus> {
    let pod = probe(stage);
    let sighted = Some((Sight::Pod(pod.uid.clone()), SignedDuration::from_secs(seconds)));
    // Whatever the clocks say: only the time since the pod was first seen counts.
    let observed = ProviderObserved { sighted, ..seen(vec![pod]) };
    let status = decide_provider(&fresh(), &observed, plus(now(), 7200)).status;
    status.inspect(|status| assert_conditions_wellformed(&status.conditions))
}

#[test]
fn a_new_provider_is_pending_and_probed() {
    let decision = decide_provider(&fresh(), &seen(vec![]), now());
    let status = decision.status.unwrap();
    assert_conditions_wellformed(&status.conditions);
    assert_eq!((decision.actions.len(), status.phase), (1, ProviderPhase::Pending));
}

#[test]
fn whatever_a_probe_ends_with_becomes_a_reason() {
    let result = |ready, reason: &str| {
        PodResult::Probe(ProbeResult { version: 1, ready, reason: reason.into(), message: "text".into() }).to_message()
    };
    let waiting = |permanent| PodStage::Waiting { permanent, obstacle: Some("Unschedulable: no node".into()) };
    let table = [
        (ended(0, &result(true, reasons::PROBE_SUCCEEDED)), 1, reasons::PROBE_SUCCEEDED, false),
        (ended(3, &result(false, reasons::CREDENTIALS_REJECTED)), 1, reasons::CREDENTIALS_REJECTED, true),
        (ended(64, &result(false, reasons::ENDPOINT_UNREACHABLE)), 1, reasons::ENDPOINT_UNREACHABLE, false),
        (ended(137, ""), 1, reasons::PROBE_FAILED, true),
        (waiting(true), 1, reasons::PROBE_FAILED, true),
        (waiting(false), 61, reasons::PROBE_FAILED, true),
        (PodStage::Running, 120, reasons::PROBE_FAILED, true),
    ];
    for (stage, seconds, reason, stalled) in table {
        let status = after(stage, seconds).unwrap();
        assert_eq!(find(&status.conditions, "Ready").unwrap().reason, reason);
        assert_eq!(is_true(&status.conditions, "Stalled"), stalled, "{reason}");
    }
    assert_eq!(after(PodStage::Running, 119).unwrap().phase, ProviderPhase::Pending);
}

#[test]
fn a_suspended_provider_keeps_its_verdict_and_is_not_probed() {
    let mut suspended = provider("hr");
    suspended.spec.suspend = true;
    suspended.status.as_mut().unwrap().last_probe = Some(rollcall_api::v1alpha1::LastProbe {
        time: time(now()),
        reason: reasons::PROBE_SUCCEEDED.into(),
        spec_digest: "old".into(),
        consecutive_failures: 0,
        pod_uid: None,
    });
    let decision = decide_provider(&suspended, &seen(vec![probe(PodStage::Running)]), plus(now(), 99_999));
    assert!(matches!(decision.cleanup.as_slice(), [OperatorAction::DeletePod(_)]));
    let status = decision.status.unwrap();
    assert_conditions_wellformed(&status.conditions);
    assert_eq!((status.phase, decision.actions.len(), decision.wake_at), (ProviderPhase::Ready, 0, None));
    assert!(is_true(&status.conditions, "Suspended"));
}

#[test]
fn a_probe_pod_that_the_server_refuses_stalls_the_provider_and_is_not_tried_at_once() {
    let refused = Some((Refusal::Invalid, "spec.tolerations[0].operator: Unsupported value".to_owned()));
    let mut stalled = fresh();
    stalled.status = decide_provider(&stalled, &ProviderObserved { refused, ..seen(vec![]) }, now()).status;
    let found = &stalled.status.as_ref().unwrap().conditions;
    assert_conditions_wellformed(found);
    assert!(is_true(found, "Stalled"));
    assert!(find(found, "Ready").unwrap().message.contains("spec.pod: the probe pod is refused: spec.tolerations"));
    let later = decide_provider(&stalled, &seen(vec![]), plus(now(), 5));
    assert_eq!((later.actions.len(), later.status), (0, None));
    assert_eq!(later.wake_at, Some(plus(now(), 60)));
}

/// The provider after a good probe, and the name of its probe pods.
fn probed() -> (IntegrationProvider, PodView) {
    let good = ProbeResult { version: 1, ready: true, reason: reasons::PROBE_SUCCEEDED.into(), message: "ok".into() };
    let pod = probe(ended(0, &PodResult::Probe(good).to_message()));
    let mut provider = fresh();
    provider.status = decide_provider(&provider, &seen(vec![pod.clone()]), now()).status;
    (provider, pod)
}

#[test]
fn a_result_is_counted_once_and_the_next_one_is_read_whatever_the_clocks_say() {
    let (provider, pod) = probed();
    let again = decide_provider(&provider, &seen(vec![pod.clone()]), plus(now(), 5));
    assert_eq!(again.status, None, "it is the same pod");
    let next = PodView { uid: "uid-next".into(), ..pod };
    for later in [-7200, 7200] {
        let decision = decide_provider(&provider, &seen(vec![next.clone()]), plus(now(), later));
        assert_eq!(decision.status.unwrap().last_probe.unwrap().pod_uid.as_deref(), Some("uid-next"));
    }
}

#[test]
fn an_evicted_probe_or_a_full_quota_says_nothing_about_the_provider_for_a_while() {
    let (mut provider, pod) = probed();
    let evicted = PodStage::Ended { exit_code: None, reason: "Evicted".into(), message: String::new() };
    for round in 1..=4 {
        let uid = format!("uid-evicted-{round}");
        let view = PodView { uid, stage: evicted.clone(), disrupted: true, ..pod.clone() };
        let status = decide_provider(&provider, &seen(vec![view]), plus(now(), round)).status.unwrap();
        assert_conditions_wellformed(&status.conditions);
        assert_eq!(is_true(&status.conditions, "Ready"), round <= 3, "after {round} of them");
        assert_eq!(status.last_probe.as_ref().unwrap().consecutive_failures, i32::try_from(round).unwrap());
        provider.status = Some(status);
        let next = decide_provider(&provider, &seen(vec![]), plus(now(), round + 1));
        assert!(next.actions.is_empty() && next.wake_at.is_some(), "tried again, not at once");
    }
    let (provider, _) = probed();
    let full = ProviderObserved { refused: Some((Refusal::Quota, "exceeded quota".into())), ..seen(vec![]) };
    let status = decide_provider(&provider, &full, plus(now(), 3600)).status.unwrap();
    assert!(is_true(&status.conditions, "Ready"));
}

#[test]
fn providers_that_were_made_together_are_not_probed_together() {
    let due = |uid: &str| {
        let (mut provider, _) = probed();
        provider.metadata.uid = Some(uid.into());
        decide_provider(&provider, &seen(vec![]), plus(now(), 1)).wake_at.unwrap()
    };
    let times: Vec<_> = (0..20).map(|number| due(&format!("uid-{number}"))).collect();
    assert!(times.iter().all(|time| (plus(now(), 3240)..=plus(now(), 3600)).contains(time)));
    let different: std::collections::BTreeSet<_> = times.iter().collect();
    assert!(different.len() > 10, "{times:?}");
}

#[test]
fn a_definition_that_cannot_be_used_stalls_the_provider() {
    let problem = Problem { reason: reasons::DEFINITION_INVALID, message: "line 3".into() };
    let observed = ProviderObserved { definition: Err(problem), ..seen(vec![]) };
    let decision = decide_provider(&fresh(), &observed, now());
    let status = decision.status.unwrap();
    assert_conditions_wellformed(&status.conditions);
    assert_eq!((status.phase, decision.actions.len()), (ProviderPhase::Error, 0));
}

fn approval(verdict: Verdict) -> SyncApproval {
    SyncApproval {
        metadata: metadata("ok"),
        spec: SyncApprovalSpec { digest: "sha256:a".into(), decision: verdict, ..SyncApprovalSpec::default() },
        status: None,
    }
}

fn holding(digest: Option<&str>, state: DesiredState) -> ApprovalObserved {
    let mut setting = setting();
    setting.spec.state = state;
    setting.status.as_mut().unwrap().held = digest.map(|digest| Held { digest: digest.into(), ..Held::default() });
    ApprovalObserved { setting: Some(Arc::new(setting)), ..ApprovalObserved::default() }
}

#[test]
fn an_approval_starts_a_release_where_anything_is_held_and_the_release_finds_out_what_it_covers() {
    let on = DesiredState::On;
    let table = [
        (holding(Some("sha256:a"), on), 1, ApprovalPhase::Pending),
        (holding(Some("sha256:b"), on), 1, ApprovalPhase::Pending),
        (holding(None, on), 0, ApprovalPhase::Pending),
        (holding(Some("sha256:a"), DesiredState::Off), 0, ApprovalPhase::Pending),
        (ApprovalObserved { denied: true, ..holding(Some("sha256:a"), on) }, 0, ApprovalPhase::Void),
        (ApprovalObserved::default(), 0, ApprovalPhase::Pending),
    ];
    for (observed, jobs, phase) in table {
        let decision = decide_approval(&approval(Verdict::Approve), &observed, now());
        let status = decision.status.unwrap();
        assert_conditions_wellformed(&status.conditions);
        assert_eq!((decision.actions.len(), status.phase), (jobs, phase), "{observed:?}");
        let decides = jobs > 0 || phase == ApprovalPhase::Void;
        assert_eq!(decision.unproven, decides, "what is void or released is decided on what was read live");
    }
}

#[test]
fn a_decided_approval_never_changes() {
    let mut denied = approval(Verdict::Deny);
    denied.status = decide_approval(&denied, &ApprovalObserved::default(), now()).status;
    assert_eq!(denied.status.as_ref().unwrap().phase, ApprovalPhase::Denied);
    denied.spec.decision = Verdict::Approve;
    assert_eq!(
        decide_approval(&denied, &holding(Some("sha256:a"), DesiredState::On), plus(now(), 9)),
        Decision::default()
    );
}
