//! `SyncApproval`: a decision about held actions, a kind of its own so that it has RBAC and a history of its own.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Action, Condition, LocalReference};

/// A decision about the actions that a setting holds. It names their digest, so that nothing else can happen because
/// of it: when the source has changed meanwhile, the approval becomes void and the new digest waits.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "SyncApproval",
    namespaced,
    derive = "PartialEq",
    derive = "Default",
    doc = "A decision about the actions that a setting holds.",
    shortname = "syncok",
    category = "rollcall",
    status = "SyncApprovalStatus",
    selectable = ".spec.settingRef.name",
    validation = Rule::new("self.metadata.name.size() <= 52").message("metadata.name must not be longer than 52 characters: the name of the Release job is made from it"),
    printcolumn(name = "Setting", type_ = "string", json_path = ".spec.settingRef.name"),
    printcolumn(name = "Decision", type_ = "string", json_path = ".spec.decision"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Job", type_ = "string", json_path = ".status.jobRef.name"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".spec.digest", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
)]
#[x_kube(validation = Rule::new("self == oldSelf").message("spec cannot be changed after creation: create a new SyncApproval instead"))]
#[serde(rename_all = "camelCase")]
pub struct SyncApprovalSpec {
    /// The setting whose held actions are decided.
    pub setting_ref: LocalReference,
    /// Digest of the held actions, as `status.held.digest` of the setting shows it.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// `Approve` applies them, `Deny` records that they must not be applied.
    pub decision: Decision,
    /// Limits an approval to some of the held actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<ApprovalLimits>,
    /// Why, for people. No personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub note: Option<String>,
}

/// Which of the held actions are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalLimits {
    /// Kinds of action. Unset: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub actions: Vec<Action>,
    /// Names of streams. Unset: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub streams: Vec<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Decision {
    #[default]
    Deny,
    Approve,
}

/// What became of an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ApprovalPhase {
    #[default]
    Pending,
    Applied,
    Void,
    Denied,
}

/// What became of an approval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncApprovalStatus {
    /// Generation of the spec that this status belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Pending`, `Applied`, `Void` (the held actions have changed) or `Denied`.
    #[serde(default)]
    pub phase: ApprovalPhase,
    /// The Release job that carries it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_ref: Option<LocalReference>,
    /// Ready, and Reconciling or Stalled while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
