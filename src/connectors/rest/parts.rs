//! Completes rows: what is in further lists of each record, and names for identifiers.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt, TryStreamExt, stream};

use super::choose::choose;
use super::extract::{Wanted, fill};
use super::lookups::Lookups;
use crate::connectors::by_identifier::{CONCURRENCY, Failures};
use crate::connectors::draft::Draft;
use crate::connectors::http::Client;
use crate::connectors::pages::{self, Query};
use crate::connectors::{ConnectorError, ErrorKind, Progress};
use rollcall_engine::definitions::{Expansion, RestStream};
use rollcall_engine::model::Row;

/// Makes rows of what the list said about them, in the same order.
///
/// A part that fails makes its fields unknown in that row, also when a right is missing for this one. Configuration fails
/// everything, and so does a system that seems to be gone: failures in a row, or no success at all.
pub(super) async fn complete(
    client: &Client,
    stream: &RestStream,
    wanted: &Wanted<'_>,
    drafts: Vec<Draft>,
    progress: Progress<'_>,
) -> Result<Vec<Row>, ConnectorError> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let lookups = Lookups::read(client, wanted).await?;
    let expansions: Vec<(&String, &Expansion)> = stream
        .expand
        .iter()
        .filter(|(name, _)| wanted.iter().any(|field| field.rule.from.as_ref() == Some(name)))
        .collect();
    let (total, done) = (drafts.len() as u64, AtomicU64::new(0));
    let parts = Parts { client, wanted, failures: Failures::default(), succeeded: AtomicU64::new(0) };
    let (parts, lookups, expansions, done) = (&parts, &lookups, &expansions, &done);
    let mut rows: Vec<(Row, Option<ConnectorError>)> = stream::iter(drafts)
        .map(|mut draft| async move {
            let mut failure = None;
            for (name, expansion) in expansions {
                failure = parts.expand(&mut draft, name, expansion).await?.or(failure);
            }
            lookups.apply(&mut draft, wanted);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, Some(total));
            Ok::<_, ConnectorError>((draft.finish(), failure))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    if parts.succeeded.load(Ordering::Relaxed) == 0
        && let Some(failure) = rows.iter_mut().find_map(|(_, failure)| failure.take())
    {
        return Err(failure);
    }
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}

/// Reads further lists of records.
struct Parts<'a> {
    client: &'a Client,
    wanted: &'a Wanted<'a>,
    failures: Failures,
    succeeded: AtomicU64,
}

impl Parts<'_> {
    /// Reads one list of one record. Gives a transient failure, beside noting it.
    async fn expand(
        &self,
        draft: &mut Draft,
        name: &str,
        expansion: &Expansion,
    ) -> Result<Option<ConnectorError>, ConnectorError> {
        let id = draft.id().clone();
        let variables = [("id", id.as_str())];
        let query = Query { variables: &variables, ..Query::all(&expansion.list) };
        match pages::all(self.client, &query).await {
            Ok(rows) => {
                self.failures.answered();
                self.succeeded.fetch_add(1, Ordering::Relaxed);
                match rows {
                    None => self.doubt(draft, name, &format!("the list {name} of the record did not come to its end")),
                    Some(rows) if rows.len() < expansion.at_least => {
                        let least = expansion.at_least;
                        self.doubt(
                            draft,
                            name,
                            &format!("the list {name} of the record has fewer than {least} row(s)"),
                        );
                    }
                    Some(rows) => {
                        if let Some(chosen) = choose(&rows, &expansion.prefer) {
                            fill(draft, self.wanted, Some(name), chosen);
                        }
                    }
                }
                Ok(None)
            }
            Err(error) if is_about_the_record(&error) => {
                self.failures.answered();
                self.succeeded.fetch_add(1, Ordering::Relaxed);
                self.doubt(draft, name, &format!("the list {name} of the record was refused: {error}"));
                Ok(None)
            }
            Err(error) if matches!(error.kind, ErrorKind::Transient | ErrorKind::Credentials) => {
                self.failures.failed(&error);
                if self.failures.are_too_many() {
                    return Err(error);
                }
                self.doubt(draft, name, &format!("the list {name} of the record could not be read: {error}"));
                Ok(Some(error))
            }
            Err(error) => Err(error),
        }
    }

    /// All fields of a part are unknown.
    fn doubt(&self, draft: &mut Draft, part: &str, why: &str) {
        for field in self.wanted.iter().filter(|field| field.rule.from.as_deref() == Some(part)) {
            draft.doubt(field.name, why);
        }
    }
}

/// Whether a failure says something about one record only.
const fn is_about_the_record(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Rejected | ErrorKind::Conflict | ErrorKind::Unsupported)
}
