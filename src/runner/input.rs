//! What a run needs, parsed and connected.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::connectors::{Source, Target};
use crate::records::{Records, Scope};
use rollcall_api::v1alpha1::{JobType, Release, Selector, SyncSettingSpec};
use rollcall_engine::compile::CompiledSetting;

/// One attempt of one run.
pub struct RunInput {
    /// Whose records are meant.
    pub scope: Scope,
    /// Uid of the EmployeeSyncJob.
    pub run_id: String,
    /// Its name.
    pub job: String,
    /// Number of the attempt, from 1.
    pub attempt: i32,
    /// What to do.
    pub type_: JobType,
    /// Which records or streams.
    pub selector: Selector,
    /// What was approved, for type Release.
    pub release: Option<Release>,
    /// The setting as declared.
    pub spec: SyncSettingSpec,
    /// The same, checked against both definitions.
    pub setting: CompiledSetting,
    /// The system that is read.
    pub source: Arc<dyn Source>,
    /// The system that is written to.
    pub target: Arc<dyn Target>,
    /// Where links, outcomes and holds are kept.
    pub records: Arc<dyn Records>,
    /// Key of the plan's digests.
    pub digest_key: Vec<u8>,
    /// The instant that the run counts as its present.
    pub now: Timestamp,
    /// Zone of leaving days.
    pub zone: TimeZone,
}
