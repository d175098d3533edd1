//! What was agreed about a setting: which systems, whom, and how. Digests only: nothing can be read back from it.

use std::collections::BTreeMap;

use rollcall_api::v1alpha1::Guard;
use serde::{Deserialize, Serialize};

use crate::names::{FieldName, StreamName};

/// A setting's terms. In force once an approval (or `publish: Automatic`) has made them so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Keyed digest over both systems: definitions, endpoints, parameters.
    pub systems: String,
    /// Streams by name.
    pub streams: BTreeMap<StreamName, StreamAgreement>,
    /// Keyed digest over what concerns all streams: mode, formats of dates, zone.
    pub terms: String,
    /// The limits. Stricter ones need no approval; looser ones count once they are approved.
    pub guard: AgreedGuard,
    /// Whether a first run may write without an approval.
    pub automatic: bool,
}

/// The terms of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamAgreement {
    /// Keyed digest over scope, match rules with what is mapped to them, leaver rules, actions, direction, choice.
    pub rules: String,
    /// Keyed digest over each field's mapping.
    pub fields: BTreeMap<FieldName, String>,
}

/// Limits as agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgreedGuard(pub Guard);

impl AgreedGuard {
    /// The stricter of the agreed and the present limits, one by one.
    pub fn strictest(&self, present: &Guard) -> Guard {
        let agreed = &self.0;
        Guard {
            max_removals: agreed.max_removals.min(present.max_removals),
            max_removal_percent: agreed.max_removal_percent.min(present.max_removal_percent),
            max_creates: match (agreed.max_creates, present.max_creates) {
                (Some(agreed), Some(present)) => Some(agreed.min(present)),
                (agreed, present) => agreed.or(present),
            },
            max_field_change_percent: agreed.max_field_change_percent.min(present.max_field_change_percent),
            minimum_population: agreed.minimum_population.max(present.minimum_population),
            window_hours: agreed.window_hours.max(present.window_hours),
        }
    }

    /// Whether the present limits are looser in any way.
    pub fn is_loosened_by(&self, present: &Guard) -> bool {
        self.strictest(present) != *present
    }
}
