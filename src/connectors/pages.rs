//! A list, page by page.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::http::{Answer, Call, Client};
use super::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::definitions::{JsonPath, ListSpec, Paging, RequestPurpose};
use rollcall_engine::model::ReadProof;

/// Most pages of one pass.
const MAX_PAGES: i64 = 20_000;

/// What is to be listed.
pub(crate) struct Query<'a> {
    pub(crate) spec: &'a ListSpec,
    /// Values of the placeholders in the request's path.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// Parameters beside those of the request.
    pub(crate) parameters: &'a [(&'a str, &'a str)],
    /// Whether an answer may leave the rows out when there are none (SCIM).
    pub(crate) rows_optional: bool,
}

impl<'a> Query<'a> {
    /// The whole list.
    pub(crate) const fn all(spec: &'a ListSpec) -> Self {
        Self { spec, variables: &[], parameters: &[], rows_optional: false }
    }

    /// Whether pages are cut by position.
    pub(crate) const fn is_by_position(&self) -> bool {
        matches!(self.spec.paging, Paging::Offset { .. })
    }
}

/// One page.
pub(crate) struct Page<'a> {
    body: Value,
    rows: &'a JsonPath,
    /// The number of all rows that the answer declares, as [`total`] reads it.
    pub(crate) total: Option<i64>,
}

impl Page<'_> {
    pub(crate) fn rows(&self) -> &[Value] {
        self.rows.find(&self.body).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// What comes next.
pub(crate) enum Next<'a> {
    Page(Page<'a>),
    /// The list has come to its end.
    End,
    /// The list is not followed further.
    Stopped(ReadProof),
}

/// One pass over a list, from the first page on.
pub(crate) struct Pages<'a> {
    client: &'a Client,
    query: &'a Query<'a>,
    /// The request of the next page; a link that cannot be followed is an error only once the page is asked for.
    upcoming: Result<Option<Call>, ConnectorError>,
    /// Position of the next row, in lists that are cut by position.
    position: u64,
    requested: BTreeSet<String>,
    /// How many pages came.
    pub(crate) count: i64,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(client: &'a Client, query: &'a Query<'a>) -> Self {
        let first = match &query.spec.paging {
            Paging::Offset { first, .. } => *first,
            Paging::NextLink { .. } => 0,
        };
        let upcoming = call_at(client, query, first).map(Some);
        Self { client, query, upcoming, position: first, requested: BTreeSet::new(), count: 0 }
    }

    /// Asks for the next page.
    pub(crate) async fn next(&mut self) -> Result<Next<'a>, ConnectorError> {
        let Some(call) = std::mem::replace(&mut self.upcoming, Ok(None))? else { return Ok(Next::End) };
        if !self.requested.insert(call.url.to_string()) {
            return Ok(Next::Stopped(ReadProof::CursorDidNotAdvance));
        }
        if self.count >= MAX_PAGES {
            return Ok(Next::Stopped(ReadProof::LimitReached));
        }
        let answer = self.client.send(&call).await?;
        let came = rows(self.query, &answer, &call.route)?.len() as u64;
        let declared = self.query.spec.total.as_ref().and_then(|path| path.find(&answer.body)).map(total);
        self.count += 1;
        self.upcoming = self.after(&call, &answer.body, came, declared);
        Ok(Next::Page(Page { body: answer.body, rows: &self.query.spec.rows, total: declared }))
    }

    /// The request of the page after this one; None at the end.
    fn after(
        &mut self,
        call: &Call,
        body: &Value,
        came: u64,
        declared: Option<i64>,
    ) -> Result<Option<Call>, ConnectorError> {
        match &self.query.spec.paging {
            Paging::NextLink { link } => {
                let Some(link) = link.find(body) else { return Ok(None) };
                Ok(Some(Call { url: next_url(link, &call.url, &call.route)?, ..call.clone() }))
            }
            Paging::Offset { first, .. } => {
                self.position = self.position.saturating_add(came);
                let reached = self.position - first;
                let is_end = match declared {
                    Some(declared) => u64::try_from(declared).is_ok_and(|declared| reached >= declared),
                    // A short page may be one that a row was left out of: only an empty one ends such a list.
                    None => false,
                };
                if came == 0 || is_end {
                    return Ok(None);
                }
                call_at(self.client, self.query, self.position).map(Some)
            }
        }
    }
}

/// A number of rows as the system declares it. Whatever is no such number becomes one that no list has, so that it never
/// proves anything.
fn total(declared: &Value) -> i64 {
    let text = || declared.as_str().and_then(|text| text.trim().parse().ok());
    declared.as_i64().or_else(text).filter(|total| *total >= 0).unwrap_or(-1)
}

fn call_at(client: &Client, query: &Query<'_>, position: u64) -> Result<Call, ConnectorError> {
    let mut call = client.call(&query.spec.request, query.variables, RequestPurpose::Read)?;
    for (name, value) in query.parameters {
        call.add_query(name, value);
    }
    if let Paging::Offset { offset, size, page_size, .. } = &query.spec.paging {
        call.add_query(offset, &position.to_string());
        call.add_query(size, &page_size.to_string());
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

fn rows<'a>(query: &Query<'_>, answer: &'a Answer, route: &str) -> Result<&'a [Value], ConnectorError> {
    match query.spec.rows.find(&answer.body) {
        Some(Value::Array(rows)) => Ok(rows),
        None if query.rows_optional && answer.body.is_object() => Ok(&[]),
        _ => Err(invalid(format!("{route}: the answer has no list at {}", query.spec.rows.text()))),
    }
}

/// All rows of a short list whose rows have no identifiers of their own; None when it did not come whole.
pub(crate) async fn all(client: &Client, query: &Query<'_>) -> Result<Option<Vec<Value>>, ConnectorError> {
    /// Most rows.
    const LIMIT: usize = 500_000;
    let mut pages = Pages::new(client, query);
    let mut rows = Vec::new();
    let mut declared = None;
    loop {
        match pages.next().await? {
            Next::Page(page) if rows.len() + page.rows().len() <= LIMIT => {
                declared = page.total.or(declared);
                rows.extend_from_slice(page.rows());
            }
            Next::End => break,
            Next::Page(_) | Next::Stopped(_) => return Ok(None),
        }
    }
    let is_whole = declared.is_none_or(|declared| usize::try_from(declared) == Ok(rows.len()));
    Ok(is_whole.then_some(rows))
}

/// The error of an answer that is not what the definition says.
pub(crate) fn invalid(message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Transient, reasons::ANSWER_INVALID, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_total_that_is_no_number_of_rows_agrees_with_no_list() {
        for (declared, expected) in [
            (json!(3), 3),
            (json!("3"), 3),
            (json!(-1), -1),
            (json!(i64::MIN), -1),
            (json!(u64::MAX), -1),
            (json!(1e300), -1),
            (json!("many"), -1),
            (json!([]), -1),
        ] {
            assert_eq!(total(&declared), expected, "{declared}");
        }
    }
}
