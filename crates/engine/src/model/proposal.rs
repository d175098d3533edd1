//! What a run proposed: the lines that wait for an approval, as they are kept until somebody decides.

use rollcall_api::v1alpha1::Action;
use serde::{Deserialize, Serialize};

use super::Agreement;
use crate::names::{RunId, StreamName};

/// What waits for an approval under one digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// `sha256:` digest that stands for the agreement and for every line.
    pub digest: String,
    /// What the setting was when it was proposed; approving the whole proposal agrees to it.
    pub agreement: Agreement,
    /// What kind of run made it, and so what kind of run carries it out.
    pub origin: Origin,
    /// The lines.
    pub lines: Vec<ProposedLine>,
    /// An approval of it was carried out to its end: another one has no effect.
    #[serde(default)]
    pub used: bool,
}

/// What kind of run a proposal comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// One that keeps the systems in step.
    #[default]
    Sync,
    /// One that takes back what this run did.
    Undo(RunId),
}

/// One held line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposedLine {
    /// Keyed digest over stream, pair, sides, operations and values: only a line that would be written just so has it.
    pub digest: String,
    /// Name of the stream.
    pub stream: StreamName,
    /// What it does.
    pub action: Action,
}
