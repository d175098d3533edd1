//! Why an attempt could not be carried out.

use std::time::Duration;

use rollcall_api::contract::ExitCode;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::Held;

use crate::connectors::{ConnectorError, ErrorKind};
use crate::records::StoreError;

/// Why an attempt could not be carried out, or not to its end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct RunFailure(pub(super) Box<Details>);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Details {
    pub(super) exit: ExitCode,
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// What waits for an approval all the same.
    pub(super) held: Option<Held>,
    pub(super) retry_after: Option<Duration>,
}

impl RunFailure {
    fn new(exit: ExitCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Details { exit, reason, message: message.into(), held: None, retry_after: None }))
    }

    /// Something is wrong that trying again does not help.
    pub(super) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, reasons::INVALID_SPEC, message)
    }

    /// The setting does not fit the two definitions.
    pub(super) fn mapping(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, reasons::MAPPING_INVALID, message)
    }

    /// Credentials that are there cannot be read.
    pub(super) fn credentials(message: impl Into<String>) -> Self {
        Self::new(ExitCode::CredentialsRejected, reasons::CREDENTIALS_MISSING, message)
    }

    /// Something that may be gone at the next attempt.
    pub(super) fn transient(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(ExitCode::Transient, reason, message)
    }

    /// A defect of ours.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, reasons::INTERNAL, message)
    }

    /// The job was cancelled or its deadline passed.
    pub(super) fn cancelled() -> Self {
        let message = "the run was stopped; what was done stays, the next run does the rest";
        Self::new(ExitCode::Cancelled, reasons::CANCELLED, message)
    }

    /// Another attempt took over.
    pub(super) fn lock_lost() -> Self {
        let message = "the setting's lock was lost to another run or expired; this one has stopped";
        Self::transient(reasons::ANOTHER_RUN, message)
    }

    /// What is proposed now is not what was approved.
    pub(super) fn plan_changed(held: Option<&Held>) -> Self {
        let now = held.map_or_else(|| "nothing is held now".to_owned(), |held| format!("held now: {}", held.digest));
        let message =
            format!("what was approved is not what the setting and its systems are now ({now}); nothing was written");
        let mut failure = Self::new(ExitCode::Configuration, reasons::PLAN_CHANGED, message);
        failure.0.held = held.cloned();
        failure
    }

    /// A failure of the source as a whole.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
    pub fn source(error: ConnectorError) -> Self {
        Self::connector("source", &error)
    }

    /// A failure of the target as a whole.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
    pub fn target(error: ConnectorError) -> Self {
        Self::connector("target", &error)
    }

    /// A failure of a probed provider.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
    pub fn provider(error: ConnectorError) -> Self {
        Self::connector("provider", &error)
    }

    /// A failure of one of the two systems.
    pub(super) fn connector(side: &str, error: &ConnectorError) -> Self {
        let exit = match error.kind {
            ErrorKind::Credentials => ExitCode::CredentialsRejected,
            ErrorKind::Configuration | ErrorKind::Unsupported => ExitCode::Configuration,
            ErrorKind::Cancelled => ExitCode::Cancelled,
            ErrorKind::Transient
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Rejected
            | ErrorKind::Conflict
            | ErrorKind::NotFound => ExitCode::Transient,
        };
        let mut failure = Self::new(exit, error.reason, format!("{side}: {}", error.message));
        failure.0.retry_after = error.retry_after;
        failure
    }

    /// Whether another stream, or a later attempt, may fare better.
    pub(super) fn is_transient(&self) -> bool {
        self.0.exit == ExitCode::Transient
    }
}

impl From<StoreError> for RunFailure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Busy { .. } | StoreError::LockLost => Self::transient(reasons::ANOTHER_RUN, message),
            StoreError::Unavailable(_) => Self::transient(reasons::RECORDS_UNAVAILABLE, message),
            StoreError::Invalid(_) | StoreError::Forbidden(_) => {
                Self::new(ExitCode::Configuration, reasons::RECORDS_INVALID, message)
            }
        }
    }
}
