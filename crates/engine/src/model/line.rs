//! What a run would do: one entry for each pair that was considered, with at most one line for each side.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_api::v1alpha1::{Action, Counts, Held};
use serde::{Deserialize, Serialize};

use super::{Agreed, Fields, Link, Witness, is_empty};
use crate::names::{FieldName, RowId, Side, SourceKey, StreamName, TargetId};

/// What a run would do, in a fixed order.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Streams in the order in which they are written.
    pub streams: Vec<StreamPlan>,
    /// `sha256:` digest over all lines, held ones included.
    pub digest: String,
    /// What is held, with the digest that stands for the agreement and for every held line. Some also when nothing but
    /// the agreement waits for an approval.
    pub held: Option<Held>,
    /// When the next future leaving day takes effect.
    pub next_due: Option<Timestamp>,
    /// Fields with values that their value map does not name.
    pub unmapped_fields: BTreeSet<FieldName>,
}

/// One stream of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPlan {
    /// Name of the stream.
    pub name: StreamName,
    /// Rows that the leading side delivered (unreadable ones included).
    pub read: i64,
    /// Records left out by `scope`, with the reason for each.
    pub out_of_scope: Vec<OutOfScope>,
    /// One for each considered pair, ordered by source key, then target id.
    pub entries: Vec<Entry>,
}

/// A record that `scope` left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfScope {
    /// Identifier in the source; None in streams of mode Pull.
    pub source_key: Option<SourceKey>,
    /// Identifier in the target, in streams of mode Pull.
    pub target_id: Option<TargetId>,
    /// The clause of the scope expression that was false.
    pub clause: String,
}

/// What is to happen to one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Identifier in the source, when known.
    pub source_key: Option<SourceKey>,
    /// Identifier in the target, when known.
    pub target_id: Option<TargetId>,
    /// What is to happen.
    pub disposition: Disposition,
    /// Why it must wait for an approval; None: it need not.
    pub held: Option<&'static str>,
    /// Released by an approval: its effects do not count against the guard.
    pub approved: bool,
    /// Store a link between the two ends (a new one, or in place of another's) when the entry is not held.
    pub links: bool,
    /// The source key whose link this entry takes over, where a person's key changed.
    pub replaces: Option<SourceKey>,
    /// One word of [`rollcall_api::reasons`].
    pub reason: &'static str,
    /// For people; names fields and rules, never values.
    pub message: String,
    /// Fields whose value is a default rather than one of the source.
    pub defaulted: Vec<FieldName>,
    /// What the pair's link is to remember once the entry is done.
    pub memory: Option<Memory>,
    /// Drop the link: both rows are gone.
    pub drops_link: bool,
}

/// What a link remembers of its two rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What the record looked like.
    pub witness: Witness,
    /// Values that the target keeps in another form than they were sent in.
    pub agreed: BTreeMap<FieldName, Agreed>,
    /// Somebody else enabled what Rollcall had disabled: if it is suspended again, that is not Rollcall's to undo.
    pub enabled_elsewhere: bool,
}

impl Memory {
    /// Gives a link what it is to remember.
    pub fn store(&self, link: &mut Link) {
        link.witness.clone_from(&self.witness);
        link.agreed.clone_from(&self.agreed);
        if self.enabled_elsewhere {
            link.disabled_at = None;
        }
    }
}

/// What is to happen to a pair.
#[derive(Clone, Debug, PartialEq)]
pub enum Disposition {
    /// It is written to: one line, or one for each side.
    Write(Vec<Line>),
    /// It is as wanted.
    Unchanged,
    /// It is left alone on purpose.
    Skip,
    /// It cannot be told which rows belong together, or who they are.
    Conflict,
    /// It cannot be sent.
    Fail,
}

impl Entry {
    /// Both identifiers, for ordering.
    pub fn ends(&self) -> (Option<&SourceKey>, Option<&TargetId>) {
        (self.source_key.as_ref(), self.target_id.as_ref())
    }

    /// The lines, held ones too.
    pub fn lines(&self) -> &[Line] {
        match &self.disposition {
            Disposition::Write(lines) => lines,
            _ => &[],
        }
    }

    /// What is done to the record as a whole: the weightiest of its lines.
    pub fn action(&self) -> Option<Action> {
        self.lines().iter().map(|line| line.operation.action()).min_by_key(|action| match action {
            Action::Delete => 0,
            Action::Disable => 1,
            Action::Create => 2,
            Action::Update => 3,
        })
    }

    /// Whether a run writes because of it.
    pub fn is_write(&self) -> bool {
        self.held.is_none() && !self.lines().is_empty()
    }
}

/// One write that a run would make, on one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Where it is written.
    pub at: Side,
    /// What is done.
    pub operation: Operation,
    /// Values by the field names of that side; null empties one.
    pub set: Fields,
    /// References to other records, by field. They are resolved through links when the line is written.
    pub references: References,
    /// Records without which this one must not be written: its parent, and references to a required field. It waits
    /// for them, and is blocked when they are held or failed.
    pub needs: Vec<Reference>,
    /// What the row had in the fields that are set, and in its references.
    pub before: Fields,
    /// Whether the row was active; None where there is none yet.
    pub active_before: Option<bool>,
}

impl Line {
    /// A line that writes nothing to the system: the stored link moves.
    pub const fn relink(at: Side) -> Self {
        Self {
            at,
            operation: Operation::Update,
            set: Fields::new(),
            references: References::new(),
            needs: Vec::new(),
            before: Fields::new(),
            active_before: None,
        }
    }

    /// Whether nothing is sent because of it.
    pub fn is_silent(&self) -> bool {
        self.operation == Operation::Update && self.set.is_empty() && self.references.is_empty()
    }

    /// Fields that had a value and get another one or none.
    pub fn changes(&self) -> impl Iterator<Item = &FieldName> {
        let is_creation = self.operation == Operation::Create;
        let names = self.set.names().chain(self.references.keys()).filter(move |_| !is_creation);
        names.filter(|name| self.before.get(name).is_some_and(|value| !is_empty(value)))
    }
}

/// What a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    /// Creates the record.
    Create,
    /// Changes it.
    Update,
    /// Makes it active again, and changes it.
    Enable,
    /// Makes it inactive.
    Disable,
    /// Deletes it.
    Delete,
}

impl Operation {
    /// The kind of action that approvals, limits and counts know it as.
    pub const fn action(self) -> Action {
        match self {
            Self::Create => Action::Create,
            Self::Update | Self::Enable => Action::Update,
            Self::Disable => Action::Disable,
            Self::Delete => Action::Delete,
        }
    }

    /// Whether somebody loses access by it.
    pub const fn is_removal(self) -> bool {
        matches!(self, Self::Disable | Self::Delete)
    }
}

/// References to other records, by field.
pub type References = BTreeMap<FieldName, Reference>;

/// A reference to another record, on the side of the line that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Stream of the referenced record.
    pub stream: StreamName,
    /// Its identifier on the other side; None empties the field.
    pub key: Option<RowId>,
}

impl StreamPlan {
    /// What the counts would be if every write that is not held succeeds.
    pub fn counts(&self) -> Counts {
        let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let mut counts = Counts {
            read: self.read,
            out_of_scope: number(self.out_of_scope.len()),
            considered: number(self.entries.len()),
            ..Counts::default()
        };
        for entry in &self.entries {
            let end = match (&entry.disposition, entry.held.is_some(), entry.action()) {
                (Disposition::Write(_), true, _) => &mut counts.held,
                (Disposition::Write(_), false, Some(Action::Create)) => &mut counts.created,
                (Disposition::Write(_), false, Some(Action::Disable)) => &mut counts.disabled,
                (Disposition::Write(_), false, Some(Action::Delete)) => &mut counts.deleted,
                (Disposition::Write(_), false, _) => &mut counts.updated,
                (Disposition::Unchanged, ..) => &mut counts.unchanged,
                (Disposition::Skip, ..) => &mut counts.skipped,
                (Disposition::Conflict, ..) => &mut counts.conflicts,
                (Disposition::Fail, ..) => &mut counts.failed,
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
