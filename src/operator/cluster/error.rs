//! Why a request to the API server did not do what was wanted.

use crate::operator::decide::Refusal;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The object was changed since it was read; the watch brings the new version.
    #[error("{what}: changed meanwhile; the newer version is awaited")]
    Conflict {
        /// The request.
        what: String,
    },
    /// The object does not exist.
    #[error("{what}: not found")]
    NotFound {
        /// The request.
        what: String,
    },
    /// An object of that name exists and is not ours.
    #[error(
        "{what}: an object of this name exists and was not made by this operator for this purpose; delete or rename it"
    )]
    Taken {
        /// The request.
        what: String,
    },
    /// The API server does not take the object.
    #[error("{what}: refused: {message}")]
    Refused {
        /// The request.
        what: String,
        /// Whether it may take it later.
        refusal: Refusal,
        /// The API server's words.
        message: String,
    },
    /// No answer in time.
    #[error("{what}: no answer within {seconds} s")]
    Timeout {
        /// The request.
        what: String,
        /// The limit.
        seconds: u64,
    },
    /// Anything else; trying again later may help.
    #[error("{what}: {source}")]
    Failed {
        /// The request.
        what: String,
        /// The cause.
        #[source]
        source: Box<kube::Error>,
    },
}

impl ClusterError {
    /// Sorts a client error by what can be done about it.
    pub(super) fn from_kube(what: String, error: kube::Error) -> Self {
        let kube::Error::Api(status) = &error else { return Self::Failed { what, source: Box::new(error) } };
        match status.code {
            404 => Self::NotFound { what },
            409 => Self::Conflict { what },
            code @ (400 | 403 | 422) => {
                let refusal = match code {
                    403 if status.message.contains("exceeded quota") => Refusal::Quota,
                    403 => Refusal::Forbidden,
                    _ => Refusal::Invalid,
                };
                Self::Refused { what, refusal, message: status.message.clone() }
            }
            _ => Self::Failed { what, source: Box::new(error) },
        }
    }

    /// A word for metrics; the list is closed.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "Conflict",
            Self::NotFound { .. } => "NotFound",
            Self::Taken { .. } => "Taken",
            Self::Refused { .. } => "Refused",
            Self::Timeout { .. } => "Timeout",
            Self::Failed { .. } => "Failed",
        }
    }
}
