//! `status`, `suspend`, `resume`: settings as the cluster has them.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::super::output::{self, Format};
use super::cluster::Cluster;
use super::problem::Problem;
use super::status_text;
use rollcall_api::API_VERSION;
use rollcall_api::v1alpha1::{DesiredState, EmployeeSyncJob, SyncSetting};

/// Arguments of `status`.
#[derive(Args, Debug)]
pub(super) struct StatusCommand {
    /// SyncSetting; without a name all of them.
    #[arg(conflicts_with = "all_namespaces")]
    setting: Option<String>,
    /// Settings of all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints one setting or all.
pub(super) async fn status(cluster: &Cluster, command: &StatusCommand) -> Result<ExitCode, Problem> {
    match &command.setting {
        Some(name) => one(cluster, name, command.output).await,
        None => all(cluster, command).await,
    }
}

async fn one(cluster: &Cluster, name: &str, format: Format) -> Result<ExitCode, Problem> {
    let setting = cluster.setting(name).await?;
    if format != Format::Table {
        return Ok(output::print(&output::document(&document(&setting), format)));
    }
    let of_setting = ListParams::default().fields(&format!("spec.settingRef.name={name}"));
    let unfinished = match cluster.list::<EmployeeSyncJob>(&of_setting).await {
        Ok(jobs) => Some(jobs.into_iter().filter(is_unfinished).collect::<Vec<_>>()),
        Err(Problem::Forbidden { .. }) => None,
        Err(problem) => return Err(problem),
    };
    Ok(output::print(&status_text::one(&setting, unfinished.as_deref(), Timestamp::now())))
}

fn is_unfinished(job: &EmployeeSyncJob) -> bool {
    !job.status.as_ref().is_some_and(|status| status.phase.is_finished())
}

async fn all(cluster: &Cluster, command: &StatusCommand) -> Result<ExitCode, Problem> {
    let settings: Vec<SyncSetting> = if command.all_namespaces {
        cluster.list_everywhere().await?
    } else {
        cluster.list(&ListParams::default()).await?
    };
    if command.output != Format::Table {
        let items: Vec<Value> = settings.iter().map(document).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        return Ok(output::print(&output::document(&list, command.output)));
    }
    if settings.is_empty() {
        let place =
            if command.all_namespaces { "any namespace".into() } else { format!("namespace `{}`", cluster.namespace) };
        output::note(&format!("there is no SyncSetting in {place}"));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(output::print(&status_text::all(&settings, command.all_namespaces, Timestamp::now())))
}

fn document(setting: &SyncSetting) -> Value {
    let mut document = serde_json::to_value(setting).unwrap_or_default();
    document["apiVersion"] = API_VERSION.into();
    document["kind"] = "SyncSetting".into();
    if let Some(metadata) = document["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    document
}

/// Sets what the owner wants: Off pauses a setting, keeping links, cursors and history.
pub(super) async fn switch(cluster: &Cluster, name: &str, wanted: DesiredState) -> Result<ExitCode, Problem> {
    let setting = cluster.setting(name).await?;
    let resource = format!("syncsetting.{}/{}", rollcall_api::GROUP, setting.name_any());
    if setting.spec.state == wanted {
        return Ok(output::print(&format!("{resource} is {wanted} already\n")));
    }
    // The uid keeps a setting that was deleted and made again meanwhile as it is.
    let patch = json!({ "metadata": { "uid": setting.metadata.uid }, "spec": { "state": wanted } });
    cluster.merge::<SyncSetting>(name, &patch).await?;
    Ok(output::print(&format!("{resource} is {wanted} now\n")))
}
