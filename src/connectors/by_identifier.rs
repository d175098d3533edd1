//! Asks for rows one by one: a failure stays with its row, until it is clear that the system is gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, TryStreamExt, stream};

use super::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::model::Fault;
use rollcall_engine::names::RowId;

/// How many requests are under way at once; the budget decides how fast.
pub(crate) const CONCURRENCY: usize = 16;
/// After so many transient failures in a row, each after all retries, nothing more is asked for.
const MOST_FAILURES: usize = 8;

/// The row, None when there is none, or why it could not be found out.
pub(crate) type Answer<T> = Result<Option<T>, Fault>;

/// Counts transient failures in a row.
#[derive(Default)]
pub(crate) struct Failures(AtomicUsize);

impl Failures {
    /// Notes that a request was answered.
    pub(crate) fn answered(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, error: &ConnectorError) {
        if matches!(error.kind, ErrorKind::Transient | ErrorKind::Credentials) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the system has to be taken for gone.
    pub(crate) fn are_too_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MOST_FAILURES
    }
}

/// Whether a failure concerns everything that is asked for, not one row.
pub(crate) const fn concerns_all(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::Credentials | ErrorKind::Configuration | ErrorKind::Cancelled)
}

/// The same for questions about single rows: a right that is missing for one of them is that row's matter. Credentials
/// that are worth nothing are refused again and again.
pub(crate) const fn concerns_all_rows(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::Configuration | ErrorKind::Cancelled)
}

/// Asks for each row; None of `ask` means that the system has none.
pub(crate) async fn each<T, F>(
    ids: Vec<RowId>,
    ask: impl Fn(RowId) -> F + Sync,
) -> Result<BTreeMap<RowId, Answer<T>>, ConnectorError>
where
    F: Future<Output = Result<Option<T>, ConnectorError>> + Send,
    T: Send,
{
    let failures = Failures::default();
    let (ask, failures) = (&ask, &failures);
    stream::iter(ids)
        .map(|id| async move {
            if failures.are_too_many() {
                return Ok((id, Err(not_asked())));
            }
            match ask(id.clone()).await {
                Ok(row) => {
                    failures.answered();
                    Ok((id, Ok(row)))
                }
                Err(error) if concerns_all_rows(&error) => Err(error),
                Err(error) => {
                    failures.failed(&error);
                    Ok((id, Err(unknown(error.reason, error.message))))
                }
            }
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}

/// The fault of a row of which nothing is known.
pub(crate) fn unknown(reason: &str, message: impl Into<String>) -> Fault {
    Fault { reason: reason.to_owned(), message: message.into(), fields: Vec::new() }
}

fn not_asked() -> Fault {
    unknown(
        reasons::SERVER_FAILED,
        "not asked for, because the requests before it kept failing; the next run tries again",
    )
}
