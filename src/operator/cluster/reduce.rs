//! What of each kind is kept in memory.

use kube::ResourceExt;

use super::Stored;
use crate::operator::decide::PodView;
use rollcall_api::v1alpha1::{
    ApprovalPhase, EmployeeSyncJob, IntegrationProvider, JobPhase, SyncApproval, SyncSetting,
};

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

/// Of a decided approval only the decision is needed.
pub(super) fn prune_approval(approval: SyncApproval) -> SyncApproval {
    let mut approval = prune(approval);
    approval.spec.note = None;
    if let Some(status) = approval.status.as_mut().filter(|status| status.phase != ApprovalPhase::Pending) {
        status.conditions = Vec::new();
        status.job_ref = None;
    }
    approval
}

/// Names of groups. A slash cannot be part of an object's name.
pub mod groups {
    /// Unfinished jobs of a setting, oldest first.
    pub fn unfinished(setting: &str) -> String {
        format!("unfinished/{setting}")
    }

    /// Jobs of a setting that are at work, and pods of its runs that have not ended.
    pub fn at_work(setting: &str) -> String {
        format!("at-work/{setting}")
    }

    /// Pods that take a place at a provider: those of runs that have not ended.
    pub fn places(provider: &str) -> String {
        format!("places/{provider}")
    }

    /// Probe pods of a provider.
    pub fn probes(provider: &str) -> String {
        format!("probes/{provider}")
    }

    /// Undecided approvals of a setting.
    pub fn undecided(setting: &str) -> String {
        format!("undecided/{setting}")
    }

    /// Approvals of a digest, decided or not.
    pub fn digest(digest: &str) -> String {
        format!("digest/{digest}")
    }
}

fn groups_of_job(job: &EmployeeSyncJob) -> Vec<String> {
    let setting = &job.spec.setting_ref.name;
    let phase = job.status.as_ref().map(|status| status.phase).unwrap_or_default();
    let unfinished = (!phase.is_finished()).then(|| groups::unfinished(setting));
    let at_work = (phase == JobPhase::InProgress).then(|| groups::at_work(setting));
    std::iter::once(setting.clone()).chain(unfinished).chain(at_work).collect()
}

fn groups_of_approval(approval: &SyncApproval) -> Vec<String> {
    let undecided = approval.status.as_ref().is_none_or(|status| status.phase == ApprovalPhase::Pending);
    let undecided = undecided.then(|| groups::undecided(&approval.spec.setting_ref.name));
    std::iter::once(groups::digest(&approval.spec.digest)).chain(undecided).collect()
}

/// Jobs go by when they were created, everything else by name. Both times are of the API server's clock.
fn order_of_job(job: &EmployeeSyncJob) -> String {
    let created = job.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    format!("{:020}", created.max(0))
}

macro_rules! stored {
    ($($kind:ty, $object:ident => $groups:expr $(, $order:expr)?;)*) => {$(
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
            $(fn order(&self) -> String {
                let $object = self;
                $order
            })?
        }
    )*};
}

stored! {
    IntegrationProvider, _provider => Vec::new();
    SyncSetting, setting => vec![setting.spec.source_ref.name.clone(), setting.spec.target_ref.name.clone()];
    EmployeeSyncJob, job => groups_of_job(job), order_of_job(job);
    SyncApproval, approval => groups_of_approval(approval);
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
        let probes = self.provider.iter().map(|name| groups::probes(name));
        let live = self.setting.iter().filter(|_| !self.has_ended());
        let live = live.flat_map(|setting| {
            let places = self.places.iter().map(|name| groups::places(name));
            std::iter::once(groups::at_work(setting)).chain(places)
        });
        probes.chain(live).collect()
    }
}
