//! `records`, `errors`, `explain`, `links`, `history`: what the records service knows about a setting.

use std::process::ExitCode;

use clap::Args;

use super::super::output::{self, Format};
use super::super::reading::errors::ErrorsOptions;
use super::super::reading::explain::ExplainOptions;
use super::super::reading::history::HistoryOptions;
use super::super::reading::links::LinksOptions;
use super::super::reading::records::RecordsOptions;
use super::super::reading::{self, ReadingError};
use super::cluster::Cluster;
use super::next_steps::command;
use super::problem::Problem;
use super::records_access;
use super::records_service::RecordsArguments;
use super::run_lookup;
use super::status_text;

/// Arguments of `records`.
#[derive(Args, Debug)]
pub(super) struct RecordsCommand {
    /// EmployeeSyncJob whose records are printed. With --setting it may have been deleted meanwhile.
    job: String,
    /// SyncSetting that a deleted job belonged to.
    #[arg(long, value_name = "SETTING")]
    setting: Option<String>,
    #[command(flatten)]
    options: RecordsOptions,
    #[command(flatten)]
    records: RecordsArguments,
}

/// Arguments of `errors`.
#[derive(Args, Debug)]
pub(super) struct ErrorsCommand {
    /// EmployeeSyncJob whose errors are wanted. With --setting it may have been deleted meanwhile.
    #[arg(required_unless_present = "setting")]
    job: Option<String>,
    /// SyncSetting; without a job its newest run of type Sync or Release that has ended.
    #[arg(long, value_name = "SETTING")]
    setting: Option<String>,
    #[command(flatten)]
    options: ErrorsOptions,
    #[command(flatten)]
    records: RecordsArguments,
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub(super) struct ExplainCommand {
    /// SyncSetting that should have sent the record.
    setting: String,
    #[command(flatten)]
    options: ExplainOptions,
    #[command(flatten)]
    records: RecordsArguments,
}

/// Arguments of `links`.
#[derive(Args, Debug)]
pub(super) struct LinksCommand {
    /// SyncSetting whose links are printed.
    setting: String,
    #[command(flatten)]
    options: LinksOptions,
    #[command(flatten)]
    records: RecordsArguments,
}

/// Arguments of `history`.
#[derive(Args, Debug)]
pub(super) struct HistoryCommand {
    /// SyncSetting whose runs are printed.
    setting: String,
    #[command(flatten)]
    options: HistoryOptions,
    #[command(flatten)]
    records: RecordsArguments,
}

/// Prints the outcomes of a run with their values.
pub(super) async fn records(cluster: &Cluster, command: &RecordsCommand) -> Result<ExitCode, Problem> {
    let run = run_lookup::find(cluster, &command.records, Some(&command.job), command.setting.as_deref()).await?;
    let records = records_access::open(cluster, &command.records, run.scope.clone()).await?;
    Ok(reading::records::print(&records, &run.name, &command.options).await?)
}

/// Prints or writes what somebody has to look at, or what was changed.
pub(super) async fn errors(cluster: &Cluster, command: &ErrorsCommand) -> Result<ExitCode, Problem> {
    command.options.check()?;
    let (job, setting) = (command.job.as_deref(), command.setting.as_deref());
    let run = run_lookup::find(cluster, &command.records, job, setting).await?;
    let records = records_access::open(cluster, &command.records, run.scope.clone()).await?;
    Ok(reading::errors::print(&records, &run.name, &command.options).await?)
}

/// Answers "why was this person not sent?" from the newest runs.
pub(super) async fn explain(cluster: &Cluster, explain: &ExplainCommand) -> Result<ExitCode, Problem> {
    let setting = cluster.setting(&explain.setting).await?;
    let records = records_access::open(cluster, &explain.records, run_lookup::scope(&setting)).await?;
    let look = command(&cluster.namespace, &format!("show {} --key ID", explain.setting));
    Ok(reading::explain::print(&records, &explain.options, &look).await?)
}

/// Prints the links of a setting, or the records without one.
pub(super) async fn links(cluster: &Cluster, command: &LinksCommand) -> Result<ExitCode, Problem> {
    let setting = cluster.setting(&command.setting).await?;
    let records = records_access::open(cluster, &command.records, run_lookup::scope(&setting)).await?;
    let streams = setting.spec.streams.iter().map(|stream| stream.name.as_str().into()).collect();
    Ok(reading::links::print(&records, &streams, &command.options).await?)
}

/// Prints the runs of a setting; from its status when the records service cannot be asked.
pub(super) async fn history(cluster: &Cluster, command: &HistoryCommand) -> Result<ExitCode, Problem> {
    let setting = cluster.setting(&command.setting).await?;
    let text = async {
        let records = records_access::open(cluster, &command.records, run_lookup::scope(&setting)).await?;
        let text = reading::history::text(&records, &command.options).await;
        text.map_err(|error: ReadingError| Problem::from(error))
    };
    let text = match text.await {
        Ok(text) => text,
        Err(problem) => {
            output::note(&format!("{problem}\nshown instead: the last runs from the status of the setting"));
            let runs = setting.status.map(|status| status.history).unwrap_or_default();
            match command.options.output {
                Format::Table => status_text::history(&runs),
                format => output::document(&runs, format),
            }
        }
    };
    Ok(output::print(&text))
}
