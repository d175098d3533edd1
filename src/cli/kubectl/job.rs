//! `run`, `plan`, `show`, `create`: make a job, and wait for it.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use kube::ResourceExt;

use super::super::export;
use super::super::output::{self, Format};
use super::cluster::Cluster;
use super::outcome_text;
use super::problem::Problem;
use super::records_service::RecordsArguments;
use super::run_lookup::{self, Run};
use super::watching::{self, WaitArguments};
use super::{ending, names};
use crate::records::{Outcome, OutcomeQuery};
use rollcall_api::v1alpha1::{EmployeeSyncJob, EmployeeSyncJobSpec, JobType, LocalReference, Selector};
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
    #[command(flatten)]
    wait: WaitArguments,
    #[command(flatten)]
    records: RecordsArguments,
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
    let created = create(cluster, spec).await?;
    let name = created.name_any();
    if !arguments.wait.is_wanted(type_ != RunType::Sync) {
        return Ok(match arguments.output {
            Format::Table => output::print(&format!("employeesyncjob.{}/{name} created\n", rollcall_api::GROUP)),
            format => output::print(&output::document(&document(&created), format)),
        });
    }
    if arguments.output == Format::Table {
        output::note(&format!("employeesyncjob.{}/{name} created", rollcall_api::GROUP));
    }
    let job = watching::finished_job(cluster, &name, &arguments.wait).await?;
    if matches!(type_, RunType::Plan | RunType::Show) {
        let run = Run::of(&setting, &job);
        let query = OutcomeQuery::default();
        // Without the records the end of the run is still worth printing.
        match run_lookup::outcomes(cluster, &arguments.records, &run, &query).await {
            Ok(outcomes) => Ok(print(&job, Some((&outcomes, type_)), arguments.output)),
            Err(problem) => {
                print(&job, None, arguments.output);
                Err(problem)
            }
        }
    } else {
        Ok(print(&job, None, arguments.output))
    }
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
    let selector = Selector { keys: arguments.keys.clone(), streams: arguments.streams.clone(), actions: Vec::new() };
    Ok(EmployeeSyncJobSpec {
        setting_ref: LocalReference { name: arguments.setting.clone() },
        type_: type_.into(),
        selector: (selector != Selector::default()).then_some(selector),
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
        outcome_text::announce_personal_data();
    }
    if format == Format::Table {
        let mut text = String::new();
        if let Some((outcomes, type_)) = records {
            // A plan is about what would change.
            let shown = |outcome: &&Outcome| type_ == RunType::Show || outcome.code != 204 || outcome.action.is_some();
            let shown: Vec<&Outcome> = outcomes.iter().filter(shown).collect();
            if !shown.is_empty() {
                text = outcome_text::records(&shown) + "\n";
            }
        }
        text.push_str(&ending::summary(job));
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
}
