//! What the engine works on: records as read, links, and the plan it makes. `Debug` of anything that holds personal
//! data shows names of fields, never values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::redacted::Redacted;
use rollcall_api::v1alpha1::{Action, Counts, Held};

/// Values by field name. `Debug` prints the names only.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub BTreeMap<String, Value>);

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// A record as the source delivered it, normalised by its definition: every field of the schema is present (null when
/// the source has no value), nested by the dots of its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The identifier that the source gave it.
    pub key: String,
    /// The nested object that CEL sees as `source`.
    pub body: Redacted<Value>,
}

/// A record as the target holds it, normalised by its definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The identifier that the target gave it.
    pub id: String,
    /// Whether it is active; true where the target has no such notion.
    pub active: bool,
    /// Values by the definition's field names; fields without a value are absent.
    pub fields: Fields,
}

/// A record that the system delivered but that could not be read whole. It is neither usable nor absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The identifier that the source gave it.
    pub key: String,
    /// One word of [`rollcall_api::reasons`].
    pub reason: &'static str,
    /// For people, without personal data.
    pub message: String,
}

/// Records of one stream with what is known about their completeness.
#[derive(Clone, Debug, PartialEq)]
pub struct Read<R> {
    /// Distinct records, ordered by key.
    pub records: Vec<R>,
    /// Records that could not be read whole.
    pub unreadable: Vec<Unreadable>,
    /// Pages read.
    pub pages: i64,
    /// The system's own total, where it declares one.
    pub declared_total: Option<i64>,
    /// Whether absence can be concluded.
    pub proof: ReadProof,
}

/// Why a read counts as complete, or why not. Only a complete read proves that a record is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadProof {
    /// The end was reached and the declared total agrees.
    DeclaredTotal,
    /// No total is declared; the end was reached twice, with the same keys.
    TwoAgreeingReads,
    /// Only selected records were asked for: says nothing about the others.
    Selected,
    /// Two reads delivered different keys.
    ReadsDisagree,
    /// The declared total differs from what was delivered.
    TotalDisagrees,
    /// A page repeated its own position.
    CursorDidNotAdvance,
    /// A limit on pages or records was reached.
    LimitReached,
}

impl ReadProof {
    /// Whether absence from this read proves absence from the system.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::DeclaredTotal | Self::TwoAgreeingReads)
    }

    /// The word that is shown in `status.read.proof`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeclaredTotal => "DeclaredTotal",
            Self::TwoAgreeingReads => "TwoAgreeingReads",
            Self::Selected => "Selected",
            Self::ReadsDisagree => "ReadsDisagree",
            Self::TotalDisagrees => "TotalDisagrees",
            Self::CursorDidNotAdvance => "CursorDidNotAdvance",
            Self::LimitReached => "LimitReached",
        }
    }
}

/// That one record of the source and one of the target are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Name of the stream.
    pub stream: String,
    /// Identifier in the source.
    pub source_key: String,
    /// Identifier in the target.
    pub target_id: String,
    /// How it came about.
    pub provenance: Provenance,
    /// When.
    pub created_at: jiff::Timestamp,
    /// When Rollcall disabled the target record, while it is disabled.
    pub disabled_at: Option<jiff::Timestamp>,
}

/// How a link came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provenance {
    /// Rollcall created the target record.
    Created,
    /// A match rule found it.
    Auto,
    /// A person stated it.
    Manual,
    /// The target refused a create because the record existed, and it was ours or unclaimed.
    Adopted,
}

/// What a run would do: one entry for each considered record, in a fixed order.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Streams in the order in which they are written.
    pub streams: Vec<StreamPlan>,
    /// `sha256:` digest over all entries that would write, held ones included.
    pub digest: String,
    /// What is held, with the digest over the held entries alone.
    pub held: Option<Held>,
    /// When the next future leaving day takes effect.
    pub next_due: Option<jiff::Timestamp>,
    /// Target fields with values that their value map does not name.
    pub unmapped_fields: BTreeSet<String>,
}

/// One stream of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPlan {
    /// Name of the stream.
    pub name: String,
    /// Records that the source delivered (unreadable ones included).
    pub read: i64,
    /// Records left out by `scope`, with the reason for each.
    pub out_of_scope: Vec<OutOfScope>,
    /// One for each considered record, ordered by source key.
    pub entries: Vec<Entry>,
}

impl StreamPlan {
    /// What the counts would be if every write that is not held succeeds. `considered` is `read` less `outOfScope` plus
    /// the absent records, which is the number of entries.
    pub fn counts(&self) -> Counts {
        let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let mut counts = Counts {
            read: self.read,
            out_of_scope: number(self.out_of_scope.len()),
            considered: number(self.entries.len()),
            ..Counts::default()
        };
        for entry in &self.entries {
            let end = match (&entry.verdict, entry.held) {
                (Verdict::Create { .. } | Verdict::Update { .. } | Verdict::Disable | Verdict::Delete, Some(_)) => {
                    &mut counts.held
                }
                (Verdict::Create { .. }, None) => &mut counts.created,
                (Verdict::Update { .. }, None) => &mut counts.updated,
                (Verdict::Disable, None) => &mut counts.disabled,
                (Verdict::Delete, None) => &mut counts.deleted,
                (Verdict::Unchanged, _) => &mut counts.unchanged,
                (Verdict::Skip, _) => &mut counts.skipped,
                (Verdict::Conflict, _) => &mut counts.conflicts,
                (Verdict::Fail, _) => &mut counts.failed,
            };
            *end += 1;
        }
        counts
    }
}

impl Plan {
    /// The counts of all streams together.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for stream in &self.streams {
            counts.add(&stream.counts());
        }
        counts
    }
}

/// A record that `scope` left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfScope {
    /// Identifier in the source.
    pub source_key: String,
    /// The clause of the scope expression that was false.
    pub clause: String,
}

/// What is to happen to one considered record.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Identifier in the source.
    pub source_key: String,
    /// Identifier in the target, when known.
    pub target_id: Option<String>,
    /// What is to happen.
    pub verdict: Verdict,
    /// Why it must wait for an approval; None: it need not.
    pub held: Option<&'static str>,
    /// A match rule just found the target record: store a link of provenance Auto when the entry is not held.
    pub new_link: bool,
    /// One word of [`rollcall_api::reasons`].
    pub reason: &'static str,
    /// For people; names fields and rules, never values.
    pub message: String,
    /// Fields whose value is a default rather than one of the source.
    pub defaulted: Vec<String>,
}

/// What is to happen to one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Create it. `references` are set in the create where the referenced record is known by then, else afterwards.
    Create {
        /// Values by the target's field names.
        fields: Fields,
        /// References to other records.
        references: References,
    },
    /// Change it: null empties a field. `enable` re-enables it as well. Either part may be empty.
    Update {
        /// New values of the fields that differ; null empties one.
        changes: Fields,
        /// References that differ.
        references: References,
        /// Whether the record is enabled again.
        enable: bool,
    },
    /// Disable it.
    Disable,
    /// Delete it.
    Delete,
    /// It is as wanted.
    Unchanged,
    /// It is left alone on purpose.
    Skip,
    /// It cannot be told which target record it is.
    Conflict,
    /// It cannot be sent.
    Fail,
}

impl Verdict {
    /// The action on the target, if any.
    pub const fn action(&self) -> Option<Action> {
        match self {
            Self::Create { .. } => Some(Action::Create),
            Self::Update { .. } => Some(Action::Update),
            Self::Disable => Some(Action::Disable),
            Self::Delete => Some(Action::Delete),
            Self::Unchanged | Self::Skip | Self::Conflict | Self::Fail => None,
        }
    }
}

/// References to other records of the target, by field. They are resolved through links after the creates.
pub type References = BTreeMap<String, Reference>;

/// A reference to another record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Stream of the referenced record.
    pub stream: String,
    /// Its identifier in the source; None empties the field.
    pub source_key: Option<String>,
}
