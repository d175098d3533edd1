//! Jobs: one test per rule.

use super::super::testing::*;
use super::*;
use crate::operator::decide::testing::assert_conditions_wellformed;
use rollcall_api::conditions::find;
use rollcall_api::contract::RunResult;
use rollcall_api::v1alpha1::{
    Decision as Verdict, DesiredState, Held, JobType, Release, SyncApproval, SyncApprovalSpec,
};

/// The job after its first attempt was started.
fn running() -> EmployeeSyncJob {
    let mut job = job("run");
    job.status = decide_job(&job, &observed(), now()).status;
    assert_eq!(job.status.as_ref().unwrap().phase, JobPhase::InProgress);
    job
}

fn with_pod(stage: PodStage) -> JobObserved {
    JobObserved { pod: PodState::Seen(Arc::new(pod("run-1", "run", stage))), ..observed() }
}

fn ended_with(exit_code: i32, result: RunResult) -> EmployeeSyncJobStatus {
    let status = decide_job(&running(), &with_pod(ended(exit_code, &message(result))), now()).status.unwrap();
    assert_conditions_wellformed(&status.conditions);
    status
}

fn waits(observed: &JobObserved) -> (JobPhase, String) {
    let decision = decide_job(&job("run"), observed, now());
    assert_eq!(decision.actions, []);
    let status = decision.status.unwrap();
    assert_conditions_wellformed(&status.conditions);
    let mut again = job("run");
    again.status = Some(status.clone());
    assert_eq!(decide_job(&again, observed, plus(now(), 90)).status, None, "waiting on is no reason to write again");
    (status.phase, status.reason.unwrap())
}

#[test]
fn a_job_that_can_start_gets_its_pod_and_one_write() {
    let decision = decide_job(&job("run"), &observed(), now());
    let [OperatorAction::CreatePod(pod)] = decision.actions.as_slice() else { panic!("{decision:#?}") };
    assert_eq!(pod.metadata.name.as_deref(), Some("run-1"));
    let status = decision.status.unwrap();
    assert_conditions_wellformed(&status.conditions);
    assert_eq!((status.phase, status.attempts, status.pod_name.as_deref()), (JobPhase::InProgress, 1, Some("run-1")));
    assert_eq!(decision.wake_at, Some(plus(now(), 21_600)));
}

#[test]
fn a_running_job_is_left_alone() {
    let decision = decide_job(&running(), &with_pod(PodStage::Running), plus(now(), 60));
    assert_eq!((decision.status, decision.actions.len()), (None, 0));
}

#[test]
fn ends_are_turned_into_phase_code_and_reason() {
    let held = Held { digest: format!("sha256:{}", "0".repeat(64)), create: 2, ..Held::default() };
    let table = [
        (0, result(201, reasons::COMPLETED), JobPhase::Complete, 201, reasons::COMPLETED),
        (0, result(204, reasons::COMPLETED), JobPhase::Complete, 204, reasons::COMPLETED),
        (
            4,
            RunResult { held: Some(held), ..result(200, reasons::COMPLETED_WITH_HOLDS) },
            JobPhase::Complete,
            200,
            reasons::COMPLETED_WITH_HOLDS,
        ),
        (5, result(200, reasons::COMPLETED_WITH_FAILURES), JobPhase::Complete, 200, reasons::COMPLETED_WITH_FAILURES),
        (5, result(400, reasons::RECORDS_FAILED), JobPhase::Error, 400, reasons::RECORDS_FAILED),
        (2, result(400, reasons::MAPPING_INVALID), JobPhase::Error, 400, reasons::MAPPING_INVALID),
        (3, result(400, reasons::CREDENTIALS_MISSING), JobPhase::Error, 400, reasons::CREDENTIALS_MISSING),
        (0, result(204, "Made-up"), JobPhase::Error, 400, reasons::RESULT_INVALID),
        (0, result(999, reasons::COMPLETED), JobPhase::Error, 400, reasons::RESULT_INVALID),
    ];
    for (exit_code, result, phase, code, reason) in table {
        let wants_held = result.held.is_some();
        let status = ended_with(exit_code, result);
        assert_eq!((status.phase, status.code, status.reason.as_deref()), (phase, Some(code), Some(reason)));
        assert_eq!(find(&status.conditions, "Held").is_some(), wants_held);
        assert!(status.completion_time.is_some());
    }
}

#[test]
fn a_lost_message_after_success_or_a_crash_is_a_retry() {
    let end = |code| decide_job(&running(), &with_pod(ended(code, "")), now()).status.unwrap();
    assert_eq!((end(0).phase, end(0).failed_attempts), (JobPhase::Queued, 1));
    assert_eq!(end(3).reason.as_deref(), Some(reasons::CREDENTIALS_REJECTED));
    let killed = end(137);
    assert_eq!((killed.phase, killed.failed_attempts), (JobPhase::Queued, 1));
    assert_eq!(killed.reason.as_deref(), Some(reasons::WAITING_FOR_RETRY));
}

#[test]
fn transient_failures_are_retried_with_growing_waits_up_to_the_limit() {
    let mut job = running();
    let mut time = now();
    for failed in 1..=3 {
        let name = format!("run-{failed}");
        let transient = RunResult { retry_after_seconds: Some(90), ..result(400, reasons::RATE_LIMITED) };
        let end = PodState::Seen(Arc::new(pod(&name, "run", ended(64, &message(transient)))));
        let decision = decide_job(&job, &JobObserved { pod: end, ..observed() }, time);
        job.status = decision.status;
        let status = job.status.clone().unwrap();
        assert_eq!((status.failed_attempts, status.phase), (failed, JobPhase::Queued));
        let next = status.next_attempt_time.clone().unwrap().0;
        assert!(next >= plus(time, 90), "Retry-After is honoured");
        assert_eq!(decision.wake_at, Some(next));
        assert_eq!(decide_job(&job, &observed(), plus(time, 1)).actions, [], "not before its time");
        time = next;
        let decision = decide_job(&job, &observed(), time);
        assert_eq!(decision.actions.len(), 1);
        job.status = decision.status;
    }
    let end = PodState::Seen(Arc::new(pod("run-4", "run", ended(64, ""))));
    let status = decide_job(&job, &JobObserved { pod: end, ..observed() }, time).status.unwrap();
    assert_eq!(status.reason.as_deref(), Some(reasons::BACKOFF_LIMIT_EXCEEDED));
    assert_eq!((status.attempts, status.failed_attempts, status.code), (4, 4, Some(400)));
}

#[test]
fn disruptions_lead_to_another_attempt_that_does_not_count() {
    let evicted = PodStage::Ended { exit_code: None, reason: "Evicted".into(), message: String::new() };
    let mut view = pod("run-1", "run", evicted);
    view.disrupted = true;
    let stopped = pod("run-1", "run", ended(65, ""));
    for state in [PodState::Seen(Arc::new(view)), PodState::Seen(Arc::new(stopped)), PodState::Absent] {
        let mut job = running();
        job.status = decide_job(&job, &JobObserved { pod: state, ..observed() }, now()).status;
        let status = job.status.as_ref().unwrap();
        assert_eq!((status.phase, status.failed_attempts, status.attempts), (JobPhase::Queued, 0, 1));
        let decision = decide_job(&job, &observed(), plus(now(), 400));
        let [OperatorAction::CreatePod(pod)] = decision.actions.as_slice() else { panic!("{decision:#?}") };
        assert_eq!(pod.metadata.name.as_deref(), Some("run-2"));
    }
}

#[test]
fn cancelling_stops_the_pod_first_and_ends_when_it_is_gone() {
    let mut cancelled = running();
    cancelled.spec.cancel = true;
    let decision = decide_job(&cancelled, &with_pod(PodStage::Running), now());
    assert!(matches!(decision.actions.as_slice(), [OperatorAction::DeletePod(_)]));
    assert_eq!(decision.status, None);
    for state in [PodState::Absent, with_pod(ended(65, "")).pod] {
        let status = decide_job(&cancelled, &JobObserved { pod: state, ..observed() }, now()).status.unwrap();
        assert_eq!((status.phase, status.reason.as_deref()), (JobPhase::Error, Some(reasons::CANCELLED)));
    }
    let finished = with_pod(ended(0, &message(result(204, reasons::COMPLETED))));
    let status = decide_job(&cancelled, &finished, now()).status.unwrap();
    assert_eq!(status.phase, JobPhase::Complete, "a run that was faster than the cancelling is complete");
    let mut queued = job("run");
    queued.spec.cancel = true;
    let decision = decide_job(&queued, &observed(), now());
    assert_eq!((decision.actions.len(), decision.status.unwrap().reason.as_deref()), (0, Some(reasons::CANCELLED)));
}

#[test]
fn the_deadline_counts_from_the_first_attempt() {
    let late = plus(now(), 21_600);
    let decision = decide_job(&running(), &with_pod(PodStage::Running), late);
    assert!(matches!(decision.actions.as_slice(), [OperatorAction::DeletePod(_)]));
    let status = decide_job(&running(), &observed(), late).status.unwrap();
    assert_eq!(status.reason.as_deref(), Some(reasons::DEADLINE_EXCEEDED));
}

/// The job has been waiting for this so many seconds.
fn since(sight: Sight, seconds: i64, observed: JobObserved) -> JobObserved {
    JobObserved { sighted: Some((sight, jiff::SignedDuration::from_secs(seconds))), ..observed }
}

#[test]
fn a_pod_that_cannot_start_is_waited_for_and_deleted_before_the_job_ends() {
    let stuck = |permanent| PodStage::Waiting { permanent, obstacle: Some("ImagePullBackOff".into()) };
    let decision = decide_job(&running(), &with_pod(stuck(true)), now());
    assert!(matches!(decision.actions.as_slice(), [OperatorAction::DeletePod(_)]));
    assert_eq!(decision.status.unwrap().reason.as_deref(), Some(reasons::POD_CANNOT_START));
    assert!(decision.unproven, "a cache may lag");
    let own = || Sight::Pod("uid-run-1".into());
    // However late it is by any clock: only the time since it was first seen counts.
    let fresh = decide_job(&running(), &with_pod(stuck(false)), plus(now(), 9999));
    assert_eq!((fresh.status, fresh.sight, fresh.wake_at), (None, Some(own()), Some(plus(now(), 9999 + 300))));
    let other = since(Sight::Pod("uid-earlier".into()), 300, with_pod(stuck(false)));
    assert_eq!(decide_job(&running(), &other, now()).status, None, "another pod's age is not this one's");
    assert_eq!(decide_job(&running(), &since(own(), 299, with_pod(stuck(false))), now()).status, None);
    let status = decide_job(&running(), &since(own(), 300, with_pod(stuck(false))), now()).status.unwrap();
    assert_eq!(status.reason.as_deref(), Some(reasons::POD_CANNOT_START));
}

#[test]
fn a_pod_whose_node_is_lost_is_given_up_in_the_end() {
    let mut view = pod("run-1", "run", PodStage::Running);
    view.deleting = true;
    let leaving = || JobObserved { pod: PodState::Seen(Arc::new(view.clone())), ..observed() };
    let sight = Sight::Leaving("uid-run-1".into());
    assert_eq!(decide_job(&running(), &since(sight.clone(), 89, leaving()), now()).status, None);
    let status = decide_job(&running(), &since(sight, 90, leaving()), now()).status.unwrap();
    assert_eq!((status.phase, status.failed_attempts), (JobPhase::Queued, 0));
}

#[test]
fn what_the_server_refuses_ends_the_job_only_when_it_will_never_take_it() {
    let refused = |kind, seconds| {
        let observed = JobObserved { pod: PodState::Refused(kind, "no".into()), ..observed() };
        decide_job(&job("run"), &since(Sight::Refusal, seconds, observed), now())
    };
    for (kind, seconds, phase) in [
        (Refusal::Invalid, 0, JobPhase::Error),
        (Refusal::Forbidden, 0, JobPhase::Queued),
        (Refusal::Forbidden, 299, JobPhase::Queued),
        (Refusal::Forbidden, 300, JobPhase::Error),
        (Refusal::Quota, 99_999, JobPhase::Queued),
    ] {
        let decision = refused(kind, seconds);
        let status = decision.status.unwrap();
        assert_conditions_wellformed(&status.conditions);
        assert_eq!((status.phase, status.reason.as_deref()), (phase, Some(reasons::POD_CANNOT_START)), "{kind:?}");
        assert!(phase == JobPhase::Error || decision.wake_at > Some(now()), "it is tried again, not at once");
    }
}

#[test]
fn a_missing_setting_is_waited_for_a_while() {
    let gone = |seconds| since(Sight::Missing, seconds, JobObserved { setting: None, ..observed() });
    let decision = decide_job(&job("run"), &gone(0), now());
    let status = decision.status.unwrap();
    assert_eq!((status.phase, status.reason.as_deref()), (JobPhase::Queued, Some(reasons::SETTING_NOT_FOUND)));
    assert_eq!((decision.sight, decision.wake_at), (Some(Sight::Missing), Some(plus(now(), 60))));
    let decision = decide_job(&job("run"), &gone(60), now());
    let status = decision.status.unwrap();
    assert_eq!((status.phase, status.reason.as_deref()), (JobPhase::Error, Some(reasons::SETTING_NOT_FOUND)));
    assert!(decision.unproven);
}

#[test]
fn a_finished_job_follows_a_late_cancel() {
    let mut done = running();
    done.status = Some(ended_with(0, result(204, reasons::COMPLETED)));
    let before = done.status.clone().unwrap();
    done.spec.cancel = true;
    done.metadata.generation = Some(2);
    let status = decide_job(&done, &observed(), now()).status.unwrap();
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(EmployeeSyncJobStatus { observed_generation: Some(1), ..status }, before);
}

#[test]
fn a_job_without_a_setting_is_removed_only_when_that_is_known_for_certain() {
    let mut done = running();
    done.status = Some(ended_with(0, result(204, reasons::COMPLETED)));
    done.spec.ttl.after_success_seconds = Some(10);
    let gone = JobObserved { setting: None, ..observed() };
    assert_eq!(decide_job(&done, &gone, now()).wake_at, Some(plus(now(), 10)));
    let decision = decide_job(&done, &gone, plus(now(), 10));
    assert!(decision.unproven && matches!(decision.cleanup.as_slice(), [OperatorAction::DeleteJob(_)]));
}

#[test]
fn a_release_needs_an_approval_that_says_the_same() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let approval = |decision, digest: &str| {
        let spec = SyncApprovalSpec {
            setting_ref: job("run").spec.setting_ref,
            digest: digest.to_owned(),
            decision,
            ..SyncApprovalSpec::default()
        };
        Arc::new(SyncApproval::new("ok", spec))
    };
    let mut release = job("run");
    release.spec.type_ = JobType::Release;
    release.spec.release = Some(Release { digest: digest.clone(), ..Release::default() });
    let after = |approvals: &[Arc<SyncApproval>], seconds| {
        let observed = JobObserved { approvals: approvals.to_vec(), ..observed() };
        decide_job(&release, &since(Sight::Missing, seconds, observed), now())
    };
    let starts = |approvals: &[Arc<SyncApproval>]| {
        let decision = after(approvals, 60);
        assert!(decision.unproven, "an approval or a denial may have come a moment ago");
        let refused = decision.status.unwrap().reason.as_deref() == Some(reasons::NOT_APPROVED);
        assert_ne!(decision.actions.len() == 1, refused);
        !refused
    };
    assert_eq!(after(&[], 0).status.unwrap().phase, JobPhase::Queued, "the approval may come with the next file");

    let (yes, no) = (approval(Verdict::Approve, &digest), approval(Verdict::Deny, &digest));
    assert!(starts(&[Arc::clone(&yes)]));
    assert!(!starts(&[]), "made by hand, without an approval");
    assert!(!starts(&[approval(Verdict::Approve, "sha256:other")]));
    assert!(!starts(&[yes, no]), "a denial outweighs");
}

#[test]
fn off_allows_only_jobs_that_do_not_write() {
    let mut off = setting();
    off.spec.state = DesiredState::Off;
    let off = JobObserved { setting: Some(Arc::new(off)), ..observed() };
    for (type_, runs) in [
        (JobType::Sync, false),
        (JobType::Create, false),
        (JobType::Release, false),
        (JobType::Plan, true),
        (JobType::Show, true),
    ] {
        let mut job = job("run");
        job.spec.type_ = type_;
        let decision = decide_job(&job, &off, now());
        assert_eq!(decision.actions.len() == 1, runs, "{type_:?}");
        let reason = decision.status.unwrap().reason.unwrap();
        assert_eq!(reason == reasons::ACTION_NOT_AVAILABLE, !runs, "{type_:?}");
    }
}

#[test]
fn whatever_a_job_waits_for_is_its_reason() {
    let queued = |reason: &str| (JobPhase::Queued, reason.to_owned());
    let mut missing = observed();
    missing.source.provider = None;
    assert_eq!(waits(&missing), queued(reasons::WAITING_FOR_PROVIDER));
    let mut suspended = provider("travel");
    suspended.spec.suspend = true;
    let mut held_up = observed();
    held_up.target.provider = Some(Arc::new(suspended));
    assert_eq!(waits(&held_up), queued(reasons::WAITING_FOR_PROVIDER));
    let mut changed = provider("hr");
    changed.metadata.generation = Some(2);
    let mut unproven = observed();
    unproven.source.provider = Some(Arc::new(changed));
    assert_eq!(waits(&unproven), queued(reasons::WAITING_FOR_PROVIDER));
    let mut pending = setting();
    pending.status = None;
    assert_eq!(
        waits(&JobObserved { setting: Some(Arc::new(pending)), ..observed() }),
        queued(reasons::SETTING_NOT_READY)
    );
    let mut busy = observed();
    busy.target.active_jobs = 1;
    assert_eq!(waits(&busy), queued(reasons::WAITING_FOR_SLOT));
    assert_eq!(waits(&JobObserved { ahead: true, ..observed() }), queued(reasons::WAITING_FOR_RUN));
}

#[test]
fn a_pod_made_before_a_crash_is_adopted_and_a_foreign_one_is_not() {
    let decision = decide_job(&job("run"), &with_pod(PodStage::Running), now());
    assert_eq!((decision.actions.len(), decision.status.unwrap().phase), (0, JobPhase::InProgress));
    let end = with_pod(ended(0, &message(result(204, reasons::COMPLETED))));
    let status = decide_job(&job("run"), &end, now()).status.unwrap();
    assert_eq!((status.phase, status.attempts), (JobPhase::Complete, 1));
}

#[test]
fn a_pod_of_an_earlier_job_of_the_name_is_waited_for() {
    let foreign = || {
        let pod = PodState::Seen(Arc::new(pod("run-1", "other", PodStage::Running)));
        JobObserved { pod, ..observed() }
    };
    let status = decide_job(&job("run"), &foreign(), now()).status.unwrap();
    assert_eq!((status.phase, status.attempts), (JobPhase::Queued, 0));
    let late = since(Sight::Pod("uid-run-1".into()), 300, foreign());
    let status = decide_job(&job("run"), &late, now()).status.unwrap();
    assert_eq!((status.phase, status.reason.as_deref()), (JobPhase::Error, Some(reasons::POD_CANNOT_START)));
    let lost = decide_job(&running(), &foreign(), now()).status.unwrap();
    assert_eq!((lost.phase, lost.failed_attempts), (JobPhase::Queued, 0), "the own pod of this attempt is gone");
}

#[test]
fn a_run_at_work_stops_when_its_setting_is_switched_off_or_a_provider_is_suspended() {
    let mut off = setting();
    off.spec.state = DesiredState::Off;
    let off = JobObserved { setting: Some(Arc::new(off)), ..with_pod(PodStage::Running) };
    let decision = decide_job(&running(), &off, now());
    assert!(matches!(decision.actions.as_slice(), [OperatorAction::DeletePod(_)]));
    let stopped = JobObserved { pod: with_pod(ended(65, "")).pod, ..off.clone() };
    let decision = decide_job(&running(), &stopped, now());
    assert_eq!(decision.status.unwrap().reason.as_deref(), Some(reasons::ACTION_NOT_AVAILABLE));
    assert!(decision.unproven);
    let mut plan = running();
    plan.spec.type_ = JobType::Plan;
    assert_eq!(decide_job(&plan, &off, now()).actions, [], "Off is about writing");

    let mut suspended = provider("travel");
    suspended.spec.suspend = true;
    let mut observed = with_pod(PodStage::Running);
    observed.target.provider = Some(Arc::new(suspended));
    let decision = decide_job(&plan, &observed, now());
    assert!(matches!(decision.actions.as_slice(), [OperatorAction::DeletePod(_)]), "nothing talks to it");
    observed.pod = with_pod(ended(65, "")).pod;
    let status = decide_job(&running(), &observed, now()).status.unwrap();
    assert_eq!((status.phase, status.failed_attempts), (JobPhase::Queued, 0), "it goes on later");
}

#[test]
fn a_finished_job_never_starts_again() {
    let mut done = running();
    done.status = Some(ended_with(0, result(204, reasons::COMPLETED)));
    for observed in [observed(), with_pod(PodStage::Running), with_pod(ended(64, ""))] {
        assert_eq!(decide_job(&done, &observed, plus(now(), 9999)), Decision::default());
    }
}
