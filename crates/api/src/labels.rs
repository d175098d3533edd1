//! Labels and annotations, the only place where their names are written.

/// On pods and jobs: name of the SyncSetting.
pub const SETTING: &str = "rollcall.dev/setting";
/// On pods: name of the EmployeeSyncJob.
pub const JOB: &str = "rollcall.dev/job";
/// On pods: number of the attempt, from 1.
pub const ATTEMPT: &str = "rollcall.dev/attempt";
/// On probe pods: name of the IntegrationProvider.
pub const PROVIDER: &str = "rollcall.dev/provider";
/// On connector pods: `run` or `probe`.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// On everything the operator makes.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "rollcall";
/// On pods: the run request or probe request as JSON, handed to the container by the downward API.
pub const REQUEST: &str = "rollcall.dev/request";
/// On a SyncSetting: a token; each new one starts exactly one job.
pub const RUN_REQUESTED_AT: &str = "rollcall.dev/run-requested-at";
/// On an IntegrationProvider: a token; each new one starts exactly one probe.
pub const PROBE_REQUESTED_AT: &str = "rollcall.dev/probe-requested-at";
/// On jobs the operator made: why (`Schedule`, `Request`, `Due`, `Approval`).
pub const TRIGGER: &str = "rollcall.dev/trigger";
/// On scheduled jobs: the scheduled time (RFC 3339).
pub const SCHEDULED_TIME: &str = "rollcall.dev/scheduled-time";
/// On Release jobs: uid of the SyncApproval they carry out.
pub const APPROVAL_UID: &str = "rollcall.dev/approval-uid";
/// On pods of runs: name of the IntegrationProvider that is the source.
pub const SOURCE: &str = "rollcall.dev/source";
/// On pods of runs: name of the IntegrationProvider that is the target.
pub const TARGET: &str = "rollcall.dev/target";
/// On pods: what the pod was made for, as a digest. A pod of the same name with another digest is not ours.
pub const SPEC_HASH: &str = "rollcall.dev/spec-hash";
/// On probe pods: the token of [`PROBE_REQUESTED_AT`] that the probe answers.
pub const PROBE_TOKEN: &str = "rollcall.dev/probe-token";
