//! What a run needs, parsed and connected.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rollcall_api::v1alpha1::{Action, JobType, Release, Selector, SyncSettingSpec, UndoRequest};
use rollcall_engine::compile::CompiledSetting;
use rollcall_engine::names::{RunId, Side, SystemId};
use serde_json::Value;

use crate::connectors::System;
use crate::records::{Records, Scope};

/// One attempt of one run.
pub struct RunInput {
    /// Whose records are meant.
    pub scope: Scope,
    /// Uid of the EmployeeSyncJob.
    pub run_id: RunId,
    /// Its name.
    pub job: String,
    /// Number of the attempt, from 1.
    pub attempt: i32,
    /// What to do.
    pub type_: JobType,
    /// Which records, streams or kinds of write.
    pub selector: Selector,
    /// What was approved, for type Release.
    pub release: Option<Release>,
    /// Which run is taken back, for type Undo.
    pub undo: Option<UndoRequest>,
    /// The setting as declared.
    pub spec: SyncSettingSpec,
    /// The same, checked against both definitions.
    pub setting: CompiledSetting,
    /// The system that a setting calls its source.
    pub source: Arc<dyn System>,
    /// The system that a setting calls its target.
    pub target: Arc<dyn System>,
    /// What the two systems are, for claims and agreements.
    pub systems: Systems,
    /// Where links, outcomes and holds are kept.
    pub records: Arc<dyn Records>,
    /// The instant that the run counts as its present.
    pub now: Timestamp,
    /// Zone of leaving days.
    pub zone: TimeZone,
}

/// What the two systems of a setting are.
#[derive(Clone, Debug, PartialEq)]
pub struct Systems {
    /// The source, as other settings know it.
    pub source: SystemId,
    /// The target, as other settings know it.
    pub target: SystemId,
    /// What an approval agrees to: definitions, endpoints and parameters of both. Credentials are no part of it.
    pub terms: Value,
}

impl RunInput {
    /// The system on one side.
    pub(super) fn system(&self, side: Side) -> &dyn System {
        match side {
            Side::Source => self.source.as_ref(),
            Side::Target => self.target.as_ref(),
        }
    }

    /// How other settings know the system on one side.
    pub(super) const fn system_id(&self, side: Side) -> &SystemId {
        match side {
            Side::Source => &self.systems.source,
            Side::Target => &self.systems.target,
        }
    }

    /// Kinds of write that the run is limited to; empty: all. Type Create sends people and disables nobody.
    pub(super) fn actions(&self) -> Vec<Action> {
        let wanted = &self.selector.actions;
        if self.type_ != JobType::Create {
            return wanted.clone();
        }
        let sends = [Action::Create, Action::Update];
        sends.into_iter().filter(|action| wanted.is_empty() || wanted.contains(action)).collect()
    }

    /// Whether a run looks at every record of every stream, so that what it finds out holds for the setting as a whole.
    pub(super) fn is_whole(&self) -> bool {
        self.selector == Selector::default() && matches!(self.type_, JobType::Sync | JobType::Release | JobType::Undo)
    }

    /// Whether what the run proposes can be approved: a selection shows only a part of what an approval agrees to.
    pub(super) fn can_be_approved(&self) -> bool {
        self.selector == Selector::default() && !matches!(self.type_, JobType::Show | JobType::Create)
    }
}
