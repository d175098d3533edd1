//! What the operator asks of the vendor definitions and of the engine's check of a setting.

use std::borrow::Cow;

use super::resources::sha256_hex;
use rollcall_api::contract::DefinitionSource;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Capability, SyncSettingSpec};
use rollcall_engine::compile;
use rollcall_engine::definitions::{VendorDefinition, catalogue, parse};

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
    /// One word of [`rollcall_api::reasons`].
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

/// The vendors that are built in, and the engine's check.
#[derive(Clone, Copy, Debug, Default)]
pub struct VendorCatalogue;

impl Catalogue for VendorCatalogue {
    fn check_vendor(&self, vendor: &str) -> Result<ProviderFacts, Problem> {
        let source = DefinitionSource::Vendor(vendor.to_owned());
        resolve(&source).map(|definition| facts(&definition, catalogue::text(vendor).unwrap_or_default()))
    }

    fn check_definition(&self, text: &str) -> Result<ProviderFacts, Problem> {
        resolve(&DefinitionSource::Inline(text.to_owned())).map(|definition| facts(&definition, text))
    }

    fn check_setting(
        &self,
        spec: &SyncSettingSpec,
        source: &DefinitionSource,
        target: &DefinitionSource,
    ) -> Result<(), Vec<String>> {
        let (source, target) = match (resolve(source), resolve(target)) {
            (Ok(source), Ok(target)) => (source, target),
            (source, target) => {
                let problems = [source.err(), target.err()];
                return Err(problems.into_iter().flatten().map(|problem| problem.message).collect());
            }
        };
        compile(spec, &source.streams(), &target.streams())
            .map(|_| ())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }
}

fn resolve(source: &DefinitionSource) -> Result<Cow<'static, VendorDefinition>, Problem> {
    match source {
        DefinitionSource::Vendor(name) => catalogue::find(name).map(Cow::Borrowed).ok_or_else(|| Problem {
            reason: reasons::UNKNOWN_VENDOR,
            message: format!(
                "spec.vendor: `{name}` is not in the catalogue; it has: {}",
                catalogue::names().join(", ")
            ),
        }),
        DefinitionSource::Inline(text) => parse(text, "spec.definitionRef")
            .map(Cow::Owned)
            .map_err(|error| Problem { reason: reasons::DEFINITION_INVALID, message: error.to_string() }),
    }
}

fn facts(definition: &VendorDefinition, text: &str) -> ProviderFacts {
    ProviderFacts { capabilities: definition.capabilities.clone(), digest: sha256_hex(text) }
}
