//! Objects for tests of decisions: a setting `people` between `hr` and `travel`, and its jobs.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::{Counterpart, JobObserved, PodStage, PodState, PodView};
use crate::operator::resources::PodDefaults;
use rollcall_api::conditions::{self, Draft};
use rollcall_api::contract::{DefinitionSource, PodResult, RunResult};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, EmployeeSyncJobSpec, IntegrationProvider, IntegrationProviderSpec, IntegrationProviderStatus,
    LocalReference, SyncSetting, SyncSettingSpec, SyncSettingStatus,
};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A minute after the fixtures were created.
pub(crate) fn now() -> Timestamp {
    at("2026-03-02T06:01:00Z")
}

pub(crate) fn metadata(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: Some("acme".into()),
        uid: Some(format!("uid-{name}")),
        generation: Some(1),
        creation_timestamp: Some(Time(at("2026-03-02T06:00:00Z"))),
        ..ObjectMeta::default()
    }
}

pub(crate) fn provider(name: &str) -> IntegrationProvider {
    let ready =
        conditions::merge(&[], vec![Draft::yes(conditions::READY, reasons::PROBE_SUCCEEDED, "")], Some(1), now());
    IntegrationProvider {
        metadata: metadata(name),
        spec: IntegrationProviderSpec {
            vendor: Some("scim-generic".into()),
            max_concurrent_jobs: 1,
            probe_period_seconds: 3600,
            ..IntegrationProviderSpec::default()
        },
        status: Some(IntegrationProviderStatus { conditions: ready, ..IntegrationProviderStatus::default() }),
    }
}

pub(crate) fn setting() -> SyncSetting {
    let spec: SyncSettingSpec = serde_json::from_value(serde_json::json!({
        "sourceRef": { "name": "hr" }, "targetRef": { "name": "travel" },
        "streams": [], "publish": "Automatic",
    }))
    .unwrap();
    let ready = conditions::merge(&[], vec![Draft::yes(conditions::READY, reasons::PUBLISHED, "")], Some(1), now());
    SyncSetting {
        metadata: metadata("people"),
        spec,
        status: Some(SyncSettingStatus { conditions: ready, ..SyncSettingStatus::default() }),
    }
}

pub(crate) fn job(name: &str) -> EmployeeSyncJob {
    EmployeeSyncJob {
        metadata: metadata(name),
        spec: EmployeeSyncJobSpec { setting_ref: LocalReference { name: "people".into() }, ..Default::default() },
        status: None,
    }
}

pub(crate) fn counterpart(name: &str) -> Counterpart {
    Counterpart {
        provider: Some(Arc::new(provider(name))),
        definition: Some(DefinitionSource::Vendor("scim-generic".into())),
        active_jobs: 0,
    }
}

pub(crate) fn observed() -> JobObserved {
    JobObserved {
        setting: Some(Arc::new(setting())),
        source: counterpart("hr"),
        target: counterpart("travel"),
        ahead: false,
        pod: PodState::Absent,
        approvals: Vec::new(),
        defaults: defaults(),
        sighted: None,
        start: None,
        next_attempt: None,
    }
}

pub(crate) fn defaults() -> PodDefaults {
    PodDefaults { image: "rollcall:test".into(), ..PodDefaults::default() }
}

pub(crate) fn pod(name: &str, owner: &str, stage: PodStage) -> PodView {
    PodView {
        namespace: "acme".into(),
        name: name.into(),
        uid: format!("uid-{name}"),
        resource_version: "1".into(),
        deleting: false,
        owner_uid: Some(format!("uid-{owner}")),
        job: Some(owner.into()),
        setting: Some("people".into()),
        places: vec!["hr".into(), "travel".into()],
        provider: None,
        spec_hash: None,
        probe_token: None,
        stage,
        disrupted: false,
    }
}

pub(crate) fn ended(exit_code: i32, message: &str) -> PodStage {
    PodStage::Ended { exit_code: Some(exit_code), reason: "Completed".into(), message: message.into() }
}

pub(crate) fn result(code: i32, reason: &str) -> RunResult {
    RunResult { version: 1, code, reason: reason.into(), message: "text".into(), ..RunResult::default() }
}

pub(crate) fn message(result: RunResult) -> String {
    PodResult::Run(Box::new(result)).to_message()
}

/// Fails a test when conditions break a rule that holds for all of them.
#[track_caller]
pub(crate) fn assert_conditions_wellformed(conditions: &[rollcall_api::v1alpha1::Condition]) {
    assert_eq!(rollcall_api::conditions::wellformed(conditions), Ok(()), "{conditions:#?}");
}
