//! What the store keeps of a run: the run itself, and what happened to each record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use rollcall_api::v1alpha1::{Action, Counts, JobType};
use rollcall_engine::model::Fields;
use rollcall_engine::names::{FieldName, RunId, SourceKey, StreamName, TargetId};
use rollcall_engine::redacted::Redacted;

/// One run in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// Uid of the `EmployeeSyncJob`; identifies the run.
    pub run_id: RunId,
    /// Its name.
    pub job: String,
    /// What it does.
    #[serde(rename = "type")]
    pub type_: JobType,
    /// Number of the attempt that writes now.
    pub attempt: i32,
    /// When the first attempt began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// 201, 200, 204 or 400, once ended.
    pub code: Option<i32>,
    /// One word of [`rollcall_api::reasons`], once ended.
    pub reason: Option<String>,
    /// How many records met which end.
    pub counts: Counts,
}

/// What happened to one pair in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Name of the stream.
    pub stream: StreamName,
    /// Identifier in the source, when known.
    pub source_key: Option<SourceKey>,
    /// Identifier in the target, when known.
    pub target_id: Option<TargetId>,
    /// Which end it met.
    pub result: OutcomeResult,
    /// What was done or would be done.
    pub action: Option<Action>,
    /// 201, 200, 204 or 400.
    pub code: i32,
    /// One word of [`rollcall_api::reasons`].
    pub reason: String,
    /// For people; names fields and rules, never values.
    pub message: String,
    /// The values that were or would be set (personal data: encrypted in the store).
    pub fields: Redacted<Fields>,
    /// What the same fields were before (personal data: encrypted in the store).
    #[serde(default)]
    pub before: Redacted<Fields>,
    /// Fields whose value is a default.
    #[serde(default)]
    pub defaulted: Vec<FieldName>,
    /// When.
    pub at: Timestamp,
}

impl Outcome {
    /// How the pair is known in this setting, see [`pair`].
    pub fn pair(&self) -> String {
        pair(self.source_key.as_ref(), self.target_id.as_ref())
    }
}

/// How a pair is known in its setting and stream: by its source key, or by its target id where it has none. Outcomes,
/// writes and claims of one pair are found by it, so whoever makes a
/// [`Claim`](rollcall_engine::model::Claim) takes it from here.
pub fn pair(source_key: Option<&SourceKey>, target_id: Option<&TargetId>) -> String {
    match (source_key, target_id) {
        (Some(key), _) => key.to_string(),
        // No source has a key that begins with a zero byte, so the two kinds cannot be taken for each other.
        (None, target_id) => format!("\u{0}target\u{0}{}", target_id.map_or("", TargetId::as_str)),
    }
}

/// Which end a record met; the words of [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutcomeResult {
    /// Created.
    Created,
    /// Changed.
    Updated,
    /// Disabled.
    Disabled,
    /// Deleted.
    Deleted,
    /// Already as wanted.
    Unchanged,
    /// Left alone on purpose.
    Skipped,
    /// Waits for an approval.
    Held,
    /// Matches several records, or somebody else's.
    Conflict,
    /// Could not be brought to the wanted state.
    Failed,
    /// Left out by scope; not part of the considered records.
    OutOfScope,
}

impl OutcomeResult {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Updated => "Updated",
            Self::Disabled => "Disabled",
            Self::Deleted => "Deleted",
            Self::Unchanged => "Unchanged",
            Self::Skipped => "Skipped",
            Self::Held => "Held",
            Self::Conflict => "Conflict",
            Self::Failed => "Failed",
            Self::OutOfScope => "OutOfScope",
        }
    }
}

/// Which outcomes are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeQuery {
    /// Only these ends; empty: all.
    pub results: Vec<OutcomeResult>,
    /// Only these source keys; empty: all.
    pub source_keys: Vec<SourceKey>,
    /// Continue after this many.
    pub offset: u64,
    /// At most this many; at least 1, at most [`MAX_PAGE`](super::MAX_PAGE).
    pub limit: u64,
}
