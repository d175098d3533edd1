//! The whole of a vendor definition.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::access::{Authentication, Credential, Endpoint, ErrorRule, RateLimits, Request};
use super::schema::StreamSchema;
use super::streams::{Lookup, SourceStream, TargetStream};
use rollcall_api::v1alpha1::Capability;

/// One vendor's system: everything that connectors and checks know about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VendorDefinition {
    /// Name in the catalogue. Example: `personio-v2`.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What the system speaks in the main; each target stream says for itself.
    pub kind: ConnectorKind,
    /// Where what the definition says comes from: public documentation.
    pub documentation: Vec<String>,
    /// What no public source states and was inferred.
    #[serde(default)]
    pub inferred: Vec<String>,
    /// Base URLs by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Keys that the Secret must have.
    pub credentials: BTreeMap<String, Credential>,
    /// How requests are authenticated.
    pub authentication: Authentication,
    /// How many requests the system takes.
    pub rate_limits: RateLimits,
    /// How answers that are not a success are understood; the first rule that fits decides. What no rule fits is
    /// understood as RFC 9110 and RFC 7644 say.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    /// What the system can do.
    pub capabilities: Vec<Capability>,
    /// Who counts as a leaver here, or what happens to one, for people.
    pub leavers: String,
    /// Cheap authenticated requests that show whether credentials and endpoints are right.
    pub probe: Vec<Request>,
    /// Lists that give names to identifiers.
    #[serde(default)]
    pub lookups: BTreeMap<String, Lookup>,
    /// Streams that can be read from.
    #[serde(default)]
    pub source: BTreeMap<String, SourceStream>,
    /// Streams that can be written to.
    #[serde(default)]
    pub target: BTreeMap<String, TargetStream>,
}

impl VendorDefinition {
    /// Schemas of the streams that can be read from.
    pub fn source_streams(&self) -> BTreeMap<String, StreamSchema> {
        self.source.iter().map(|(name, stream)| (name.clone(), stream.schema.clone())).collect()
    }

    /// Schemas of the streams that can be written to.
    pub fn target_streams(&self) -> BTreeMap<String, StreamSchema> {
        self.target.iter().map(|(name, stream)| (name.clone(), stream.schema().clone())).collect()
    }
}

/// What a system speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConnectorKind {
    /// JSON over HTTP in the vendor's own manner, described in the definition.
    Rest,
    /// SCIM 2.0 (RFC 7643, RFC 7644).
    Scim2,
}
