//! Makes connectors of a provider's configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::http::Client;
use super::system::VendorSystem;
use super::{ConnectorError, ErrorKind, System};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{RateLimit, RetryPolicy};
use rollcall_engine::definitions::{RequestPurpose, VendorDefinition};
use rollcall_engine::redacted::Redacted;

/// One provider as a connector needs it.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Name of the provider, for messages.
    pub name: String,
    /// The vendor.
    pub definition: Arc<VendorDefinition>,
    /// Base URLs by endpoint name, where they differ from the definition's.
    pub endpoints: BTreeMap<String, String>,
    /// Credentials by the definition's keys. Blanks and line breaks at their ends are dropped.
    pub credentials: BTreeMap<String, Redacted<String>>,
    /// Rate limits that replace the definition's, as they are.
    pub rate_limits: Vec<RateLimit>,
    /// Over how many runs the definition's own limits are divided; at least 1.
    pub share_of: i32,
    /// Retries of single requests.
    pub retry: RetryPolicy,
    /// Whether loopback, link-local and private addresses may be reached.
    pub allow_private_addresses: bool,
    /// Authorities to trust beside the public ones (PEM).
    pub ca_bundle: Option<Vec<u8>>,
}

/// The connector of a provider. Sends nothing yet.
///
/// # Errors
/// [`ErrorKind::Credentials`] when a credential is missing or empty, [`ErrorKind::Configuration`] when endpoints, CA
/// bundle or definition do not fit.
pub fn system(config: ProviderConfig) -> Result<Arc<dyn System>, ConnectorError> {
    Ok(Arc::new(VendorSystem::new(client(config)?)))
}

/// Checks credentials and reachability of the provider with the definition's probe requests.
pub async fn probe(config: ProviderConfig) -> Result<(), ConnectorError> {
    let client = client(config)?;
    probe_with(&client).await
}

/// Sends the definition's probe requests.
pub(super) async fn probe_with(client: &Client) -> Result<(), ConnectorError> {
    let definition = Arc::clone(client.definition());
    for request in &definition.probe {
        let call = client.call(request, &[], RequestPurpose::Read)?;
        client.send(&call).await.map_err(ConnectorError::of_a_list)?;
    }
    Ok(())
}

fn client(config: ProviderConfig) -> Result<Arc<Client>, ConnectorError> {
    let endpoints = endpoints(&config)?;
    rate_classes(&config)?;
    let credentials = credentials(&config)?;
    Ok(Arc::new(Client::new(&ProviderConfig { credentials, ..config }, endpoints)?))
}

/// The base URL of every endpoint.
pub(super) fn endpoints(config: &ProviderConfig) -> Result<BTreeMap<String, Url>, ConnectorError> {
    let invalid = |text: String| ConnectorError::new(ErrorKind::Configuration, reasons::INVALID_SPEC, text);
    let known = &config.definition.endpoints;
    if let Some(unknown) = config.endpoints.keys().find(|name| !known.contains_key(*name)) {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        return Err(invalid(format!(
            "{}: spec.endpoints.{unknown} is not an endpoint of vendor {}; known are: {}",
            config.name,
            config.definition.name,
            names.join(", ")
        )));
    }
    let url = |(name, endpoint): (&String, &rollcall_engine::definitions::Endpoint)| {
        let given = config.endpoints.get(name).or(endpoint.default.as_ref()).ok_or_else(|| {
            invalid(format!("{}: spec.endpoints.{name} is missing; the vendor has no common URL", config.name))
        })?;
        let parsed = Url::parse(given).ok().filter(is_base);
        let parsed = parsed.ok_or_else(|| {
            invalid(format!(
                "{}: spec.endpoints.{name} must be an http or https URL without query, fragment and user",
                config.name
            ))
        })?;
        Ok((name.clone(), parsed))
    };
    known.iter().map(url).collect()
}

/// A budget for a class that no request has would limit nothing.
fn rate_classes(config: &ProviderConfig) -> Result<(), ConnectorError> {
    let mut known: Vec<&str> = config.definition.rate_limits.classes.iter().map(|one| one.class.as_str()).collect();
    known.push("default");
    let Some(unknown) = config.rate_limits.iter().find(|limit| !known.contains(&limit.class.as_str())) else {
        return Ok(());
    };
    known.sort_unstable();
    known.dedup();
    let text = format!(
        "{}: spec.rateLimits: vendor {} has no class {}; known are: {}",
        config.name,
        config.definition.name,
        unknown.class,
        known.join(", ")
    );
    Err(ConnectorError::new(ErrorKind::Configuration, reasons::INVALID_SPEC, text))
}

fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

/// The credentials that the definition names, none of them empty.
pub(super) fn credentials(config: &ProviderConfig) -> Result<BTreeMap<String, Redacted<String>>, ConnectorError> {
    let take = |(key, credential): (&String, &rollcall_engine::definitions::Credential)| {
        let value = config.credentials.get(key).map(|value| value.expose().trim()).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Credentials,
                reasons::CREDENTIALS_MISSING,
                format!(
                    "{}: key {key} of the Secret is missing or empty; it holds: {}",
                    config.name, credential.description
                ),
            )
        })?;
        Ok((key.clone(), Redacted::new(value.to_owned())))
    };
    config.definition.credentials.iter().map(take).collect()
}
