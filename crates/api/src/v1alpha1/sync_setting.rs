//! `SyncSetting`: what is kept in step between a source and a target.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, Counts, Held, LocalReference, TimeToLive};
use super::employee_sync_job::JobPhase;
use super::stream::{Parsing, Stream};

/// What is kept in step between a source and a target: which records (streams), which fields, when, and how
/// carefully. Each run is an EmployeeSyncJob.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "SyncSetting",
    namespaced,
    derive = "PartialEq",
    derive = "Default",
    doc = "What is kept in step between a source and a target.",
    shortname = "syncset",
    category = "rollcall",
    status = "SyncSettingStatus",
    selectable = ".spec.sourceRef.name",
    selectable = ".spec.targetRef.name",
    selectable = ".spec.state",
    validation = Rule::new("self.metadata.name.size() <= 52").message("metadata.name must not be longer than 52 characters: names of jobs are made from it"),
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.sourceRef.name"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetRef.name"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Last Run", type_ = "string", json_path = ".status.lastRun.phase"),
    printcolumn(name = "Code", type_ = "integer", json_path = ".status.lastRun.code"),
    printcolumn(name = "Held", type_ = "string", json_path = ".status.conditions[?(@.type==\"Held\")].status"),
    printcolumn(name = "Next Run", type_ = "string", json_path = ".status.nextScheduleTime"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = "1"),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule", priority = "1"),
    printcolumn(name = "Zone", type_ = "string", json_path = ".spec.timeZone", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
)]
#[x_kube(validation = Rule::new("self.sourceRef.name != self.targetRef.name").message("sourceRef and targetRef must name two different providers"))]
#[x_kube(validation = Rule::new("!has(self.schedule) || self.schedule.matches('^(@[a-z]+|[^ ]+( +[^ ]+){4})$')").message("schedule must have five fields (minute hour day-of-month month day-of-week) or be a macro such as @daily"))]
#[serde(rename_all = "camelCase")]
pub struct SyncSettingSpec {
    /// Provider that records are read from.
    pub source_ref: LocalReference,
    /// Provider that records are written to.
    pub target_ref: LocalReference,
    /// `"On"` runs as scheduled or asked for; `"Off"` pauses, keeping links and history. In YAML the quotes are needed:
    /// without them kubectl reads true and false. Default: On.
    #[serde(default)]
    pub state: DesiredState,
    /// `Manual` (default): everything that the first run would do is held until somebody approves it. Afterwards what a
    /// change of the setting touches is held until it is approved: everything after a change of the systems, scope,
    /// match rules, leaver rules, actions or modes, otherwise the fields whose mapping changed. `Automatic`: only a
    /// change of the systems is held. Switching from Manual to Automatic, or loosening `guard`, has effect once
    /// somebody approves a plan.
    #[serde(default)]
    pub publish: PublishPolicy,
    /// When to run, as five cron fields or a macro (`@hourly`, `@daily`, …), in `timeZone`. Unset: on demand only.
    /// Example: `30 5 * * 1-5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub schedule: Option<String>,
    /// IANA time zone of the schedule and of leaving days. Default: `Etc/UTC`. Example: `Europe/Berlin`.
    #[serde(default = "default_zone")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_+/-]+$"))]
    pub time_zone: String,
    /// How late, in seconds, a scheduled run may still start after its time was missed. Unset: without limit;
    /// only the latest missed time is made up for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 2_678_400))]
    pub starting_deadline_seconds: Option<i64>,
    /// What happens when a run is due while another of this setting is unfinished: `Forbid` (default) skips the new
    /// one, `Replace` cancels the old one. Two runs of one setting never write at the same time.
    #[serde(default)]
    pub concurrency_policy: ConcurrencyPolicy,
    /// Spreads the starts of settings with the same schedule by up to this many seconds, always the same for one
    /// setting. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub start_jitter_seconds: i32,
    /// How many jobs that ended Complete are kept. Default: 3.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 100))]
    pub successful_jobs_history_limit: i32,
    /// How many jobs that ended Error are kept. Default: 3.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 100))]
    pub failed_jobs_history_limit: i32,
    /// `Mirror` (default) keeps the target in step; `CreateOnly` sends a record once and never changes it again.
    #[serde(default)]
    pub mode: SyncMode,
    /// The kinds of record that are kept in step.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub streams: Vec<Stream>,
    /// Limits beyond which actions are held for an approval.
    #[serde(default)]
    pub guard: Guard,
    /// How values of the source are read.
    #[serde(default)]
    pub parsing: Parsing,
    /// How long finished jobs of this setting are kept; history limits apply as well.
    #[serde(default)]
    pub ttl: TimeToLive,
    /// How long one run may take, in seconds, before it is stopped. Default: 21600 (six hours).
    #[serde(default = "six_hours")]
    #[schemars(range(min = 10, max = 604_800))]
    pub active_deadline_seconds: i64,
    /// How often a run is tried again after a transient failure. Default: 3.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 20))]
    pub backoff_limit: i32,
}

fn default_zone() -> String {
    "Etc/UTC".into()
}

const fn three() -> i32 {
    3
}

const fn six_hours() -> i64 {
    21_600
}

/// What the owner wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DesiredState {
    #[default]
    On,
    Off,
}

/// Whether a first run needs an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PublishPolicy {
    #[default]
    Manual,
    Automatic,
}

/// What happens when a run is due while another one is unfinished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    #[default]
    Forbid,
    Replace,
}

/// How far the target follows the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SyncMode {
    #[default]
    Mirror,
    CreateOnly,
}

/// Limits on what runs may do within a window of time. What goes beyond them is held, the rest of the run goes on. They
/// count what was done to the target by all settings that write to it, so that splitting an accident over many runs or
/// settings does not pass them. What somebody approved does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// Most people that may be disabled or deleted within the window; the same number may be enabled again.
    /// Default: 25. With fewer than 20 active linked people the limit is 2.
    #[serde(default = "default_max_removals")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_removals: i32,
    /// Largest share of the active linked people, in percent, that may be disabled or deleted within the window, or
    /// enabled again. The lower of the two limits counts. Default: 5.
    #[serde(default = "default_max_removal_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub max_removal_percent: i32,
    /// Most records that may be created within the window. Unset: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub max_creates: Option<i32>,
    /// Largest share of the active linked records, in percent, of which one field may be changed or emptied within
    /// the window; filling an empty field does not count. It applies from 20 records up. Default: 20.
    #[serde(default = "default_max_field_change_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub max_field_change_percent: i32,
    /// Fewest people that the source must deliver before anybody is removed. Default: 1.
    #[serde(default = "default_minimum_population")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub minimum_population: i32,
    /// Length of the window, in hours. Default: 24.
    #[serde(default = "default_window_hours")]
    #[schemars(range(min = 1, max = 720))]
    pub window_hours: i32,
}

const fn default_max_removals() -> i32 {
    25
}

const fn default_max_removal_percent() -> i32 {
    5
}

const fn default_max_field_change_percent() -> i32 {
    20
}

const fn default_minimum_population() -> i32 {
    1
}

const fn default_window_hours() -> i32 {
    24
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            max_removals: default_max_removals(),
            max_removal_percent: default_max_removal_percent(),
            max_creates: None,
            max_field_change_percent: default_max_field_change_percent(),
            minimum_population: default_minimum_population(),
            window_hours: default_window_hours(),
        }
    }
}

/// State of a setting, computed from its conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SettingState {
    On,
    Off,
    #[default]
    Pending,
    Ready,
    Error,
}

/// What was found out about a setting and came of its runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncSettingStatus {
    /// Generation of the spec that this status belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Pending` (a provider or the mapping is not ready), `Ready` (set up, waiting for its first approval), `On`,
    /// `Off`, or `Error` (cannot run until somebody acts).
    #[serde(default)]
    pub state: SettingState,
    /// Ready, Suspended, LastRunSucceeded, Held, UnmappedValues, and Reconciling or Stalled while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The last scheduled time that was dealt with: a run was started for it, or it was skipped and counted in
    /// `missedSchedules`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// When the schedule starts the next run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// When a person's leaving day takes effect next; a run is started then, whatever the schedule says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due_time: Option<Time>,
    /// When a run last ended Complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// When a run last ended Error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_time: Option<Time>,
    /// Scheduled times in a row at which no run could start.
    #[serde(default)]
    pub missed_schedules: i64,
    /// The last finished run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunSummary>,
    /// What waits for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Runs in a row that ended Error.
    #[serde(default)]
    pub consecutive_failures: i32,
    /// The last finished runs, newest first, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<RunSummary>,
    /// resourceVersion of the last job whose end this status contains. Jobs that were written later are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_up_version: Option<String>,
    /// Whether a first approval was applied, or `publish: Automatic` made it unnecessary.
    #[serde(default)]
    pub published: bool,
    /// Last value of the annotation `rollcall.dev/run-requested-at` that led to a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_run_request: Option<String>,
}

/// A finished run in a few words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// Name of the EmployeeSyncJob.
    pub name: String,
    /// Its uid: another job of the same name is another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Time>,
    /// `Complete` or `Error`.
    pub phase: JobPhase,
    /// 201, 200, 204 or 400, as in the job's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Why it ended so.
    pub reason: String,
    /// How many records met which end.
    #[serde(default)]
    pub counts: Counts,
    /// When its pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
}
