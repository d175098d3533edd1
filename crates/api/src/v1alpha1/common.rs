//! Parts that several kinds share.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names an object of a fixed kind in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalReference {
    /// Name of the object, in the same namespace. Example: `personio`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What a run may do to a record of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    Create,
    Update,
    Disable,
    Delete,
}

/// How many records met which end in one run. The sum of the outcomes (`created` to `failed`) equals `considered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Records that the source delivered.
    pub read: i64,
    /// Records left out by the stream's `scope`.
    pub out_of_scope: i64,
    /// Records the run decided about: read, less out of scope, plus linked records that the source no longer has.
    pub considered: i64,
    /// Records created in the target.
    pub created: i64,
    /// Records changed in the target, re-enabled ones included.
    pub updated: i64,
    /// Records disabled in the target.
    pub disabled: i64,
    /// Records deleted from the target.
    pub deleted: i64,
    /// Records that already were as wanted.
    pub unchanged: i64,
    /// Records left alone on purpose, with a reason.
    pub skipped: i64,
    /// Records whose action waits for an approval.
    pub held: i64,
    /// Records that match several target records, or one that belongs to somebody else.
    pub conflicts: i64,
    /// Records that could not be brought to the wanted state.
    pub failed: i64,
}

impl Counts {
    /// Adds another stream's figures.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.out_of_scope += other.out_of_scope;
        self.considered += other.considered;
        self.created += other.created;
        self.updated += other.updated;
        self.disabled += other.disabled;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
        self.held += other.held;
        self.conflicts += other.conflicts;
        self.failed += other.failed;
    }

    /// Sum of all outcomes; equals `considered` in every correct run.
    pub const fn outcomes(&self) -> i64 {
        self.created
            + self.updated
            + self.disabled
            + self.deleted
            + self.unchanged
            + self.skipped
            + self.held
            + self.conflicts
            + self.failed
    }

    /// Records that were changed without being created.
    pub const fn changed(&self) -> i64 {
        self.updated + self.disabled + self.deleted
    }
}

/// Actions that wait for an approval, by kind. Approve them with a SyncApproval that names `digest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Digest of exactly these actions (`sha256:` and 64 hexadecimal digits).
    pub digest: String,
    /// Creates that wait.
    #[serde(default)]
    pub create: i64,
    /// Updates that wait.
    #[serde(default)]
    pub update: i64,
    /// Disables that wait.
    #[serde(default)]
    pub disable: i64,
    /// Deletes that wait.
    #[serde(default)]
    pub delete: i64,
}

impl Held {
    /// How many actions wait in all.
    pub const fn total(&self) -> i64 {
        self.create + self.update + self.disable + self.delete
    }
}

/// How long finished jobs are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeToLive {
    /// Seconds after which a job that ended Complete is deleted. Unset keeps it until the history limit removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 315_360_000))]
    pub after_success_seconds: Option<i64>,
    /// Seconds after which a job that ended Error is deleted. Unset keeps it until the history limit removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 315_360_000))]
    pub after_failure_seconds: Option<i64>,
}

/// One observation of an object's state (the schema of `metav1.Condition`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is observed, in CamelCase. Example: `Ready`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(regex(pattern = "^(True|False|Unknown)$"))]
    pub status: String,
    /// Generation of the spec that this was observed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When `status` last changed.
    pub last_transition_time: Time,
    /// Why, as one CamelCase word of the documented list. Example: `ProbeSucceeded`.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
    /// Why, for people. Never holds personal data.
    #[schemars(length(max = 32_768))]
    pub message: String,
}
