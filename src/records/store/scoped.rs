//! The records of one setting: what [`Records`] promises, on the database.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;

use super::{SqliteStore, lock, outcomes, rows, runs};
use crate::records::{Batch, Intent, Outcome, OutcomeQuery, Records, RunRecord, Scope, SettingRecord, StoreError};
use rollcall_engine::model::Link;

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

    pub(super) fn failed(&self, error: &sqlx::Error) -> StoreError {
        self.store.failed(error)
    }

    fn now(&self) -> jiff::Timestamp {
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
        runs::setting_id(connection, &self.scope).await.map_err(|error| self.failed(&error))
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
}

#[async_trait]
impl Records for ScopedStore {
    async fn setting(&self) -> Result<SettingRecord, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(SettingRecord::default()) };
        runs::setting_record(&mut transaction, setting).await.map_err(|error| self.failed(&error))
    }

    async fn begin_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let now = self.now();
        let mut transaction = self.begin().await?;
        let setting = runs::ensure_setting(&mut transaction, &self.scope).await.map_err(failed)?;
        let stored = runs::run(&mut transaction, setting, &run.run_id).await.map_err(failed)?;
        let held = runs::lock(&mut transaction, setting).await.map_err(failed)?;
        lock::may_begin(held.as_ref(), stored.as_ref(), run, now)?;
        runs::store_run(&mut transaction, setting, &with_first_start(run, stored.as_ref())).await.map_err(failed)?;
        runs::take_lock(&mut transaction, setting, run, lock::expiry(now)).await.map_err(failed)?;
        self.commit_transaction(transaction).await
    }

    async fn renew(&self, run_id: &str, attempt: i32) -> Result<(), StoreError> {
        let (transaction, _) = self.begin_as_holder(run_id, attempt).await?;
        self.commit_transaction(transaction).await
    }

    async fn end_run(&self, run: &RunRecord, setting: Option<&SettingRecord>) -> Result<(), StoreError> {
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
            runs::store_setting(&mut transaction, id, setting).await.map_err(failed)?;
        }
        runs::release_lock(&mut transaction, id).await.map_err(failed)?;
        self.commit_transaction(transaction).await
    }

    async fn links(&self, stream: &str) -> Result<Vec<Link>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        rows::links(self, &mut transaction, setting, stream).await
    }

    async fn commit(&self, run_id: &str, attempt: i32, batch: &Batch) -> Result<(), StoreError> {
        let (mut transaction, setting) = self.begin_as_holder(run_id, attempt).await?;
        outcomes::store(self, &mut transaction, setting, run_id, &batch.outcomes).await?;
        rows::settle_intents(self, &mut transaction, setting, &batch.outcomes).await?;
        rows::drop_links(self, &mut transaction, setting, &batch.dropped_links).await?;
        rows::store_links(self, &mut transaction, setting, &batch.links).await?;
        self.commit_transaction(transaction).await
    }

    async fn announce(&self, run_id: &str, attempt: i32, intents: &[Intent]) -> Result<(), StoreError> {
        let (mut transaction, setting) = self.begin_as_holder(run_id, attempt).await?;
        rows::store_intents(self, &mut transaction, setting, intents).await?;
        self.commit_transaction(transaction).await
    }

    async fn open_intents(&self) -> Result<Vec<Intent>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        rows::intents(self, &mut transaction, setting).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        runs::runs(&mut transaction, setting, limit).await.map_err(|error| self.failed(&error))
    }

    async fn outcomes(&self, run_id: &str, query: &OutcomeQuery) -> Result<Vec<Outcome>, StoreError> {
        if !(1..=outcomes::MAX_PAGE).contains(&query.limit) {
            let rule = format!("outcomes: limit is {}, must be 1 to {}", query.limit, outcomes::MAX_PAGE);
            return Err(StoreError::Invalid(rule));
        }
        let mut transaction = self.begin_reading().await?;
        let Some(setting) = self.setting_id(&mut transaction).await? else { return Ok(Vec::new()) };
        outcomes::page(self, &mut transaction, setting, run_id, query).await
    }
}

/// `started_at` is the start of the first attempt, whatever a later one says.
fn with_first_start(run: &RunRecord, stored: Option<&RunRecord>) -> RunRecord {
    let mut run = run.clone();
    if let Some(stored) = stored {
        run.started_at = stored.started_at;
    }
    run
}
