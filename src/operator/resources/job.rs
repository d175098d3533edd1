//! Jobs that the operator makes: scheduled, asked for, due, and those that carry out an approval. Their names follow
//! from why they are made, so that the same cause never makes two.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use super::short_hash;
use rollcall_api::labels;
use rollcall_api::v1alpha1::{EmployeeSyncJob, EmployeeSyncJobSpec, LocalReference, SyncSetting};

/// Why a job is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The schedule; the scheduled time.
    Schedule(Timestamp),
    /// The run-now annotation.
    Request,
    /// A leaving day takes effect.
    Due,
    /// A SyncApproval; its uid.
    Approval(String),
}

impl Trigger {
    /// The word in the label.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Schedule(_) => "Schedule",
            Self::Request => "Request",
            Self::Due => "Due",
            Self::Approval(_) => "Approval",
        }
    }
}

/// `<setting>-<minutes since 1970>`, as CronJob names its jobs.
pub fn scheduled_job_name(setting: &str, time: Timestamp) -> String {
    format!("{setting}-{}", time.as_second() / 60)
}

/// `<setting>-d<minutes since 1970>`.
pub fn due_job_name(setting: &str, time: Timestamp) -> String {
    format!("{setting}-d{}", time.as_second() / 60)
}

/// `<setting>-r<ten digits of the token's hash>`; nine where the setting's name has all 52 characters it may have,
/// because labels are made from the job's name and end at 63.
pub fn requested_job_name(setting: &str, token: &str) -> String {
    let digits = 61_usize.saturating_sub(setting.len()).min(10);
    format!("{setting}-r{}", short_hash(token, digits))
}

/// `<approval>-release`.
pub fn release_job_name(approval: &str) -> String {
    format!("{approval}-release")
}

/// A job of a setting, owned by it.
pub fn new_job(setting: &SyncSetting, name: String, trigger: &Trigger, spec: EmployeeSyncJobSpec) -> EmployeeSyncJob {
    let setting_name = setting.metadata.name.clone().unwrap_or_default();
    let job_labels = [
        (labels::MANAGED_BY, labels::MANAGER.to_owned()),
        (labels::SETTING, setting_name.clone()),
        (labels::TRIGGER, trigger.as_str().to_owned()),
    ];
    let annotation = match trigger {
        Trigger::Schedule(time) => Some((labels::SCHEDULED_TIME.to_owned(), time.to_string())),
        Trigger::Approval(uid) => Some((labels::APPROVAL_UID.to_owned(), uid.clone())),
        Trigger::Request | Trigger::Due => None,
    };
    EmployeeSyncJob {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: setting.metadata.namespace.clone(),
            labels: Some(job_labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            annotations: annotation.map(|pair| std::iter::once(pair).collect()),
            owner_references: Some(vec![OwnerReference {
                api_version: SyncSetting::api_version(&()).into_owned(),
                kind: SyncSetting::kind(&()).into_owned(),
                name: setting_name.clone(),
                uid: setting.metadata.uid.clone().unwrap_or_default(),
                controller: Some(true),
                block_owner_deletion: None,
            }]),
            ..ObjectMeta::default()
        },
        spec: EmployeeSyncJobSpec { setting_ref: LocalReference { name: setting_name }, ..spec },
        status: None,
    }
}
