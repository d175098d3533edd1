//! Places at providers: who gets one, who is woken for one, and what that costs.

use serde_json::{Value, json};

use crate::support::harness::{Harness, success};
use crate::support::objects::{job, provider, setting};

/// A setting between the same two providers, and a job of it.
fn apply_setting(harness: &Harness, name: &str) {
    let mut one = setting();
    one["metadata"]["name"] = json!(name);
    harness.api.apply("syncsettings", &one);
}

fn job_of(setting: &str, name: &str) -> Value {
    let mut one = job(name);
    one["spec"]["settingRef"]["name"] = json!(setting);
    one
}

/// Passes over jobs and writes, from the first to the last of so many jobs of one setting each.
async fn cost(number: usize, of_one_setting: bool) -> (u64, usize) {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    for index in 0..number {
        let setting = if of_one_setting { "people".to_owned() } else { format!("people-{index:02}") };
        if !of_one_setting {
            apply_setting(&harness, &setting);
        }
        harness.api.apply("employeesyncjobs", &job_of(&setting, &format!("job-{index:02}")));
    }
    harness.settle().await;
    assert_eq!(harness.pods().len(), 1, "maxConcurrentJobs is 1");
    harness.ending = Box::new(|_| Some((0, success())));
    harness.api.clear_log();
    let before = harness.passes_over_jobs();
    harness.settle().await;
    for index in 0..number {
        assert_eq!(harness.phase(&format!("job-{index:02}")), "Complete");
    }
    let jobs = harness.writes().into_iter().filter(|one| one.ends_with("employeesyncjobs"));
    (harness.passes_over_jobs() - before, jobs.count())
}

#[tokio::test]
async fn the_end_of_a_run_costs_the_same_however_many_wait_for_its_place() {
    for of_one_setting in [false, true] {
        let (few, few_writes) = cost(10, of_one_setting).await;
        let (many, many_writes) = cost(40, of_one_setting).await;
        assert!(many <= few * 5, "{few} passes for 10 jobs, {many} for 40");
        // InProgress and the end; waiting was written before, and nobody's message changes when another run ends.
        assert_eq!((few_writes, many_writes), (19, 79));
    }
}

#[tokio::test]
async fn a_setting_that_is_deleted_or_points_elsewhere_in_mid_run_strands_nobody() {
    for delete in [true, false] {
        let mut harness = Harness::ready().await;
        harness.ending = Box::new(|_| None);
        apply_setting(&harness, "other");
        harness.settle().await;
        harness.api.apply("employeesyncjobs", &job("first"));
        harness.settle().await;
        harness.api.apply("employeesyncjobs", &job_of("other", "second"));
        harness.settle().await;
        assert_eq!(harness.status("employeesyncjobs", "second")["reason"], "WaitingForSlot");
        if delete {
            harness.api.remove("syncsettings", "people");
        } else {
            harness.api.apply("integrationproviders", &provider("elsewhere"));
            let moved = json!({ "metadata": { "name": "people" }, "spec": { "sourceRef": { "name": "elsewhere" } } });
            harness.api.apply("syncsettings", &moved);
        }
        harness.settle().await;
        assert_eq!(harness.phase("second"), "Queued", "the first one's pod still talks to the provider");
        harness.ending = Box::new(|_| Some((0, success())));
        harness.settle().await;
        assert_eq!(harness.phase("second"), "Complete");
    }
}

#[tokio::test]
async fn a_pod_that_outlives_its_job_still_has_its_place() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    apply_setting(&harness, "other");
    harness.api.apply("employeesyncjobs", &job("first"));
    harness.settle().await;
    harness.api.keep_garbage();
    harness.api.remove("employeesyncjobs", "first");
    harness.api.apply("employeesyncjobs", &job_of("other", "second"));
    harness.settle().await;
    assert_eq!((harness.phase("second").as_str(), harness.pods()), ("Queued", vec!["first-1".to_owned()]));
    harness.api.collect_garbage();
    harness.settle().await;
    assert_eq!(harness.phase("second"), "InProgress");
}

#[tokio::test]
async fn a_waiter_that_is_gone_passes_its_turn_on() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    for name in ["one", "two", "three"] {
        apply_setting(&harness, name);
        harness.settle().await;
        harness.api.apply("employeesyncjobs", &job_of(name, &format!("of-{name}")));
        harness.settle().await;
        harness.clock.advance(1);
    }
    let cancel = json!({ "metadata": { "name": "of-two" }, "spec": { "cancel": true } });
    // Both in one go: the first one's place is free when the second in line has just left it.
    harness.api.hold_watch("employeesyncjobs");
    harness.api.apply("employeesyncjobs", &cancel);
    harness.api.remove("pods", "of-one-1");
    harness.quiet().await;
    harness.api.release_watch("employeesyncjobs");
    harness.settle().await;
    assert_eq!(harness.phase("of-two"), "Error");
    assert_eq!(harness.phase("of-three"), "InProgress");
}

#[tokio::test]
async fn places_are_counted_in_each_namespace_by_itself() {
    let mut harness = Harness::ready().await;
    harness.ending = Box::new(|_| None);
    harness.api.apply("employeesyncjobs", &job("first"));
    harness.settle().await;
    let elsewhere = |mut object: Value| {
        object["metadata"]["namespace"] = json!("globex");
        object
    };
    for name in ["hr", "travel"] {
        harness.api.apply("integrationproviders", &elsewhere(provider(name)));
    }
    harness.api.apply("syncsettings", &elsewhere(setting()));
    harness.api.apply("employeesyncjobs", &elsewhere(job("first")));
    harness.settle().await;
    let other = harness.api.get_in("globex", "employeesyncjobs", "first").unwrap();
    assert_eq!((harness.phase("first").as_str(), &other["status"]["phase"]), ("InProgress", &json!("InProgress")));
}

#[tokio::test]
async fn a_list_that_is_read_again_wakes_only_what_has_changed() {
    let harness = Harness::ready().await;
    for index in 0..20 {
        harness.api.apply("employeesyncjobs", &job(&format!("job-{index:02}")));
    }
    harness.settle().await;
    let before = harness.passes_over_jobs();
    harness.api.expire_watches("employeesyncjobs");
    harness.settle().await;
    // A watch that failed waits for half a second before it lists again.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    harness.settle().await;
    assert!(harness.asked("watch", "employeesyncjobs") + harness.asked("list", "employeesyncjobs") > 0);
    assert_eq!(harness.passes_over_jobs(), before);
    harness.api.apply("employeesyncjobs", &job("late"));
    harness.settle().await;
    assert_eq!(harness.phase("late"), "Complete", "and it goes on");
}
