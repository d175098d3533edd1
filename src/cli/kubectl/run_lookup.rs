//! Which run is meant, and its outcomes from the records service.

use kube::ResourceExt;
use kube::api::ListParams;

use super::super::output;
use super::cluster::Cluster;
use super::problem::Problem;
use super::records_access;
use super::records_service::RecordsArguments;
use crate::records::{Outcome, OutcomeQuery, Records, RunRecord, Scope, StoreError};
use rollcall_api::v1alpha1::{EmployeeSyncJob, JobType, SyncSetting};
use rollcall_engine::names::RunId;

/// Most outcomes that the service gives at once.
const PAGE: u64 = 1000;
/// How many runs of the history are searched for a name.
const SEARCHED_RUNS: u32 = 1000;

/// A run of a setting.
pub(super) struct Run {
    /// Whose records it belongs to.
    pub(super) scope: Scope,
    /// Its identity in the records store.
    id: RunId,
    /// Name of its job.
    pub(super) job: String,
}

impl Run {
    /// The run of a job.
    pub(super) fn of(setting: &SyncSetting, job: &EmployeeSyncJob) -> Self {
        Self {
            scope: scope(setting),
            id: job.metadata.uid.clone().unwrap_or_default().into(),
            job: job.metadata.name.clone().unwrap_or_default(),
        }
    }

    fn from_history(scope: Scope, record: &RunRecord) -> Self {
        Self { scope, id: record.run_id.clone(), job: record.job.clone() }
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
    Ok(all(&records, &run.id, query).await?)
}

/// All outcomes of a run, page by page.
pub(super) async fn all(
    records: &impl Records,
    run_id: &RunId,
    query: &OutcomeQuery,
) -> Result<Vec<Outcome>, StoreError> {
    let mut outcomes = Vec::new();
    loop {
        let page = OutcomeQuery { offset: outcomes.len() as u64, limit: PAGE, ..query.clone() };
        let page = records.outcomes(run_id, &page).await?;
        if page.is_empty() {
            return Ok(outcomes);
        }
        outcomes.extend(page);
    }
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
    output::note(&format!(
        "run {} ({:?}, started {})",
        chosen.job,
        chosen.type_,
        super::time_text::second(chosen.started_at)
    ));
    Ok(Run::from_history(scope, chosen))
}

/// The newest run of type Sync or Release that has ended, since these look at everybody; without one, the newest that
/// has ended.
fn newest(runs: &[RunRecord]) -> Option<&RunRecord> {
    let ended = || runs.iter().filter(|run| run.ended_at.is_some());
    ended().find(|run| matches!(run.type_, JobType::Sync | JobType::Release)).or_else(|| ended().next())
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use rollcall_api::v1alpha1::Counts;

    fn run(job: &str, type_: JobType, has_ended: bool) -> RunRecord {
        RunRecord {
            run_id: job.into(),
            job: job.into(),
            type_,
            attempt: 1,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: has_ended.then_some(Timestamp::UNIX_EPOCH),
            code: None,
            reason: None,
            counts: Counts::default(),
        }
    }

    #[test]
    fn the_newest_ended_run_over_everybody_is_meant_without_a_name() {
        let runs = [run("d", JobType::Sync, false), run("c", JobType::Show, true), run("b", JobType::Sync, true)];
        assert_eq!(newest(&runs).map(|run| run.job.as_str()), Some("b"));
        assert_eq!(newest(&runs[..2]).map(|run| run.job.as_str()), Some("c"));
        assert!(newest(&runs[..1]).is_none());
    }
}
