//! Digests of lines and of whole plans: HMAC-SHA256 over a canonical form, with the setting's own key.

use ring::hmac;
use rollcall_api::v1alpha1::{Action, Held};
use serde_json::{Value, json};

use super::DraftStream;
use crate::model::{Agreement, Entry, Origin, Proposal, ProposedLine};
use crate::names::StreamName;
use crate::value::hexadecimal;

/// Makes digests.
pub(super) struct Digester(hmac::Key);

impl Digester {
    /// With the key of the setting.
    pub(super) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    fn sign(&self, value: &Value) -> String {
        // JSON escapes line ends and quotes, so that no value can pass for the beginning of another one.
        hexadecimal(hmac::sign(&self.0, value.to_string().as_bytes()).as_ref())
    }

    /// Digest of what would be done to one pair, without why.
    pub(super) fn entry(&self, stream: &StreamName, entry: &Entry) -> String {
        let lines: Vec<Value> = entry
            .lines()
            .iter()
            .map(|line| json!([line.at, line.operation, line.set, line.references, line.needs]))
            .collect();
        self.sign(&json!(["rollcall-line-2", stream, entry.source_key, entry.target_id, entry.replaces, lines]))
    }

    /// Digest over all entries that would write, held or not.
    pub(super) fn plan(&self, streams: &[DraftStream]) -> String {
        let writing = streams.iter().flat_map(|stream| {
            let entries = stream.drafts.iter().map(|draft| &draft.entry).filter(|entry| !entry.lines().is_empty());
            entries.map(|entry| self.entry(&stream.plan.name, entry))
        });
        let lines: Vec<String> = writing.collect();
        format!("sha256:{}", self.sign(&json!(["rollcall-plan-2", lines])))
    }

    /// What is held, as it is proposed; None when nothing waits.
    pub(super) fn proposal(
        &self,
        streams: &[DraftStream],
        agreement: &Agreement,
        origin: &Origin,
        is_pending: bool,
    ) -> Option<(Held, Proposal)> {
        let mut held = Held::default();
        let mut lines = Vec::new();
        for stream in streams {
            let waiting = stream.drafts.iter().filter(|draft| draft.entry.held.is_some() && !draft.is_incomplete);
            for entry in waiting.map(|draft| &draft.entry) {
                let Some(action) = entry.action() else { continue };
                match action {
                    Action::Create => held.create += 1,
                    Action::Update => held.update += 1,
                    Action::Disable => held.disable += 1,
                    Action::Delete => held.delete += 1,
                }
                let digest = self.entry(&stream.plan.name, entry);
                lines.push(ProposedLine { digest, stream: stream.plan.name.clone(), action });
            }
        }
        if lines.is_empty() && !is_pending {
            return None;
        }
        lines.sort_unstable();
        let digests: Vec<&str> = lines.iter().map(|line| line.digest.as_str()).collect();
        held.digest = format!("sha256:{}", self.sign(&json!(["rollcall-proposal-2", agreement, origin, digests])));
        let proposal = Proposal {
            digest: held.digest.clone(),
            agreement: agreement.clone(),
            origin: origin.clone(),
            lines,
            used: false,
        };
        Some((held, proposal))
    }
}
