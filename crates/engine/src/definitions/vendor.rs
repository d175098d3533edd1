//! The whole of a vendor definition.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::access::{Authentication, Credential, Endpoint, ErrorRule, RateLimits, Request};
use super::schema::StreamSchema;
use super::streams::{Lookup, Stream};
use crate::names::StreamName;
use rollcall_api::v1alpha1::Capability;

/// One vendor's system: everything that connectors and checks know about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VendorDefinition {
    /// Name in the catalogue. Example: `personio-v2`.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What the system speaks in the main; each stream says for itself.
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
    /// Kinds of records, each with how it is read and written.
    #[serde(default)]
    pub streams: BTreeMap<StreamName, Stream>,
    /// Definitions of the first edition said `source` and `target`.
    #[serde(default, skip_serializing, deserialize_with = "first_edition")]
    source: (),
    #[serde(default, skip_serializing, deserialize_with = "first_edition")]
    target: (),
}

impl VendorDefinition {
    /// Schemas of all streams.
    pub fn streams(&self) -> BTreeMap<StreamName, StreamSchema> {
        let schema = |stream: &Stream| StreamSchema { can_write: stream.can_write(), ..stream.schema.clone() };
        self.streams.iter().map(|(name, stream)| (name.clone(), schema(stream))).collect()
    }
}

/// Refuses a key of the first edition, at its place, with the new spelling.
fn first_edition<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    struct Refused;

    impl<'de> Visitor<'de> for Refused {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(
                "streams in place of source and target: each stream is described once under streams.NAME, with schema \
                 beside rest (key is called id now, and {key} is {id}) or scim2",
            )
        }

        fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
            Err(A::Error::invalid_type(Unexpected::Map, &self))
        }
    }

    deserializer.deserialize_any(Refused)
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
