//! What the operator asks of the vendor definitions and of the engine's check of a setting.

use crate::api::v1alpha1::{Capability, SyncSettingSpec};
use crate::contract::DefinitionSource;

/// What a vendor definition says about a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderFacts {
    /// What the system can do.
    pub capabilities: Vec<Capability>,
    /// Digest of the definition; a change of it starts a new probe.
    pub digest: String,
}

/// Why a definition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One word of [`crate::api::reasons`].
    pub reason: &'static str,
    /// The same for people: place, rule, remedy.
    pub message: String,
}

/// Definitions and the check of a setting against two of them.
pub trait Catalogue: Send + Sync {
    /// Looks a vendor of the catalogue up. A vendor that is not there gives `UnknownVendor`.
    fn check_vendor(&self, vendor: &str) -> Result<ProviderFacts, Problem>;

    /// Reads a definition of the user's own. One with an error gives `DefinitionInvalid`.
    fn check_definition(&self, text: &str) -> Result<ProviderFacts, Problem>;

    /// Checks streams, fields and expressions of a setting; each error names the place, the rule and the remedy.
    fn check_setting(
        &self,
        spec: &SyncSettingSpec,
        source: &DefinitionSource,
        target: &DefinitionSource,
    ) -> Result<(), Vec<String>>;
}
