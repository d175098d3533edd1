//! How records are read and written: lists and their paging, expansion, choice, lookups, by SCIM and by REST.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::access::{Request, default_class};
use super::json_path::JsonPath;
use super::schema::StreamSchema;
use super::scim_path::ScimPath;
use crate::names::FieldName;

/// One kind of record of a system, and how it is read and written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StreamText", into = "StreamText")]
pub struct Stream {
    /// What a record is.
    pub schema: StreamSchema,
    /// How records are read and written.
    pub transport: Transport,
}

/// How records of a stream are read and written.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// By SCIM 2.0.
    Scim2(Box<ScimStream>),
    /// By requests that the definition describes.
    Rest(Box<RestStream>),
}

/// A stream as a definition spells it: the transport is the one key beside `schema`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StreamText {
    schema: StreamSchema,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scim2: Option<Box<ScimStream>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Box<RestStream>>,
}

impl TryFrom<StreamText> for Stream {
    type Error = &'static str;

    fn try_from(text: StreamText) -> Result<Self, Self::Error> {
        let transport = match (text.scim2, text.rest) {
            (Some(stream), None) => Transport::Scim2(stream),
            (None, Some(stream)) => Transport::Rest(stream),
            _ => return Err("a stream has, beside its schema, exactly one of scim2 and rest"),
        };
        Ok(Self { schema: text.schema, transport })
    }
}

impl From<Stream> for StreamText {
    fn from(stream: Stream) -> Self {
        let (scim2, rest) = match stream.transport {
            Transport::Scim2(stream) => (Some(stream), None),
            Transport::Rest(stream) => (None, Some(stream)),
        };
        Self { schema: stream.schema, scim2, rest }
    }
}

impl Stream {
    /// Whether records can be created and changed. SCIM always offers both (RFC 7644 sections 3.3 and 3.5).
    pub const fn can_write(&self) -> bool {
        match &self.transport {
            Transport::Scim2(_) => true,
            Transport::Rest(stream) => stream.create.is_some() && stream.update.is_some(),
        }
    }
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
    /// By position of the first row. The list advances by the number of rows that came, and ends where the declared
    /// total is reached, or without one with an empty page: a short one may be one that a row was left out of.
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
    },
}

/// A list that is read for every record, of which one row is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expansion {
    /// The list; its path names `{id}`.
    pub list: ListSpec,
    /// Fewest rows that every record has. Fewer mean that the list was not delivered whole.
    #[serde(default)]
    pub at_least: usize,
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

/// Where the value of a field comes from, and goes to.
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

impl ValueRule {
    /// Whether a value can be written to where it is read: it has a plain path in the record itself.
    pub fn is_writable(&self) -> bool {
        self.path.is_plain() && self.from.is_none() && self.list.is_none() && self.lookup.is_none()
    }
}

/// Where a row says whether its record is active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActiveRule {
    /// Where the value is.
    pub path: JsonPath,
    /// The values of inactive records; upper and lower case do not count. All others, and none, mean active.
    pub inactive: Vec<String>,
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

/// A stream that is read and written by SCIM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScimStream {
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
    pub values: BTreeMap<FieldName, ScimValue>,
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

/// A stream that is read, and where the system allows it written, by requests that the definition describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestStream {
    /// The list of all records.
    pub list: ListSpec,
    /// Where a row has its identifier.
    pub id: JsonPath,
    /// Where a row has the identifier of its parent, in streams whose schema names one.
    #[serde(default)]
    pub parent: Option<JsonPath>,
    /// Where a row says whether it is active; None: the system has no such notion.
    #[serde(default)]
    pub active: Option<ActiveRule>,
    /// How the list is cut down to some identifiers; None: it cannot be.
    #[serde(default)]
    pub key_filter: Option<KeyFilter>,
    /// Reads one record; its path names `{id}`.
    #[serde(default)]
    pub get: Option<Request>,
    /// Further lists that are read for every record, by the name that `values` refer to.
    #[serde(default)]
    pub expand: BTreeMap<String, Expansion>,
    /// Creates a record; the answer has its identifier.
    #[serde(default)]
    pub create: Option<Request>,
    /// Changes a record; its path names `{id}`.
    #[serde(default)]
    pub update: Option<Request>,
    /// Deletes a record; its path names `{id}`.
    #[serde(default)]
    pub delete: Option<Request>,
    /// Sets a record active; its path names `{id}`.
    #[serde(default)]
    pub enable: Option<Request>,
    /// Sets a record inactive; its path names `{id}`.
    #[serde(default)]
    pub disable: Option<Request>,
    /// Where a record has each field of the schema. What can be written is written to where it is read.
    pub values: BTreeMap<FieldName, ValueRule>,
}
