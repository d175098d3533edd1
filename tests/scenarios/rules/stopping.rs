//! A records store that a run does not get an answer from any more, from its n-th call on: as if it were killed there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall::records::{
    Batch, Outcome, OutcomeQuery, Records, Refused, RunRecord, SettingEnd, SettingRecord, StoreError,
};
use rollcall_emulators::Moment;
use rollcall_engine::model::{Agreement, Claim, Effects, Link, Proposal, Write};
use rollcall_engine::names::{RowId, RunId, StreamName, SystemId};
use tokio::sync::Notify;

pub struct Stopping {
    inner: Arc<dyn Records>,
    calls: AtomicU64,
    at: Option<(u64, Moment)>,
    reached: Notify,
}

impl Stopping {
    pub fn never(inner: Arc<dyn Records>) -> Self {
        Self { inner, calls: AtomicU64::new(0), at: None, reached: Notify::new() }
    }

    /// Stops before the n-th call takes effect, or after.
    pub fn at(inner: Arc<dyn Records>, nth: u64, moment: Moment) -> Self {
        Self { at: Some((nth, moment)), ..Self::never(inner) }
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until it has stopped.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    async fn stop<T>(&self) -> T {
        self.reached.notify_one();
        std::future::pending().await
    }

    async fn pass<T>(&self, call: impl Future<Output = T>) -> T {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        match self.at {
            Some((nth, Moment::Before)) if number >= nth => self.stop().await,
            Some((nth, Moment::After)) if number > nth => self.stop().await,
            Some((nth, Moment::After)) if number == nth => {
                let _ = call.await;
                self.stop().await
            }
            _ => call.await,
        }
    }
}

type Answer<T> = Result<T, StoreError>;

#[async_trait]
impl Records for Stopping {
    async fn setting(&self) -> Answer<SettingRecord> {
        self.inner.setting().await
    }

    async fn begin_run(&self, run: &RunRecord) -> Answer<()> {
        self.pass(self.inner.begin_run(run)).await
    }

    async fn renew(&self, run: &RunId, attempt: i32) -> Answer<()> {
        self.inner.renew(run, attempt).await
    }

    async fn end_run(&self, run: &RunRecord, setting: Option<&SettingEnd>) -> Answer<()> {
        self.pass(self.inner.end_run(run, setting)).await
    }

    async fn links(&self, stream: &StreamName) -> Answer<Vec<Link>> {
        self.inner.links(stream).await
    }

    async fn commit(&self, run: &RunId, attempt: i32, batch: &Batch) -> Answer<Vec<Refused>> {
        self.pass(self.inner.commit(run, attempt, batch)).await
    }

    async fn announce(&self, run: &RunId, attempt: i32, writes: &[Write], claims: &[Claim]) -> Answer<Vec<Refused>> {
        self.pass(self.inner.announce(run, attempt, writes, claims)).await
    }

    async fn open_writes(&self) -> Answer<Vec<(RunId, Write)>> {
        self.inner.open_writes().await
    }

    async fn writes(&self, run: &RunId, offset: u64, limit: u64) -> Answer<Vec<Write>> {
        self.inner.writes(run, offset, limit).await
    }

    async fn effects(&self, stream: &StreamName, system: &SystemId, since: Timestamp) -> Answer<Effects> {
        self.inner.effects(stream, system, since).await
    }

    async fn claimed_by_others(&self, stream: &StreamName, system: &SystemId, rows: &[RowId]) -> Answer<Vec<RowId>> {
        self.inner.claimed_by_others(stream, system, rows).await
    }

    async fn propose(&self, run: &RunId, attempt: i32, proposal: &Proposal) -> Answer<()> {
        self.pass(self.inner.propose(run, attempt, proposal)).await
    }

    async fn proposal(&self, digest: &str) -> Answer<Option<Proposal>> {
        self.inner.proposal(digest).await
    }

    async fn agree(&self, run: &RunId, attempt: i32, agreement: &Agreement) -> Answer<()> {
        self.pass(self.inner.agree(run, attempt, agreement)).await
    }

    async fn use_proposal(&self, run: &RunId, attempt: i32, digest: &str) -> Answer<()> {
        self.pass(self.inner.use_proposal(run, attempt, digest)).await
    }

    async fn runs(&self, limit: u32) -> Answer<Vec<RunRecord>> {
        self.inner.runs(limit).await
    }

    async fn outcomes(&self, run: &RunId, query: &OutcomeQuery) -> Answer<Vec<Outcome>> {
        self.inner.outcomes(run, query).await
    }
}
