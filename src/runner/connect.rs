//! From declared providers to connected systems: definition, credentials and limits become a [`ProviderConfig`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ring::digest;
use serde_json::{Value, json};

use super::failure::RunFailure;
use super::input::Systems;
use crate::connectors::factory::ProviderConfig;
use rollcall_api::contract::{DefinitionSource, ProviderRequest};
use rollcall_api::v1alpha1::SyncSettingSpec;
use rollcall_engine::compile::{CompiledSetting, compile};
use rollcall_engine::definitions::{VendorDefinition, catalogue, parse};
use rollcall_engine::hexadecimal;
use rollcall_engine::names::SystemId;
use rollcall_engine::redacted::Redacted;

/// Credentials by key.
pub type Credentials = BTreeMap<String, Redacted<String>>;

/// The definition that a provider names.
pub fn definition(source: &DefinitionSource) -> Result<Arc<VendorDefinition>, RunFailure> {
    match source {
        DefinitionSource::Vendor(name) => catalogue::find(name).map(|found| Arc::new(found.clone())).ok_or_else(|| {
            RunFailure::configuration(format!(
                "vendor `{name}` is not in the catalogue; it has: {}",
                catalogue::names().join(", ")
            ))
        }),
        DefinitionSource::Inline(text) => parse(text, "spec.definitionRef")
            .map(Arc::new)
            .map_err(|error| RunFailure::configuration(error.to_string())),
    }
}

/// What a connector is made from.
pub fn provider(
    request: &ProviderRequest,
    definition: Arc<VendorDefinition>,
    credentials: Credentials,
    ca_bundle: Option<Vec<u8>>,
) -> ProviderConfig {
    ProviderConfig {
        name: request.name.clone(),
        definition,
        endpoints: request.endpoints.clone(),
        credentials,
        rate_limits: request.rate_limits.clone(),
        share_of: request.share_of.max(1),
        retry: request.retry.clone(),
        allow_private_addresses: request.allow_private_addresses,
        ca_bundle,
    }
}

/// The setting, checked against both definitions.
pub fn setting(
    spec: &SyncSettingSpec,
    source: &VendorDefinition,
    target: &VendorDefinition,
) -> Result<CompiledSetting, RunFailure> {
    compile(spec, &source.streams(), &target.streams()).map_err(|problems| {
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        RunFailure::mapping(text.join("; "))
    })
}

/// What two providers are: for claims, where the same system counts as one whatever provider leads to it, and for the
/// agreement. A definition that is built in counts by its name: a new release of the program is no change of the system.
pub fn systems(
    source: (&ProviderRequest, &VendorDefinition),
    target: (&ProviderRequest, &VendorDefinition),
) -> Systems {
    let terms = json!([terms(source.0, source.1), terms(target.0, target.1)]);
    Systems { source: system_id(source.0, source.1), target: system_id(target.0, target.1), terms }
}

/// Base URLs by endpoint, as they are reached.
fn addresses(request: &ProviderRequest, definition: &VendorDefinition) -> BTreeMap<String, String> {
    let address = |(name, endpoint): (&String, &rollcall_engine::definitions::Endpoint)| {
        let given = request.endpoints.get(name).or(endpoint.default.as_ref())?;
        // An URL without a path and one with `/` are the same, and so are hosts in upper and lower case.
        let url = url::Url::parse(given).map_or_else(|_| given.clone(), |url| url.to_string());
        Some((name.clone(), url.trim_end_matches('/').to_owned()))
    };
    definition.endpoints.iter().filter_map(address).collect()
}

fn terms(request: &ProviderRequest, definition: &VendorDefinition) -> Value {
    let definition_terms = match &request.definition {
        DefinitionSource::Vendor(name) => json!(["vendor", name]),
        DefinitionSource::Inline(_) => json!(["definition", serde_json::to_value(definition).unwrap_or_default()]),
    };
    json!([definition_terms, addresses(request, definition)])
}

fn system_id(request: &ProviderRequest, definition: &VendorDefinition) -> SystemId {
    let text = json!(addresses(request, definition)).to_string();
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    SystemId::from(hexadecimal(&hash.as_ref()[..16]))
}

/// Reads the credentials that the kubelet mounted, one file a key. A folder that does not exist has no keys; which
/// ones are missing is said by the connector, which knows the definition. Trailing line ends, the most common slip of
/// `kubectl create secret --from-file`, do not count.
pub fn mounted_credentials(folder: &Path) -> std::io::Result<Credentials> {
    let mut credentials = Credentials::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(credentials),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // The kubelet keeps the files of a volume behind links whose names begin with two dots.
        if name.starts_with("..") || !entry.path().is_file() {
            continue;
        }
        let value = std::fs::read_to_string(entry.path())?;
        credentials.insert(name, Redacted::new(value.trim_end_matches(['\r', '\n']).to_owned()));
    }
    Ok(credentials)
}
