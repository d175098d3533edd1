//! Exit codes of a connector pod.

/// How a connector pod ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Done.
    Done,
    /// The setting, a definition, a provider or the request itself is wrong; trying again does not help.
    Configuration,
    /// A system rejected the credentials, or they are missing.
    CredentialsRejected,
    /// Done, with actions held for an approval.
    Held,
    /// Done, with records that failed.
    RecordsFailed,
    /// A transient failure; try again later.
    Transient,
    /// Stopped because the job was cancelled or its deadline passed (SIGTERM).
    Cancelled,
    /// Not one of ours: a crash, a kill, out of memory.
    Unknown(i32),
}

impl ExitCode {
    /// The number the process ends with.
    pub const fn as_i32(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Configuration => 2,
            Self::CredentialsRejected => 3,
            Self::Held => 4,
            Self::RecordsFailed => 5,
            Self::Transient => 64,
            Self::Cancelled => 65,
            Self::Unknown(code) => code,
        }
    }

    /// Reads the number a process ended with. 64 and 66 to 79 are transient, 65 is cancelled.
    pub const fn from_i32(code: i32) -> Self {
        match code {
            0 => Self::Done,
            2 => Self::Configuration,
            3 => Self::CredentialsRejected,
            4 => Self::Held,
            5 => Self::RecordsFailed,
            65 => Self::Cancelled,
            64 | 66..=79 => Self::Transient,
            other => Self::Unknown(other),
        }
    }

    /// Whether the run reached its end and its counts are final.
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::Held | Self::RecordsFailed)
    }
}
