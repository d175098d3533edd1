//! A setting with its two providers, as manifests declare them.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::super::manifests::{ManifestError, Manifests};
use super::LOCAL;
use crate::connectors::{System, factory};
use crate::records::Scope;
use crate::runner::{RunFailure, Systems, connect};
use rollcall_api::contract::{DefinitionSource, ProviderRequest};
use rollcall_api::v1alpha1::{DesiredState, IntegrationProvider, JobType, SyncSetting};
use rollcall_engine::compile::CompiledSetting;
use rollcall_engine::definitions::VendorDefinition;

/// A setting with what manifests say of its systems.
pub(super) struct Declared {
    /// The setting.
    pub(super) setting: SyncSetting,
    /// Its zone.
    pub(super) zone: TimeZone,
    source: Provider,
    target: Provider,
}

/// One provider with everything that manifests say of it.
struct Provider {
    request: ProviderRequest,
    credentials: connect::Credentials,
    ca_bundle: Option<Vec<u8>>,
    is_suspended: bool,
}

/// The setting, checked against the definitions of its systems.
pub(super) struct Checked {
    /// What it compiles to.
    pub(super) setting: CompiledSetting,
    /// What the two systems are.
    pub(super) systems: Systems,
    source: Arc<VendorDefinition>,
    target: Arc<VendorDefinition>,
}

impl Declared {
    /// The named setting, or the only one.
    pub(super) fn load(manifests: &Manifests, setting: Option<&str>) -> Result<Self, String> {
        let text = |error: ManifestError| error.to_string();
        let setting = manifests.setting(setting).map_err(text)?.clone();
        let zone = TimeZone::get(&setting.spec.time_zone).map_err(|_| {
            format!(
                "SyncSetting/{}: spec.timeZone: `{}` is not an IANA time zone; example: Europe/Berlin",
                setting.metadata.name.as_deref().unwrap_or_default(),
                setting.spec.time_zone
            )
        })?;
        let provider =
            |name: &str, field: &str| manifests.provider(name, field).and_then(|found| Provider::of(manifests, found));
        let source = provider(&setting.spec.source_ref.name, "spec.sourceRef.name").map_err(text)?;
        let target = provider(&setting.spec.target_ref.name, "spec.targetRef.name").map_err(text)?;
        Ok(Self { setting, zone, source, target })
    }

    /// Name of the setting.
    pub(super) fn name(&self) -> &str {
        self.setting.metadata.name.as_deref().unwrap_or_default()
    }

    /// Whose records a local run of it keeps.
    pub(super) fn scope(&self) -> Scope {
        scope(self.setting.metadata.namespace.as_deref(), self.name())
    }

    /// Whether the manifests let a run of this type start, as the operator would: what is switched off stays so here.
    pub(super) fn permit(&self, type_: JobType) -> Result<(), String> {
        if self.setting.spec.state == DesiredState::Off && type_.writes() {
            return Err(format!(
                "SyncSetting/{}: spec.state is Off: only plan and runs of type Show start; set it to \"On\"",
                self.name()
            ));
        }
        let suspended = [&self.source, &self.target].into_iter().find(|provider| provider.is_suspended);
        match suspended {
            Some(provider) => Err(format!(
                "IntegrationProvider/{}: spec.suspend is true: nothing is sent to it; set it to false",
                provider.request.name
            )),
            None => Ok(()),
        }
    }

    /// Checks the setting against the definitions; nothing is sent.
    pub(super) fn check(&self) -> Result<Checked, RunFailure> {
        let source = connect::definition(&self.source.request.definition)?;
        let target = connect::definition(&self.target.request.definition)?;
        let systems = connect::systems((&self.source.request, &source), (&self.target.request, &target));
        let setting = connect::setting(&self.setting.spec, &source, &target)?;
        Ok(Checked { setting, systems, source, target })
    }

    /// The two systems, source first.
    pub(super) fn connect(&self, checked: &Checked) -> Result<[Arc<dyn System>; 2], RunFailure> {
        let source = factory::system(self.source.config(&checked.source)).map_err(RunFailure::source)?;
        let target = factory::system(self.target.config(&checked.target)).map_err(RunFailure::target)?;
        Ok([source, target])
    }
}

impl Provider {
    fn of(manifests: &Manifests, provider: &IntegrationProvider) -> Result<Self, ManifestError> {
        Ok(Self {
            request: request(manifests, provider)?,
            credentials: manifests.credentials(provider)?,
            ca_bundle: manifests.ca_bundle(provider)?,
            is_suspended: provider.spec.suspend,
        })
    }

    fn config(&self, definition: &Arc<VendorDefinition>) -> factory::ProviderConfig {
        connect::provider(&self.request, definition.clone(), self.credentials.clone(), self.ca_bundle.clone())
    }
}

fn request(manifests: &Manifests, provider: &IntegrationProvider) -> Result<ProviderRequest, ManifestError> {
    let spec = &provider.spec;
    let definition = match (&spec.vendor, &spec.definition_ref) {
        (Some(vendor), _) => DefinitionSource::Vendor(vendor.clone()),
        (None, reference) => {
            let reference = reference.clone().unwrap_or_default();
            let text = manifests.config_map_value(&reference.name, &reference.key, "spec.definitionRef")?;
            DefinitionSource::Inline(text.to_owned())
        }
    };
    Ok(ProviderRequest {
        name: provider.metadata.name.clone().unwrap_or_default(),
        definition,
        endpoints: spec.endpoints.iter().map(|(name, url)| (name.clone(), url.0.clone())).collect(),
        rate_limits: spec.rate_limits.clone(),
        share_of: 1,
        retry: spec.retry.clone(),
        allow_private_addresses: spec.network.allow_private_addresses,
        has_ca: spec.tls.is_some(),
    })
}

/// Whose records those of a local setting are.
pub(super) fn scope(namespace: Option<&str>, setting: &str) -> Scope {
    Scope {
        namespace: namespace.unwrap_or("default").to_owned(),
        setting: setting.to_owned(),
        setting_uid: LOCAL.into(),
    }
}
