//! The journal: every write, announced before it is sent and settled with what came back; and what is counted and claimed
//! through it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fields, Operation};
use crate::names::{FieldName, RowId, Side, SourceKey, StreamName, SystemId, TargetId};
use crate::redacted::Redacted;

/// One write, from its announcement on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Write {
    /// Identifies the write within its run, the same in every attempt: a digest over stream, pair, side and operation.
    pub id: String,
    /// Name of the stream.
    pub stream: StreamName,
    /// Which system is written to.
    pub at: Side,
    /// The same system, as other settings know it.
    pub system: SystemId,
    /// Identifier in the source, when known.
    pub source_key: Option<SourceKey>,
    /// Identifier in the target, when known.
    pub target_id: Option<TargetId>,
    /// What is done.
    pub operation: Operation,
    /// What the fields concerned were before (personal data: encrypted in the store).
    pub before: Redacted<Fields>,
    /// Whether the record was active before; None where it did not exist.
    pub active_before: Option<bool>,
    /// What the fields concerned are set to.
    pub after: Redacted<Fields>,
    /// Names of fields that had a value and were changed or emptied: what the guard counts.
    pub changed: Vec<FieldName>,
    /// Released by an approval: it does not count against the guard.
    pub approved: bool,
    /// How far it has come.
    pub state: WriteState,
    /// When it was announced.
    pub at_time: Timestamp,
}

/// How far a write has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WriteState {
    /// About to be sent, or sent without an answer yet. Found by a later attempt it means: look before writing again.
    Announced,
    /// It took effect.
    Done,
    /// It was sent and what came of it could not be found out.
    Unknown,
    /// It had no effect: refused, or never sent.
    Failed,
    /// It took effect and was taken back.
    Undone,
}

/// A claim to a row, or to a value that identifies one, over all settings that write to a system. Who comes second is
/// refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The system.
    pub system: SystemId,
    /// Name of the stream.
    pub stream: StreamName,
    /// What is claimed.
    pub what: Claimed,
    /// For which pair, as the pair is known in this setting: the source key, or the target id where there is none.
    pub pair: String,
}

/// What a claim is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Claimed {
    /// A row that exists. The claim lasts as long as the link.
    Row(RowId),
    /// A value by which a record that is about to be created will be found (personal data: only its keyed hash is
    /// stored). The claim lasts until the create is settled.
    Value {
        /// The field, or several joined by `+`.
        field: String,
        /// The value as it is compared.
        value: Redacted<String>,
    },
}

/// What was done to one stream of a system within a window of time, by this setting and by all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Effects {
    /// By this setting.
    pub own: EffectCounts,
    /// By other settings.
    pub others: EffectCounts,
    /// Links of other settings to rows of this stream that are not disabled.
    pub others_active: i64,
}

/// How many effects of each kind. Announced and unknown writes count like those that took effect; approved and undone
/// ones do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EffectCounts {
    /// Records created.
    pub creates: i64,
    /// Records disabled or deleted.
    pub removals: i64,
    /// Records enabled again.
    pub enables: i64,
    /// Records of which a field that had a value was changed or emptied, by field.
    pub changes: BTreeMap<FieldName, i64>,
}
