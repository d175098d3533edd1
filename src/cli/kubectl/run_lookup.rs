//! Which run is meant, and its outcomes from the records service.

use kube::ResourceExt;
use kube::api::ListParams;

use super::super::output;
use super::super::reading::{RunName, all, newest};
use super::super::shown::time::second;
use super::cluster::Cluster;
use super::problem::Problem;
use super::records_access;
use super::records_service::RecordsArguments;
use crate::records::{Outcome, OutcomeQuery, Records, Scope};
use rollcall_api::v1alpha1::{EmployeeSyncJob, SyncSetting};

/// How many runs of the history are searched for a name.
const SEARCHED_RUNS: u32 = 1000;

/// A run of a setting.
pub(super) struct Run {
    /// Whose records it belongs to.
    pub(super) scope: Scope,
    /// Which one it is.
    pub(super) name: RunName,
}

impl Run {
    /// The run of a job.
    pub(super) fn of(setting: &SyncSetting, job: &EmployeeSyncJob) -> Self {
        Self {
            scope: scope(setting),
            name: RunName {
                id: job.metadata.uid.clone().unwrap_or_default().into(),
                job: job.metadata.name.clone().unwrap_or_default(),
            },
        }
    }
}

/// Whose records a setting's are.
pub(super) fn scope(setting: &SyncSetting) -> Scope {
    Scope {
        namespace: setting.metadata.namespace.clone().unwrap_or_default(),
        setting: setting.metadata.name.clone().unwrap_or_default(),
        setting_uid: setting.metadata.uid.clone().unwrap_or_default(),
    }
}

/// All outcomes of a run that the query selects.
pub(super) async fn outcomes(
    cluster: &Cluster,
    arguments: &RecordsArguments,
    run: &Run,
    query: &OutcomeQuery,
) -> Result<Vec<Outcome>, Problem> {
    let records = records_access::open(cluster, arguments, run.scope.clone()).await?;
    Ok(all(&records, &run.name.id, query).await?)
}

/// The run that `job` names, of the history when the job is gone; without `job` the newest run of `setting` that says
/// most about it. One of the two must be given.
pub(super) async fn find(
    cluster: &Cluster,
    arguments: &RecordsArguments,
    job: Option<&str>,
    setting: Option<&str>,
) -> Result<Run, Problem> {
    let found = match job {
        Some(name) => cluster.find::<EmployeeSyncJob>(&cluster.namespace, name).await?,
        None => None,
    };
    if let Some(job) = &found {
        let owner = &job.spec.setting_ref.name;
        if setting.is_some_and(|setting| setting != owner) {
            return Err(Problem::Usage(format!("job `{}` is a run of `{owner}`", job.name_any())));
        }
        return Ok(Run::of(&cluster.setting(owner).await?, job));
    }
    let Some(setting) = setting else {
        let Some(name) = job else { return Err(Problem::Usage("name a job, or a setting with --setting".into())) };
        return Err(gone(cluster, name).await);
    };
    let scope = scope(&cluster.setting(setting).await?);
    let records = records_access::open(cluster, arguments, scope.clone()).await?;
    let runs = records.runs(SEARCHED_RUNS).await?;
    let chosen = match job {
        Some(name) => runs.iter().find(|run| run.job == name),
        None => newest(&runs),
    };
    let Some(chosen) = chosen else {
        let which = job.map_or_else(|| "no run that has ended".to_owned(), |name| format!("no run `{name}`"));
        return Err(Problem::Usage(format!("the records of `{setting}` hold {which}")));
    };
    output::note(&format!("run {} ({}, started {})", chosen.job, chosen.type_, second(chosen.started_at)));
    Ok(Run { scope, name: chosen.into() })
}

/// The job is not in the cluster: old jobs are deleted, their records last longer.
async fn gone(cluster: &Cluster, name: &str) -> Problem {
    match cluster.list::<EmployeeSyncJob>(&ListParams::default()).await {
        Ok(jobs) => {
            let names: Vec<String> = jobs.iter().map(ResourceExt::name_any).collect();
            let there_are =
                if names.is_empty() { "there are none".into() } else { format!("there are: {}", names.join(", ")) };
            Problem::Usage(format!(
                "EmployeeSyncJob `{name}` does not exist in namespace `{}`; {there_are}. The records of a deleted job can \
                 still be read: add --setting with the setting it belonged to",
                cluster.namespace
            ))
        }
        Err(problem) => problem,
    }
}
