//! Reads lists page by page, and proves that they are complete.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use url::Url;

use super::http::{Answer, Call, Client};
use super::value::identifier;
use super::{ConnectorError, ErrorKind, Progress};
use rollcall_api::reasons;
use rollcall_engine::definitions::{JsonPath, ListSpec, Paging, RequestPurpose};
use rollcall_engine::model::ReadProof;

/// Most pages of one pass.
const MAX_PAGES: i64 = 20_000;
/// Most rows of one pass.
const MAX_RECORDS: usize = 500_000;
/// How often a list is read until two reads in a row agree.
const MAX_PASSES: usize = 3;

/// What is to be listed.
pub(crate) struct Plan<'a> {
    pub(crate) spec: &'a ListSpec,
    /// Values of the placeholders in the request's path.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// Parameters beside those of the request.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Where a row has its key; None: rows have none, and are taken as they come.
    pub(crate) key: Option<&'a JsonPath>,
    /// Whether an answer may leave the rows out when there are none (SCIM).
    pub(crate) rows_optional: bool,
}

/// A list that was read.
pub(crate) struct Listing {
    /// Rows by key; a row that came twice is kept as it came last.
    pub(crate) rows: BTreeMap<String, Value>,
    /// Pages of all passes.
    pub(crate) pages: i64,
    pub(crate) declared_total: Option<i64>,
    pub(crate) proof: ReadProof,
}

/// One pass over a list, from the first page to the end.
pub(crate) struct Pass {
    /// Rows in their order, for lists whose rows have no keys.
    pub(crate) rows: Vec<Value>,
    keyed: BTreeMap<String, Value>,
    pages: i64,
    /// Whether a key came twice.
    repeated: bool,
    totals: BTreeSet<i64>,
    /// Why the pass ended before the end of the list.
    pub(crate) stopped: Option<ReadProof>,
}

/// Reads a list as often as its proof needs: once when the total that the system declares agrees, otherwise until two
/// passes in a row deliver the same keys.
pub(crate) async fn read(client: &Client, plan: &Plan<'_>, progress: Progress<'_>) -> Result<Listing, ConnectorError> {
    let mut pages = 0;
    let mut before: Option<BTreeSet<String>> = None;
    let mut left = MAX_PASSES;
    loop {
        left -= 1;
        let pass = pass(client, plan, progress).await?;
        pages += pass.pages;
        let proof = pass.proof(before.as_ref());
        let declared_total = pass.totals.last().copied();
        // A total that does not agree is worth one more pass, keys that differ are worth two.
        let is_last = proof.is_complete()
            || pass.stopped.is_some()
            || left == 0
            || (declared_total.is_some() && before.is_some());
        if is_last {
            return Ok(Listing { rows: pass.keyed, pages, declared_total, proof });
        }
        before = Some(pass.keyed.into_keys().collect());
    }
}

impl Pass {
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            keyed: BTreeMap::new(),
            pages: 0,
            repeated: false,
            totals: BTreeSet::new(),
            stopped: None,
        }
    }

    /// Rows by key and the number of pages; None when the pass ended before the end of the list.
    pub(crate) fn into_keyed(self) -> Option<(BTreeMap<String, Value>, i64)> {
        self.stopped.is_none().then_some((self.keyed, self.pages))
    }

    /// What the pass proves, seen beside the keys of the pass before.
    fn proof(&self, before: Option<&BTreeSet<String>>) -> ReadProof {
        if let Some(stopped) = self.stopped {
            return stopped;
        }
        let count = i64::try_from(self.keyed.len()).unwrap_or(i64::MAX);
        match (self.totals.last(), before) {
            // A total that moved, or a key that came twice, means that pages were cut from a list in motion.
            (Some(total), _) if *total == count && self.totals.len() == 1 && !self.repeated => ReadProof::DeclaredTotal,
            (Some(_), _) => ReadProof::TotalDisagrees,
            (None, Some(before)) if before.len() == self.keyed.len() && before.iter().eq(self.keyed.keys()) => {
                ReadProof::TwoAgreeingReads
            }
            (None, _) => ReadProof::ReadsDisagree,
        }
    }

    /// Takes the rows of a page in; false when none of them is new.
    fn take(&mut self, rows: &[Value], key: Option<&JsonPath>, route: &str) -> Result<bool, ConnectorError> {
        let Some(key) = key else {
            self.rows.extend_from_slice(rows);
            return Ok(true);
        };
        let known = self.keyed.len();
        for row in rows {
            let id = key
                .find(row)
                .and_then(identifier)
                .ok_or_else(|| invalid(format!("{route}: a row has no identifier at {}", key.text())))?;
            self.repeated |= self.keyed.insert(id, row.clone()).is_some();
        }
        Ok(self.keyed.len() > known || rows.is_empty())
    }
}

/// Reads a list once.
pub(crate) async fn pass(client: &Client, plan: &Plan<'_>, progress: Progress<'_>) -> Result<Pass, ConnectorError> {
    let mut pass = Pass::new();
    let mut call = first_call(client, plan)?;
    let mut position = Position::new(&plan.spec.paging);
    let mut seen = BTreeSet::from([call.url.to_string()]);
    loop {
        let answer = client.send(&call).await?;
        let rows = rows(plan, &answer, &call.route)?;
        let total = plan.spec.total.as_ref().and_then(|path| path.find(&answer.body)).and_then(Value::as_i64);
        pass.pages += 1;
        pass.totals.extend(total);
        if !pass.take(rows, plan.key, &call.route)? {
            pass.stopped = Some(ReadProof::CursorDidNotAdvance);
            return Ok(pass);
        }
        let done = pass.keyed.len().max(pass.rows.len());
        progress(done as u64, total.and_then(|total| u64::try_from(total).ok()));
        let Some(next) = position.next(client, plan, &call, &answer, rows.len(), total)? else { return Ok(pass) };
        if !seen.insert(next.url.to_string()) {
            pass.stopped = Some(ReadProof::CursorDidNotAdvance);
            return Ok(pass);
        }
        if pass.pages >= MAX_PAGES || done >= MAX_RECORDS {
            pass.stopped = Some(ReadProof::LimitReached);
            return Ok(pass);
        }
        call = next;
    }
}

/// Where a list that is read by position stands.
struct Position(u64);

impl Position {
    const fn new(paging: &Paging) -> Self {
        match paging {
            Paging::Offset { first, .. } => Self(*first),
            Paging::NextLink { .. } => Self(0),
        }
    }

    /// The request of the next page; None at the end.
    fn next(
        &mut self,
        client: &Client,
        plan: &Plan<'_>,
        call: &Call,
        answer: &Answer,
        rows: usize,
        total: Option<i64>,
    ) -> Result<Option<Call>, ConnectorError> {
        match &plan.spec.paging {
            Paging::NextLink { link } => {
                let Some(link) = link.find(&answer.body) else { return Ok(None) };
                Ok(Some(Call { url: next_url(link, &call.url, &call.route)?, ..call.clone() }))
            }
            Paging::Offset { first, used_size, .. } => {
                let used = used_size.as_ref().and_then(|path| path.find(&answer.body)).and_then(Value::as_u64);
                let came = rows as u64;
                self.0 += came;
                let is_end = came == 0
                    || total.and_then(|total| u64::try_from(total).ok()).is_some_and(|total| self.0 - first >= total)
                    || (total.is_none() && used.is_some_and(|used| came < used));
                if is_end {
                    return Ok(None);
                }
                call_at(client, plan, self.0).map(Some)
            }
        }
    }
}

fn first_call(client: &Client, plan: &Plan<'_>) -> Result<Call, ConnectorError> {
    match &plan.spec.paging {
        Paging::NextLink { .. } => base_call(client, plan),
        Paging::Offset { first, .. } => call_at(client, plan, *first),
    }
}

fn call_at(client: &Client, plan: &Plan<'_>, position: u64) -> Result<Call, ConnectorError> {
    let mut call = base_call(client, plan)?;
    if let Paging::Offset { offset, size, page_size, .. } = &plan.spec.paging {
        call.add_query(offset, &position.to_string());
        call.add_query(size, &page_size.to_string());
    }
    Ok(call)
}

fn base_call(client: &Client, plan: &Plan<'_>) -> Result<Call, ConnectorError> {
    let mut call = client.call(&plan.spec.request, plan.variables, RequestPurpose::Read)?;
    for (name, value) in plan.query {
        call.add_query(name, value);
    }
    Ok(call)
}

/// A link is followed as it is, but only on the host, port and scheme that it came from: credentials go with it.
fn next_url(link: &Value, current: &Url, route: &str) -> Result<Url, ConnectorError> {
    let parsed = link.as_str().and_then(|text| current.join(text).ok());
    let url = parsed.ok_or_else(|| invalid(format!("{route}: the link to the next page is not a URL")))?;
    if url.origin() != current.origin() || !url.username().is_empty() {
        return Err(invalid(format!("{route}: the link to the next page leads to another host; it is not followed")));
    }
    Ok(url)
}

fn rows<'a>(plan: &Plan<'_>, answer: &'a Answer, route: &str) -> Result<&'a [Value], ConnectorError> {
    match plan.spec.rows.find(&answer.body) {
        Some(Value::Array(rows)) => Ok(rows),
        None if plan.rows_optional && answer.body.is_object() => Ok(&[]),
        _ => Err(invalid(format!("{route}: the answer has no list at {}", plan.spec.rows.text()))),
    }
}

/// The error of an answer that is not what the definition says.
pub(crate) fn invalid(message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Transient, reasons::ANSWER_INVALID, message)
}
