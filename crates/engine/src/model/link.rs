//! Stored pairs: that one row of the source and one of the target are the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{FieldName, RunId, SourceKey, StreamName, TargetId};

/// That one row of the source and one of the target are the same record. Unique on both ends within a setting and stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Name of the stream.
    pub stream: StreamName,
    /// Identifier in the source.
    pub source_key: SourceKey,
    /// Identifier in the target.
    pub target_id: TargetId,
    /// How it came about.
    pub provenance: Provenance,
    /// When.
    pub created_at: Timestamp,
    /// When Rollcall disabled the record, while it is disabled. What others disabled has none, and stays disabled.
    pub disabled_at: Option<Timestamp>,
    /// What the record looked like when it was last known to be the same on both sides. Empty in links of the first
    /// edition until a run has seen both rows.
    #[serde(default)]
    pub witness: Witness,
    /// Values that the target keeps in another form than they were sent in, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agreed: BTreeMap<FieldName, Agreed>,
    /// The run of type Undo that left the record as it is; until somebody approves it, no other run changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<RunId>,
}

/// Keyed hashes of the values that say who somebody is, by field of the target.
pub type Witness = BTreeMap<FieldName, u64>;

/// Keyed hashes of a value that was sent and of what the target was seen to make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The value as it was sent.
    pub sent: u64,
    /// The value that the target had when it was sent once more. None: it was sent once, so that a target with its former
    /// value need not have made it of this one; somebody may have put it back.
    #[serde(default)]
    pub seen: Option<u64>,
}

/// How a link came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provenance {
    /// Rollcall created the record.
    Created,
    /// A match rule found it.
    Auto,
    /// A person stated it.
    Manual,
    /// The system refused a create because the record existed, and it was ours or unclaimed.
    Adopted,
}
