//! One record of one system.

use serde::{Deserialize, Serialize};

use super::Fields;
use crate::names::{FieldName, RowId};
use crate::redacted::Redacted;

/// One record of one system, normalised by its definition. A row that could not be read whole has a fault: it is neither
/// usable nor absent, and holds those fields that could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Identifier that the system gave it, unique within the stream. Where identifiers are unique within a parent only,
    /// the connector puts the parent's before it.
    pub id: RowId,
    /// Identifier of the parent row in the same system, in streams that have one.
    pub parent: Option<RowId>,
    /// Whether it is active; true where the system has no such notion.
    pub active: bool,
    /// Values by the definition's field names; fields without a value are absent.
    pub fields: Redacted<Fields>,
    /// Why it cannot be used, if it cannot.
    pub fault: Option<Fault>,
}

impl Row {
    /// The values.
    pub const fn values(&self) -> &Fields {
        self.fields.expose()
    }

    /// Whether a field's value is unknown, because the row could not be read whole and does not have it.
    pub fn is_unknown(&self, field: &str) -> bool {
        self.fault
            .as_ref()
            .is_some_and(|fault| fault.fields.is_empty() || fault.fields.iter().any(|name| *name == *field))
    }
}

/// Why a row could not be read whole. Messages name fields and rules, never values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// One word of [`rollcall_api::reasons`].
    pub reason: String,
    /// For people.
    pub message: String,
    /// The fields whose values are unknown; empty: all of them.
    pub fields: Vec<FieldName>,
}
