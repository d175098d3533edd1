//! The program inside a connector pod: reads the request that the kubelet wrote, carries it out, and leaves the result
//! as the termination message. It never talks to the Kubernetes API.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::connect;
use super::failure::RunFailure;
use super::finish::{Finished, failed};
use super::input::RunInput;
use super::progress::NoProgress;
use crate::connectors::factory;
use crate::records::store::SqliteStore;
use crate::records::{Records, Scope, StoreError, client};
use rollcall_api::contract::{
    CONTRACT_VERSION, ExitCode, PodRequest, PodResult, ProbeRequest, ProbeResult, ProviderRequest, RunRequest, paths,
};
use rollcall_api::reasons;

/// Where the pod's files are; tests use a folder of their own.
#[derive(Clone, Debug)]
pub struct PodFiles {
    root: PathBuf,
}

impl PodFiles {
    /// The paths of a real pod.
    pub fn mounted() -> Self {
        Self { root: PathBuf::from("/") }
    }

    /// The same paths below a folder.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

/// Carries out the pod's request and returns the exit code of the process.
pub async fn main(files: &PodFiles, cancel: CancellationToken) -> ExitCode {
    let (result, exit) = match read_request(files) {
        Ok(PodRequest::Run(request)) => {
            let finished = run(files, &request, &cancel).await;
            tracing::info!(
                job = request.job,
                attempt = request.attempt,
                code = finished.result.code,
                reason = finished.result.reason,
                considered = finished.result.counts.considered,
                failed = finished.result.counts.failed,
                "run ended"
            );
            (PodResult::Run(Box::new(finished.result)), finished.exit)
        }
        Ok(PodRequest::Probe(request)) => {
            let (result, exit) = probe(files, &request).await;
            tracing::info!(
                provider = request.provider.name,
                ready = result.ready,
                reason = result.reason,
                "probe ended"
            );
            (PodResult::Probe(result), exit)
        }
        Err(failure) => {
            tracing::error!(reason = reasons::INTERNAL, "the pod's request cannot be read");
            let finished = failed(failure);
            (PodResult::Run(Box::new(finished.result)), finished.exit)
        }
    };
    let path = files.path(paths::TERMINATION_MESSAGE);
    if let Err(error) = std::fs::write(&path, result.to_message()) {
        tracing::error!(error = %error.kind(), "the result could not be written as the termination message");
    }
    exit
}

fn read_request(files: &PodFiles) -> Result<PodRequest, RunFailure> {
    let path = files.path(paths::REQUEST);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        RunFailure::configuration(format!(
            "{}: cannot be read ({}); this program is started by the operator",
            path.display(),
            error.kind()
        ))
    })?;
    let request: PodRequest = serde_json::from_str(&text).map_err(|error| {
        RunFailure::configuration(format!(
            "the request cannot be read (line {}, column {}); operator and connector images must have the same version",
            error.line(),
            error.column()
        ))
    })?;
    let version = match &request {
        PodRequest::Run(run) => run.version,
        PodRequest::Probe(probe) => probe.version,
    };
    if version != CONTRACT_VERSION {
        return Err(RunFailure::configuration(format!(
            "the request has version {version}, this connector knows {CONTRACT_VERSION}; use one image for operator and connectors"
        )));
    }
    Ok(request)
}

async fn run(files: &PodFiles, request: &RunRequest, cancel: &CancellationToken) -> Finished {
    let left = request.deadline.duration_since(Timestamp::now());
    let Ok(left) = std::time::Duration::try_from(left) else {
        return failed(RunFailure::cancelled());
    };
    let deadline = cancel.child_token();
    let timer = tokio::spawn({
        let deadline = deadline.clone();
        async move {
            tokio::time::sleep(left).await;
            deadline.cancel();
        }
    });
    let finished = match input(files, request).await {
        Ok(input) => super::run(&input, &deadline, &NoProgress).await,
        Err(failure) => failed(failure),
    };
    timer.abort();
    finished
}

async fn input(files: &PodFiles, request: &RunRequest) -> Result<RunInput, RunFailure> {
    let source = side(files, &request.source, paths::SOURCE_CREDENTIALS, paths::SOURCE_CA)?;
    let target = side(files, &request.target, paths::TARGET_CREDENTIALS, paths::TARGET_CA)?;
    let setting = connect::setting(&request.setting_spec, &source.definition, &target.definition)?;
    let zone = TimeZone::get(&request.setting_spec.time_zone).map_err(|_| {
        RunFailure::configuration(format!(
            "spec.timeZone: `{}` is not an IANA time zone",
            request.setting_spec.time_zone
        ))
    })?;
    let scope = Scope {
        namespace: request.namespace.clone(),
        setting: request.setting.clone(),
        setting_uid: request.setting_uid.clone(),
    };
    let systems = connect::systems((&request.source, &source.definition), (&request.target, &target.definition));
    Ok(RunInput {
        records: records(files, request.records_url.as_deref(), &scope).await?,
        scope,
        run_id: request.job_uid.as_str().into(),
        job: request.job.clone(),
        attempt: request.attempt,
        type_: request.type_,
        selector: request.selector.clone(),
        release: request.release.clone(),
        undo: request.undo.clone(),
        spec: request.setting_spec.clone(),
        setting,
        source: factory::system(source).map_err(RunFailure::source)?,
        target: factory::system(target).map_err(RunFailure::target)?,
        systems,
        now: Timestamp::now(),
        zone,
    })
}

fn side(
    files: &PodFiles,
    request: &ProviderRequest,
    credentials: &str,
    ca: &str,
) -> Result<factory::ProviderConfig, RunFailure> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        RunFailure::credentials(format!(
            "provider {}: {} cannot be read ({})",
            request.name,
            path.display(),
            error.kind()
        ))
    };
    let folder = files.path(credentials);
    let credentials = connect::mounted_credentials(&folder).map_err(|error| unreadable(&folder, &error))?;
    let ca_bundle = if request.has_ca {
        let path = files.path(ca);
        Some(std::fs::read(&path).map_err(|error| unreadable(&path, &error))?)
    } else {
        None
    };
    Ok(connect::provider(request, connect::definition(&request.definition)?, credentials, ca_bundle))
}

async fn records(files: &PodFiles, url: Option<&str>, scope: &Scope) -> Result<Arc<dyn Records>, RunFailure> {
    let Some(url) = url else {
        return Ok(Arc::new(SqliteStore::in_memory().await?.scoped(scope.clone())));
    };
    let path = files.path(paths::RECORDS_CA);
    let ca = std::fs::read(&path).map_err(|error| {
        RunFailure::from(StoreError::Invalid(format!("{} cannot be read ({})", path.display(), error.kind())))
    })?;
    let token = client::TokenSource::File(files.path(paths::RECORDS_TOKEN));
    Ok(Arc::new(client::RemoteRecords::new(url, token, &ca, scope.clone())?))
}

async fn probe(files: &PodFiles, request: &ProbeRequest) -> (ProbeResult, ExitCode) {
    let config = match side(files, &request.provider, paths::SOURCE_CREDENTIALS, paths::SOURCE_CA) {
        Ok(config) => config,
        Err(failure) => {
            let finished = failed(failure);
            return (probe_result(false, finished.result.reason, finished.result.message), finished.exit);
        }
    };
    match factory::probe(config).await {
        Ok(()) => {
            let message = "the system answered and accepted the credentials".to_owned();
            (probe_result(true, reasons::PROBE_SUCCEEDED.to_owned(), message), ExitCode::Done)
        }
        Err(error) => {
            let failure = failed(RunFailure::provider(error));
            (probe_result(false, failure.result.reason, failure.result.message), failure.exit)
        }
    }
}

const fn probe_result(ready: bool, reason: String, message: String) -> ProbeResult {
    ProbeResult { version: CONTRACT_VERSION, ready, reason, message }
}
