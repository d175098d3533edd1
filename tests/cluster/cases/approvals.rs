//! What is held, and what an approval lets happen.

use kube::api::{Patch, PatchParams, PostParams};
use rollcall_api::conditions::HELD;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    ApprovalPhase, EmployeeSyncJob, Held, JobPhase, JobType, SettingState, SyncApproval, SyncSetting,
};
use serde_json::json;

use super::support::tenant::{Setup, Tenant, with_tenant};
use super::support::{holds, manifests, until, yaml};

#[tokio::test]
async fn what_is_held_happens_after_its_approval_and_only_then() {
    with_tenant("approvals", Setup::default(), async |tenant| {
        tenant.declare(&json!({ "publish": "Manual" })).await;
        Box::pin(the_first_run_waits_for_an_approval(tenant)).await;
        Box::pin(removals_of_many_are_held_while_joiners_go_on(tenant)).await;
        Box::pin(an_approval_covers_the_lines_that_were_proposed_and_no_others(tenant)).await;
        Box::pin(an_approval_is_void_when_the_terms_have_changed(tenant)).await;
    })
    .await;
}

async fn the_first_run_waits_for_an_approval(tenant: &Tenant) {
    let people = tenant.vendors.active_people().await;
    let first = tenant.run("first", JobType::Sync, 204).await;
    let held = held(tenant, &first).await;
    assert!(held.create >= people, "everybody is held: {held:?}");
    assert_eq!(state(tenant).await, SettingState::Ready);
    assert_eq!(tenant.vendors.writes_seen().await, 0);

    approve(tenant, "publish", &held.digest, ApprovalPhase::Applied).await;
    assert_eq!(state(tenant).await, SettingState::On);
    assert_eq!(i64::try_from(tenant.vendors.open_accounts().await.len()).unwrap(), people);
}

async fn removals_of_many_are_held_while_joiners_go_on(tenant: &Tenant) {
    let vendors = &tenant.vendors;
    let before = vendors.open_accounts().await;
    let many = before.len() * 2 / 5;
    let gone = vendors.people(json!({ "op": "remove", "count": many, "seed": 3 })).await;
    let joined = vendors.join(3).await;
    let run = tenant.run("outage", JobType::Sync, 201).await;
    let held = held(tenant, &run).await;
    assert_eq!((held.disable + held.delete, held.create), (i64::try_from(many).unwrap(), 0), "{held:?}");
    let mut wanted = before;
    wanted.extend(joined);
    assert_eq!(vendors.open_accounts().await, wanted, "joiners came, nobody went");

    approve(tenant, "they-left", &held.digest, ApprovalPhase::Applied).await;
    for (id, _) in gone {
        assert!(wanted.remove(&id));
    }
    assert_eq!(vendors.open_accounts().await, wanted, "exactly those who were held went");
    assert!(is_held(&setting(tenant).await).is_none(), "nothing waits any more");
}

async fn an_approval_covers_the_lines_that_were_proposed_and_no_others(tenant: &Tenant) {
    let vendors = &tenant.vendors;
    let mut wanted = vendors.open_accounts().await;
    let gone = vendors.people(json!({ "op": "remove", "count": 40, "seed": 4 })).await;
    let run = tenant.run("again", JobType::Sync, 204).await;
    let held = held(tenant, &run).await;
    let later = vendors.people(json!({ "op": "remove", "count": 1, "seed": 5 })).await;
    vendors.reset().await;
    approve(tenant, "in-time", &held.digest, ApprovalPhase::Applied).await;
    for (id, _) in gone {
        wanted.remove(&id);
    }
    assert_eq!(vendors.open_accounts().await, wanted, "whoever left after the proposal is not covered by it");
    assert_eq!(later.len(), 1);
}

async fn an_approval_is_void_when_the_terms_have_changed(tenant: &Tenant) {
    let vendors = &tenant.vendors;
    vendors.people(json!({ "op": "remove", "count": 40, "seed": 6 })).await;
    let run = tenant.run("once-more", JobType::Sync, 204).await;
    let held = held(tenant, &run).await;
    // Leaving days would end at another moment.
    let change = Patch::Merge(json!({ "spec": { "timeZone": "Etc/UTC" } }));
    tenant.settings().patch("travel", &PatchParams::default(), &change).await.unwrap();
    vendors.reset().await;
    let approval = approve(tenant, "too-late", &held.digest, ApprovalPhase::Void).await;
    let status = approval.status.unwrap();
    assert!(status.job_ref.is_some(), "the Release job found out");
    let conditions = status.conditions;
    assert_eq!(holds(&conditions, "Stalled").map(|(reason, _)| reason), Some(reasons::PLAN_CHANGED));
    assert_eq!(vendors.writes_seen().await, 0, "{:?}", vendors.writes().await);
}

/// What the job holds, which its setting shows as well.
async fn held(tenant: &Tenant, job: &EmployeeSyncJob) -> Held {
    let status = job.status.as_ref().unwrap();
    assert!(holds(&status.conditions, HELD).is_some(), "{}", yaml(job));
    let held = status.held.clone().unwrap();
    let shown = is_held(&setting(tenant).await);
    assert_eq!(shown.as_ref(), Some(&held), "the setting shows what its job holds");
    held
}

fn is_held(setting: &SyncSetting) -> Option<Held> {
    let status = setting.status.as_ref()?;
    assert_eq!(holds(&status.conditions, HELD).is_some(), status.held.is_some(), "{}", yaml(setting));
    status.held.clone()
}

async fn setting(tenant: &Tenant) -> SyncSetting {
    tenant.settings().get("travel").await.unwrap()
}

async fn state(tenant: &Tenant) -> SettingState {
    setting(tenant).await.status.unwrap().state
}

/// Approves a digest, waits until the approval is in a phase, and until the setting knows how the job ended.
async fn approve(tenant: &Tenant, name: &str, digest: &str, phase: ApprovalPhase) -> SyncApproval {
    let approval = manifests::approval(name, digest);
    tenant.approvals().create(&PostParams::default(), &approval).await.unwrap();
    let is_there = |it: &SyncApproval| it.status.as_ref().is_some_and(|status| status.phase == phase);
    let approval = until(&tenant.approvals(), name, 90, &format!("{phase:?}"), is_there).await;
    if let Some(job) = approval.status.as_ref().and_then(|status| status.job_ref.as_ref()) {
        let ended = tenant.end_of(&job.name).await;
        let wanted = if phase == ApprovalPhase::Applied { JobPhase::Complete } else { JobPhase::Error };
        assert_eq!(ended.status.as_ref().unwrap().phase, wanted, "{}", yaml(&ended));
        let knows = |it: &SyncSetting| {
            let runs = it.status.iter().flat_map(|status| &status.history);
            runs.into_iter().any(|run| run.name == job.name)
        };
        until(&tenant.settings(), "travel", 30, "aware of the Release job", knows).await;
    }
    approval
}
