//! Two releases in one cluster do not know of each other.

use kube::ResourceExt;
use rollcall_api::v1alpha1::{JobPhase, JobType};
use serde_json::json;

use super::support::tenant::{Setup, pass, with_tenant};

#[tokio::test]
async fn two_releases_side_by_side_leave_each_other_alone() {
    with_tenant("left", Setup::default(), async |left| {
        with_tenant("right", Setup::default(), async |right| {
            let published = json!({ "publish": "Automatic" });
            tokio::join!(left.declare(&published), right.declare(&published));
            left.run("mine", JobType::Sync, 201).await;
            let job = left.jobs().get("mine").await.unwrap();
            let setting = left.settings().get("travel").await.unwrap();
            left.vendors.reset().await;
            assert_eq!(right.vendors.writes_seen().await, 0, "the left run wrote to the left system only");

            // Without an operator of its own the left tenant's job waits, whatever the right one does.
            left.scale_operator(0).await;
            left.start("waiting", JobType::Sync).await;
            right.run("mine", JobType::Sync, 201).await;
            pass(2).await;
            assert_eq!(left.jobs().get("mine").await.unwrap().resource_version(), job.resource_version());
            assert_eq!(left.settings().get("travel").await.unwrap().resource_version(), setting.resource_version());
            let waiting = left.jobs().get("waiting").await.unwrap();
            assert_eq!(
                waiting.status.map(|status| (status.phase, status.conditions.len())),
                Some((JobPhase::Queued, 0))
            );
            assert_eq!(left.vendors.writes_seen().await, 0);

            left.scale_operator(2).await;
            left.complete("waiting", 204).await;
        })
        .await;
    })
    .await;
}
