//! Runs of a tenant with 2,000 people: what they do to the target, what their jobs say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Counts, EmployeeSyncJob, JobPhase, JobType};
use serde_json::json;

use super::support::manifests;
use super::support::tenant::{Setup, Tenant, with_tenant};
use kube::api::PostParams;

fn counts(job: &EmployeeSyncJob) -> Counts {
    job.status.as_ref().and_then(|status| status.counts).unwrap_or_default()
}

fn assert_balanced(job: &EmployeeSyncJob) {
    let counts = counts(job);
    assert!(counts.considered > 0 && counts.failed == 0 && counts.conflicts == 0, "{counts:?}");
    assert_eq!(counts.considered, counts.outcomes(), "every record has one outcome: {counts:?}");
}

#[tokio::test]
async fn two_thousand_people_are_created_then_left_alone_then_kept_in_step() {
    let setup = Setup { people: 2_000, ..Setup::default() };
    with_tenant("runs", setup, async |tenant| {
        tenant.declare(&json!({ "publish": "Automatic" })).await;
        Box::pin(a_plan_writes_nothing(tenant)).await;
        Box::pin(everybody_gets_an_account(tenant)).await;
        Box::pin(nothing_is_written_the_second_time(tenant)).await;
        Box::pin(exactly_the_changes_are_written(tenant)).await;
        Box::pin(without_its_setting_a_job_ends(tenant)).await;
    })
    .await;
}

async fn a_plan_writes_nothing(tenant: &Tenant) {
    let new = tenant.start("plan", JobType::Plan).await;
    assert_eq!(new.status.map(|status| status.phase), Some(JobPhase::Queued), "Queued without a write");
    let plan = tenant.complete("plan", 204).await;
    assert!(plan.status.as_ref().unwrap().plan.is_some(), "a plan has a digest");
    assert_eq!(tenant.vendors.writes_seen().await, 0);
    assert!(tenant.vendors.accounts().await.is_empty());
}

async fn everybody_gets_an_account(tenant: &Tenant) {
    let began = Instant::now();
    let first = tenant.run("first", JobType::Sync, 201).await;
    println!("first run with 2,000 people: {:.1} s", began.elapsed().as_secs_f64());
    assert_balanced(&first);
    let open = tenant.vendors.open_accounts().await;
    assert_eq!(i64::try_from(open.len()).unwrap(), tenant.vendors.active_people().await);
}

async fn nothing_is_written_the_second_time(tenant: &Tenant) {
    tenant.vendors.reset().await;
    let began = Instant::now();
    let second = tenant.run("second", JobType::Sync, 204).await;
    println!("second run: {:.1} s", began.elapsed().as_secs_f64());
    assert_balanced(&second);
    assert_eq!(tenant.vendors.writes_seen().await, 0, "{:?}", tenant.vendors.writes().await);
}

async fn exactly_the_changes_are_written(tenant: &Tenant) {
    let vendors = &tenant.vendors;
    let before = vendors.open_accounts().await;
    let changed = vendors.people(json!({ "op": "change", "count": 20, "seed": 11 })).await;
    let left: BTreeSet<_> = ids(vendors.people(json!({ "op": "leave", "count": 5, "seed": 12 })).await);
    let joined = vendors.join(3).await;
    // Teams and offices are not mapped: nobody is written to because of them.
    let mapped =
        changed.into_iter().filter(|(_, what)| ["last_name", "cost_center", "position"].contains(&what.as_str()));
    let mut expected: BTreeMap<_, u64> = BTreeMap::new();
    expected.extend(mapped.map(|(id, _)| (("PATCH".to_owned(), id), 1)));
    expected.extend(left.iter().map(|id| (("PATCH".to_owned(), id.clone()), 1)));
    expected.extend(joined.iter().map(|id| (("POST".to_owned(), id.clone()), 1)));

    let third = tenant.run("third", JobType::Sync, 201).await;
    assert_balanced(&third);
    assert_eq!(vendors.writes().await, expected);
    let counts = counts(&third);
    assert_eq!((counts.created, counts.disabled), (3, 5));
    let wanted: BTreeSet<_> = before.difference(&left).cloned().chain(joined).collect();
    assert_eq!(vendors.open_accounts().await, wanted);
    vendors.reset().await;
    tenant.run("fourth", JobType::Sync, 204).await;
    assert_eq!(vendors.writes_seen().await, 0);
}

async fn without_its_setting_a_job_ends(tenant: &Tenant) {
    let job = manifests::job("astray", "no-such-setting", JobType::Sync);
    tenant.jobs().create(&PostParams::default(), &job).await.unwrap();
    let status = tenant.end_of("astray").await.status.unwrap();
    assert_eq!((status.phase, status.code), (JobPhase::Error, Some(400)));
    assert_eq!(status.reason.as_deref(), Some(reasons::SETTING_NOT_FOUND));
}

fn ids(changes: Vec<(String, String)>) -> BTreeSet<String> {
    changes.into_iter().map(|(id, _)| id).collect()
}
