//! Providers, runs, schedules, requests, approvals.

use rollcall_api::contract::RunRequest;
use serde_json::json;

use crate::support::harness::{Harness, run_result, success, with_holds};
use crate::support::objects::{approval, digest, job, provider, setting};

#[tokio::test]
async fn a_provider_becomes_ready_by_a_probe_whose_pod_is_cleaned_up() {
    let mut harness = Harness::new();
    harness.api.apply("integrationproviders", &provider("hr"));
    harness.start();
    harness.settle().await;
    let status = harness.status("integrationproviders", "hr");
    assert_eq!((&status["phase"], &status["capabilities"]), (&json!("Ready"), &json!(["Read", "Write"])));
    assert_eq!(harness.pods(), Vec::<String>::new());
    assert_eq!(
        harness.writes()[..3],
        ["create pods", "patch_status integrationproviders", "patch_status integrationproviders"]
    );
}

#[tokio::test]
async fn a_failing_provider_is_probed_less_and_less_often_and_recovers() {
    let mut harness = Harness::new();
    harness.probe.1.ready = false;
    harness.probe.1.reason = "CredentialsRejected".into();
    harness.api.apply("integrationproviders", &provider("hr"));
    harness.start();
    harness.settle().await;
    harness.pass(600, 10).await;
    let status = harness.status("integrationproviders", "hr");
    assert_eq!((&status["phase"], &status["conditions"][1]["type"]), (&json!("Error"), &json!("Stalled")));
    // At 0, 60, 180 and 420 seconds.
    assert_eq!(status["lastProbe"]["consecutiveFailures"], 4);
    harness.probe.1.ready = true;
    harness.probe.1.reason = "ProbeSucceeded".into();
    harness.pass(600, 10).await;
    assert_eq!(harness.status("integrationproviders", "hr")["phase"], "Ready");
}

#[tokio::test]
async fn a_probe_request_is_answered_once() {
    let harness = Harness::ready().await;
    harness.pass(5, 1).await;
    let asked = json!({ "metadata": { "name": "hr", "annotations": { "rollcall.dev/probe-requested-at": "now" } } });
    harness.api.apply("integrationproviders", &asked);
    harness.settle().await;
    harness.pass(30, 1).await;
    assert_eq!(harness.writes(), ["create pods", "patch_status integrationproviders", "delete pods"]);
    assert_eq!(harness.status("integrationproviders", "hr")["lastHandledProbeRequest"], "now");
}

#[tokio::test]
async fn a_successful_run_costs_three_writes_and_one_of_its_setting() {
    let harness = Harness::ready().await;
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], &status["code"], &status["attempts"]), (&json!("Complete"), &json!(204), &json!(1)));
    let expected =
        ["create pods", "patch_status employeesyncjobs", "patch_status employeesyncjobs", "patch_status syncsettings"];
    assert_eq!(harness.writes(), expected);
    let setting = harness.status("syncsettings", "people");
    assert_eq!((&setting["lastRun"]["name"], &setting["state"]), (&json!("by-hand"), &json!("On")));
}

#[tokio::test]
async fn a_transient_failure_is_tried_again() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|run: &RunRequest| {
        let failed = run_result(400, "RateLimited", |_| ());
        Some(if run.attempt == 1 { (64, failed) } else { (0, success()) })
    });
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    assert_eq!(harness.status("employeesyncjobs", "by-hand")["reason"], "WaitingForRetry");
    harness.pass(30, 1).await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], &status["attempts"]), (&json!("Complete"), &json!(2)));
    assert_eq!(status["failedAttempts"], 1);
}

#[tokio::test]
async fn a_cancelled_run_stops_its_pod() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    assert_eq!(harness.phase("by-hand"), "InProgress");
    harness.api.apply("employeesyncjobs", &json!({ "metadata": { "name": "by-hand" }, "spec": { "cancel": true } }));
    harness.settle().await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Error"), &json!("Cancelled")));
    assert_eq!(harness.pods(), Vec::<String>::new());
}

#[tokio::test]
async fn runs_of_one_setting_go_one_after_the_other_oldest_first() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    for name in ["a-first", "b-second", "c-third"] {
        harness.api.apply("employeesyncjobs", &job(name));
    }
    harness.settle().await;
    let phases = |harness: &Harness| ["a-first", "b-second", "c-third"].map(|name| harness.phase(name));
    assert_eq!(phases(&harness), ["InProgress", "Queued", "Queued"]);
    assert_eq!(harness.status("employeesyncjobs", "c-third")["reason"], "WaitingForRun");
    harness.ending = Box::new(|run: &RunRequest| (run.job == "a-first").then(|| (0, success())));
    harness.settle().await;
    assert_eq!(phases(&harness), ["Complete", "InProgress", "Queued"]);
}

#[tokio::test]
async fn runs_of_two_settings_share_the_places_of_their_provider() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    let mut other = setting();
    other["metadata"]["name"] = json!("other");
    harness.api.apply("syncsettings", &other);
    harness.settle().await;
    let mut second = job("second");
    second["spec"]["settingRef"]["name"] = json!("other");
    harness.api.apply("employeesyncjobs", &job("first"));
    harness.api.apply("employeesyncjobs", &second);
    harness.settle().await;
    assert_eq!(harness.pods().len(), 1, "both may not run: maxConcurrentJobs is 1");
    harness.ending = Box::new(|_| Some((0, success())));
    harness.settle().await;
    assert_eq!([harness.phase("first"), harness.phase("second")], ["Complete", "Complete"]);
}

#[tokio::test]
async fn a_schedule_makes_one_job_for_each_due_time_across_restarts() {
    let mut harness = Harness::ready().await;
    harness
        .api
        .apply("syncsettings", &json!({ "metadata": { "name": "people" }, "spec": { "schedule": "0 * * * *" } }));
    harness.settle().await;
    for _ in 0..3 {
        harness.pass(1800, 600).await;
        harness.start();
        harness.settle().await;
        harness.pass(1800, 600).await;
    }
    let created =
        harness.api.writes().into_iter().filter(|one| one.verb == "create" && one.resource == "employeesyncjobs");
    assert_eq!(created.count(), 3);
    let status = harness.status("syncsettings", "people");
    assert_eq!(status["lastScheduleTime"], "2026-03-02T09:00:00Z");
    assert_eq!(status["nextScheduleTime"], "2026-03-02T10:00:00Z");
    assert_eq!(status["history"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_token_makes_exactly_one_job_across_restarts() {
    let mut harness = Harness::ready().await;
    let asked =
        json!({ "metadata": { "name": "people", "annotations": { "rollcall.dev/run-requested-at": "token" } } });
    harness.api.apply("syncsettings", &asked);
    harness.settle().await;
    for _ in 0..3 {
        harness.start();
        harness.settle().await;
    }
    assert_eq!(harness.jobs().len(), 1);
    let name = harness.jobs().remove(0);
    harness.api.remove("employeesyncjobs", &name);
    harness.start();
    harness.settle().await;
    assert_eq!(harness.jobs(), Vec::<String>::new());
    assert_eq!(harness.status("syncsettings", "people")["lastHandledRunRequest"], "token");
}

/// A setting that holds actions under digest `a…`.
async fn holding() -> Harness {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| Some((4, with_holds(&digest('a')))));
    harness.api.apply("employeesyncjobs", &job("first"));
    harness.settle().await;
    assert_eq!(harness.status("syncsettings", "people")["held"]["digest"], digest('a'));
    harness
}

#[tokio::test]
async fn an_approval_makes_one_release_job_and_is_applied() {
    let mut harness = holding().await;
    harness.ending = Box::new(|_| Some((0, success())));
    harness.api.apply("syncapprovals", &approval("ok", &digest('a'), "Approve"));
    harness.settle().await;
    assert_eq!(harness.status("syncapprovals", "ok")["phase"], "Applied");
    assert_eq!(harness.phase("ok-release"), "Complete");
    assert_eq!(harness.status("syncsettings", "people")["held"], json!(null));
    harness.api.clear_log();
    harness.start();
    harness.settle().await;
    harness.pass(600, 60).await;
    assert_eq!(harness.writes(), Vec::<String>::new(), "what was applied is not applied again");
}

#[tokio::test]
async fn what_an_approval_covers_is_found_out_by_its_run_and_not_by_comparing_digests() {
    let mut harness = holding().await;
    harness.api.apply("syncapprovals", &approval("earlier", &digest('b'), "Approve"));
    harness.settle().await;
    assert_eq!(harness.status("syncapprovals", "earlier")["phase"], "Applied", "an unrelated new hold voids nothing");
    harness.ending = Box::new(|_| Some((2, run_result(400, "PlanChanged", |_| ()))));
    harness.api.apply("syncapprovals", &approval("late", &digest('a'), "Approve"));
    harness.settle().await;
    let status = harness.status("syncapprovals", "late");
    assert_eq!((&status["phase"], &status["conditions"][0]["reason"]), (&json!("Void"), &json!("PlanChanged")));
}

#[tokio::test]
async fn a_denial_is_final_and_outweighs_an_approval() {
    let harness = holding().await;
    harness.api.apply("syncapprovals", &approval("no", &digest('a'), "Deny"));
    harness.api.apply("syncapprovals", &approval("yes", &digest('a'), "Approve"));
    harness.settle().await;
    assert_eq!(harness.status("syncapprovals", "no")["phase"], "Denied");
    assert_eq!(harness.status("syncapprovals", "yes")["phase"], "Void");
    assert_eq!(harness.jobs(), ["first"]);
}
