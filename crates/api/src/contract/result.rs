//! What a connector pod reports as its termination message.

use serde::{Deserialize, Serialize};

use crate::v1alpha1::{Counts, Held, PlanStatus, ReadStatus};

/// The kubelet keeps this much of a termination message (Kubernetes, `terminationMessagePath`).
pub const MAX_RESULT_BYTES: usize = 4096;

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum PodResult {
    /// Of a run.
    Run(Box<RunResult>),
    /// Of a probe.
    Probe(ProbeResult),
}

/// What came of one attempt of a run. Holds figures and words of the documented list only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// [`super::CONTRACT_VERSION`].
    pub version: u32,
    /// 201, 200, 204 or 400.
    pub code: i32,
    /// One word of [`crate::reasons`].
    pub reason: String,
    /// The same for people, at most 1024 bytes, no personal data.
    pub message: String,
    /// How many records met which end.
    pub counts: Counts,
    /// Digest of the plan, when one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// What waits for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// How complete the read was, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<ReadStatus>,
    /// Whether the setting is published: a first approval was applied, or none was needed.
    #[serde(default)]
    pub published: bool,
    /// Fields with source values that their value map does not name (names of fields of the target, no values).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmapped_fields: Vec<String>,
    /// When a future leaving day takes effect next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due_time: Option<jiff::Timestamp>,
    /// Earliest time for another attempt, when a server asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<i64>,
}

/// What came of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeResult {
    /// [`super::CONTRACT_VERSION`].
    pub version: u32,
    /// Whether the provider can be used.
    pub ready: bool,
    /// One word of [`crate::reasons`].
    pub reason: String,
    /// The same for people; names the endpoint and the remedy, never a credential.
    pub message: String,
}

impl PodResult {
    /// Serialises to at most [`MAX_RESULT_BYTES`]; the message is shortened at a character boundary when needed.
    pub fn to_message(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.len() <= MAX_RESULT_BYTES {
            return text;
        }
        let mut shorter = self.clone();
        let (message, unmapped) = match &mut shorter {
            Self::Run(run) => (&mut run.message, Some(&mut run.unmapped_fields)),
            Self::Probe(probe) => (&mut probe.message, None),
        };
        if let Some(fields) = unmapped {
            fields.truncate(8);
        }
        let mut end = message.len().min(512);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push('…');
        serde_json::to_string(&shorter).unwrap_or_default()
    }

    /// Reads a termination message; None when it is not one of ours (a crash, a lost message, another version).
    pub fn from_message(message: &str) -> Option<Self> {
        let result: Self = serde_json::from_str(message).ok()?;
        let version = match &result {
            Self::Run(run) => run.version,
            Self::Probe(probe) => probe.version,
        };
        (version == super::CONTRACT_VERSION).then_some(result)
    }
}
