//! What outlives a run: links and claims, agreements and proposals, outcomes, history, and the journal of all writes. One
//! trait, two implementations: the embedded store (`SQLite`, encrypted) and a client of the records service that serves
//! it to connector pods and people.

mod batch;
mod chunks;
pub mod client;
pub mod clock;
#[cfg(test)]
mod fixtures;
mod history;
pub mod service;
mod setting;
pub mod store;
#[cfg(test)]
mod tests;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::batch::{Batch, Refused, Settled};
pub use self::history::{Outcome, OutcomeQuery, OutcomeResult, RunRecord, pair};
pub use self::setting::{SettingEnd, SettingRecord};
use rollcall_engine::model::{Agreement, Claim, Effects, Link, Proposal, Write};
use rollcall_engine::names::{RowId, RunId, StreamName, SystemId};

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

/// Most outcomes or writes in one answer.
pub const MAX_PAGE: u64 = 1_000;

/// The records of one setting. Every writing method names the run and attempt that must hold the lock, and fails with
/// [`StoreError::LockLost`] when another one does. Every method may be called again with the same arguments after its
/// answer was lost.
#[async_trait]
pub trait Records: Send + Sync {
    /// What is known about the setting as a whole. A setting that was never seen gets its key.
    async fn setting(&self) -> Result<SettingRecord, StoreError>;

    /// Stores the run (or its next attempt) and takes the setting's lock for [`LOCK_SECONDS`]. A lock held by an
    /// earlier attempt of the same run is taken over. Fails with [`StoreError::Busy`] while another run holds it.
    /// Claims of an earlier setting of the same name are released, unless a run of it is still at work.
    async fn begin_run(&self, run: &RunRecord) -> Result<(), StoreError>;

    /// Renews the lock. To be called every third of [`LOCK_SECONDS`].
    async fn renew(&self, run: &RunId, attempt: i32) -> Result<(), StoreError>;

    /// Stores the end of a run and gives up the lock. `setting` replaces what is known about the setting as a whole,
    /// in the same transaction; None leaves it (types Plan and Show).
    async fn end_run(&self, run: &RunRecord, setting: Option<&SettingEnd>) -> Result<(), StoreError>;

    /// All links of a stream, ordered by source key.
    async fn links(&self, stream: &StreamName) -> Result<Vec<Link>, StoreError>;

    /// Stores a batch in one transaction. Where a claim is refused, nothing is claimed for its pair and the pair's link
    /// in this batch is not stored; everything else is.
    async fn commit(&self, run: &RunId, attempt: i32, batch: &Batch) -> Result<Vec<Refused>, StoreError>;

    /// Announces writes before they are sent, and makes claims, in one transaction. Where a claim is refused, nothing is
    /// claimed for its pair and none of its writes is announced: they must not be sent.
    ///
    /// A write that this run announced before is announced again with what is given now, unless it took effect. A claim
    /// to a row lasts as long as a link to that row; that to a value until a write of the pair is settled. Without a
    /// link or with the write not settled, a claim lasts as long as the run holds the lock.
    async fn announce(
        &self,
        run: &RunId,
        attempt: i32,
        writes: &[Write],
        claims: &[Claim],
    ) -> Result<Vec<Refused>, StoreError>;

    /// Writes of this setting that were announced, by whatever run, and never settled, with their run.
    async fn open_writes(&self) -> Result<Vec<(RunId, Write)>, StoreError>;

    /// The journal of one run, in the order of announcement; at most `limit` (1 to [`MAX_PAGE`]) writes after the first
    /// `offset`.
    async fn writes(&self, run: &RunId, offset: u64, limit: u64) -> Result<Vec<Write>, StoreError>;

    /// What was done to one stream of a system since then, by this setting and by others of the namespace.
    async fn effects(&self, stream: &StreamName, system: &SystemId, since: Timestamp) -> Result<Effects, StoreError>;

    /// Which of these rows another setting of the namespace has claimed, in the order given.
    async fn claimed_by_others(
        &self,
        stream: &StreamName,
        system: &SystemId,
        rows: &[RowId],
    ) -> Result<Vec<RowId>, StoreError>;

    /// Stores what waits for an approval, under its digest; what waited before is replaced by it. A proposal that was
    /// used stays used.
    async fn propose(&self, run: &RunId, attempt: i32, proposal: &Proposal) -> Result<(), StoreError>;

    /// The proposal of that digest; None: there was none, or it is no longer kept.
    async fn proposal(&self, digest: &str) -> Result<Option<Proposal>, StoreError>;

    /// Puts an agreement in force.
    async fn agree(&self, run: &RunId, attempt: i32, agreement: &Agreement) -> Result<(), StoreError>;

    /// Notes that an approval of the proposal was carried out to its end.
    async fn use_proposal(&self, run: &RunId, attempt: i32, digest: &str) -> Result<(), StoreError>;

    /// Runs, newest first, at most `limit`.
    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, StoreError>;

    /// Outcomes of one run, ordered by stream and pair; `query.limit` is 1 to [`MAX_PAGE`].
    async fn outcomes(&self, run: &RunId, query: &OutcomeQuery) -> Result<Vec<Outcome>, StoreError>;
}
