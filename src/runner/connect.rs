//! From declared providers to connected systems: definition, credentials and limits become a [`ProviderConfig`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ring::digest;

use super::finish::RunFailure;
use crate::connectors::factory::ProviderConfig;
use rollcall_api::contract::{DefinitionSource, ProviderRequest};
use rollcall_api::v1alpha1::SyncSettingSpec;
use rollcall_engine::compile::{CompiledSetting, compile};
use rollcall_engine::definitions::{VendorDefinition, catalogue, parse};
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
    compile(spec, &source.source_streams(), &target.target_streams()).map_err(|problems| {
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        RunFailure::mapping(text.join("; "))
    })
}

/// Key of a plan's digests. It comes from the credentials: always the same for the same two systems, and unknown to
/// whoever reads a digest in the cluster, so that nobody can guess a salary or a name by trying digests out.
pub fn digest_key(source: &Credentials, target: &Credentials) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"rollcall plan digest v1");
    for (key, value) in source.iter().chain(target) {
        for part in [key.as_bytes(), value.expose().as_bytes()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
    }
    context.finish().as_ref().to_vec()
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
