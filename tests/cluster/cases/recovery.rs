//! Something is killed in the middle of a first run: the run ends as if nothing had happened.

use std::time::Instant;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt};
use rollcall_api::v1alpha1::{EmployeeSyncJob, JobType};
use serde_json::json;

use super::support::tenant::{RELEASE, Setup, Tenant, with_tenant};
use super::support::{eventually, processes};

/// The target answers a create after so many milliseconds: a run lasts long enough to be hit.
const SLOW: u64 = 30;

#[tokio::test]
async fn a_run_survives_its_connector_pod_being_killed() {
    with_tenant("kill-connector", Setup::default(), async |tenant| {
        let job = run_with_accident(tenant, async || {
            let pod = tenant.pods_of("run").await.into_iter().next().expect("the connector pod");
            processes::kill(&tenant.client, &pod).await;
        })
        .await;
        assert_eq!(job.status.unwrap().attempts, 2, "the second attempt did the rest");
    })
    .await;
}

#[tokio::test]
async fn a_run_survives_the_leading_operator_being_killed() {
    with_tenant("kill-operator", Setup::default(), async |tenant| {
        let leader = async || {
            let leases = Api::<Lease>::namespaced(tenant.client.clone(), &tenant.namespace);
            // The first leader waits a lease's length in case another holds one that it has not seen.
            eventually(60, "a leading operator", async || {
                let lease = leases.get_opt(&format!("{RELEASE}-rollcall-operator")).await.unwrap()?;
                lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty())
            })
            .await
        };
        let before = leader().await;
        let job = run_with_accident(tenant, async || {
            let pods = tenant.pods_of("operator").await;
            let pod = pods.iter().find(|pod| pod.name_any() == before).expect("the leader's pod");
            processes::remove(&tenant.client, pod).await;
        })
        .await;
        assert_ne!(leader().await, before, "another replica leads");
        assert_eq!(job.status.unwrap().attempts, 1, "the pod went on without an operator");
    })
    .await;
}

#[tokio::test]
async fn a_run_survives_all_operators_being_killed_at_once() {
    with_tenant("kill-operators", Setup::default(), async |tenant| {
        let job = run_with_accident(tenant, async || {
            for pod in tenant.pods_of("operator").await {
                processes::kill(&tenant.client, &pod).await;
            }
        })
        .await;
        assert_eq!(job.status.unwrap().attempts, 1, "whoever came back found the pod of the attempt");
    })
    .await;
}

#[tokio::test]
async fn a_run_survives_the_records_service_being_killed() {
    with_tenant("kill-records", Setup::default(), async |tenant| {
        run_with_accident(tenant, async || {
            let pod = tenant.pods_of("records").await.into_iter().next().expect("the records pod");
            processes::kill(&tenant.client, &pod).await;
        })
        .await;
    })
    .await;
}

/// A first run with an accident when a third of the accounts exist, compared with what a clean run leaves behind: one
/// open account for each person who works there, and nothing left to do.
async fn run_with_accident(tenant: &Tenant, accident: impl AsyncFnOnce()) -> EmployeeSyncJob {
    tenant.declare(&json!({ "publish": "Automatic" })).await;
    let vendors = &tenant.vendors;
    let people = vendors.active_people().await;
    vendors.slow_down(SLOW).await;
    let began = Instant::now();
    tenant.start("struck", JobType::Sync).await;
    let done = eventually(60, "a third of the accounts exist", async || {
        let done = i64::try_from(vendors.accounts().await.len()).unwrap();
        (done > people / 3).then_some(done)
    })
    .await;
    accident().await;
    assert!(done < people, "the run was over too soon: {done} of {people}");
    let job = tenant.complete("struck", 201).await;
    println!("struck after {done} of {people} accounts, complete after {:.1} s", began.elapsed().as_secs_f64());
    let open = vendors.open_accounts().await;
    assert_eq!(i64::try_from(open.len()).unwrap(), people);
    vendors.reset().await;
    tenant.run("afterwards", JobType::Sync, 204).await;
    assert_eq!(vendors.writes_seen().await, 0);
    job
}
