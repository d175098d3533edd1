//! Why a request to the API server did not do what was wanted.

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
    /// The API server will not take the object, however often it is asked.
    #[error("{what}: refused: {message}")]
    Refused {
        /// The request.
        what: String,
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
            // A quota may be free later; a policy or a rule of the schema says no every time.
            403 if status.message.contains("exceeded quota") => Self::Failed { what, source: Box::new(error) },
            400 | 403 | 422 => Self::Refused { what, message: status.message.clone() },
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
