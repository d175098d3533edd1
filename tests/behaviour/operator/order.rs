//! What is deleted, made again under its name, switched off or forged: no run is lost, doubled or stranded by it.

use serde_json::json;

use crate::support::fake_api::Answers;
use crate::support::harness::{Harness, success};
use crate::support::objects::{job, setting};

fn hourly(harness: &Harness) {
    let change = json!({ "metadata": { "name": "people" }, "spec": { "schedule": "0 * * * *" } });
    harness.api.apply("syncsettings", &change);
}

#[tokio::test]
async fn a_scheduled_job_that_is_deleted_while_it_runs_is_not_made_again() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    hourly(&harness);
    harness.pass(3600, 600).await;
    let name = harness.jobs().remove(0);
    assert_eq!(harness.phase(&name), "InProgress");
    harness.api.remove("employeesyncjobs", &name);
    harness.settle().await;
    harness.start();
    harness.settle().await;
    assert_eq!(harness.jobs(), Vec::<String>::new());
    assert_eq!(harness.status("syncsettings", "people")["lastScheduleTime"], "2026-03-02T07:00:00Z");
}

#[tokio::test]
async fn a_scheduled_time_that_somebody_made_up_stops_no_schedule() {
    let harness = Harness::ready().await;
    hourly(&harness);
    let mut forged = job("forged");
    forged["metadata"]["annotations"] = json!({ "rollcall.dev/scheduled-time": "2099-01-01T00:00:00Z" });
    harness.api.apply("employeesyncjobs", &forged);
    harness.settle().await;
    harness.pass(3600, 600).await;
    assert_eq!(harness.jobs(), ["forged", "people-29540580"]);
}

#[tokio::test]
async fn a_job_that_is_made_again_under_its_name_outlives_the_pod_of_the_first() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    harness.api.keep_garbage();
    harness.api.remove("employeesyncjobs", "by-hand");
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    assert_eq!(harness.phase("by-hand"), "Queued");
    assert_eq!(harness.pods(), ["by-hand-1"], "the first one's, which still runs");
    harness.ending = Box::new(|_| Some((0, success())));
    harness.api.collect_garbage();
    harness.settle().await;
    assert_eq!(harness.phase("by-hand"), "Complete");
}

#[tokio::test]
async fn a_setting_that_is_made_again_runs_what_it_is_asked_for() {
    let mut harness = Harness::ready().await;
    let mut asked = setting();
    asked["metadata"]["annotations"] = json!({ "rollcall.dev/run-requested-at": "token" });
    harness.api.apply("syncsettings", &asked);
    harness.settle().await;
    let first = harness.api.list("employeesyncjobs")[0]["metadata"]["uid"].clone();
    harness.api.keep_garbage();
    harness.api.remove("syncsettings", "people");
    harness.api.apply("syncsettings", &asked);
    harness.settle().await;
    assert_eq!(harness.status("syncsettings", "people")["lastHandledRunRequest"], json!(null), "not yet");
    assert_eq!(harness.status("syncsettings", "people")["history"], json!(null), "the old run is not this one's");
    harness.api.collect_garbage();
    harness.pass(10, 1).await;
    let second = harness.api.list("employeesyncjobs")[0]["metadata"]["uid"].clone();
    assert_ne!(first, second);
    assert_eq!(harness.status("syncsettings", "people")["lastHandledRunRequest"], "token");
    harness.kill();
}

#[tokio::test]
async fn a_job_that_cannot_be_made_freezes_nothing_else_of_its_setting() {
    let harness = Harness::ready().await;
    harness.api.answer("create", "employeesyncjobs", 1000, Answers::Code(403, "exceeded quota: jobs".into()));
    hourly(&harness);
    harness.pass(3600, 600).await;
    let mut plan = job("by-hand");
    plan["spec"]["type"] = json!("Plan");
    harness.api.apply("employeesyncjobs", &plan);
    harness.settle().await;
    let status = harness.status("syncsettings", "people");
    assert_eq!(status["lastRun"]["name"], "by-hand");
    assert!(status["conditions"].to_string().contains("exceeded quota"), "{status}");
    harness.api.serve_again();
    harness.pass(600, 30).await;
    let status = harness.status("syncsettings", "people");
    assert_eq!((&status["lastScheduleTime"], harness.jobs().len()), (&json!("2026-03-02T07:00:00Z"), 2));
    assert!(!status["conditions"].to_string().contains("exceeded quota"), "{status}");
}

#[tokio::test]
async fn a_run_stops_when_its_provider_is_suspended_and_goes_on_afterwards() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    let suspend = |on: bool| json!({ "metadata": { "name": "travel" }, "spec": { "suspend": on } });
    harness.api.apply("integrationproviders", &suspend(true));
    harness.settle().await;
    assert_eq!((harness.phase("by-hand").as_str(), harness.pods()), ("Queued", Vec::new()));
    harness.pass(60, 10).await;
    assert_eq!(harness.status("employeesyncjobs", "by-hand")["reason"], "WaitingForProvider");
    harness.ending = Box::new(|_| Some((0, success())));
    harness.api.apply("integrationproviders", &suspend(false));
    harness.settle().await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], status["failedAttempts"].as_i64().unwrap_or(0)), (&json!("Complete"), 0));
}

#[tokio::test]
async fn a_run_stops_when_its_setting_is_switched_off() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    harness.api.apply("syncsettings", &json!({ "metadata": { "name": "people" }, "spec": { "state": "Off" } }));
    harness.settle().await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Error"), &json!("ActionNotAvailable")));
    assert_eq!(harness.pods(), Vec::<String>::new());
}

#[tokio::test]
async fn a_job_that_ended_follows_a_late_cancel_in_one_write() {
    let harness = Harness::ready().await;
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    harness.api.clear_log();
    harness.api.apply("employeesyncjobs", &json!({ "metadata": { "name": "by-hand" }, "spec": { "cancel": true } }));
    harness.settle().await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], &status["observedGeneration"]), (&json!("Complete"), &json!(2)));
    assert_eq!(status["conditions"].as_array().unwrap().len(), 2, "nothing else is touched: {status}");
    assert_eq!(harness.writes(), ["patch_status employeesyncjobs"]);
}

#[tokio::test]
async fn a_finished_job_of_a_deleted_setting_expires() {
    let harness = Harness::ready().await;
    let mut short = job("by-hand");
    short["spec"]["ttl"] = json!({ "afterSuccessSeconds": 600 });
    harness.api.apply("employeesyncjobs", &short);
    harness.settle().await;
    harness.api.remove("syncsettings", "people");
    harness.settle().await;
    harness.pass(590, 10).await;
    assert_eq!(harness.jobs(), ["by-hand"]);
    harness.pass(20, 10).await;
    assert_eq!(harness.jobs(), Vec::<String>::new());
}
