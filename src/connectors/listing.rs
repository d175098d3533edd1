//! Reads a list as often as its proof needs, and says what it proves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::http::Client;
use super::pages::{Next, Pages, Query};
use super::value::identifier;
use super::{ConnectorError, ErrorKind, Progress, Thoroughness};
use rollcall_engine::definitions::JsonPath;
use rollcall_engine::model::ReadProof;
use rollcall_engine::names::RowId;

/// Most rows of one pass.
const MAX_RECORDS: usize = 500_000;
/// How often a list is read until two passes in a row agree.
const MAX_PASSES: u8 = 3;
/// How often it is read when the declared total does not agree and agreement is not needed.
const PASSES_FOR_A_TOTAL: u8 = 2;

/// A list that was read.
pub(crate) struct Listing<T> {
    /// Rows by identifier; a row that came twice is kept as it came last.
    pub(crate) rows: BTreeMap<RowId, T>,
    /// Pages of all passes.
    pub(crate) pages: i64,
    pub(crate) declared_total: Option<i64>,
    pub(crate) proof: ReadProof,
}

/// Reads a list; `parse` cuts each row down to what is kept of it, as the pages arrive.
pub(crate) async fn read<T>(
    client: &Client,
    query: &Query<'_>,
    id: &JsonPath,
    thoroughness: Thoroughness,
    parse: impl Fn(RowId, &Value) -> T + Sync,
    progress: Progress<'_>,
) -> Result<Listing<T>, ConnectorError> {
    let mut rows = Collected { rows: BTreeMap::new(), pass: 0 };
    let mut pages = 0;
    let mut before = None;
    loop {
        rows.pass += 1;
        let pass = pass(client, query, id, &mut rows, &parse, progress, pages > 0).await?;
        pages += pass.pages;
        let is_same = pass.is_finished() && rows.drop_stale() == 0 && pass.fresh == 0;
        let alone = pass.proof(query.is_by_position());
        let proof = together(before, alone, is_same);
        let is_last = proof.is_complete()
            || !pass.is_finished()
            || rows.pass >= MAX_PASSES
            || thoroughness == Thoroughness::Once
                && (alone == ReadProof::ByPosition
                    || alone == ReadProof::TotalDisagrees && rows.pass >= PASSES_FOR_A_TOTAL);
        if is_last {
            let declared_total = pass.totals.last().copied().filter(|total| *total >= 0);
            let rows = rows.rows.into_iter().map(|(id, (_, row))| (id, row)).collect();
            return Ok(Listing { rows, pages, declared_total, proof });
        }
        before = Some(alone);
    }
}

/// Reads a list once; what it proves, it proves alone.
pub(crate) async fn read_once<T>(
    client: &Client,
    query: &Query<'_>,
    id: &JsonPath,
    parse: impl Fn(RowId, &Value) -> T + Sync,
) -> Result<(BTreeMap<RowId, T>, ReadProof), ConnectorError> {
    let mut rows = Collected { rows: BTreeMap::new(), pass: 1 };
    let pass = pass(client, query, id, &mut rows, &parse, &|_, _| {}, false).await?;
    let proof = pass.proof(query.is_by_position());
    Ok((rows.rows.into_iter().map(|(id, (_, row))| (id, row)).collect(), proof))
}

/// What a pass proves, seen beside the pass before.
fn together(before: Option<ReadProof>, alone: ReadProof, is_same: bool) -> ReadProof {
    match (before, alone) {
        // Neither of the two found anything wrong in itself.
        (Some(ReadProof::ReadsDisagree), ReadProof::ReadsDisagree)
        | (Some(ReadProof::ByPosition), ReadProof::ByPosition) => {
            if is_same {
                ReadProof::TwoAgreeingReads
            } else {
                ReadProof::ReadsDisagree
            }
        }
        _ => alone,
    }
}

/// Rows of all passes, each with the pass in which it came last: a pass that breaks off leaves those of the one before.
struct Collected<T> {
    rows: BTreeMap<RowId, (u8, T)>,
    pass: u8,
}

impl<T> Collected<T> {
    /// Drops rows that this pass did not deliver; gives their number.
    fn drop_stale(&mut self) -> usize {
        let before = self.rows.len();
        let pass = self.pass;
        self.rows.retain(|_, (last, _)| *last == pass);
        before - self.rows.len()
    }
}

/// One pass over a list.
#[derive(Default)]
struct Pass {
    pages: i64,
    /// Distinct rows.
    count: usize,
    /// Rows that the pass before did not have.
    fresh: usize,
    /// Whether an identifier came twice.
    repeated: bool,
    /// Whether a row had none.
    nameless: bool,
    totals: BTreeSet<i64>,
    /// Why the pass ended before the end of the list.
    stopped: Option<ReadProof>,
}

impl Pass {
    /// Whether the end of the list was reached, and another pass could prove more.
    const fn is_finished(&self) -> bool {
        self.stopped.is_none() && !self.nameless
    }

    /// What the pass proves alone; [`ReadProof::ReadsDisagree`]: nothing yet.
    fn proof(&self, is_by_position: bool) -> ReadProof {
        if let Some(stopped) = self.stopped {
            return stopped;
        }
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        match self.totals.last() {
            None if self.nameless => ReadProof::Failed,
            None if !self.repeated => ReadProof::ReadsDisagree,
            // A total that moved, or an identifier that came twice, means that pages were cut from a list in motion.
            Some(total) if *total == count && self.totals.len() == 1 && !self.repeated && !self.nameless => {
                if is_by_position && self.pages > 1 {
                    ReadProof::ByPosition
                } else {
                    ReadProof::DeclaredTotal
                }
            }
            _ => ReadProof::TotalDisagrees,
        }
    }

    /// Takes the rows of a page in; false when none of them is new.
    fn take<T>(
        &mut self,
        page: &[Value],
        id: &JsonPath,
        collected: &mut Collected<T>,
        parse: &impl Fn(RowId, &Value) -> T,
    ) -> bool {
        let known = self.count;
        let mut has_nameless = false;
        for row in page {
            let Some(id) = id.find(row).and_then(identifier).map(RowId::from) else {
                has_nameless = true;
                continue;
            };
            match collected.rows.insert(id.clone(), (collected.pass, parse(id, row))) {
                Some((last, _)) if last == collected.pass => self.repeated = true,
                Some(_) => self.count += 1,
                None => {
                    self.count += 1;
                    self.fresh += 1;
                }
            }
        }
        self.nameless |= has_nameless;
        self.count > known || has_nameless || page.is_empty()
    }
}

/// Reads a list once. A transient failure ends the pass once something has come, in it or before.
async fn pass<T>(
    client: &Client,
    query: &Query<'_>,
    id: &JsonPath,
    collected: &mut Collected<T>,
    parse: &(impl Fn(RowId, &Value) -> T + Sync),
    progress: Progress<'_>,
    has_come: bool,
) -> Result<Pass, ConnectorError> {
    let mut pass = Pass::default();
    let mut pages = Pages::new(client, query);
    loop {
        let page = match pages.next().await {
            Ok(Next::Page(page)) => page,
            Ok(Next::End) => return Ok(pass),
            Ok(Next::Stopped(proof)) => {
                pass.stopped = Some(proof);
                return Ok(pass);
            }
            Err(error) if error.kind == ErrorKind::Transient && (has_come || pass.pages > 0) => {
                tracing::warn!(reason = error.reason, "a list broke off: {error}");
                pass.stopped = Some(ReadProof::Failed);
                return Ok(pass);
            }
            Err(error) => return Err(error),
        };
        pass.pages = pages.count;
        pass.totals.extend(page.total);
        let is_advancing = pass.take(page.rows(), id, collected, parse);
        progress(pass.count as u64, page.total.and_then(|total| u64::try_from(total).ok()));
        if !is_advancing {
            pass.stopped = Some(ReadProof::CursorDidNotAdvance);
            return Ok(pass);
        }
        if pass.count >= MAX_RECORDS {
            pass.stopped = Some(ReadProof::LimitReached);
            return Ok(pass);
        }
    }
}
