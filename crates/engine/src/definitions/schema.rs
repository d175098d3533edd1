//! What a definition says about records: streams, their fields, and the rules a value must keep. The engine and the
//! check of a setting know a vendor only through this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::{FieldName, StreamName};

/// One kind of record of a vendor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamSchema {
    /// What a record is, for people.
    #[serde(default)]
    pub description: String,
    /// Streams of the same vendor that must be written before this one. Example: people depend on costCentres.
    #[serde(default)]
    pub depends_on: Vec<StreamName>,
    /// Whether records can be set inactive and active again.
    #[serde(default)]
    pub can_disable: bool,
    /// Whether records can be deleted.
    #[serde(default)]
    pub can_delete: bool,
    /// Stream of the same vendor whose records these belong to. Example: absences belong to people.
    #[serde(default)]
    pub parent: Option<StreamName>,
    /// Whether records can be written at all; follows from what the definition says about requests.
    #[serde(skip)]
    pub can_write: bool,
    /// Fields by name. Nested source fields have dotted names: `employment.position`.
    pub fields: BTreeMap<FieldName, FieldSchema>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that a definition states")]
pub struct FieldSchema {
    /// Kind of value.
    #[serde(rename = "type", default)]
    pub type_: FieldType,
    /// What it is, for people.
    #[serde(default)]
    pub description: String,
    /// A target needs a value for it: a setting that does not map it never becomes Ready.
    #[serde(default)]
    pub required: bool,
    /// Can be read but not written; mapping to it is refused.
    #[serde(default)]
    pub read_only: bool,
    /// Records can be looked up by it, so match rules may name it.
    #[serde(default)]
    pub lookup: bool,
    /// The system delivers it with every record, if only with an empty value: a record without it was not read whole.
    #[serde(default)]
    pub always_delivered: bool,
    /// Says who somebody is: a name, a day of birth. When none of these is what it was, the record is taken for
    /// somebody else's.
    #[serde(default)]
    pub identifies: bool,
    /// Whether upper and lower case differ when values are compared (RFC 7643 section 7, `caseExact`).
    #[serde(default = "yes")]
    pub case_exact: bool,
    /// Most characters.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// Regular expression that the whole value must match.
    #[serde(default)]
    pub pattern: Option<String>,
    /// The only values allowed.
    #[serde(default, rename = "enum")]
    pub one_of: Vec<String>,
    /// For type Reference: the stream whose records it points at. The mapped value is the referenced record's source key.
    #[serde(default)]
    pub stream: Option<StreamName>,
    /// What must be true of the value comes from here (a page of the vendor's documentation, an RFC section).
    #[serde(default)]
    pub source: Option<String>,
    /// Rights that the credential needs so that the field is delivered, in the vendor's words.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The vendor is known to have the field but not to let it be synchronised; mapping it is refused with this text.
    #[serde(default)]
    pub unsupported: Option<String>,
}

/// The same as a definition that says nothing about the field.
impl Default for FieldSchema {
    fn default() -> Self {
        Self {
            type_: FieldType::default(),
            description: String::new(),
            required: false,
            read_only: false,
            lookup: false,
            always_delivered: false,
            identifies: false,
            case_exact: yes(),
            max_length: None,
            pattern: None,
            one_of: Vec::new(),
            scopes: Vec::new(),
            stream: None,
            source: None,
            unsupported: None,
        }
    }
}

const fn yes() -> bool {
    true
}

/// Kind of value of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldType {
    /// Characters.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// A number with decimals.
    Number,
    /// true or false.
    Boolean,
    /// A calendar day, `YYYY-MM-DD`.
    Date,
    /// An instant, RFC 3339.
    Timestamp,
    /// Another record of the same system.
    Reference,
    /// A list of texts.
    TextList,
}
