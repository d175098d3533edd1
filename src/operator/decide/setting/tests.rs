//! Settings: readiness, due jobs, roll-up, retention.

use super::super::testing::*;
use super::super::{OperatorAction, plus};
use super::*;
use crate::operator::decide::testing::assert_conditions_wellformed;
use rollcall_api::conditions::find;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{ConcurrencyPolicy, EmployeeSyncJobSpec, EmployeeSyncJobStatus, Held, SettingState};

const MORNING: &str = "2026-03-02T06:00:00Z";

fn daily() -> SyncSetting {
    let mut setting = setting();
    setting.spec.schedule = Some("0 7 * * *".into());
    setting.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(MORNING)));
    setting
}

fn seen(jobs: Vec<EmployeeSyncJob>) -> SettingObserved {
    SettingObserved {
        source: Some(Arc::new(provider("hr"))),
        target: Some(Arc::new(provider("travel"))),
        check: Some(Ok(())),
        jobs: jobs.into_iter().map(Arc::new).collect(),
        refused: None,
    }
}

fn created(decision: &Decision<SyncSettingStatus>) -> Vec<EmployeeSyncJob> {
    let jobs = decision.actions.iter().filter_map(|action| match action {
        OperatorAction::CreateJob(job) => Some(job.as_ref().clone()),
        _ => None,
    });
    jobs.collect()
}

fn names(decision: &Decision<SyncSettingStatus>) -> Vec<String> {
    created(decision).into_iter().map(|job| job.metadata.name.unwrap()).collect()
}

/// Applies a decision the way the cluster would, so that the next one can be asked for.
fn settled(mut setting: SyncSetting, observed: &SettingObserved, now: Timestamp) -> SyncSetting {
    let decision = decide_setting(&setting, observed, now);
    if let Some(status) = decision.status {
        assert_conditions_wellformed(&status.conditions);
        setting.status = Some(status);
    }
    setting
}

fn finished(mut job: EmployeeSyncJob, phase: JobPhase, reason: &str, at: Timestamp) -> EmployeeSyncJob {
    job.metadata.uid = Some(format!("uid-{}", job.metadata.name.as_deref().unwrap()));
    job.status = Some(EmployeeSyncJobStatus {
        phase,
        code: Some(if phase == JobPhase::Complete { 204 } else { 400 }),
        reason: Some(reason.into()),
        completion_time: Some(super::super::time(at)),
        setting_uid: Some("uid-people".into()),
        ..EmployeeSyncJobStatus::default()
    });
    job
}

#[test]
fn a_setting_is_ready_when_everything_it_needs_is() {
    type Change = Box<dyn Fn(&mut SyncSetting, &mut SettingObserved)>;
    let table: Vec<(&str, Change, SettingState, &str)> = vec![
        ("all well", Box::new(|_, _| ()), SettingState::On, reasons::PUBLISHED),
        (
            "not published",
            Box::new(|setting, _| setting.spec.publish = PublishPolicy::Manual),
            SettingState::Ready,
            reasons::NOT_PUBLISHED,
        ),
        ("off", Box::new(|setting, _| setting.spec.state = DesiredState::Off), SettingState::Off, reasons::PUBLISHED),
        ("no source", Box::new(|_, seen| seen.source = None), SettingState::Pending, reasons::PROVIDER_NOT_FOUND),
        (
            "target not ready",
            Box::new(|_, seen| {
                let mut target = provider("travel");
                target.status = None;
                seen.target = Some(Arc::new(target));
            }),
            SettingState::Pending,
            reasons::PROVIDER_NOT_READY,
        ),
        (
            "mapping",
            Box::new(|_, seen| seen.check = Some(Err(vec!["streams[0]: no".into()]))),
            SettingState::Error,
            reasons::MAPPING_INVALID,
        ),
        (
            "schedule",
            Box::new(|setting, _| setting.spec.schedule = Some("nonsense".into())),
            SettingState::Error,
            reasons::SCHEDULE_INVALID,
        ),
        (
            "zone",
            Box::new(|setting, _| setting.spec.time_zone = "Mars/Olympus".into()),
            SettingState::Error,
            reasons::TIME_ZONE_UNKNOWN,
        ),
    ];
    for (name, change, state, reason) in table {
        let mut setting = setting();
        setting.status = None;
        let mut observed = seen(vec![]);
        change(&mut setting, &mut observed);
        let status = decide_setting(&setting, &observed, now()).status.unwrap();
        assert_conditions_wellformed(&status.conditions);
        assert_eq!(
            (status.state, find(&status.conditions, "Ready").unwrap().reason.as_str()),
            (state, reason),
            "{name}"
        );
        setting.status = Some(status);
        assert_eq!(
            decide_setting(&setting, &observed, plus(now(), 5)).status,
            None,
            "{name}: decided twice, written once"
        );
    }
}

#[test]
fn a_scheduled_time_makes_one_job_and_is_remembered_at_once() {
    let setting = settled(daily(), &seen(vec![]), now());
    let early = decide_setting(&setting, &seen(vec![]), at("2026-03-02T06:59:59Z"));
    assert_eq!((names(&early).len(), early.wake_at), (0, Some(at("2026-03-02T07:00:00Z"))));
    let due = decide_setting(&setting, &seen(vec![]), at("2026-03-02T07:00:00Z"));
    let minutes = at("2026-03-02T07:00:00Z").as_second() / 60;
    assert_eq!(names(&due), [format!("people-{minutes}")]);
    let started = due.status.clone().unwrap();
    assert_eq!(started.last_schedule_time.as_ref().unwrap().0, at("2026-03-02T07:00:00Z"));
    assert_eq!(started.next_schedule_time.as_ref().unwrap().0, at("2026-03-03T07:00:00Z"));
    let crashed = decide_setting(&setting, &seen(created(&due)), at("2026-03-02T07:00:05Z"));
    assert_eq!((names(&crashed).len(), crashed.status.as_ref()), (0, Some(&started)), "only the status is missing");
    let mut setting = setting;
    setting.status = Some(started);
    let again = decide_setting(&setting, &seen(created(&due)), at("2026-03-02T07:00:05Z"));
    assert_eq!((names(&again).len(), again.status), (0, None));
    let deleted = decide_setting(&setting, &seen(vec![]), at("2026-03-02T07:00:10Z"));
    assert_eq!(names(&deleted), Vec::<String>::new(), "who deletes a running job does not want it again");
    let done = finished(created(&due).remove(0), JobPhase::Complete, reasons::COMPLETED, at("2026-03-02T07:03:00Z"));
    let rolled = decide_setting(&setting, &seen(vec![done]), at("2026-03-02T07:03:01Z")).status.unwrap();
    assert_eq!(rolled.last_successful_time.unwrap().0, at("2026-03-02T07:03:00Z"));
}

#[test]
fn an_annotation_that_somebody_made_up_stops_no_schedule() {
    let setting = settled(daily(), &seen(vec![]), now());
    let due = decide_setting(&setting, &seen(vec![]), at("2026-03-02T07:00:00Z"));
    let forge = |owned: bool, name: &str, time: &str| {
        let mut job = created(&due).remove(0);
        job.metadata.name = Some(name.into());
        job.metadata.annotations = Some([(labels::SCHEDULED_TIME.to_owned(), time.to_owned())].into());
        if !owned {
            job.metadata.owner_references = None;
        }
        finished(job, JobPhase::Complete, reasons::COMPLETED, now())
    };
    let minutes = at("2026-03-02T07:00:00Z").as_second() / 60;
    for job in [
        forge(false, "mine", "2099-01-01T00:00:00Z"),
        forge(true, "mine", "2099-01-01T00:00:00Z"),
        forge(true, "mine", "2026-03-02T07:00:00Z"),
        forge(true, &format!("people-{}", at("2099-01-01T00:00:00Z").as_second() / 60), "2099-01-01T00:00:00Z"),
    ] {
        let decision = decide_setting(&setting, &seen(vec![job.clone()]), at("2026-03-02T07:00:00Z"));
        assert_eq!(names(&decision), [format!("people-{minutes}")], "{:?}", job.metadata);
    }
}

#[test]
fn a_job_that_cannot_be_made_keeps_nothing_else_from_being_written() {
    let mut setting = settled(daily(), &seen(vec![]), now());
    setting.metadata.annotations = Some([(labels::RUN_REQUESTED_AT.to_owned(), "token".to_owned())].into());
    let done = finished(job("by-hand"), JobPhase::Complete, reasons::COMPLETED, now());
    let refused = SettingObserved { refused: Some("exceeded quota".into()), ..seen(vec![done]) };
    let decision = decide_setting(&setting, &refused, at("2026-03-02T07:00:00Z"));
    let status = decision.status.unwrap();
    assert_conditions_wellformed(&status.conditions);
    assert_eq!((decision.actions.len(), status.history.len()), (0, 1));
    assert_eq!((status.last_handled_run_request, status.last_schedule_time), (None, None), "neither is forgotten");
    assert!(find(&status.conditions, "Reconciling").unwrap().message.contains("exceeded quota"));
}

#[test]
fn after_a_long_absence_only_the_latest_time_runs() {
    let setting = settled(daily(), &seen(vec![]), now());
    let decision = decide_setting(&setting, &seen(vec![]), at("2026-03-09T12:00:00Z"));
    let minutes = at("2026-03-09T07:00:00Z").as_second() / 60;
    assert_eq!(names(&decision), [format!("people-{minutes}")]);
    let mut strict = setting;
    strict.spec.starting_deadline_seconds = Some(600);
    let decision = decide_setting(&strict, &seen(vec![]), at("2026-03-09T12:00:00Z"));
    let status = decision.status.unwrap();
    assert_eq!((decision.actions.len(), status.missed_schedules), (0, 8));
    assert_eq!(status.last_schedule_time.unwrap().0, at("2026-03-09T07:00:00Z"));
}

#[test]
fn forbid_skips_and_counts_and_replace_cancels() {
    let mut unfinished = job("by-hand");
    unfinished.metadata.uid = Some("uid-by-hand".into());
    let mut setting = settled(daily(), &seen(vec![unfinished.clone()]), now());
    let due = at("2026-03-02T07:00:00Z");
    let decision = decide_setting(&setting, &seen(vec![unfinished.clone()]), due);
    assert_eq!((names(&decision).len(), decision.status.unwrap().missed_schedules), (0, 1));
    setting.spec.concurrency_policy = ConcurrencyPolicy::Replace;
    let decision = decide_setting(&setting, &seen(vec![unfinished]), due);
    assert!(
        matches!(decision.actions.as_slice(), [OperatorAction::CancelJob(old), OperatorAction::CreateJob(_)] if old.name == "by-hand")
    );
}

#[test]
fn each_token_makes_one_job_and_off_makes_it_wait() {
    let mut setting = settled(setting(), &seen(vec![]), now());
    setting.metadata.annotations = Some([(labels::RUN_REQUESTED_AT.to_owned(), "token-1".to_owned())].into());
    let decision = decide_setting(&setting, &seen(vec![]), now());
    let jobs = created(&decision);
    assert_eq!(jobs.len(), 1);
    assert_eq!(decision.status.as_ref().unwrap().last_handled_run_request.as_deref(), Some("token-1"));
    let crashed = decide_setting(&setting, &seen(jobs.clone()), now());
    assert_eq!(
        (names(&crashed).len(), crashed.status.is_some()),
        (0, true),
        "the job exists: only the echo is missing"
    );
    setting.status = decision.status;
    assert_eq!(decide_setting(&setting, &seen(vec![]), now()).actions, [], "also when the job is long gone");
    let mut recreated = setting.clone();
    recreated.metadata.uid = Some("uid-again".into());
    recreated.status = None;
    let decision = decide_setting(&recreated, &seen(jobs), now());
    assert_eq!(names(&decision).len(), 1, "the old setting's job, which waits for its removal, is not this one's");
    setting.metadata.annotations = Some([(labels::RUN_REQUESTED_AT.to_owned(), "token-2".to_owned())].into());
    setting.spec.state = DesiredState::Off;
    let off = decide_setting(&setting, &seen(vec![]), now());
    let status = off.status.unwrap();
    assert_eq!((off.actions.len(), status.state), (0, SettingState::Off));
    assert!(find(&status.conditions, "Suspended").unwrap().message.contains("a run was asked for"));
}

#[test]
fn nothing_is_scheduled_while_off_or_suspended_or_not_ready() {
    let late = at("2026-03-02T07:30:00Z");
    let mut off = daily();
    off.spec.state = DesiredState::Off;
    let mut suspended = provider("hr");
    suspended.spec.suspend = true;
    let with_suspended = SettingObserved { source: Some(Arc::new(suspended)), ..seen(vec![]) };
    let not_ready = SettingObserved { check: Some(Err(vec!["no".into()])), ..seen(vec![]) };
    for (setting, observed) in [(off, seen(vec![])), (daily(), with_suspended), (daily(), not_ready)] {
        let decision = decide_setting(&setting, &observed, late);
        assert_eq!((decision.actions.len(), decision.wake_at), (0, None));
        assert_eq!(decision.status.unwrap().next_schedule_time, None);
    }
}

#[test]
fn a_leaving_day_starts_a_run_and_is_not_forgotten_when_that_fails() {
    let mut setting = settled(setting(), &seen(vec![]), now());
    let due = at("2026-03-03T00:00:00Z");
    setting.status.as_mut().unwrap().next_due_time = Some(super::super::time(due));
    assert_eq!(decide_setting(&setting, &seen(vec![]), now()).wake_at, Some(due));
    let decision = decide_setting(&setting, &seen(vec![]), due);
    assert_eq!(names(&decision), [format!("people-d{}", due.as_second() / 60)]);
    let failed =
        finished(created(&decision).remove(0), JobPhase::Error, reasons::BACKOFF_LIMIT_EXCEEDED, plus(due, 60));
    let status = decide_setting(&setting, &seen(vec![failed]), plus(due, 61)).status.unwrap();
    assert_eq!(status.next_due_time.unwrap().0, plus(due, 3660));
    assert_eq!(status.consecutive_failures, 1);
    for (reason, wait) in [(reasons::CANCELLED, 3600), (reasons::ACTION_NOT_AVAILABLE, 60)] {
        let chosen = finished(created(&decision).remove(0), JobPhase::Error, reason, plus(due, 60));
        let status = decide_setting(&setting, &seen(vec![chosen.clone()]), plus(due, 61)).status.unwrap();
        assert_eq!(status.next_due_time.as_ref().unwrap().0, plus(due, 60 + wait), "{reason}");
        let mut later = setting.clone();
        later.status = Some(status);
        assert_eq!(names(&decide_setting(&later, &seen(vec![chosen]), plus(due, 3660))).len(), 1, "{reason}");
    }
}

/// Ten runs that ended a minute after one another, rolled up.
fn with_history() -> SyncSetting {
    let setting = settled(setting(), &seen(vec![]), now());
    let runs = (0..10).map(|number| {
        let mut run =
            finished(job(&format!("run-{number}")), JobPhase::Complete, reasons::COMPLETED, plus(now(), number * 60));
        run.metadata.creation_timestamp = Some(super::super::time(plus(now(), number * 60 - 30)));
        run.metadata.resource_version = Some((100 + number).to_string());
        run
    });
    let observed = seen(runs.collect());
    settled(setting, &observed, plus(now(), 600))
}

#[test]
fn a_run_that_ends_after_the_clock_was_set_back_is_rolled_up_before_it_may_go() {
    let mut setting = with_history();
    setting.spec.successful_jobs_history_limit = 0;
    let made = |name: &str| {
        crate::operator::resources::new_job(
            &setting,
            name.to_owned(),
            &crate::operator::resources::Trigger::Request,
            EmployeeSyncJobSpec::default(),
        )
    };
    let mut run = finished(made("people-late"), JobPhase::Error, reasons::RECORDS_FAILED, plus(now(), -3600));
    run.metadata.creation_timestamp = Some(super::super::time(plus(now(), 900)));
    run.metadata.resource_version = Some("200".into());
    let status = decide_setting(&setting, &seen(vec![run]), plus(now(), -3599)).status.unwrap();
    assert_eq!((status.history[0].name.as_str(), status.consecutive_failures), ("people-late", 1));

    let mut old = finished(made("people-old"), JobPhase::Error, reasons::RECORDS_FAILED, plus(now(), -3600));
    old.metadata.creation_timestamp = Some(super::super::time(plus(now(), -3700)));
    old.metadata.resource_version = Some("300".into());
    let decision = decide_setting(&setting, &seen(vec![old]), plus(now(), 601));
    assert_eq!(decision.status, None, "what is old by both clocks was in the history once");
}

#[test]
fn a_job_of_the_same_name_is_another_run_when_its_uid_differs() {
    let setting = with_history();
    let mut again = finished(job("run-9"), JobPhase::Error, reasons::RECORDS_FAILED, plus(now(), 540));
    again.metadata.uid = Some("uid-again".into());
    again.metadata.creation_timestamp = Some(super::super::time(plus(now(), 530)));
    again.metadata.resource_version = Some("200".into());
    let status = decide_setting(&setting, &seen(vec![again]), plus(now(), 601)).status.unwrap();
    assert_eq!(status.consecutive_failures, 1);
}

#[test]
fn a_finished_run_is_rolled_up_in_one_write_and_only_once() {
    let setting = settled(setting(), &seen(vec![]), now());
    let held = Held { digest: format!("sha256:{}", "a".repeat(64)), disable: 30, ..Held::default() };
    let mut first = finished(job("first"), JobPhase::Complete, reasons::COMPLETED_WITH_HOLDS, plus(now(), 10));
    let run = first.status.as_mut().unwrap();
    (run.held, run.unmapped_fields) = (Some(held.clone()), vec!["costCentre".into()]);
    let second = finished(job("second"), JobPhase::Error, reasons::CANCELLED, plus(now(), 20));
    let observed = seen(vec![second, first]);
    let after = settled(setting, &observed, plus(now(), 21));
    let status = after.status.clone().unwrap();
    let names: Vec<_> = status.history.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["second", "first"]);
    assert_eq!((status.last_run.as_ref().unwrap().name.as_str(), status.held), ("second", Some(held)));
    assert_eq!(status.consecutive_failures, 0, "a cancelled run is no failure");
    assert!(find(&status.conditions, "Held").is_some() && find(&status.conditions, "UnmappedValues").is_some());
    assert_eq!(find(&status.conditions, "LastRunSucceeded").unwrap().status, "True");
    assert_eq!(decide_setting(&after, &observed, plus(now(), 30)).status, None);
}

#[test]
fn old_jobs_are_deleted_oldest_first_after_they_were_rolled_up() {
    let mut setting = settled(setting(), &seen(vec![]), now());
    setting.spec.successful_jobs_history_limit = 1;
    let mut jobs = Vec::new();
    for number in 0..3 {
        let made = crate::operator::resources::new_job(
            &setting,
            format!("people-{number}"),
            &crate::operator::resources::Trigger::Request,
            EmployeeSyncJobSpec::default(),
        );
        jobs.push(finished(made, JobPhase::Complete, reasons::COMPLETED, plus(now(), number)));
    }
    jobs.push(finished(job("by-hand"), JobPhase::Complete, reasons::COMPLETED, now()));
    let mut short = finished(job("short-lived"), JobPhase::Error, reasons::CANCELLED, now());
    short.spec.ttl.after_failure_seconds = Some(5);
    jobs.push(short);
    let decision = decide_setting(&setting, &seen(jobs), plus(now(), 3));
    assert!(decision.status.is_some() && decision.unproven);
    let deleted = decision.cleanup.iter().map(|action| match action {
        OperatorAction::DeleteJob(target) => target.name.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(deleted.collect::<Vec<_>>(), ["people-0", "people-1"]);
    assert_eq!(decision.wake_at, Some(plus(now(), 5)), "woken for the time to live");
}

#[test]
fn many_runs_that_end_in_one_second_are_each_rolled_up_once() {
    let mut setting = settled(setting(), &seen(vec![]), now());
    let jobs: Vec<_> = (0..25)
        .map(|number| {
            let mut run = finished(job(&format!("run-{number}")), JobPhase::Error, reasons::RECORDS_FAILED, now());
            run.metadata.resource_version = Some((100 + number).to_string());
            run
        })
        .collect();
    setting = settled(setting, &seen(jobs.clone()), now());
    assert_eq!(setting.status.as_ref().unwrap().consecutive_failures, 25);
    assert_eq!(decide_setting(&setting, &seen(jobs.clone()), now()).status, None);
    // Restored into a cluster whose versions are lower: the mark of the old one counts no more.
    setting.metadata.resource_version = Some("50".into());
    let mut run = finished(job("new"), JobPhase::Error, reasons::RECORDS_FAILED, plus(now(), 60));
    run.metadata.resource_version = Some("40".into());
    let status = decide_setting(&setting, &seen(vec![run]), plus(now(), 61)).status.unwrap();
    assert_eq!((status.consecutive_failures, status.rolled_up_version.as_deref()), (26, Some("40")));
}
