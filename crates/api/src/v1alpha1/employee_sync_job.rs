//! `EmployeeSyncJob`: one run of a setting.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Action, Condition, Counts, Held, LocalReference, TimeToLive};

/// One run of a setting. Created by the setting's schedule, by the annotation `rollcall.dev/run-requested-at` on
/// the setting, by an approval, or by hand. The spec cannot be changed afterwards, but for `cancel`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "EmployeeSyncJob",
    namespaced,
    derive = "PartialEq",
    derive = "Default",
    doc = "One run of a setting.",
    shortname = "esj",
    category = "rollcall",
    status = "EmployeeSyncJobStatus",
    selectable = ".spec.settingRef.name",
    selectable = ".spec.type",
    selectable = ".status.phase",
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name must not be longer than 63 characters: labels are made from it"),
    printcolumn(name = "Setting", type_ = "string", json_path = ".spec.settingRef.name"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Code", type_ = "integer", json_path = ".status.code"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Created", type_ = "integer", json_path = ".status.counts.created"),
    printcolumn(name = "Updated", type_ = "integer", json_path = ".status.counts.updated"),
    printcolumn(name = "Disabled", type_ = "integer", json_path = ".status.counts.disabled"),
    printcolumn(name = "Held", type_ = "integer", json_path = ".status.counts.held"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.counts.failed"),
    printcolumn(name = "Unchanged", type_ = "integer", json_path = ".status.counts.unchanged", priority = "1"),
    printcolumn(name = "Completed", type_ = "date", json_path = ".status.completionTime", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
)]
#[x_kube(validation = Rule::new("has(self.settingRef) && self.settingRef == oldSelf.settingRef && self.type == oldSelf.type && has(self.selector) == has(oldSelf.selector) && (!has(self.selector) || self.selector == oldSelf.selector) && has(self.release) == has(oldSelf.release) && (!has(self.release) || self.release == oldSelf.release) && has(self.undo) == has(oldSelf.undo) && (!has(self.undo) || self.undo == oldSelf.undo) && has(self.activeDeadlineSeconds) == has(oldSelf.activeDeadlineSeconds) && (!has(self.activeDeadlineSeconds) || self.activeDeadlineSeconds == oldSelf.activeDeadlineSeconds) && has(self.backoffLimit) == has(oldSelf.backoffLimit) && (!has(self.backoffLimit) || self.backoffLimit == oldSelf.backoffLimit) && self.ttl == oldSelf.ttl").message("spec cannot be changed after creation, except for cancel: create a new job instead"))]
#[x_kube(validation = Rule::new("!oldSelf.cancel || self.cancel").message("a cancelled job stays cancelled: create a new job instead"))]
#[x_kube(validation = Rule::new("self.type in ['Show', 'Create'] ? has(self.selector) && has(self.selector.keys) && self.selector.keys.size() > 0 : true").message("jobs of type Show and Create need selector.keys"))]
#[x_kube(validation = Rule::new("(self.type == 'Release') == has(self.release)").message("release must be set on jobs of type Release, and only there"))]
#[x_kube(validation = Rule::new("(self.type == 'Undo') == has(self.undo)").message("undo must be set on jobs of type Undo, and only there"))]
#[serde(rename_all = "camelCase")]
pub struct EmployeeSyncJobSpec {
    /// The setting that is run.
    pub setting_ref: LocalReference,
    /// `Sync` (default); `Plan`: work out what would be done, write nothing; `Show`: what would be sent for the
    /// selected records; `Create`: send the selected records now, disabling nobody; `Release`: apply approved holds;
    /// `Undo`: take back what a run did.
    #[serde(default, rename = "type")]
    pub type_: JobType,
    /// Limits the run to some records or streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// What was approved; only on jobs of type Release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Which run is taken back; only on jobs of type Undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoRequest>,
    /// How long the run may take, in seconds. Default: the setting's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 604_800))]
    pub active_deadline_seconds: Option<i64>,
    /// How often the run is tried again after a transient failure. Default: the setting's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub backoff_limit: Option<i32>,
    /// How long the job is kept after it ended. Default: the setting's values.
    #[serde(default)]
    pub ttl: TimeToLive,
    /// Set to true to stop the run at the next record. It cannot be taken back.
    #[serde(default)]
    pub cancel: bool,
}

/// What a job does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum JobType {
    #[default]
    Sync,
    Plan,
    Show,
    Create,
    Release,
    Undo,
}

impl JobType {
    /// Whether a run of this type may change the target.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Plan | Self::Show)
    }
}

/// Which records or streams a job is limited to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Identifiers that the source gave to the records. E-mail addresses are refused: no personal data in the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 128), regex(pattern = r"^[^@\s]+$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub keys: Vec<String>,
    /// Names of streams. Unset: all that the setting enables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub streams: Vec<String>,
    /// Kinds of write; others are left to a later run. Unset: all that the setting allows. Example: `[Disable]`, for a
    /// run that deals with leavers only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub actions: Vec<Action>,
}

/// A run that is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndoRequest {
    /// Name of the EmployeeSyncJob whose writes are taken back, or its uid. The records store remembers it after the
    /// job itself is gone. Example: `travel-29384756`.
    #[schemars(length(min = 1, max = 253))]
    pub run: String,
}

/// An approval that a job of type Release carries out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Digest of the held actions that were approved.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// Only these kinds of action are applied. Unset: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub actions: Vec<Action>,
    /// Only these streams are applied. Unset: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub streams: Vec<String>,
}

/// Phase of a job, computed from its conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum JobPhase {
    #[default]
    Queued,
    InProgress,
    Complete,
    Error,
}

impl JobPhase {
    /// Whether the job has ended.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Error)
    }
}

/// What became of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmployeeSyncJobStatus {
    /// Generation of the spec that this status belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Queued`, `InProgress`, `Complete` or `Error`.
    #[serde(default)]
    pub phase: JobPhase,
    /// 201: something was created. 200: existing records were changed, none created. 204: everything already was as
    /// wanted. 400: failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Why the job is in its phase, as one word of the documented list. Example: `WaitingForProvider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same for people. Never holds personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many records met which end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Succeeded, Held, and Ready, Reconciling or Stalled for tools that wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// When the first pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// How many pods were started; those lost to a disruption of the node count here but not against the limit.
    #[serde(default)]
    pub attempts: i32,
    /// Attempts that ended in a transient failure; they count against `backoffLimit`.
    #[serde(default)]
    pub failed_attempts: i32,
    /// Earliest time of the next attempt after a transient failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
    /// Name of the latest pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// Uid of the setting that was run: another of the same name is another setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting_uid: Option<String>,
    /// Digest of the plan: the same inputs give the same digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// What waits for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// How complete the read of the source was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<ReadStatus>,
    /// Whether the run found the setting published: a first approval was applied, or none was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
    /// Fields of the target for which the source delivered values that their value map does not name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmapped_fields: Vec<String>,
    /// When a person's leaving day takes effect next, as far as the run could see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due_time: Option<Time>,
}

/// The plan of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Digest of all actions (`sha256:` and 64 hexadecimal digits).
    pub digest: String,
}

/// How complete the read of the source was. Only a complete read proves that somebody is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadStatus {
    /// Whether every stream was read completely.
    pub complete: bool,
    /// Pages that were read.
    #[serde(default)]
    pub pages: i64,
    /// The source's own total, where it declares one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_total: Option<i64>,
    /// Why the read counts as complete or not. Example: `TwoAgreeingReads`, `CursorDidNotAdvance`.
    #[serde(default)]
    pub proof: String,
}
