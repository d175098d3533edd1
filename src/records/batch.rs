//! What a run stores at once.

use serde::{Deserialize, Serialize};

use super::Outcome;
use rollcall_engine::model::{Claim, Link, WriteState};
use rollcall_engine::names::{RunId, SourceKey, StreamName, TargetId};

/// What one [`Records::commit`](super::Records::commit) stores, all of it or nothing. Links are dropped and writes
/// settled first, then claims are made, then links stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Batch {
    /// Outcomes, each replacing an earlier one of the same pair in this run.
    pub outcomes: Vec<Outcome>,
    /// Links, each replacing one of the same source key, and any other one to the same target id, in its stream.
    pub links: Vec<Link>,
    /// Stream and source key of links to drop. The claims of the pair are released with them.
    pub dropped_links: Vec<(StreamName, SourceKey)>,
    /// Claims to rows, made together with the links.
    pub claims: Vec<Claim>,
    /// Writes of which is known now what came of them.
    pub settled: Vec<Settled>,
    /// Writes of earlier runs that were taken back, by run and identifier.
    pub undone: Vec<(RunId, String)>,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The earlier run that announced it; None: this one did.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Identifier of the write.
    pub id: String,
    /// What came of it.
    pub state: WriteState,
    /// Identifier in the target, where the write made it known.
    pub target_id: Option<TargetId>,
    /// Identifier in the source, where the write made it known.
    pub source_key: Option<SourceKey>,
}

/// A claim that was not made, because somebody else has what is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The claim.
    pub claim: Claim,
    /// Name of the setting that has it; this setting's own where another pair of it does.
    pub holder: String,
}
