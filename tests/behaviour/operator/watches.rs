//! Watches, the Lease, metrics.

use serde_json::json;

use crate::support::harness::Harness;
use crate::support::objects::{job, provider, setting};

#[tokio::test]
async fn an_object_that_cannot_be_read_does_not_stop_the_others() {
    let harness = Harness::ready().await;
    let broken = json!({ "metadata": { "name": "broken" }, "spec": { "settingRef": 7 } });
    harness.api.apply("employeesyncjobs", &broken);
    harness.api.apply("employeesyncjobs", &job("good"));
    harness.settle().await;
    assert_eq!(harness.phase("good"), "Complete");
    assert_eq!(harness.phase("broken"), "Queued");
    assert!(harness.api.log().iter().any(|one| one.resource == "events"), "it gets an event");
}

#[tokio::test]
async fn paged_lists_take_over_where_streaming_lists_are_refused() {
    let mut harness = Harness::new();
    harness.api.without_streaming_lists();
    harness.api.apply("integrationproviders", &provider("hr"));
    harness.start();
    harness.settle().await;
    assert_eq!(harness.pending(), Vec::<String>::new());
    assert_eq!(harness.status("integrationproviders", "hr")["phase"], "Ready");
}

#[tokio::test]
async fn a_missing_crd_is_named_and_waited_for() {
    let mut harness = Harness::new();
    harness.api.set_missing("syncapprovals", true);
    harness.start();
    harness.settle().await;
    let pending = harness.pending();
    assert!(pending.len() == 1 && pending[0].contains("syncapprovals.rollcall.dev"), "{pending:?}");
    assert!(harness.metrics().contains("rollcall_crd_missing{crd=\"syncapprovals.rollcall.dev\"} 1"));
}

#[tokio::test]
async fn idle_costs_no_request() {
    let harness = Harness::ready().await;
    harness.pass(3000, 60).await;
    let asked: Vec<_> = harness.api.log().into_iter().filter(|one| one.resource != "leases").collect();
    assert_eq!(asked, [], "nothing is due for an hour");
}

#[tokio::test]
async fn a_graceful_stop_gives_the_lease_back() {
    let mut harness = Harness::ready().await;
    harness.stop().await;
    let lease = harness.api.list("leases").remove(0);
    assert_eq!(
        (&lease["metadata"]["name"], &lease["spec"]["holderIdentity"]),
        (&json!("release-operator"), &json!(null))
    );
}

#[tokio::test]
async fn metrics_tell_about_objects_and_forget_the_deleted() {
    let harness = Harness::ready().await;
    harness.api.apply("employeesyncjobs", &job("good"));
    harness.settle().await;
    let text = harness.metrics();
    for expected in [
        "rollcall_leader 1",
        "rollcall_objects{kind=\"SyncSetting\",namespace=\"acme\",phase=\"On\"} 1",
        "rollcall_provider_ready{name=\"hr\",namespace=\"acme\"} 1",
        "rollcall_sync_runs_total{namespace=\"acme\",phase=\"Complete\",reason=\"Completed\"} 1",
        "rollcall_kube_requests_total{code=\"200\",resource=\"pods\",verb=\"create\"}",
        "rollcall_reconcile_total{controller=\"job\",result=\"success\"}",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    harness.api.remove("integrationproviders", "hr");
    harness.settle().await;
    assert!(!harness.metrics().contains("rollcall_provider_ready{name=\"hr\""));
}

#[tokio::test]
async fn a_setting_waits_for_a_provider_and_is_woken_by_it() {
    let mut harness = Harness::new();
    harness.api.apply("integrationproviders", &provider("hr"));
    harness.api.apply("syncsettings", &setting());
    harness.api.apply("employeesyncjobs", &job("early"));
    harness.start();
    harness.settle().await;
    assert_eq!(harness.status("syncsettings", "people")["state"], "Pending");
    assert_eq!(harness.status("employeesyncjobs", "early")["reason"], "WaitingForProvider");
    harness.api.apply("integrationproviders", &provider("travel"));
    harness.settle().await;
    assert_eq!(harness.status("syncsettings", "people")["state"], "On");
    assert_eq!(harness.phase("early"), "Complete");
}
