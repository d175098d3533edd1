//! `rollcall run` and `rollcall plan`: one run of a setting, here, with the engine and connectors that pods use.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::super::export::record_document;
use super::super::manifests::Manifests;
use super::super::output::{self, Format};
use super::super::progress_bar::Bars;
use super::super::shown::ending::{self, NextSteps};
use super::super::shown::{self, Holds};
use super::super::words::{ActionWord, values};
use super::super::{reading, serve};
use super::declared::Declared;
use super::{LOCAL, records_file};
use crate::records::store::SqliteStore;
use crate::records::{Outcome, OutcomeQuery, OutcomeResult, Records};
use crate::runner::{self, Finished, RunFailure, RunInput};
use rollcall_api::API_VERSION;
use rollcall_api::contract::{ExitCode as RunExit, JobEnd};
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, EmployeeSyncJobSpec, EmployeeSyncJobStatus, JobType, LocalReference, Release, Selector,
    UndoRequest,
};

/// What `run` and `plan` have in common.
#[derive(Debug, Args)]
pub(in crate::cli) struct CommonArguments {
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
    /// Limit the run to this kind of write; others are left to a later run. May be given several times.
    #[arg(long = "action", value_name = "ACTION", value_enum, ignore_case = true, value_delimiter = ',')]
    actions: Vec<ActionWord>,
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
pub(in crate::cli) struct RunArguments {
    #[command(flatten)]
    common: CommonArguments,
    /// What the run does.
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t)]
    type_: RunType,
    /// Apply what is held under this digest (makes the run one of type Release). Needs --records with the file of the run
    /// that held it: the file keeps what was proposed.
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
    /// With --type Undo, the run that is taken back: its name, as `rollcall history` prints it. Needs --records.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
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
    /// Take back what the run given by --run did.
    Undo,
}

impl From<RunType> for JobType {
    fn from(type_: RunType) -> Self {
        match type_ {
            RunType::Sync => Self::Sync,
            RunType::Plan => Self::Plan,
            RunType::Show => Self::Show,
            RunType::Create => Self::Create,
            RunType::Release => Self::Release,
            RunType::Undo => Self::Undo,
        }
    }
}

impl RunArguments {
    /// The arguments of `rollcall plan`.
    pub(in crate::cli) const fn plan(common: CommonArguments) -> Self {
        Self { common, type_: RunType::Plan, approve: None, run: None }
    }

    fn job_spec(&self, setting: &str) -> Result<EmployeeSyncJobSpec, String> {
        let type_ = self.job_type()?;
        let common = &self.common;
        if matches!(type_, JobType::Show | JobType::Create) && common.keys.is_empty() {
            return Err(format!("--type {type_} needs at least one --key"));
        }
        let selector =
            Selector { keys: common.keys.clone(), streams: common.streams.clone(), actions: values(&common.actions) };
        let selector = (selector != Selector::default()).then_some(selector);
        if self.approve.is_some() && selector.is_some() {
            return Err(
                "--approve does not go with --key, --stream or --action: an approval covers what a plan of the \
                        whole setting proposed"
                    .into(),
            );
        }
        if matches!(type_, JobType::Release | JobType::Undo) && common.records.is_none() {
            let kept = if type_ == JobType::Undo { "what the run did" } else { "what was proposed" };
            return Err(format!("--type {type_} needs --records FILE: the file keeps {kept}"));
        }
        Ok(EmployeeSyncJobSpec {
            setting_ref: LocalReference { name: setting.to_owned() },
            type_,
            selector,
            release: self.approve.as_ref().map(|digest| Release { digest: digest.clone(), ..Release::default() }),
            undo: self.run.as_ref().map(|run| UndoRequest { run: run.clone() }),
            ..EmployeeSyncJobSpec::default()
        })
    }

    /// The type of job that the options ask for together.
    fn job_type(&self) -> Result<JobType, String> {
        match (self.type_, &self.approve, &self.run) {
            (RunType::Sync | RunType::Release, Some(_), None) => Ok(JobType::Release),
            (RunType::Undo, None, Some(_)) => Ok(JobType::Undo),
            (RunType::Release, None, _) => Err("--type Release needs --approve DIGEST".into()),
            (RunType::Undo, _, None) => Err("--type Undo needs --run ID; rollcall history lists the runs".into()),
            (_, Some(_), _) => Err("--approve goes with --type Sync or Release only".into()),
            (_, None, Some(_)) => Err("--run goes with --type Undo only".into()),
            (other, None, None) => Ok(other.into()),
        }
    }
}

/// Carries out the run and prints its end.
pub(in crate::cli) async fn run(arguments: RunArguments) -> ExitCode {
    let format = arguments.common.output;
    let prepared = match prepare(&arguments).await {
        Ok(prepared) => prepared,
        Err(problem) => return output::fail(&problem),
    };
    let cancel = CancellationToken::new();
    serve::cancel_on_signal(cancel.clone());
    let bars = Bars::new(format == Format::Table);
    let (finished, outcomes) = match &prepared.input {
        Ok(input) => {
            let finished = runner::run(input, &cancel, &bars).await;
            let outcomes = outcomes(input, &prepared.spec).await;
            (finished, outcomes)
        }
        Err(failure) => (runner::failed(failure.clone()), Vec::new()),
    };
    bars.clear();
    print(&prepared, &arguments.common, &finished, &outcomes);
    exit_code(&finished)
}

/// A run that is ready to start, or the reason why its systems cannot be connected.
struct Prepared {
    job: String,
    spec: EmployeeSyncJobSpec,
    input: Result<RunInput, RunFailure>,
}

async fn prepare(arguments: &RunArguments) -> Result<Prepared, String> {
    let manifests = Manifests::load(&arguments.common.files).map_err(|error| error.to_string())?;
    let declared = Declared::load(&manifests, arguments.common.setting.as_deref())?;
    let spec = arguments.job_spec(declared.name())?;
    declared.permit(spec.type_)?;
    let mut document = json!({
        "metadata": { "name": "local" }, "spec": serde_json::to_value(&spec).unwrap_or_default()
    });
    if let Some(invalid) = rollcall_engine::admission::admit("EmployeeSyncJob", &mut document).first() {
        return Err(format!("arguments: {invalid}"));
    }
    let now = Timestamp::now();
    let job = format!("{}-{}", declared.name(), now.as_millisecond());
    let records: Arc<dyn Records> = if let Some(file) = &arguments.common.records {
        Arc::new(records_file::open_or_make(file, declared.scope()).await?)
    } else {
        let store = SqliteStore::in_memory().await.map_err(|error| error.to_string())?;
        Arc::new(store.scoped(declared.scope()))
    };
    let input = connect(declared, &spec, now, &job, records);
    Ok(Prepared { job, spec, input })
}

fn connect(
    declared: Declared,
    spec: &EmployeeSyncJobSpec,
    now: Timestamp,
    job: &str,
    records: Arc<dyn Records>,
) -> Result<RunInput, RunFailure> {
    let checked = declared.check()?;
    let [source, target] = declared.connect(&checked)?;
    Ok(RunInput {
        scope: declared.scope(),
        run_id: format!("{LOCAL}-{}", now.as_nanosecond()).into(),
        job: job.to_owned(),
        attempt: 1,
        type_: spec.type_,
        selector: spec.selector.clone().unwrap_or_default(),
        release: spec.release.clone(),
        undo: spec.undo.clone(),
        spec: declared.setting.spec,
        setting: checked.setting,
        source,
        target,
        systems: checked.systems,
        records,
        now,
        zone: declared.zone,
    })
}

/// What is printed of the records of a run: all of one that exists to show them, of others how much is held and why.
async fn outcomes(input: &RunInput, spec: &EmployeeSyncJobSpec) -> Vec<Outcome> {
    let results = if spec.type_.writes() { vec![OutcomeResult::Held] } else { Vec::new() };
    let query = OutcomeQuery { results, ..OutcomeQuery::default() };
    reading::all(input.records.as_ref(), &input.run_id, &query).await.unwrap_or_else(|error| {
        output::note(&format!("the records of the run cannot be shown: {error}"));
        Vec::new()
    })
}

fn print(prepared: &Prepared, arguments: &CommonArguments, finished: &Finished, outcomes: &[Outcome]) {
    let shows_records = !prepared.spec.type_.writes();
    let previous = EmployeeSyncJobStatus::default();
    let status = JobEnd::from_result(&finished.result).status(&previous, None, Timestamp::now());
    if shows_records && !outcomes.is_empty() {
        shown::announce_personal_data();
    }
    if arguments.output == Format::Table {
        let mut text = String::new();
        let worth_showing: Vec<&Outcome> =
            outcomes.iter().filter(|outcome| shows_records && is_worth_showing(outcome)).collect();
        if !worth_showing.is_empty() {
            text = shown::outcomes::records(&worth_showing) + "\n";
        }
        let next = next_steps(arguments, &prepared.job, &prepared.spec, &status);
        let holds = Holds::among(outcomes);
        text.push_str(&ending::summary(&prepared.job, prepared.spec.type_, &status, &holds, &next));
        output::print(&text);
        return;
    }
    let mut job = EmployeeSyncJob::new(&prepared.job, prepared.spec.clone());
    job.status = Some(status);
    let mut document = serde_json::to_value(&job).unwrap_or_default();
    document["apiVersion"] = API_VERSION.into();
    document["kind"] = "EmployeeSyncJob".into();
    if shows_records {
        document["records"] = outcomes.iter().map(record_document).collect();
    }
    output::print(&output::document(&document, arguments.output));
}

/// A plan of thousands is read for what it would do; what stays as it is has no fields to show.
fn is_worth_showing(outcome: &Outcome) -> bool {
    outcome.code != 204 || outcome.action.is_some() || !outcome.fields.expose().is_empty()
}

/// What may follow a run: most of it needs the file that keeps records.
fn next_steps(
    arguments: &CommonArguments,
    job: &str,
    spec: &EmployeeSyncJobSpec,
    status: &EmployeeSyncJobStatus,
) -> NextSteps {
    let digest = status.held.as_ref().map(|held| held.digest.as_str()).unwrap_or_default();
    let mut files = String::new();
    for file in &arguments.files {
        shown::push(&mut files, format_args!(" -f {}", quoted(&file.display().to_string())));
    }
    let place = arguments.records.as_ref().map(|records| {
        format!("{files} --setting {} --records {}", spec.setting_ref.name, quoted(&records.display().to_string()))
    });
    let can_be_approved = spec.selector.is_none() && !matches!(spec.type_, JobType::Show | JobType::Create);
    let approve = match (&place, can_be_approved) {
        (_, false) => "only after a run of the whole setting: this one shows a part of it".to_owned(),
        (None, true) => "only with a file that keeps what was proposed: run again with --records FILE".to_owned(),
        (Some(place), true) => format!("rollcall run{place} --approve {digest}"),
    };
    let of_file =
        |word: &str, options: &str| place.as_ref().map(|place| format!("rollcall {word} {job}{place}{options}"));
    NextSteps {
        approve: Some(approve),
        // A run that only looks has printed them.
        held: of_file("records", " --result Held").filter(|_| spec.type_.writes()),
        errors: of_file("errors", ""),
    }
}

/// A word of a command line, in quotation marks where the shell would read it otherwise.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:@%+=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_the_shell_would_split_is_quoted_in_commands_to_copy() {
        assert_eq!(quoted("config/samples/a-b.yaml"), "config/samples/a-b.yaml");
        assert_eq!(quoted("my folder"), "'my folder'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
