//! `run`, `plan`, `show`, `create`, `undo`: make a job, and wait for it.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use kube::ResourceExt;

use super::super::export;
use super::super::output::{self, Format};
use super::super::shown::{self, Holds, ending, outcomes};
use super::super::words::{ActionWord, values};
use super::cluster::Cluster;
use super::names;
use super::next_steps::{self, command};
use super::problem::Problem;
use super::records_service::RecordsArguments;
use super::run_lookup::{self, Run};
use super::watching::{self, WaitArguments};
use crate::records::{Outcome, OutcomeQuery};
use rollcall_api::v1alpha1::{EmployeeSyncJob, EmployeeSyncJobSpec, JobType, LocalReference, Selector, UndoRequest};
use rollcall_api::{API_VERSION, labels};

/// Names that are tried when several jobs are made within one second.
const ATTEMPTS: i64 = 5;
/// Longest key that a job accepts.
const MAX_KEY: usize = 128;

/// What `run`, `plan`, `show` and `create` have in common.
#[derive(Args, Debug)]
pub(super) struct JobArguments {
    /// SyncSetting to run.
    setting: String,
    /// Limit the run to the record with this identifier of the source (no e-mail address); may be given several times.
    #[arg(long = "key", value_name = "ID")]
    keys: Vec<String>,
    /// Limit the run to this stream; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// Limit the run to this kind of write; others are left to a later run. May be given several times.
    #[arg(long = "action", value_name = "ACTION", value_enum, ignore_case = true, value_delimiter = ',')]
    actions: Vec<ActionWord>,
    #[command(flatten)]
    wait: WaitArguments,
    #[command(flatten)]
    records: RecordsArguments,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Arguments of `undo`.
#[derive(Args, Debug)]
pub(super) struct UndoCommand {
    /// EmployeeSyncJob whose writes are taken back. With --setting it may have been deleted meanwhile.
    job: String,
    /// SyncSetting that a deleted job belonged to.
    #[arg(long, value_name = "SETTING")]
    setting: Option<String>,
    #[command(flatten)]
    wait: WaitArguments,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Types of job that can be made by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(super) enum RunType {
    /// Keep the target in step.
    #[default]
    Sync,
    /// Work out what would be done.
    Plan,
    /// Show what would be sent for the records given by --key.
    Show,
    /// Send the records given by --key now.
    Create,
}

impl From<RunType> for JobType {
    fn from(type_: RunType) -> Self {
        match type_ {
            RunType::Sync => Self::Sync,
            RunType::Plan => Self::Plan,
            RunType::Show => Self::Show,
            RunType::Create => Self::Create,
        }
    }
}

/// Makes a job of the type; a sync goes on by itself, the other types are waited for unless told otherwise.
pub(super) async fn run(cluster: &Cluster, arguments: &JobArguments, type_: RunType) -> Result<ExitCode, Problem> {
    let spec = spec(arguments, type_)?;
    let setting = cluster.setting(&arguments.setting).await?;
    let is_waited_for = arguments.wait.is_wanted(type_ != RunType::Sync);
    let wait = is_waited_for.then_some(&arguments.wait);
    let Some(job) = make(cluster, spec, wait, arguments.output).await? else { return Ok(ExitCode::SUCCESS) };
    if !matches!(type_, RunType::Plan | RunType::Show) {
        return Ok(print(&job, None, arguments.output));
    }
    let run = Run::of(&setting, &job);
    // Without the records the end of the run is still worth printing.
    match run_lookup::outcomes(cluster, &arguments.records, &run, &OutcomeQuery::default()).await {
        Ok(outcomes) => Ok(print(&job, Some((&outcomes, type_)), arguments.output)),
        Err(problem) => {
            print(&job, None, arguments.output);
            Err(problem)
        }
    }
}

/// Makes a job of type Undo and waits for it unless told otherwise.
pub(super) async fn undo(cluster: &Cluster, command: &UndoCommand) -> Result<ExitCode, Problem> {
    let job = cluster.find::<EmployeeSyncJob>(&cluster.namespace, &command.job).await?;
    let spec = undo_spec(&command.job, job.as_ref(), command.setting.as_deref(), &cluster.namespace)?;
    cluster.setting(&spec.setting_ref.name).await?;
    let wait = command.wait.is_wanted(true).then_some(&command.wait);
    let Some(job) = make(cluster, spec, wait, command.output).await? else { return Ok(ExitCode::SUCCESS) };
    Ok(print(&job, None, command.output))
}

/// Makes a job and waits for its end, if it is to be waited for; None: it goes on by itself, and that it was made is
/// printed.
async fn make(
    cluster: &Cluster,
    spec: EmployeeSyncJobSpec,
    wait: Option<&WaitArguments>,
    format: Format,
) -> Result<Option<EmployeeSyncJob>, Problem> {
    let created = create(cluster, spec).await?;
    let name = created.name_any();
    let Some(wait) = wait else {
        match format {
            Format::Table => output::print(&format!("employeesyncjob.{}/{name} created\n", rollcall_api::GROUP)),
            format => output::print(&output::document(&document(&created), format)),
        };
        return Ok(None);
    };
    if format == Format::Table {
        output::note(&format!("employeesyncjob.{}/{name} created", rollcall_api::GROUP));
    }
    watching::finished_job(cluster, &name, wait).await.map(Some)
}

/// Waits for a job that something else has made, and prints its end.
pub(super) async fn follow(cluster: &Cluster, name: &str, wait: &WaitArguments) -> Result<ExitCode, Problem> {
    let job = watching::finished_job(cluster, name, wait).await?;
    Ok(print(&job, None, Format::Table))
}

async fn create(cluster: &Cluster, spec: EmployeeSyncJobSpec) -> Result<EmployeeSyncJob, Problem> {
    let setting = spec.setting_ref.name.clone();
    let now = Timestamp::now().as_second();
    for later in 0..ATTEMPTS {
        let mut job = EmployeeSyncJob::new(&names::job_name(&setting, now + later), spec.clone());
        job.labels_mut().insert(labels::SETTING.into(), setting.clone());
        if let Some(created) = cluster.create(&job).await? {
            return Ok(created);
        }
    }
    Err(Problem::Usage(format!("{ATTEMPTS} jobs of `{setting}` were made within this second; try again")))
}

/// The job that is asked for. Checks here what the API server would refuse, so that an e-mail address does not even get
/// into its audit log.
fn spec(arguments: &JobArguments, type_: RunType) -> Result<EmployeeSyncJobSpec, Problem> {
    if matches!(type_, RunType::Show | RunType::Create) && arguments.keys.is_empty() {
        return Err(Problem::Usage("--key ID is missing: which records of the source are meant?".into()));
    }
    let is_key = |key: &String| !key.is_empty() && key.len() <= MAX_KEY && !key.contains(['@', ' ', '\t', '\n', '\r']);
    if let Some(position) = arguments.keys.iter().position(|key| !is_key(key)) {
        return Err(Problem::Usage(format!(
            "--key number {}: not an identifier that the source gave: no blanks, no `@`, at most {MAX_KEY} characters \
             (e-mail addresses must not get into the cluster)",
            position + 1
        )));
    }
    let selector = Selector {
        keys: arguments.keys.clone(),
        streams: arguments.streams.clone(),
        actions: values(&arguments.actions),
    };
    Ok(EmployeeSyncJobSpec {
        setting_ref: LocalReference { name: arguments.setting.clone() },
        type_: type_.into(),
        selector: (selector != Selector::default()).then_some(selector),
        ..EmployeeSyncJobSpec::default()
    })
}

/// The job that takes a run back. A job that is still there is named by its uid, which no other one ever has.
fn undo_spec(
    name: &str,
    job: Option<&EmployeeSyncJob>,
    setting: Option<&str>,
    namespace: &str,
) -> Result<EmployeeSyncJobSpec, Problem> {
    let owner = job.map(|job| job.spec.setting_ref.name.as_str());
    let setting = match (owner, setting) {
        (Some(owner), Some(setting)) if owner != setting => {
            return Err(Problem::Usage(format!("job `{name}` is a run of `{owner}`")));
        }
        (Some(owner), _) => owner,
        (None, Some(setting)) => setting,
        (None, None) => {
            return Err(Problem::Usage(format!(
                "EmployeeSyncJob `{name}` does not exist in namespace `{namespace}`; a run whose job was deleted can still \
                 be taken back: add --setting with the setting it belonged to, and see: {}",
                command(namespace, "history SETTING")
            )));
        }
    };
    let uid = job.and_then(|job| job.metadata.uid.clone());
    Ok(EmployeeSyncJobSpec {
        setting_ref: LocalReference { name: setting.to_owned() },
        type_: JobType::Undo,
        undo: Some(UndoRequest { run: uid.unwrap_or_else(|| name.to_owned()) }),
        ..EmployeeSyncJobSpec::default()
    })
}

fn document(job: &EmployeeSyncJob) -> serde_json::Value {
    let mut document = serde_json::to_value(job).unwrap_or_default();
    document["apiVersion"] = API_VERSION.into();
    document["kind"] = "EmployeeSyncJob".into();
    if let Some(metadata) = document["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    document
}

fn print(job: &EmployeeSyncJob, records: Option<(&Vec<Outcome>, RunType)>, format: Format) -> ExitCode {
    let status = job.status.clone().unwrap_or_default();
    if records.is_some() {
        shown::announce_personal_data();
    }
    if format == Format::Table {
        let mut text = String::new();
        if let Some((found, type_)) = records {
            // A plan is about what would change.
            let shown = |outcome: &&Outcome| type_ == RunType::Show || outcome.code != 204 || outcome.action.is_some();
            let found: Vec<&Outcome> = found.iter().filter(shown).collect();
            if !found.is_empty() {
                text = outcomes::records(&found) + "\n";
            }
        }
        let holds = Holds::among(records.into_iter().flat_map(|(outcomes, _)| outcomes));
        let next = next_steps::after(job);
        text.push_str(&ending::summary(&job.name_any(), job.spec.type_, &status, &holds, &next));
        output::print(&text);
    } else {
        let mut document = document(job);
        if let Some((outcomes, _)) = records {
            document["records"] = outcomes.iter().map(export::record_document).collect();
        }
        output::print(&output::document(&document, format));
    }
    ExitCode::from(ending::exit_code(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(keys: &[&str]) -> JobArguments {
        JobArguments {
            setting: "people".into(),
            keys: keys.iter().map(ToString::to_string).collect(),
            streams: Vec::new(),
            actions: Vec::new(),
            wait: WaitArguments::default(),
            records: RecordsArguments::default(),
            output: Format::Table,
        }
    }

    #[test]
    fn an_email_address_is_refused_before_it_reaches_the_cluster_and_not_repeated() {
        let error = spec(&arguments(&["17", "jane@example.com"]), RunType::Show).unwrap_err().to_string();
        assert!(error.starts_with("--key number 2"), "{error}");
        assert!(!error.contains("jane"), "{error}");
    }

    #[test]
    fn show_and_create_need_a_key() {
        assert!(spec(&arguments(&[]), RunType::Show).is_err());
        assert!(spec(&arguments(&[]), RunType::Create).is_err());
        assert!(spec(&arguments(&[]), RunType::Plan).is_ok());
    }

    #[test]
    fn a_job_without_limits_has_no_selector() {
        assert_eq!(spec(&arguments(&[]), RunType::Sync).unwrap().selector, None);
        let keys = spec(&arguments(&["17"]), RunType::Create).unwrap().selector.unwrap().keys;
        assert_eq!(keys, ["17"]);
    }

    #[test]
    fn a_run_is_taken_back_by_the_uid_of_its_job_and_by_name_once_the_job_is_gone() {
        let mut job = EmployeeSyncJob::default();
        job.metadata.uid = Some("u1".into());
        job.spec.setting_ref.name = "people".into();
        let run = |spec: EmployeeSyncJobSpec| (spec.setting_ref.name, spec.undo.unwrap().run);
        assert_eq!(run(undo_spec("j", Some(&job), None, "hr").unwrap()), ("people".into(), "u1".into()));
        assert_eq!(run(undo_spec("j", None, Some("people"), "hr").unwrap()), ("people".into(), "j".into()));
        assert!(undo_spec("j", Some(&job), Some("other"), "hr").is_err());
        assert!(undo_spec("j", None, None, "hr").unwrap_err().to_string().contains("--setting"));
    }
}
