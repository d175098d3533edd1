//! What the store knows about a setting as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use rollcall_api::v1alpha1::Held;
use rollcall_engine::model::Agreement;
use rollcall_engine::names::{StreamName, SystemId};
use rollcall_engine::redacted::Redacted;

/// What is known about a setting as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingRecord {
    /// 32 random bytes in base64: the key of the setting's digests and witnesses. Made by the store when the setting is
    /// first seen and never changed. Empty for callers that only read.
    #[serde(default)]
    pub key: Redacted<String>,
    /// The agreement in force; None: nothing was agreed yet.
    #[serde(default)]
    pub agreement: Option<Agreement>,
    /// A run has seen `publish: Manual`, so that a change to `Automatic` needs an approval.
    #[serde(default)]
    pub seen_manual: bool,
    /// What waits for an approval.
    #[serde(default)]
    pub held: Option<Held>,
    /// By stream, the systems whose rows its links have claimed.
    #[serde(default)]
    pub claimed: BTreeMap<StreamName, Vec<SystemId>>,
    /// Of settings that were published by the first edition: digest of scope and match rules as of the last approval.
    #[serde(default)]
    pub published_rules: Option<String>,
}

/// What a run leaves behind about the setting as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingEnd {
    /// Puts an agreement in force; None leaves the one that is.
    pub agreement: Option<Agreement>,
    /// A run has seen `publish: Manual`.
    pub seen_manual: bool,
    /// What waits for an approval now.
    pub held: Option<Held>,
}
