//! Faults at every write: the end is the same, and no attempt ever has two pods.

use rollcall_api::contract::RunRequest;
use serde_json::{Value, json};

use crate::support::fake_api::{Answers, Fault};
use crate::support::harness::{Harness, success, with_holds};
use crate::support::objects::{approval, digest, provider, setting};

/// From an empty cluster over a request and an approval to the end: everything the operator writes.
async fn story(fault: Option<(usize, Fault)>) -> (Harness, bool) {
    let mut harness = Harness::new();
    harness.ending = endings();
    if let Some((at, fault)) = fault {
        harness.api.set_fault(at, fault);
    }
    begin(&harness);
    harness.start();
    harness.settle().await;
    if fault.is_some() {
        // A dead process comes back; one that got an error tries again by itself.
        harness.start();
    }
    harness.settle().await;
    harness.pass(30, 1).await;
    let came_up = fault.is_none() || harness.api.fault_is_over();
    (harness, came_up)
}

/// A first run holds actions, the Release applies them.
type Ending = Box<dyn Fn(&RunRequest) -> Option<(i32, String)>>;

fn endings() -> Ending {
    Box::new(|run| {
        let releases = run.release.is_some();
        Some(if releases { (0, success()) } else { (4, with_holds(&digest('a'))) })
    })
}

fn begin(harness: &Harness) {
    harness.api.apply("integrationproviders", &provider("hr"));
    harness.api.apply("integrationproviders", &provider("travel"));
    let mut asked = setting();
    asked["metadata"]["annotations"] = json!({ "rollcall.dev/run-requested-at": "token" });
    harness.api.apply("syncsettings", &asked);
    harness.api.apply("syncapprovals", &approval("ok", &digest('a'), "Approve"));
}

/// The end, without what may differ: times, uids, versions.
fn end(harness: &Harness) -> Value {
    let mut all = Vec::new();
    for resource in ["integrationproviders", "syncsettings", "employeesyncjobs", "syncapprovals", "pods"] {
        for object in harness.api.list(resource) {
            all.push(json!({ "name": object["metadata"]["name"], "status": masked(object["status"].clone()) }));
        }
    }
    json!(all)
}

fn masked(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.retain(|key, _| {
                !key.ends_with("Time")
                    && !key.to_lowercase().ends_with("uid")
                    && key != "time"
                    && key != "rolledUpVersion"
            });
            for field in fields.values_mut() {
                *field = masked(field.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = masked(item.take())),
        _ => {}
    }
    value
}

#[tokio::test]
async fn a_fault_at_any_write_leads_to_the_same_end() {
    let (reference, _) = story(None).await;
    let expected = end(&reference);
    assert_eq!(reference.status("syncapprovals", "ok")["phase"], "Applied", "{expected:#}");
    let writes = reference.writes().len();
    let mut plans = 0;
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::Refuse, Fault::RefuseAfter] {
        for at in 1..=writes {
            let (harness, came_up) = story(Some((at, fault))).await;
            assert!(came_up, "{fault:?} at write {at} did not happen");
            assert_eq!(end(&harness), expected, "{fault:?} at write {at}");
            plans += 1;
        }
    }
    println!("{plans} plans, {writes} writes");
    assert!(plans >= 80, "{plans} plans");
}

#[tokio::test]
async fn two_leaders_at_once_double_nothing() {
    let (reference, _) = story(None).await;
    let mut harness = Harness::new();
    harness.ending = endings();
    harness.start();
    harness.start_twin();
    begin(&harness);
    harness.settle().await;
    harness.pass(60, 1).await;
    assert_eq!(end(&harness), end(&reference));
}

#[tokio::test]
async fn a_restart_causes_no_write() {
    let (mut harness, _) = story(None).await;
    harness.api.clear_log();
    harness.start();
    harness.settle().await;
    harness.pass(60, 1).await;
    assert_eq!(harness.writes(), Vec::<String>::new());
}

/// Everything the operator reads and writes.
const KINDS: [&str; 5] = ["integrationproviders", "syncsettings", "employeesyncjobs", "syncapprovals", "pods"];

#[tokio::test]
async fn a_view_that_lags_from_any_write_on_leads_to_the_same_end() {
    let (reference, _) = story(None).await;
    let (expected, writes) = (end(&reference), reference.writes().len());
    let mut plans = 0;
    for at in 1..=writes {
        for kind in KINDS {
            let mut harness = Harness::new();
            harness.ending = endings();
            harness.api.hold_watch_from(at, kind);
            begin(&harness);
            harness.start();
            // Longer than the operator waits to see its own writes: it decides on the old view.
            harness.settle().await;
            harness.pass(12, 12).await;
            harness.api.release_watch(kind);
            harness.settle().await;
            harness.pass(30, 15).await;
            let found = end(&harness);
            for (one, other) in found.as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
                assert_eq!(one, other, "{kind} from write {at} on");
            }
            assert_eq!(found, expected, "{kind} from write {at} on");
            plans += 1;
        }
    }
    assert!(plans >= 75, "{plans} plans");
}

#[tokio::test]
async fn any_request_may_be_answered_by_an_error_once() {
    let (reference, _) = story(None).await;
    let expected = end(&reference);
    let statuses = KINDS.iter().filter(|kind| **kind != "pods").map(|kind| ("patch_status", *kind));
    let others = [
        ("create", "pods"),
        ("create", "employeesyncjobs"),
        ("delete", "pods"),
        ("get", "pods"),
        ("get", "syncsettings"),
        ("get", "employeesyncjobs"),
        ("list", "syncapprovals"),
    ];
    for (verb, kind) in statuses.chain(others) {
        for code in [403, 409, 410, 429, 500, 503] {
            let mut harness = Harness::new();
            harness.ending = endings();
            harness.api.answer(verb, kind, 1, Answers::Code(code, "injected".into()));
            begin(&harness);
            harness.start();
            harness.settle().await;
            harness.pass(60, 12).await;
            assert_eq!(end(&harness), expected, "{code} to {verb} {kind}");
            assert!(harness.api.log().len() < reference.api.log().len() + 60, "{code} to {verb} {kind}: no hot loop");
        }
    }
}
