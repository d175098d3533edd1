//! One object, one replica, one defect: the rest goes on.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::fake_api::Answers;
use crate::support::harness::Harness;
use crate::support::objects::{job, provider};

/// How long a pass may take here: long enough for an honest one on a busy machine.
const PASS: Duration = Duration::from_millis(500);

/// Whether something comes true within a minute.
async fn within_a_minute(harness: &Harness, is_so: impl Fn(&Harness) -> bool) -> bool {
    let began = Instant::now();
    while !is_so(harness) {
        if began.elapsed() > Duration::from_secs(60) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        harness.settle().await;
    }
    true
}

#[tokio::test]
async fn a_pass_that_panics_stalls_its_own_object_and_no_other() {
    let harness = Harness::ready().await;
    let mut broken = provider("broken");
    broken["spec"]["vendor"] = json!("defect");
    harness.api.apply("integrationproviders", &broken);
    harness.settle().await;
    let conditions = harness.status("integrationproviders", "broken")["conditions"].clone();
    assert_eq!((&conditions[1]["type"], &conditions[1]["reason"]), (&json!("Stalled"), &json!("Internal")));
    assert!(harness.metrics().contains("rollcall_reconcile_errors_total{controller=\"provider\",reason=\"Panicked\"}"));

    harness.api.apply("employeesyncjobs", &job("good"));
    harness.settle().await;
    assert_eq!(harness.phase("good"), "Complete");
    let before = harness.api.log().len();
    harness.settle().await;
    assert_eq!(harness.api.log().len(), before, "no hot loop");

    let mended = json!({ "metadata": { "name": "broken" }, "spec": { "vendor": "scim-generic" } });
    harness.api.apply("integrationproviders", &mended);
    harness.settle().await;
    assert_eq!(harness.status("integrationproviders", "broken")["phase"], "Ready");
}

#[tokio::test]
async fn a_pass_that_overruns_its_time_stalls_its_own_object_and_no_other() {
    let mut harness = Harness::new();
    harness.budget = PASS;
    harness.api.answer("get", "configmaps", 100, Answers::Hang);
    let mut stuck = provider("stuck");
    stuck["spec"]["vendor"] = json!(null);
    stuck["spec"]["definitionRef"] = json!({ "name": "own", "key": "definition.yaml" });
    harness.api.apply("integrationproviders", &stuck);
    harness.api.apply("integrationproviders", &provider("hr"));
    harness.start();
    harness.settle().await;
    assert_eq!(harness.status("integrationproviders", "hr")["phase"], "Ready");
    let is_told = |harness: &Harness| !harness.status("integrationproviders", "stuck")["conditions"].is_null();
    assert!(within_a_minute(&harness, is_told).await, "it is said that the pass overran its time");
    let stalled = &harness.status("integrationproviders", "stuck")["conditions"][1];
    assert_eq!((&stalled["type"], &stalled["reason"]), (&json!("Stalled"), &json!("Internal")));
}

#[tokio::test]
async fn a_pass_that_never_yields_blocks_nothing_else() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let mut harness = Harness::new();
    harness.budget = PASS;
    harness.passes = Some(runtime.handle().clone());
    let mut endless = provider("endless");
    endless["spec"]["vendor"] = json!("endless");
    harness.api.apply("integrationproviders", &endless);
    harness.api.apply("integrationproviders", &provider("hr"));
    harness.start();
    let others_go_on = |harness: &Harness| {
        harness.status("integrationproviders", "hr")["phase"] == "Ready"
            && harness.status("integrationproviders", "endless")["conditions"][1]["reason"] == "Internal"
            // It still has its thread, and nobody else has one.
            && harness.metrics().contains("rollcall_active_reconciles{controller=\"provider\"} 1")
    };
    let went_on = within_a_minute(&harness, others_go_on).await;
    harness.let_go.store(true, Ordering::SeqCst);
    assert!(went_on, "the other provider is Ready, the endless one is Stalled and still at work");
    harness.kill();
    runtime.shutdown_background();
}

#[tokio::test]
async fn a_leader_whose_lease_was_deleted_ends() {
    let mut harness = Harness::ready().await;
    harness.api.remove_in("rollcall", "leases", "release-operator");
    harness.ended().await;
    assert_eq!(harness.api.list("leases"), Vec::<serde_json::Value>::new(), "it does not make itself leader again");
}
