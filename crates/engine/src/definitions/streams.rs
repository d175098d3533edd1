//! How records are read and written: lists and their paging, expansion, choice, lookups, SCIM and REST targets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::access::{Request, default_class};
use super::json_path::JsonPath;
use super::schema::StreamSchema;
use super::scim_path::ScimPath;

/// A stream that can be read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceStream {
    /// What a record is.
    pub schema: StreamSchema,
    /// The list of all records.
    pub list: ListSpec,
    /// Where a row has its key.
    pub key: JsonPath,
    /// How the list is cut down to some keys; None: the whole list is read and cut down here.
    #[serde(default)]
    pub key_filter: Option<KeyFilter>,
    /// Further lists that are read for every record, by the name that `values` refer to.
    #[serde(default)]
    pub expand: BTreeMap<String, Expansion>,
    /// Where the value of each field of the schema comes from.
    pub values: BTreeMap<String, ValueRule>,
}

/// A parameter of a list that selects records by key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyFilter {
    /// Name of the parameter.
    pub query: String,
    /// What stands between two keys.
    pub separator: String,
    /// Most keys in one request.
    pub batch: usize,
}

/// A list that is read page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListSpec {
    /// The request of the first page.
    pub request: Request,
    /// Where an answer has its rows.
    pub rows: JsonPath,
    /// How the next page is had.
    pub paging: Paging,
    /// Where an answer has the number of all rows. An answer without it declares no total.
    #[serde(default)]
    pub total: Option<JsonPath>,
}

/// How the next page is had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Paging {
    /// The answer links to it; no link ends the list. The link is followed as it is, on the same host only.
    NextLink {
        /// Where an answer has the link.
        link: JsonPath,
    },
    /// By position of the first row. The list advances by the number of rows that came.
    Offset {
        /// Parameter with the position.
        offset: String,
        /// Position of the first row: 0, or 1 as in SCIM.
        #[serde(default)]
        first: u64,
        /// Parameter with the size of a page.
        size: String,
        /// Size of a page that is asked for.
        page_size: u64,
        /// Where an answer has the size that the server really uses; a page with fewer rows is the last one.
        /// None: an empty page is.
        #[serde(default)]
        used_size: Option<JsonPath>,
    },
}

/// A list that is read for every record, of which one row is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expansion {
    /// The list; its path may name `{key}`.
    pub list: ListSpec,
    /// Which row is chosen: the first preference that tells two rows apart decides.
    pub prefer: Vec<Preference>,
}

/// A preference between elements of a list; exactly one of `values` and `direction` is set. Elements without a value
/// come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preference {
    /// What is compared.
    pub path: JsonPath,
    /// The preferred values, best first; others come after them.
    #[serde(default)]
    pub values: Vec<String>,
    /// Whether the largest or the smallest value is preferred; numbers by size, texts (and so dates) by letters.
    #[serde(default)]
    pub direction: Option<Direction>,
}

/// Which end is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// The largest, or the latest.
    Largest,
    /// The smallest, or the earliest.
    Smallest,
}

/// Where the value of a field comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueRule {
    /// Name of the expansion whose chosen row has the value; None: the record's own row.
    #[serde(default)]
    pub from: Option<String>,
    /// A list of which one element is chosen by `prefer`; `path` then begins at that element.
    #[serde(default)]
    pub list: Option<JsonPath>,
    /// Which element of `list` is chosen.
    #[serde(default)]
    pub prefer: Vec<Preference>,
    /// Where the value is.
    pub path: JsonPath,
    /// Other places that the vendor is known to use for the same value.
    #[serde(default)]
    pub other_spellings: Vec<JsonPath>,
    /// Name of the lookup that turns the value (an identifier) into a name.
    #[serde(default)]
    pub lookup: Option<String>,
}

/// A list that gives names to identifiers. It is read once in a run, and only when a wanted field needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lookup {
    /// The list.
    pub list: ListSpec,
    /// Where a row has the identifier.
    pub key: JsonPath,
    /// Where a row has the name.
    pub value: JsonPath,
    /// Only rows with these values count.
    #[serde(default)]
    pub only: BTreeMap<JsonPath, String>,
}

/// A stream that can be written to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "camelCase")]
pub enum TargetStream {
    /// By SCIM 2.0.
    Scim2(ScimStream),
    /// By requests that the definition describes.
    Rest(Box<RestStream>),
}

impl TargetStream {
    /// What a record is.
    pub const fn schema(&self) -> &StreamSchema {
        match self {
            Self::Scim2(stream) => &stream.schema,
            Self::Rest(stream) => &stream.schema,
        }
    }
}

/// A stream that is written by SCIM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScimStream {
    /// What a record is.
    pub schema: StreamSchema,
    /// Name of the endpoint that `Users` and `ServiceProviderConfig` are below.
    pub endpoint: String,
    /// Name of the resources' collection. Example: `Users`.
    pub resource: String,
    /// URNs of the schemas that resources have.
    pub schemas: Vec<String>,
    /// Most resources in a page.
    pub page_size: u64,
    /// Class of `rateLimits`. Default: `default`.
    #[serde(default = "default_class")]
    pub rate_class: String,
    /// Which attribute holds each field of the schema.
    pub values: BTreeMap<String, ScimValue>,
}

/// The attribute of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScimValue {
    /// Which one.
    pub path: ScimPath,
    /// How the value is wrapped.
    #[serde(default)]
    pub shape: ScimShape,
}

/// How a value is wrapped in its attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScimShape {
    /// Not at all.
    #[default]
    Plain,
    /// `{"value": id}`, as in `manager`.
    Reference,
    /// `[{"value": x}]`: a list that is kept at one element.
    SingleItemList,
}

/// A stream that is written by requests that the definition describes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestStream {
    /// What a record is.
    pub schema: StreamSchema,
    /// The list of all records.
    pub list: ListSpec,
    /// Where a record has its identifier.
    pub id: JsonPath,
    /// Reads one record; its path names `{id}`.
    pub get: Request,
    /// Creates a record; the answer is the record.
    pub create: Request,
    /// Changes a record; its path names `{id}`.
    pub update: Request,
    /// Where a record has each field of the schema, in reads and in writes.
    pub values: BTreeMap<String, RestValue>,
}

/// Where a record has a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestValue {
    /// Names only.
    pub path: JsonPath,
}
