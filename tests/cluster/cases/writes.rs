//! What the operator costs the API server, by its audit log.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use rollcall_api::v1alpha1::JobType;
use serde_json::json;

use super::support::audit::Audit;
use super::support::eventually;
use super::support::tenant::{RELEASE, Setup, Tenant, pass, with_tenant};

fn account() -> String {
    format!("{RELEASE}-rollcall-operator")
}

/// How long nothing may happen, in seconds; five minutes by hand.
fn idle_seconds() -> u64 {
    std::env::var("ROLLCALL_TEST_IDLE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

#[tokio::test]
async fn a_run_costs_three_writes_and_its_setting_one_and_idleness_none() {
    with_tenant("writes", Setup::default(), async |tenant| {
        tenant.declare(&json!({ "publish": "Automatic" })).await;
        if Audit::from_now().is_none() {
            return;
        }
        Box::pin(a_run_costs_three_writes_and_one_of_its_setting(tenant)).await;
        Box::pin(a_restart_writes_nothing(tenant)).await;
        Box::pin(idleness_asks_for_nothing(tenant)).await;
    })
    .await;
}

async fn a_run_costs_three_writes_and_one_of_its_setting(tenant: &Tenant) {
    let audit = Audit::from_now().unwrap();
    tenant.run("counted", JobType::Sync, 201).await;
    settle().await;
    let mut changes = audit.changes(&tenant.namespace, &account());
    println!("writes of one run: {changes:?}");
    let events: usize = ["create events", "patch events"].iter().filter_map(|key| changes.remove(*key)).sum();
    assert!(events <= 2, "{events} events");
    let expected = [
        ("create pods", 1),
        ("patch employeesyncjobs/status", 2),
        // What the run adds to the setting: last run, history, held actions.
        ("patch syncsettings/status", 1),
    ];
    let expected: BTreeMap<_, usize> = expected.map(|(key, count)| (key.to_owned(), count)).into();
    assert_eq!(changes, expected);
}

async fn a_restart_writes_nothing(tenant: &Tenant) {
    let audit = Audit::from_now().unwrap();
    let old: Vec<_> = tenant.pods_of("operator").await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(old.len(), 2);
    for name in &old {
        tenant.pods().delete(name, &DeleteParams::default()).await.unwrap();
    }
    let leases = Api::<Lease>::namespaced(tenant.client.clone(), &tenant.namespace);
    eventually(90, "a new operator leads", async || {
        let lease = leases.get(&account()).await.ok()?;
        let holder = lease.spec?.holder_identity.filter(|holder| !holder.is_empty() && !old.contains(holder))?;
        tenant.pods_of("operator").await.iter().any(|pod| pod.name_any() == holder).then_some(())
    })
    .await;
    // The new leader has read everything by the time that it has led for so long.
    pass(5).await;
    let changes = audit.changes(&tenant.namespace, &account());
    assert_eq!(changes, BTreeMap::new(), "an operator that starts finds everything as it should be");
}

async fn idleness_asks_for_nothing(tenant: &Tenant) {
    settle().await;
    let audit = Audit::from_now().unwrap();
    pass(idle_seconds()).await;
    let all = audit.requests(&tenant.namespace, &account());
    let leases = all.iter().filter(|request| request.is_about_a_lease()).count();
    println!("idle for {} s: {leases} requests about the Lease of {}", idle_seconds(), all.len());
    let others: Vec<_> = all.iter().filter(|request| !request.is_about_a_lease() && request.verb != "watch").collect();
    assert!(others.is_empty(), "{others:#?}");
}

/// Background writes (events) have two seconds to appear.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}
