//! The records of one setting: what [`Records`] promises, on the database.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::{SqliteStore, claims, effects, journal, links, lock, outcomes, proposals, runs, settings};
use crate::records::{
    Batch, MAX_PAGE, Outcome, OutcomeQuery, Records, Refused, RunRecord, Scope, SettingEnd, SettingRecord, StoreError,
};
use rollcall_engine::model::{Agreement, Claim, Effects, Link, Proposal, Write};
use rollcall_engine::names::{RowId, RunId, StreamName, SystemId};
use rollcall_engine::redacted::Redacted;

/// The records of one setting in an open database. Cheap to clone.
#[derive(Clone)]
pub struct ScopedStore {
    pub(super) store: SqliteStore,
    pub(super) scope: Scope,
}

/// An open transaction that writes.
type Transaction = sqlx::Transaction<'static, sqlx::Sqlite>;

impl ScopedStore {
    pub(super) const fn new(store: SqliteStore, scope: Scope) -> Self {
        Self { store, scope }
    }

    /// What is known about the setting as a whole, for somebody who only reads: without its key, and nothing is made.
    pub(in crate::records) async fn setting_without_key(&self) -> Result<SettingRecord, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(SettingRecord::default()) };
        let record = settings::record(self, &mut transaction, setting).await?;
        Ok(SettingRecord { key: Redacted::default(), ..record })
    }

    pub(super) fn failed(&self, error: &sqlx::Error) -> StoreError {
        self.store.failed(error)
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.store.inner.clock)()
    }

    /// Takes the write lock at once, so that nothing that was read can change before the commit.
    async fn begin(&self) -> Result<Transaction, StoreError> {
        self.store.inner.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.failed(&error))
    }

    /// One consistent view for all statements of a read.
    async fn begin_reading(&self) -> Result<Transaction, StoreError> {
        self.store.inner.reader.begin().await.map_err(|error| self.failed(&error))
    }

    async fn commit_transaction(&self, transaction: Transaction) -> Result<(), StoreError> {
        transaction.commit().await.map_err(|error| self.failed(&error))
    }

    /// Number of the setting's row; None: nothing was ever stored for it.
    async fn setting_id(&self, connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
        settings::id(connection, &self.scope).await.map_err(|error| self.failed(&error))
    }

    /// Begins a transaction of the run that holds the lock, and renews the lock.
    async fn begin_as_holder(&self, run: &str, attempt: i32) -> Result<(Transaction, i64), StoreError> {
        let mut transaction = self.begin().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Err(StoreError::LockLost) };
        let holds = runs::renew(&mut transaction, setting, run, attempt, lock::expiry(self.now()))
            .await
            .map_err(|error| self.failed(&error))?;
        if holds { Ok((transaction, setting)) } else { Err(StoreError::LockLost) }
    }

    /// Stores the links of a batch whose claims were made, and releases what pairs no longer have.
    async fn store_links(
        &self,
        connection: &mut SqliteConnection,
        setting: i64,
        batch: &Batch,
        refused: &[Refused],
    ) -> Result<(), StoreError> {
        let refused = refused_pairs(refused);
        let claimed: Vec<_> =
            batch.links.iter().filter(|link| !refused.contains(&(&*link.stream, &*link.source_key))).collect();
        let touched = links::store(self, connection, setting, &claimed).await?;
        claims::release_unlinked(connection, setting, &touched).await.map_err(|error| self.failed(&error))
    }
}

#[async_trait]
impl Records for ScopedStore {
    async fn setting(&self) -> Result<SettingRecord, StoreError> {
        let mut transaction = self.begin_reading().await?;
        if let Some(setting) = self.setting_id(&mut transaction).await? {
            let record = settings::record(self, &mut transaction, setting).await?;
            if !record.key.expose().is_empty() {
                return Ok(record);
            }
        }
        drop(transaction);
        let mut transaction = self.begin().await?;
        let setting = settings::ensure(self, &mut transaction).await?;
        let record = settings::record(self, &mut transaction, setting).await?;
        self.commit_transaction(transaction).await?;
        Ok(record)
    }

    async fn begin_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let now = self.now();
        let mut transaction = self.begin().await?;
        let setting = settings::ensure(self, &mut transaction).await?;
        let stored = runs::run(&mut transaction, setting, &run.run_id).await.map_err(failed)?;
        let held = runs::lock(&mut transaction, setting).await.map_err(failed)?;
        lock::may_begin(held.as_ref(), stored.as_ref(), run, now)?;
        runs::store_run(&mut transaction, setting, &with_first_start(run, stored.as_ref())).await.map_err(failed)?;
        runs::take_lock(&mut transaction, setting, run, lock::expiry(now)).await.map_err(failed)?;
        claims::clear(self, &mut transaction, setting, &run.run_id).await.map_err(failed)?;
        self.commit_transaction(transaction).await
    }

    async fn renew(&self, run: &RunId, attempt: i32) -> Result<(), StoreError> {
        let (transaction, _) = self.begin_as_holder(run, attempt).await?;
        self.commit_transaction(transaction).await
    }

    async fn end_run(&self, run: &RunRecord, setting: Option<&SettingEnd>) -> Result<(), StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let mut transaction = self.begin().await?;
        let Some(id) = self.setting_id(&mut transaction).await? else { return Err(StoreError::LockLost) };
        let stored = runs::run(&mut transaction, id, &run.run_id).await.map_err(failed)?;
        let ended = with_first_start(run, stored.as_ref());
        let expiry = lock::expiry(self.now());
        if !runs::renew(&mut transaction, id, &run.run_id, run.attempt, expiry).await.map_err(failed)? {
            // The answer to the first request may have been lost: the same end once more is no error.
            return if stored.as_ref() == Some(&ended) && ended.ended_at.is_some() {
                Ok(())
            } else {
                Err(StoreError::LockLost)
            };
        }
        runs::store_run(&mut transaction, id, &ended).await.map_err(failed)?;
        if let Some(setting) = setting {
            settings::store_end(&mut transaction, id, setting).await.map_err(failed)?;
        }
        runs::release_lock(&mut transaction, id).await.map_err(failed)?;
        self.commit_transaction(transaction).await
    }

    async fn links(&self, stream: &StreamName) -> Result<Vec<Link>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        links::all(self, &mut transaction, setting, stream).await
    }

    async fn commit(&self, run: &RunId, attempt: i32, batch: &Batch) -> Result<Vec<Refused>, StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let (mut transaction, setting) = self.begin_as_holder(run, attempt).await?;
        outcomes::store(self, &mut transaction, setting, run, &batch.outcomes).await?;
        let dropped = links::drop(self, &mut transaction, setting, &batch.dropped_links).await?;
        claims::release(&mut transaction, setting, &dropped).await.map_err(failed)?;
        let settled = journal::settle(self, &mut transaction, setting, run, batch).await?;
        claims::settle(self, &mut transaction, setting, &settled).await.map_err(failed)?;
        let refused = claims::make(self, &mut transaction, setting, run, &batch.claims).await?;
        self.store_links(&mut transaction, setting, batch, &refused).await?;
        self.commit_transaction(transaction).await?;
        Ok(refused)
    }

    async fn announce(
        &self,
        run: &RunId,
        attempt: i32,
        writes: &[Write],
        claims: &[Claim],
    ) -> Result<Vec<Refused>, StoreError> {
        let (mut transaction, setting) = self.begin_as_holder(run, attempt).await?;
        let refused = claims::make(self, &mut transaction, setting, run, claims).await?;
        let without_claim = refused_pairs(&refused);
        let announced: Vec<_> = writes
            .iter()
            .filter(|write| !without_claim.contains(&(&*write.stream, &*journal::pair_of(write))))
            .collect();
        journal::announce(self, &mut transaction, setting, run, &announced).await?;
        self.commit_transaction(transaction).await?;
        Ok(refused)
    }

    async fn open_writes(&self) -> Result<Vec<(RunId, Write)>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        journal::open(self, &mut transaction, setting).await
    }

    async fn writes(&self, run: &RunId, offset: u64, limit: u64) -> Result<Vec<Write>, StoreError> {
        check_limit("writes", limit)?;
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        journal::page(self, &mut transaction, setting, run, (offset, limit)).await
    }

    async fn effects(&self, stream: &StreamName, system: &SystemId, since: Timestamp) -> Result<Effects, StoreError> {
        let mut transaction = self.begin_reading().await?;
        effects::count(&mut transaction, &self.scope, stream, system, since).await.map_err(|error| self.failed(&error))
    }

    async fn claimed_by_others(
        &self,
        stream: &StreamName,
        system: &SystemId,
        rows: &[RowId],
    ) -> Result<Vec<RowId>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        claims::of_others(self, &mut transaction, stream, system, rows).await
    }

    async fn propose(&self, run: &RunId, attempt: i32, proposal: &Proposal) -> Result<(), StoreError> {
        let (mut transaction, setting) = self.begin_as_holder(run, attempt).await?;
        proposals::store(self, &mut transaction, setting, proposal).await?;
        self.commit_transaction(transaction).await
    }

    async fn proposal(&self, digest: &str) -> Result<Option<Proposal>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(None) };
        proposals::find(self, &mut transaction, setting, digest).await
    }

    async fn agree(&self, run: &RunId, attempt: i32, agreement: &Agreement) -> Result<(), StoreError> {
        let (mut transaction, setting) = self.begin_as_holder(run, attempt).await?;
        settings::store_agreement(&mut transaction, setting, agreement).await.map_err(|error| self.failed(&error))?;
        self.commit_transaction(transaction).await
    }

    async fn use_proposal(&self, run: &RunId, attempt: i32, digest: &str) -> Result<(), StoreError> {
        let (mut transaction, setting) = self.begin_as_holder(run, attempt).await?;
        proposals::mark_used(self, &mut transaction, setting, digest).await?;
        self.commit_transaction(transaction).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        runs::runs(&mut transaction, setting, limit).await.map_err(|error| self.failed(&error))
    }

    async fn outcomes(&self, run: &RunId, query: &OutcomeQuery) -> Result<Vec<Outcome>, StoreError> {
        check_limit("outcomes", query.limit)?;
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        outcomes::page(self, &mut transaction, setting, run, query).await
    }
}

fn check_limit(place: &str, limit: u64) -> Result<(), StoreError> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(StoreError::Invalid(format!("{place}: limit is {limit}, must be 1 to {MAX_PAGE}")))
}

/// Streams and pairs of refused claims.
fn refused_pairs(refused: &[Refused]) -> HashSet<(&str, &str)> {
    refused.iter().map(|refused| (&*refused.claim.stream, &*refused.claim.pair)).collect()
}

/// `started_at` is the start of the first attempt, whatever a later one says.
fn with_first_start(run: &RunRecord, stored: Option<&RunRecord>) -> RunRecord {
    let mut run = run.clone();
    if let Some(stored) = stored {
        run.started_at = stored.started_at;
    }
    run
}
