//! What passes between the records service and its clients: one POST route for each method of
//! [`Records`](super::Records), JSON both ways.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Batch, OutcomeQuery, RunRecord, Scope, SettingEnd, StoreError};
use rollcall_engine::model::{Agreement, Claim, Proposal, Write};
use rollcall_engine::names::{RowId, RunId, StreamName, SystemId};

/// First part of all paths. The first edition's clients ask below `/v1/` and are told what to do.
pub(super) const VERSION: &str = "v2";

/// Largest body of a request; about 16 000 outcomes with all their fields. Clients refuse to send more, because the
/// service would cut them off in the middle.
pub(super) const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// One method of [`Records`](super::Records), as the last part of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum Method {
    Setting,
    BeginRun,
    Renew,
    EndRun,
    Links,
    Commit,
    Announce,
    OpenWrites,
    Writes,
    Effects,
    ClaimedByOthers,
    Propose,
    Proposal,
    Agree,
    UseProposal,
    Runs,
    Outcomes,
}

impl Method {
    pub(super) const ALL: [Self; 17] = [
        Self::Setting,
        Self::BeginRun,
        Self::Renew,
        Self::EndRun,
        Self::Links,
        Self::Commit,
        Self::Announce,
        Self::OpenWrites,
        Self::Writes,
        Self::Effects,
        Self::ClaimedByOthers,
        Self::Propose,
        Self::Proposal,
        Self::Agree,
        Self::UseProposal,
        Self::Runs,
        Self::Outcomes,
    ];

    /// The word in the path, in metrics and in the audit log.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::BeginRun => "begin_run",
            Self::Renew => "renew",
            Self::EndRun => "end_run",
            Self::Links => "links",
            Self::Commit => "commit",
            Self::Announce => "announce",
            Self::OpenWrites => "open_writes",
            Self::Writes => "writes",
            Self::Effects => "effects",
            Self::ClaimedByOthers => "claimed_by_others",
            Self::Propose => "propose",
            Self::Proposal => "proposal",
            Self::Agree => "agree",
            Self::UseProposal => "use_proposal",
            Self::Runs => "runs",
            Self::Outcomes => "outcomes",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }

    /// Whether it only reads, so that a person may call it.
    pub(super) const fn reads(self) -> bool {
        match self {
            Self::Setting
            | Self::Links
            | Self::OpenWrites
            | Self::Writes
            | Self::Effects
            | Self::ClaimedByOthers
            | Self::Proposal
            | Self::Runs
            | Self::Outcomes => true,
            Self::BeginRun
            | Self::Renew
            | Self::EndRun
            | Self::Commit
            | Self::Announce
            | Self::Propose
            | Self::Agree
            | Self::UseProposal => false,
        }
    }

    /// Path of the method for the records of a setting.
    pub(super) fn path(self, scope: &Scope) -> String {
        let parts = [&scope.namespace, &scope.setting, &scope.setting_uid].map(|part| encoded(part));
        format!("/{VERSION}/settings/{}/{}/{}/{}", parts[0], parts[1], parts[2], self.as_str())
    }
}

fn encoded(part: &str) -> String {
    percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Body of `renew`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RenewRequest {
    pub(super) run_id: RunId,
    pub(super) attempt: i32,
}

/// Body of `end_run`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndRunRequest {
    pub(super) run: RunRecord,
    pub(super) setting: Option<SettingEnd>,
}

/// Body of `links`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinksRequest {
    pub(super) stream: StreamName,
}

/// Body of `commit`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommitRequest {
    pub(super) run_id: RunId,
    pub(super) attempt: i32,
    pub(super) batch: Batch,
}

/// Body of `announce`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnnounceRequest {
    pub(super) run_id: RunId,
    pub(super) attempt: i32,
    pub(super) writes: Vec<Write>,
    pub(super) claims: Vec<Claim>,
}

/// Body of `writes`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WritesRequest {
    pub(super) run_id: RunId,
    pub(super) offset: u64,
    pub(super) limit: u64,
}

/// Body of `effects`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EffectsRequest {
    pub(super) stream: StreamName,
    pub(super) system: SystemId,
    pub(super) since: Timestamp,
}

/// Body of `claimed_by_others`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimedRequest {
    pub(super) stream: StreamName,
    pub(super) system: SystemId,
    pub(super) rows: Vec<RowId>,
}

/// Body of `propose`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProposeRequest {
    pub(super) run_id: RunId,
    pub(super) attempt: i32,
    pub(super) proposal: Proposal,
}

/// Body of `proposal`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProposalRequest {
    pub(super) digest: String,
}

/// Body of `agree`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgreeRequest {
    pub(super) run_id: RunId,
    pub(super) attempt: i32,
    pub(super) agreement: Agreement,
}

/// Body of `use_proposal`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UseProposalRequest {
    pub(super) run_id: RunId,
    pub(super) attempt: i32,
    pub(super) digest: String,
}

/// Body of `runs`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunsRequest {
    pub(super) limit: u32,
}

/// Body of `outcomes`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutcomesRequest {
    pub(super) run_id: RunId,
    pub(super) query: OutcomeQuery,
}

/// Body of every answer that is not 200.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "error", rename_all_fields = "camelCase")]
pub(super) enum Refusal {
    Busy { job: String, until: Timestamp },
    LockLost,
    Unavailable { message: String },
    Invalid { message: String },
    Forbidden { message: String },
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { job, until } => Self::Busy { job, until },
            StoreError::LockLost => Self::LockLost,
            StoreError::Unavailable(message) => Self::Unavailable { message },
            StoreError::Invalid(message) => Self::Invalid { message },
            StoreError::Forbidden(message) => Self::Forbidden { message },
        }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy { job, until } => Self::Busy { job, until },
            Refusal::LockLost => Self::LockLost,
            Refusal::Unavailable { message } => Self::Unavailable(message),
            Refusal::Invalid { message } => Self::Invalid(message),
            Refusal::Forbidden { message } => Self::Forbidden(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_word() {
        for method in Method::ALL {
            assert_eq!(Method::from_word(method.as_str()), Some(method));
        }
        assert_eq!(Method::from_word("purge"), None);
    }

    #[test]
    fn names_cannot_leave_their_part_of_the_path() {
        let scope = Scope { namespace: "a/b".into(), setting: "..".into(), setting_uid: "u?x".into() };
        assert_eq!(Method::Links.path(&scope), "/v2/settings/a%2Fb/%2E%2E/u%3Fx/links");
    }

    #[test]
    fn errors_arrive_as_they_were_sent() {
        let errors = [
            StoreError::Busy { job: "j".into(), until: Timestamp::UNIX_EPOCH },
            StoreError::LockLost,
            StoreError::Unavailable("u".into()),
            StoreError::Invalid("i".into()),
            StoreError::Forbidden("f".into()),
        ];
        for error in errors {
            let text = serde_json::to_string(&Refusal::from(error.clone())).unwrap();
            assert_eq!(StoreError::from(serde_json::from_str::<Refusal>(&text).unwrap()), error);
        }
    }
}
