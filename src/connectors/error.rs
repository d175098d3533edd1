//! The one error of all connectors: what kind of failure, one word for status and metrics, a text without personal data.

use std::time::Duration;

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The definition, an endpoint or a parameter is wrong. Trying again does not help.
    Configuration,
    /// A credential is missing, or the system rejected it or its rights. Trying again may lock the account.
    Credentials,
    /// A time-out, 5xx, 429 or reset after all retries, on a request that is known to have had no effect (a read, or
    /// a write that was refused). The run may be tried again later.
    Transient,
    /// A write was sent and its outcome is not known. Look the record up before trying again.
    OutcomeUnknown,
    /// The system refuses this one record (validation). The run goes on.
    Rejected,
    /// The record exists already (409).
    Conflict,
    /// The record does not exist (404).
    NotFound,
    /// The server does not offer what was asked for (a filter, a stream).
    Unsupported,
    /// The run was cancelled.
    Cancelled,
}

/// A failure of a connector. `message` names the endpoint, the rule and the remedy; it never holds values of records,
/// credentials, or bodies of answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    /// What can be done about it.
    pub kind: ErrorKind,
    /// One word of [`rollcall_api::reasons`].
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Wait that the server asked for.
    pub retry_after: Option<Duration>,
}

impl ConnectorError {
    /// An error without a wait.
    pub fn new(kind: ErrorKind, reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind, reason, message: message.into(), retry_after: None }
    }
    /// A failure of a request for a list or of a probe. Where a record may not exist or may be refused, a list cannot:
    /// such an answer means that an endpoint or the definition is wrong.
    pub(crate) fn of_a_list(mut self) -> Self {
        use ErrorKind::{Configuration, Conflict, NotFound, Rejected, Unsupported};
        if matches!(self.kind, NotFound | Rejected | Conflict | Unsupported) {
            self.kind = Configuration;
            self.reason = rollcall_api::reasons::INVALID_SPEC;
            self.message.push_str("; check spec.endpoints, and that the definition is right for this system");
        }
        self
    }
}
