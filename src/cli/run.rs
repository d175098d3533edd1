//! `rollcall run` and `rollcall plan`: one run of a setting, here, with the engine and connectors that pods use.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::export::{printable, record_document};
use super::manifests::{ManifestError, Manifests};
use super::output::{self, Format};
use super::progress_bar::Bars;
use super::serve;
use crate::connectors::factory;
use crate::records::store::{MasterKey, SqliteStore};
use crate::records::{Outcome, OutcomeQuery, Records, Scope};
use crate::runner::{self, Finished, RunFailure, RunInput, connect};
use rollcall_api::contract::{DefinitionSource, ExitCode as RunExit, JobEnd, ProviderRequest};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, EmployeeSyncJobSpec, IntegrationProvider, JobPhase, JobType, LocalReference, Release, Selector,
    SyncSetting,
};
use rollcall_api::{API_VERSION, v1alpha1::EmployeeSyncJobStatus};

/// Local runs have no uid; their records belong to namespace, setting and this word.
const LOCAL: &str = "local";

/// Most records printed by Plan and Show.
const PAGE: u64 = 1000;

/// What `run` and `plan` have in common.
#[derive(Debug, Args)]
pub(super) struct CommonArguments {
    /// File or folder with manifests; may be given several times. `-` is standard input.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// SyncSetting to run; needed when the manifests have several.
    #[arg(long, value_name = "NAME")]
    setting: Option<String>,
    /// Limit the run to the record with this identifier of the source; may be given several times.
    #[arg(long = "key", value_name = "ID")]
    keys: Vec<String>,
    /// Limit the run to this stream; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// Keep links, outcomes and holds in this file (encrypted; its key is made beside it). Without it nothing is kept:
    /// records are matched anew in every run.
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Arguments of `rollcall run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    common: CommonArguments,
    /// What the run does.
    #[arg(long = "type", value_enum, default_value_t)]
    type_: RunType,
    /// Apply what is held under this digest (makes the run one of type Release).
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
}

/// Types of job that can be started by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum RunType {
    /// Keep the target in step.
    #[default]
    Sync,
    /// Work out what would be done.
    Plan,
    /// Show what would be sent for the records given by --key.
    Show,
    /// Send the records given by --key now.
    Create,
    /// Apply what --approve names.
    Release,
}

impl From<RunType> for JobType {
    fn from(type_: RunType) -> Self {
        match type_ {
            RunType::Sync => Self::Sync,
            RunType::Plan => Self::Plan,
            RunType::Show => Self::Show,
            RunType::Create => Self::Create,
            RunType::Release => Self::Release,
        }
    }
}

impl RunArguments {
    /// The arguments of `rollcall plan`.
    pub(super) const fn plan(common: CommonArguments) -> Self {
        Self { common, type_: RunType::Plan, approve: None }
    }

    fn job_spec(&self, setting: &str) -> Result<EmployeeSyncJobSpec, String> {
        let type_ = match (&self.approve, self.type_) {
            (Some(_), RunType::Sync | RunType::Release) => JobType::Release,
            (Some(_), _) => return Err("--approve goes with --type Sync or Release only".into()),
            (None, RunType::Release) => return Err("--type Release needs --approve DIGEST".into()),
            (None, other) => other.into(),
        };
        if matches!(type_, JobType::Show | JobType::Create) && self.common.keys.is_empty() {
            return Err(format!("--type {type_:?} needs at least one --key"));
        }
        let selector =
            Selector { keys: self.common.keys.clone(), streams: self.common.streams.clone(), actions: Vec::new() };
        Ok(EmployeeSyncJobSpec {
            setting_ref: LocalReference { name: setting.to_owned() },
            type_,
            selector: (selector != Selector::default()).then_some(selector),
            release: self.approve.as_ref().map(|digest| Release { digest: digest.clone(), ..Release::default() }),
            ..EmployeeSyncJobSpec::default()
        })
    }
}

/// Carries out the run and prints its end.
pub(super) async fn run(arguments: RunArguments) -> ExitCode {
    let format = arguments.common.output;
    let prepared = match prepare(&arguments).await {
        Ok(prepared) => prepared,
        Err(problem) => return output::fail(&problem),
    };
    let cancel = CancellationToken::new();
    serve::cancel_on_signal(cancel.clone());
    let bars = Bars::new(format == Format::Table);
    let (finished, outcomes) = match prepared.input {
        Ok(input) => {
            let finished = runner::run(&input, &cancel, &bars).await;
            let outcomes = outcomes(&input, &prepared.spec).await;
            (finished, outcomes)
        }
        Err(failure) => (runner::failed(failure), Vec::new()),
    };
    bars.clear();
    print(&prepared.job, prepared.spec, &finished, &outcomes, format);
    exit_code(&finished)
}

/// A run that is ready to start, or the reason why its systems cannot be connected.
struct Prepared {
    job: String,
    spec: EmployeeSyncJobSpec,
    input: Result<RunInput, RunFailure>,
}

async fn prepare(arguments: &RunArguments) -> Result<Prepared, String> {
    let text = |error: ManifestError| error.to_string();
    let manifests = Manifests::load(&arguments.common.files).map_err(text)?;
    let setting = manifests.setting(arguments.common.setting.as_deref()).map_err(text)?;
    let name = setting.metadata.name.clone().unwrap_or_default();
    let spec = arguments.job_spec(&name)?;
    let mut document = json!({
        "metadata": { "name": "local" }, "spec": serde_json::to_value(&spec).unwrap_or_default()
    });
    if let Some(invalid) = rollcall_engine::admission::admit("EmployeeSyncJob", &mut document).first() {
        return Err(format!("arguments: {invalid}"));
    }
    let source = Side::of(&manifests, &setting.spec.source_ref.name, "spec.sourceRef.name").map_err(text)?;
    let target = Side::of(&manifests, &setting.spec.target_ref.name, "spec.targetRef.name").map_err(text)?;
    let zone = TimeZone::get(&setting.spec.time_zone).map_err(|_| {
        format!(
            "SyncSetting/{name}: spec.timeZone: `{}` is not an IANA time zone; example: Europe/Berlin",
            setting.spec.time_zone
        )
    })?;
    let now = Timestamp::now();
    let job = format!("{name}-{}", now.as_second());
    let records = open_records(arguments.common.records.as_deref(), setting).await?;
    let input = connect(setting, &spec, source, target, zone, now, &job, records);
    Ok(Prepared { job, spec, input })
}

/// One provider with everything that manifests say of it.
struct Side {
    request: ProviderRequest,
    credentials: connect::Credentials,
    ca_bundle: Option<Vec<u8>>,
}

impl Side {
    fn of(manifests: &Manifests, name: &str, field: &str) -> Result<Self, ManifestError> {
        let provider = manifests.provider(name, field)?;
        Ok(Self {
            request: request(manifests, provider)?,
            credentials: manifests.credentials(provider)?,
            ca_bundle: manifests.ca_bundle(provider)?,
        })
    }
}

fn request(manifests: &Manifests, provider: &IntegrationProvider) -> Result<ProviderRequest, ManifestError> {
    let spec = &provider.spec;
    let definition = match (&spec.vendor, &spec.definition_ref) {
        (Some(vendor), _) => DefinitionSource::Vendor(vendor.clone()),
        (None, reference) => {
            let reference = reference.clone().unwrap_or_default();
            let text = manifests.config_map_value(&reference.name, &reference.key, "spec.definitionRef")?;
            DefinitionSource::Inline(text.to_owned())
        }
    };
    Ok(ProviderRequest {
        name: provider.metadata.name.clone().unwrap_or_default(),
        definition,
        endpoints: spec.endpoints.iter().map(|(name, url)| (name.clone(), url.0.clone())).collect(),
        rate_limits: spec.rate_limits.clone(),
        share_of: 1,
        retry: spec.retry.clone(),
        allow_private_addresses: spec.network.allow_private_addresses,
        has_ca: spec.tls.is_some(),
    })
}

async fn open_records(file: Option<&Path>, setting: &SyncSetting) -> Result<Arc<dyn Records>, String> {
    let scope = scope(setting);
    let store = match file {
        Some(file) => {
            let key = MasterKey::load_or_create_beside(file).map_err(|error| error.to_string())?;
            let store = SqliteStore::open(file, key).await.map_err(|error| error.to_string())?;
            // This process alone has the file, so whoever still holds a lock in it was killed.
            store.release_stale_locks().await.map_err(|error| error.to_string())?;
            Ok(store)
        }
        None => SqliteStore::in_memory().await,
    };
    Ok(Arc::new(store.map_err(|error| error.to_string())?.scoped(scope)))
}

fn scope(setting: &SyncSetting) -> Scope {
    Scope {
        namespace: setting.metadata.namespace.clone().unwrap_or_else(|| "default".into()),
        setting: setting.metadata.name.clone().unwrap_or_default(),
        setting_uid: LOCAL.into(),
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of a run, each from another place")]
fn connect(
    setting: &SyncSetting,
    spec: &EmployeeSyncJobSpec,
    source: Side,
    target: Side,
    zone: TimeZone,
    now: Timestamp,
    job: &str,
    records: Arc<dyn Records>,
) -> Result<RunInput, RunFailure> {
    let definitions =
        (connect::definition(&source.request.definition)?, connect::definition(&target.request.definition)?);
    let systems = connect::systems((&source.request, &definitions.0), (&target.request, &definitions.1));
    let compiled = connect::setting(&setting.spec, &definitions.0, &definitions.1)?;
    let config =
        |side: Side, definition| connect::provider(&side.request, definition, side.credentials, side.ca_bundle);
    let (source, target) = (config(source, definitions.0), config(target, definitions.1));
    Ok(RunInput {
        scope: scope(setting),
        run_id: format!("{LOCAL}-{}", now.as_nanosecond()).into(),
        job: job.to_owned(),
        attempt: 1,
        type_: spec.type_,
        selector: spec.selector.clone().unwrap_or_default(),
        release: spec.release.clone(),
        undo: spec.undo.clone(),
        spec: setting.spec.clone(),
        setting: compiled,
        source: factory::system(source).map_err(RunFailure::source)?,
        target: factory::system(target).map_err(RunFailure::target)?,
        systems,
        records,
        now,
        zone,
    })
}

/// The records of a run, for types that exist to show them.
async fn outcomes(input: &RunInput, spec: &EmployeeSyncJobSpec) -> Vec<Outcome> {
    if spec.type_.writes() {
        return Vec::new();
    }
    let mut all = Vec::new();
    loop {
        let query = OutcomeQuery { offset: all.len() as u64, limit: PAGE, ..OutcomeQuery::default() };
        match input.records.outcomes(&input.run_id, &query).await {
            Ok(page) if page.is_empty() => return all,
            Ok(page) => all.extend(page),
            Err(error) => {
                output::note(&format!("the records of the run cannot be shown: {error}"));
                return all;
            }
        }
    }
}

fn print(name: &str, spec: EmployeeSyncJobSpec, finished: &Finished, outcomes: &[Outcome], format: Format) {
    let shows_records = !spec.type_.writes();
    let previous = EmployeeSyncJobStatus::default();
    let status = JobEnd::from_result(&finished.result).status(&previous, None, Timestamp::now());
    if format == Format::Table {
        output::print(&table(&status, outcomes));
        return;
    }
    let mut job = EmployeeSyncJob::new(name, spec);
    job.status = Some(status);
    let mut document = serde_json::to_value(&job).unwrap_or_default();
    document["apiVersion"] = API_VERSION.into();
    document["kind"] = "EmployeeSyncJob".into();
    if shows_records {
        document["records"] = outcomes.iter().map(record_document).collect();
    }
    output::print(&output::document(&document, format));
}

fn table(status: &EmployeeSyncJobStatus, outcomes: &[Outcome]) -> String {
    let mut parts = Vec::new();
    if !outcomes.is_empty() {
        let rows = outcomes.iter().filter(|outcome| is_worth_showing(outcome)).map(row).collect();
        parts.push(output::table(&["STREAM", "KEY", "ACTION", "RESULT", "REASON", "FIELDS", "MESSAGE"], rows));
        parts.push("\n".into());
    }
    parts.push(format!(
        "{:?} {} {}: {}\n",
        status.phase,
        status.code.map_or_else(String::new, |code| code.to_string()),
        status.reason.as_deref().unwrap_or_default(),
        status.message.as_deref().unwrap_or_default()
    ));
    if let Some(held) = &status.held {
        parts.push(format!(
            "held: {} create, {} update, {} disable, {} delete; approve with --approve {}\n",
            held.create, held.update, held.disable, held.delete, held.digest
        ));
    }
    if let (Some(reason), JobPhase::Error) = (status.reason.as_deref().and_then(reasons::find), status.phase) {
        parts.push(format!("remedy: {}\n", reason.remedy));
    }
    parts.concat()
}

/// A plan of thousands is read for what it would do; what stays as it is has no fields to show.
fn is_worth_showing(outcome: &Outcome) -> bool {
    outcome.code != 204 || outcome.action.is_some() || !outcome.fields.expose().is_empty()
}

fn row(outcome: &Outcome) -> Vec<String> {
    let fields: Vec<String> = outcome.fields.expose().iter().map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        outcome.stream.to_string(),
        printable(outcome.source_key.as_deref().unwrap_or_default()),
        outcome.action.map_or_else(String::new, |action| format!("{action:?}")),
        format!("{:?}", outcome.result),
        outcome.reason.clone(),
        printable(&fields.join(" ")),
        printable(&outcome.message),
    ]
}

/// The exit codes that docs/command-line.md lists.
fn exit_code(finished: &Finished) -> ExitCode {
    ExitCode::from(match finished.exit {
        RunExit::Done => 0,
        RunExit::Configuration | RunExit::Unknown(_) | RunExit::Cancelled => 1,
        RunExit::RecordsFailed => 2,
        RunExit::Held => 3,
        RunExit::CredentialsRejected | RunExit::Transient => 4,
    })
}
