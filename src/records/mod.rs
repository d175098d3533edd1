//! What outlives a run: links, holds, outcomes, history, journal. One trait, two implementations: the embedded store
//! (`SQLite`, encrypted) and a client of the records service that serves it to connector pods and people.

pub mod client;
pub mod clock;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixtures;
pub mod service;
pub mod store;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use rollcall_api::v1alpha1::{Action, Counts, Held, JobType};
use rollcall_engine::model::{Fields, Link};
use rollcall_engine::redacted::Redacted;

/// Whose records are meant. Links and holds belong to the setting's uid, so that a setting that was deleted and made
/// again under the same name starts afresh.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Namespace of the `SyncSetting`.
    pub namespace: String,
    /// Its name.
    pub setting: String,
    /// Its uid; local runs use `local`.
    pub setting_uid: String,
}

/// One run in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// Uid of the `EmployeeSyncJob`; identifies the run.
    pub run_id: String,
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

/// What happened to one record in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Name of the stream.
    pub stream: String,
    /// Identifier in the source.
    pub source_key: String,
    /// Identifier in the target, when known.
    pub target_id: Option<String>,
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
    /// The values that were or would be sent (personal data: encrypted in the store).
    pub fields: Redacted<Fields>,
    /// Fields whose value is a default.
    #[serde(default)]
    pub defaulted: Vec<String>,
    /// When.
    pub at: Timestamp,
}

/// Which end a record met; the words of [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutcomeResult {
    /// Created in the target.
    Created,
    /// Changed in the target.
    Updated,
    /// Disabled in the target.
    Disabled,
    /// Deleted from the target.
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

/// The intent to create a record, stored before the request is sent and removed when its outcome is known. An intent
/// that is found by a later attempt means: look the record up before creating it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Name of the stream.
    pub stream: String,
    /// Identifier in the source.
    pub source_key: String,
    /// Run that stored it.
    pub run_id: String,
    /// When.
    pub at: Timestamp,
}

/// What the store knows about a setting as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingRecord {
    /// Digest of scope and match rules as of the last applied approval; None: never published.
    pub published_rules: Option<String>,
    /// What waits for an approval.
    pub held: Option<Held>,
}

/// Which outcomes are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeQuery {
    /// Only these ends; empty: all.
    pub results: Vec<OutcomeResult>,
    /// Only these source keys; empty: all.
    pub source_keys: Vec<String>,
    /// Continue after this many.
    pub offset: u64,
    /// At most this many; at least 1, at most 1000.
    pub limit: u64,
}

/// Why the store could not do what was asked. Messages hold no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another run of the setting holds the lock; it expires when that run stops renewing it.
    #[error("another run of this setting (job {job}) is at work until {until}")]
    Busy {
        /// Name of the other run's `EmployeeSyncJob`.
        job: String,
        /// When its lock expires unless it is renewed.
        until: Timestamp,
    },
    /// The run no longer holds the lock: it must stop writing.
    #[error("this run's lock was taken over by another attempt")]
    LockLost,
    /// Cannot be reached now.
    #[error("records store unavailable: {0}")]
    Unavailable(String),
    /// Refused untouched: newer version, other key, damaged, full, locked by another process.
    #[error("records store refused: {0}")]
    Invalid(String),
    /// The caller may not see or change this setting's records.
    #[error("not allowed: {0}")]
    Forbidden(String),
}

/// How long a run's lock lasts without being renewed.
pub const LOCK_SECONDS: i64 = 60;

/// The records of one setting. Every writing method names the run and attempt that must hold the lock, and fails with
/// [`StoreError::LockLost`] when another one does.
#[async_trait]
pub trait Records: Send + Sync {
    /// What is known about the setting as a whole.
    async fn setting(&self) -> Result<SettingRecord, StoreError>;

    /// Stores the run (or its next attempt) and takes the setting's lock for [`LOCK_SECONDS`]. A lock held by an
    /// earlier attempt of the same run is taken over. Fails with [`StoreError::Busy`] while another run holds it.
    async fn begin_run(&self, run: &RunRecord) -> Result<(), StoreError>;

    /// Renews the lock. To be called every third of [`LOCK_SECONDS`].
    async fn renew(&self, run_id: &str, attempt: i32) -> Result<(), StoreError>;

    /// Stores the end of a run and gives up the lock. `setting` replaces what is known about the setting as a whole,
    /// in the same transaction; None leaves it (types Plan and Show).
    async fn end_run(&self, run: &RunRecord, setting: Option<&SettingRecord>) -> Result<(), StoreError>;

    /// All links of a stream, ordered by source key.
    async fn links(&self, stream: &str) -> Result<Vec<Link>, StoreError>;

    /// In one transaction: stores outcomes of records (replacing an earlier outcome of the same record in this run),
    /// stores and drops links, and settles the intents of the records in `outcomes`.
    async fn commit(&self, run_id: &str, attempt: i32, batch: &Batch) -> Result<(), StoreError>;

    /// Stores intents, before the creates they announce are sent.
    async fn announce(&self, run_id: &str, attempt: i32, intents: &[Intent]) -> Result<(), StoreError>;

    /// Intents whose outcome is not known.
    async fn open_intents(&self) -> Result<Vec<Intent>, StoreError>;

    /// Runs, newest first, at most `limit`.
    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, StoreError>;

    /// Outcomes of one run, ordered by stream and source key.
    async fn outcomes(&self, run_id: &str, query: &OutcomeQuery) -> Result<Vec<Outcome>, StoreError>;
}

/// What one [`Records::commit`] stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Outcomes of records.
    pub outcomes: Vec<Outcome>,
    /// Links to store, replacing one with the same stream and source key.
    pub links: Vec<Link>,
    /// (stream, source key) of links to drop.
    pub dropped_links: Vec<(String, String)>,
}
