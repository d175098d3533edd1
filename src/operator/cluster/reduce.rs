//! What of each kind is kept in memory.

use kube::ResourceExt;

use super::Stored;
use crate::operator::decide::PodView;
use rollcall_api::labels;
use rollcall_api::v1alpha1::{EmployeeSyncJob, IntegrationProvider, SyncApproval, SyncSetting};

/// Annotation in which kubectl keeps a copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Drops what no decision needs.
pub(super) fn prune<K: ResourceExt>(mut object: K) -> K {
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove(LAST_APPLIED);
    object
}

/// A finished job needs only what its setting rolls up.
pub(super) fn prune_job(job: EmployeeSyncJob) -> EmployeeSyncJob {
    let mut job = prune(job);
    if let Some(status) = job.status.as_mut().filter(|status| status.phase.is_finished()) {
        status.conditions.retain(|condition| condition.type_ == rollcall_api::conditions::READY);
        status.conditions.shrink_to_fit();
        status.read = None;
        status.plan = None;
        status.pod_name = None;
    }
    job
}

macro_rules! stored {
    ($($kind:ty, $object:ident => $groups:expr;)*) => {$(
        impl Stored for $kind {
            fn namespace(&self) -> &str {
                self.metadata.namespace.as_deref().unwrap_or_default()
            }
            fn name(&self) -> &str {
                self.metadata.name.as_deref().unwrap_or_default()
            }
            fn uid(&self) -> &str {
                self.metadata.uid.as_deref().unwrap_or_default()
            }
            fn resource_version(&self) -> &str {
                self.metadata.resource_version.as_deref().unwrap_or_default()
            }
            fn groups(&self) -> Vec<String> {
                let $object = self;
                $groups
            }
        }
    )*};
}

stored! {
    IntegrationProvider, _provider => Vec::new();
    SyncSetting, setting => vec![setting.spec.source_ref.name.clone(), setting.spec.target_ref.name.clone()];
    EmployeeSyncJob, job => vec![job.spec.setting_ref.name.clone()];
    SyncApproval, approval => vec![approval.spec.setting_ref.name.clone()];
}

impl Stored for PodView {
    fn namespace(&self) -> &str {
        &self.namespace
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn uid(&self) -> &str {
        &self.uid
    }
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
    fn groups(&self) -> Vec<String> {
        let job = self.job.as_ref().map(|name| format!("{}={name}", labels::JOB));
        let provider = self.provider.as_ref().map(|name| format!("{}={name}", labels::PROVIDER));
        job.into_iter().chain(provider).collect()
    }
}
