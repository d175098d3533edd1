//! What the end of a pod means: exit code and termination message turned into an end of the attempt.

use super::super::PodView;
use rollcall_api::contract::{ExitCode, JobEnd, PodResult, RunResult};
use rollcall_api::reasons;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// The run is over.
    Finished(Box<JobEnd>),
    /// It stopped because it was told to.
    Stopped,
    /// The node ended it; another attempt does not count.
    Lost(String),
    /// A transient failure; another attempt counts.
    Transient {
        /// One word of [`reasons`].
        reason: String,
        /// The same for people.
        message: String,
        /// Earliest seconds until the next attempt, when a server asked for it.
        retry_after: Option<i64>,
    },
}

/// Reads the end of a pod.
pub(super) fn of_pod(pod: &PodView, exit_code: Option<i32>, reason: &str, message: &str) -> End {
    let result = match PodResult::from_message(message) {
        Some(PodResult::Run(result)) if reasons::find(&result.reason).is_some() => Some(result),
        _ => None,
    };
    let name = &pod.name;
    match exit_code.map(ExitCode::from_i32) {
        Some(code) if code.is_done() => match result {
            Some(result) if matches!(result.code, 200 | 201 | 204 | 400) => finished(JobEnd::from_result(&result)),
            // The kubelet lost it. What was done is in the records store, and another attempt finds it done.
            None if message.is_empty() => pod_failed(format!("pod {name} ended well, but its result was lost")),
            _ => failed(
                reasons::RESULT_INVALID,
                format!("pod {name} ended with exit code {code:?} and no readable result"),
            ),
        },
        Some(ExitCode::Configuration) => refused(result, reasons::INVALID_SPEC, name),
        Some(ExitCode::CredentialsRejected) => refused(result, reasons::CREDENTIALS_REJECTED, name),
        Some(ExitCode::Cancelled) => End::Stopped,
        Some(ExitCode::Transient) => match result {
            Some(result) => End::Transient {
                reason: result.reason,
                message: result.message,
                retry_after: result.retry_after_seconds,
            },
            None => pod_failed(format!("pod {name} ended with a transient failure and no readable result")),
        },
        // The kubelet's own deadline is later than the operator's, which then decides what to call it.
        _ if reason == "DeadlineExceeded" => End::Stopped,
        _ if pod.disrupted => End::Lost(format!("pod {name} was disrupted ({reason})")),
        other => {
            let code = other.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {}", code.as_i32()));
            pod_failed(format!("pod {name} ended with {code} ({reason})"))
        }
    }
}

fn finished(finish: JobEnd) -> End {
    End::Finished(Box::new(finish))
}

fn failed(reason: &str, message: String) -> End {
    finished(JobEnd::failed(reason, message))
}

fn pod_failed(message: String) -> End {
    End::Transient { reason: reasons::POD_FAILED.to_owned(), message, retry_after: None }
}

/// The run said no: trying again does not help.
fn refused(result: Option<Box<RunResult>>, fallback: &str, pod: &str) -> End {
    match result {
        Some(result) => finished(JobEnd::from_result(&RunResult { code: 400, ..*result })),
        None => failed(fallback, format!("pod {pod} ended without a readable result; see its log")),
    }
}
