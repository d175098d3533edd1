//! What somebody may want to do after a run, as commands of this plugin to copy. Pure.

use kube::ResourceExt;

use super::super::shown::ending::NextSteps;
use rollcall_api::v1alpha1::EmployeeSyncJob;

/// A command of this plugin, wherever the kubeconfig points.
pub(super) fn command(namespace: &str, words: &str) -> String {
    format!("kubectl rollcall -n {namespace} {words}")
}

/// What may follow a job.
pub(super) fn after(job: &EmployeeSyncJob) -> NextSteps {
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let writes = job.spec.type_.writes();
    let approve = match (writes, &job.spec.selector) {
        // Only what a whole run holds is in the setting's status.
        (true, None) => Some(command(&namespace, &format!("approve {}", job.spec.setting_ref.name))),
        (true, Some(_)) => Some("only after a run of the whole setting: this one shows a part of it".into()),
        (false, _) => None,
    };
    NextSteps {
        approve,
        // A run that only looks has printed them.
        held: writes.then(|| command(&namespace, &format!("records {name} --result Held"))),
        errors: Some(command(&namespace, &format!("errors {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_api::v1alpha1::{EmployeeSyncJobSpec, JobType, Selector};

    fn job(type_: JobType, selector: Option<Selector>) -> EmployeeSyncJob {
        let mut job =
            EmployeeSyncJob::new("j", EmployeeSyncJobSpec { type_, selector, ..EmployeeSyncJobSpec::default() });
        job.metadata.namespace = Some("hr".into());
        job.spec.setting_ref.name = "people".into();
        job
    }

    #[test]
    fn what_a_whole_run_holds_can_be_approved_and_nothing_else() {
        let approve = |type_, selector| after(&job(type_, selector)).approve;
        assert_eq!(approve(JobType::Sync, None).as_deref(), Some("kubectl rollcall -n hr approve people"));
        assert_eq!(approve(JobType::Plan, None), None);
        let selected = approve(JobType::Sync, Some(Selector::default())).unwrap();
        assert!(selected.starts_with("only after a run of the whole setting"), "{selected}");
    }
}
