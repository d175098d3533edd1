//! Waiting for an object to reach its end, with a spinner where a person watches.

use std::time::Duration;

use clap::Args;
use futures::{Stream, StreamExt, pin_mut};
use indicatif::ProgressBar;
use kube::ResourceExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watch_object};

use super::super::output;
use super::super::shown::ending;
use super::cluster::{Cluster, Kind};
use super::problem::{Problem, failed};
use rollcall_api::v1alpha1::EmployeeSyncJob;

/// Interrupted watches in a row after which waiting is given up (about four minutes with back-off).
const MOST_FAILURES: u32 = 10;

/// Whether and how long to wait.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct WaitArguments {
    /// Wait until the run has finished, and end with its exit code.
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Do not wait.
    #[arg(long)]
    no_wait: bool,
    /// Give up waiting after this many seconds; the run goes on.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

impl WaitArguments {
    /// Whether to wait, where `otherwise` holds without a word from the user.
    pub(super) const fn is_wanted(&self, otherwise: bool) -> bool {
        self.wait || (!self.no_wait && (otherwise || self.timeout.is_some()))
    }
}

/// Waits until the job has finished.
pub(super) async fn finished_job(
    cluster: &Cluster,
    name: &str,
    wait: &WaitArguments,
) -> Result<EmployeeSyncJob, Problem> {
    let is_finished = |job: &EmployeeSyncJob| job.status.as_ref().is_some_and(|status| status.phase.is_finished());
    until(cluster, name, wait, is_finished, |job| ending::progress(job.status.as_ref())).await
}

/// Waits until `is_finished` holds for the object; `progress` says in a line what it is at.
pub(super) async fn until<K: Kind + Send + 'static>(
    cluster: &Cluster,
    name: &str,
    wait: &WaitArguments,
    is_finished: impl Fn(&K) -> bool,
    progress: impl Fn(&K) -> String,
) -> Result<K, Problem> {
    let events = watch_object(cluster.api::<K>(), name).default_backoff();
    let spinner = spinner();
    let show = |object: &K| spinner.set_message(format!("{} {}", object.name_any(), progress(object)));
    let watched = last(events, &cluster.namespace, name, &is_finished, &show);
    let ended = match wait.timeout {
        Some(seconds) => match tokio::time::timeout(Duration::from_secs(seconds), watched).await {
            Ok(ended) => ended,
            Err(_) => Err(Problem::WaitedTooLong(seconds)),
        },
        None => watched.await,
    };
    spinner.finish_and_clear();
    ended
}

fn spinner() -> ProgressBar {
    if !output::is_watched() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

async fn last<K: Kind>(
    events: impl Stream<Item = watcher::Result<Option<K>>>,
    namespace: &str,
    name: &str,
    is_finished: &impl Fn(&K) -> bool,
    show: &impl Fn(&K),
) -> Result<K, Problem> {
    pin_mut!(events);
    let mut failures = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(Some(object)) if is_finished(&object) => return Ok(object),
            Ok(Some(object)) => {
                failures = 0;
                show(&object);
            }
            Ok(None) => {
                let kind = K::kind(&());
                return Err(Problem::Usage(format!("{kind} `{name}` was deleted before it had finished")));
            }
            Err(error) => {
                failures += 1;
                let problem = watch_failed::<K>(namespace, error);
                let is_final =
                    matches!(problem, Problem::Forbidden { .. } | Problem::NotSignedIn | Problem::NotInstalled);
                if is_final || failures >= MOST_FAILURES {
                    return Err(problem);
                }
            }
        }
    }
    Err(Problem::Unreachable("the watch ended".into()))
}

fn watch_failed<K: Kind>(namespace: &str, error: watcher::Error) -> Problem {
    match error {
        watcher::Error::InitialListFailed(error) => failed::<K>("list", Some(namespace), &error),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            failed::<K>("watch", Some(namespace), &error)
        }
        watcher::Error::WatchError(status) => failed::<K>("watch", Some(namespace), &kube::Error::Api(status)),
        watcher::Error::NoResourceVersion => Problem::Unreachable("the API server gave no resource version".into()),
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use kube::core::Status;

    use super::*;
    use rollcall_api::v1alpha1::{EmployeeSyncJobStatus, JobPhase};

    fn job(phase: JobPhase) -> EmployeeSyncJob {
        let status = EmployeeSyncJobStatus { phase, ..EmployeeSyncJobStatus::default() };
        EmployeeSyncJob { status: Some(status), ..EmployeeSyncJob::default() }
    }

    fn refusal(code: u16) -> watcher::Error {
        watcher::Error::WatchError(Status::failure("no", "x").with_code(code).boxed())
    }

    async fn wait(events: Vec<watcher::Result<Option<EmployeeSyncJob>>>) -> Result<EmployeeSyncJob, Problem> {
        let is_finished = |job: &EmployeeSyncJob| job.status.as_ref().is_some_and(|status| status.phase.is_finished());
        last(stream::iter(events), "hr", "j", &is_finished, &|_: &EmployeeSyncJob| ()).await
    }

    #[tokio::test]
    async fn waiting_goes_on_over_interruptions_until_the_job_has_finished() {
        let events = vec![Ok(Some(job(JobPhase::Queued))), Err(refusal(503)), Ok(Some(job(JobPhase::Complete)))];
        assert!(wait(events).await.is_ok());
    }

    #[tokio::test]
    async fn waiting_ends_when_the_job_is_deleted_or_may_not_be_watched() {
        assert!(wait(vec![Ok(None)]).await.is_err_and(|problem| problem.to_string().contains("was deleted")));
        let forbidden = wait(vec![Err(refusal(403)), Ok(Some(job(JobPhase::Complete)))]).await;
        assert!(matches!(forbidden, Err(Problem::Forbidden { verb: "watch", .. })));
    }

    #[test]
    fn a_timeout_means_waiting_unless_it_is_switched_off() {
        let arguments = |wait, no_wait, timeout| WaitArguments { wait, no_wait, timeout };
        assert!(arguments(false, false, None).is_wanted(true));
        assert!(!arguments(false, false, None).is_wanted(false));
        assert!(!arguments(false, true, None).is_wanted(true));
        assert!(arguments(false, false, Some(5)).is_wanted(false));
    }
}
