//! What passes between the operator and a connector pod: the request (pod annotation, read through the downward
//! API), the result (termination message) and the exit code. Versioned, without secrets and without personal data.

mod exit_code;
mod job_end;
mod request;
mod result;

pub use exit_code::ExitCode;
pub use job_end::JobEnd;
pub use request::{DefinitionSource, PodRequest, ProbeRequest, ProviderRequest, RunRequest};
pub use result::{MAX_RESULT_BYTES, PodResult, ProbeResult, RunResult};

/// Version of request and result; a pod refuses a version it does not know.
pub const CONTRACT_VERSION: u32 = 1;

/// Where the files of a pod are mounted.
pub mod paths {
    /// The request, written by the kubelet from the pod's annotation.
    pub const REQUEST: &str = "/etc/rollcall/request/request.json";
    /// Credentials of the source (or of the probed provider), one file a key.
    pub const SOURCE_CREDENTIALS: &str = "/etc/rollcall/source/credentials";
    /// Credentials of the target, one file a key.
    pub const TARGET_CREDENTIALS: &str = "/etc/rollcall/target/credentials";
    /// CA bundle of the source's endpoints.
    pub const SOURCE_CA: &str = "/etc/rollcall/source/ca/ca.crt";
    /// CA bundle of the target's endpoints.
    pub const TARGET_CA: &str = "/etc/rollcall/target/ca/ca.crt";
    /// Projected token for the records service.
    pub const RECORDS_TOKEN: &str = "/etc/rollcall/records/token";
    /// Certificate that the records service is checked against.
    pub const RECORDS_CA: &str = "/etc/rollcall/records-ca/ca.crt";
    /// Where the result is written.
    pub const TERMINATION_MESSAGE: &str = "/dev/termination-log";
}
