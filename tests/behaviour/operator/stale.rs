//! Views that lag, objects that come later, and clocks that disagree: nothing ends because of them.

use rollcall_api::contract::RunRequest;
use serde_json::json;

use crate::support::fake_api::Answers;
use crate::support::harness::{Harness, run_result, success, with_holds};
use crate::support::objects::{approval, digest, job, setting};

/// A setting that holds actions under digest `b…`, while the operator's view of it still says `a…`.
async fn behind() -> Harness {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| Some((4, with_holds(&digest('a')))));
    harness.api.apply("employeesyncjobs", &job("first"));
    harness.settle().await;
    harness.api.hold_watch("syncsettings");
    harness.ending = Box::new(|_| Some((4, with_holds(&digest('b')))));
    harness.api.apply("employeesyncjobs", &job("second"));
    harness.settle().await;
    assert_eq!(harness.status("syncsettings", "people")["held"]["digest"], digest('b'));
    harness.ending = Box::new(|_| Some((0, success())));
    harness
}

#[tokio::test]
async fn an_approval_is_not_void_because_the_view_of_its_setting_lags() {
    let harness = behind().await;
    harness.api.apply("syncapprovals", &approval("ok", &digest('b'), "Approve"));
    harness.settle().await;
    harness.api.release_watch("syncsettings");
    harness.settle().await;
    assert_eq!(harness.status("syncapprovals", "ok")["phase"], "Applied");
}

#[tokio::test]
async fn an_earlier_approval_is_left_to_its_run_also_while_the_view_of_its_setting_lags() {
    let mut harness = behind().await;
    harness.ending = Box::new(|_| Some((2, run_result(400, "PlanChanged", |_| ()))));
    harness.api.apply("syncapprovals", &approval("old", &digest('a'), "Approve"));
    harness.settle().await;
    let status = harness.status("syncapprovals", "old");
    assert_eq!((&status["phase"], &status["conditions"][0]["reason"]), (&json!("Void"), &json!("PlanChanged")));
    assert_eq!(harness.jobs(), ["first", "old-release", "second"]);
}

#[tokio::test]
async fn a_denial_that_the_operator_has_not_seen_yet_counts() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| Some((4, with_holds(&digest('a')))));
    harness.api.apply("employeesyncjobs", &job("first"));
    harness.settle().await;
    let switch = |state: &str| json!({ "metadata": { "name": "people" }, "spec": { "state": state } });
    harness.api.apply("syncsettings", &switch("Off"));
    harness.api.apply("syncapprovals", &approval("yes", &digest('a'), "Approve"));
    harness.settle().await;
    assert_eq!(harness.status("syncapprovals", "yes")["phase"], "Pending");
    harness.api.hold_watch("syncapprovals");
    harness.api.apply("syncapprovals", &approval("no", &digest('a'), "Deny"));
    harness.api.apply("syncsettings", &switch("On"));
    harness.settle().await;
    assert_eq!(harness.jobs(), ["first"]);
    assert_eq!(harness.status("syncapprovals", "yes")["phase"], "Void");
}

/// A job of type Release, as somebody may make it by hand.
fn release() -> serde_json::Value {
    let mut release = job("by-hand");
    release["spec"]["type"] = json!("Release");
    release["spec"]["release"] = json!({ "digest": digest('a') });
    release
}

#[tokio::test]
async fn a_release_waits_for_an_approval_that_comes_a_moment_later_but_not_for_ever() {
    let harness = Harness::ready().await;
    harness.api.apply("employeesyncjobs", &release());
    harness.settle().await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Queued"), &json!("NotApproved")));
    harness.api.apply("syncapprovals", &approval("ok", &digest('a'), "Approve"));
    harness.settle().await;
    assert_eq!(harness.phase("by-hand"), "Complete");

    let harness = Harness::ready().await;
    harness.api.apply("employeesyncjobs", &release());
    harness.settle().await;
    harness.pass(70, 10).await;
    let status = harness.status("employeesyncjobs", "by-hand");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Error"), &json!("NotApproved")));
}

#[tokio::test]
async fn a_release_is_not_refused_because_the_view_of_approvals_lags() {
    let harness = Harness::ready().await;
    harness.api.hold_watch("syncapprovals");
    harness.api.apply("syncapprovals", &approval("ok", &digest('a'), "Approve"));
    harness.api.apply("employeesyncjobs", &release());
    harness.settle().await;
    harness.pass(70, 10).await;
    assert_eq!(harness.phase("by-hand"), "Complete", "before it ends for want of an approval, they are read live");
}

#[tokio::test]
async fn a_job_that_is_applied_before_its_setting_waits_for_it() {
    let harness = Harness::ready().await;
    harness.api.remove("syncsettings", "people");
    harness.settle().await;
    harness.api.apply("employeesyncjobs", &job("early"));
    harness.settle().await;
    let status = harness.status("employeesyncjobs", "early");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Queued"), &json!("SettingNotFound")));
    harness.api.apply("syncsettings", &setting());
    harness.settle().await;
    assert_eq!(harness.phase("early"), "Complete");
    assert_eq!(harness.status("syncsettings", "people")["lastRun"]["name"], "early");
}

#[tokio::test]
async fn a_job_whose_setting_never_comes_ends_and_its_own_time_to_live_removes_it() {
    let harness = Harness::ready().await;
    harness.api.remove("syncsettings", "people");
    let mut short = job("early");
    short["spec"]["ttl"] = json!({ "afterFailureSeconds": 30 });
    harness.api.apply("employeesyncjobs", &short);
    harness.settle().await;
    harness.pass(60, 10).await;
    let status = harness.status("employeesyncjobs", "early");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Error"), &json!("SettingNotFound")));
    harness.pass(40, 10).await;
    assert_eq!(harness.jobs(), Vec::<String>::new());
}

#[tokio::test]
async fn what_forbids_a_pod_now_may_allow_it_later() {
    let harness = Harness::ready().await;
    let missing = "pods \"a-1\" is forbidden: error looking up service account acme/rollcall-connector";
    for why in [missing, "exceeded quota: pods, requested: pods=1, used: pods=9, limited: pods=9"] {
        harness.api.answer("create", "pods", 1000, Answers::Code(403, why.into()));
        harness.api.apply("employeesyncjobs", &job("by-hand"));
        harness.settle().await;
        harness.pass(120, 5).await;
        let status = harness.status("employeesyncjobs", "by-hand");
        assert_eq!((&status["phase"], &status["reason"]), (&json!("Queued"), &json!("PodCannotStart")));
        assert!(harness.asked("create", "pods") < 30, "it is tried less and less often");
        harness.api.serve_again();
        harness.pass(60, 5).await;
        assert_eq!(harness.phase("by-hand"), "Complete");
        harness.api.remove("employeesyncjobs", "by-hand");
        harness.settle().await;
        harness.api.clear_log();
    }
    harness.api.answer("create", "pods", 1000, Answers::Code(422, "spec.tolerations[0]: Unsupported value".into()));
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    assert_eq!(harness.phase("by-hand"), "Error", "what is wrong is wrong every time");
}

#[tokio::test]
async fn a_server_whose_clock_differs_ends_no_pod_and_probes_no_more_than_it_should() {
    for skew in [-3600, -300, 300, 3600] {
        let mut harness = Harness::new();
        harness.api.set_skew(skew);
        harness.ending = Box::new(|_| None);
        for name in ["hr", "travel"] {
            harness.api.apply("integrationproviders", &crate::support::objects::provider(name));
        }
        harness.api.apply("syncsettings", &setting());
        harness.api.apply("employeesyncjobs", &job("by-hand"));
        harness.start();
        harness.settle().await;
        assert_eq!(harness.phase("by-hand"), "InProgress", "{skew} s");
        assert_eq!(harness.pods(), ["by-hand-1"], "{skew} s");
        harness.ending = Box::new(|_: &RunRequest| Some((0, success())));
        harness.settle().await;
        assert_eq!(harness.phase("by-hand"), "Complete", "{skew} s");
        assert_eq!(harness.status("syncsettings", "people")["lastRun"]["name"], "by-hand", "{skew} s");
        harness.pass(3600, 60).await;
        let probes = harness.asked("create", "pods") - 1;
        assert!((2..=4).contains(&probes), "{probes} probes with {skew} s");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_neither_stops_a_schedule_nor_doubles_it() {
    let harness = Harness::ready().await;
    harness
        .api
        .apply("syncsettings", &json!({ "metadata": { "name": "people" }, "spec": { "schedule": "0 * * * *" } }));
    harness.settle().await;
    harness.clock.step(3600);
    harness.settle().await;
    assert_eq!(harness.jobs(), ["people-29540580"]);
    harness.clock.step(-3600);
    harness.settle().await;
    harness.pass(3600, 60).await;
    assert_eq!(harness.jobs(), ["people-29540580"], "07:00 has been dealt with");
    harness.pass(3600, 60).await;
    assert_eq!(harness.jobs().len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_back_puts_nothing_off() {
    let harness = Harness::ready().await;
    harness.api.answer("create", "pods", 1, Answers::Code(500, "injected".into()));
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    assert_eq!(harness.phase("by-hand"), "Queued", "it is tried again in a second");
    harness.clock.step(-3600);
    harness.settle().await;
    harness.pass(10, 1).await;
    assert_eq!(harness.phase("by-hand"), "Complete");
}

#[tokio::test]
async fn a_clock_that_is_set_ends_no_run_and_puts_no_attempt_off() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    harness.pass(60, 60).await;
    harness.clock.step(86_400);
    harness.settle().await;
    harness.pass(60, 60).await;
    assert_eq!(harness.phase("by-hand"), "InProgress", "it has run for two minutes");
    harness.ending =
        Box::new(|run: &RunRequest| Some(if run.attempt == 1 { (64, String::new()) } else { (0, success()) }));
    harness.settle().await;
    assert_eq!(harness.status("employeesyncjobs", "by-hand")["reason"], "WaitingForRetry");
    harness.clock.step(-86_400);
    harness.settle().await;
    harness.pass(30, 1).await;
    assert_eq!(harness.phase("by-hand"), "Complete");
}

#[tokio::test]
async fn no_run_is_removed_because_the_view_of_its_setting_lags() {
    let harness = Harness::ready().await;
    let keep = |seconds: i64| json!({ "metadata": { "name": "people" }, "spec": { "ttl": { "afterSuccessSeconds": seconds } } });
    harness.api.apply("syncsettings", &keep(60));
    harness.api.apply("employeesyncjobs", &job("by-hand"));
    harness.settle().await;
    harness.api.hold_watch("syncsettings");
    harness.api.apply("syncsettings", &keep(3600));
    harness.pass(90, 10).await;
    assert_eq!(harness.jobs(), ["by-hand"]);
    harness.api.release_watch("syncsettings");
    harness.pass(3600, 600).await;
    assert_eq!(harness.jobs(), Vec::<String>::new());
}
