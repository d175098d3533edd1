//! What was agreed, and what waits because it was not. An agreement is a fact that an approval wrote; nothing else, not
//! a first run that finds nothing to do, not a limit that holds part of a plan, makes one.

use std::collections::BTreeSet;

use rollcall_api::reasons;
use rollcall_api::v1alpha1::Guard;

use crate::compile::{CompiledField, CompiledStream};
use crate::model::{AgreedGuard, Agreement, Entry, Line};
use crate::names::{FieldName, StreamName};

/// How a setting stands to what was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The terms as the setting has them now.
    pub present: Agreement,
    /// The limits that count: the stricter of agreed and present ones.
    pub guard: Guard,
    /// Whether the present terms wait for an approval, whatever the plan holds.
    pub pending: bool,
    /// What is stored at the end of the run without an approval: nothing, the first agreement of a setting that
    /// publishes itself, or the agreed terms made stricter.
    pub settles_as: Option<Agreement>,
    holds: Holds,
}

/// Which lines wait because of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holds {
    All(&'static str),
    Some { streams: BTreeSet<StreamName>, fields: BTreeSet<(StreamName, FieldName)> },
}

impl Terms {
    /// Compares the present terms with those in force. `saw_manual`: a run has seen `publish: Manual`, so that the
    /// setting cannot publish itself any more by switching to Automatic.
    pub fn new(present: Agreement, in_force: Option<&Agreement>, saw_manual: bool) -> Self {
        let none = || Holds::Some { streams: BTreeSet::new(), fields: BTreeSet::new() };
        let Some(agreed) = in_force else {
            let publishes_itself = present.automatic && !saw_manual;
            return Self {
                guard: present.guard.0.clone(),
                pending: !publishes_itself,
                settles_as: publishes_itself.then(|| present.clone()),
                holds: if publishes_itself { none() } else { Holds::All(reasons::FIRST_RUN) },
                present,
            };
        };
        let systems_changed = agreed.systems != present.systems;
        let is_automatic = agreed.automatic && present.automatic;
        if is_automatic && !systems_changed {
            let guard = present.guard.0.clone();
            let settles_as = (*agreed != present).then(|| present.clone());
            return Self { present, guard, pending: false, settles_as, holds: none() };
        }
        let guard = agreed.guard.strictest(&present.guard.0);
        let (streams, fields) = changes(agreed, &present);
        let holds = if systems_changed {
            Holds::All(reasons::SYSTEM_CHANGED)
        } else if agreed.terms != present.terms {
            Holds::All(reasons::RULES_CHANGED)
        } else {
            Holds::Some { streams, fields }
        };
        let is_loosened = agreed.guard.is_loosened_by(&present.guard.0) || (present.automatic && !agreed.automatic);
        let has_holds = match &holds {
            Holds::All(_) => true,
            Holds::Some { streams, fields } => !streams.is_empty() || !fields.is_empty(),
        };
        let stricter = Agreement {
            guard: AgreedGuard(guard.clone()),
            automatic: agreed.automatic && present.automatic,
            ..agreed.clone()
        };
        let settles_as = (stricter != *agreed).then_some(stricter);
        Self { present, guard, pending: has_holds || is_loosened, settles_as, holds }
    }

    /// Why an entry waits because of the terms; None: it need not.
    pub(super) fn hold(&self, stream: &CompiledStream, entry: &Entry) -> Option<&'static str> {
        match &self.holds {
            Holds::All(reason) => Some(reason),
            Holds::Some { streams, .. } if streams.contains(&stream.name) => Some(reasons::RULES_CHANGED),
            Holds::Some { fields, .. } if fields.is_empty() => None,
            Holds::Some { fields, .. } => {
                let is_changed = |field: &&CompiledField| fields.contains(&(stream.name.clone(), field.to.clone()));
                let changed: Vec<&CompiledField> = stream.fields.iter().filter(is_changed).collect();
                let touches = |line: &Line| changed.iter().any(|field| field.is_written_by(line));
                entry.lines().iter().any(touches).then_some(reasons::MAPPING_CHANGED)
            }
        }
    }

    /// Whether new links of a stream may be stored although nobody has approved them.
    pub(super) fn may_link(&self, stream: &StreamName) -> bool {
        match &self.holds {
            Holds::All(_) => false,
            Holds::Some { streams, .. } => !streams.contains(stream),
        }
    }
}

/// Streams whose rules changed, and fields whose mapping did.
fn changes(agreed: &Agreement, present: &Agreement) -> (BTreeSet<StreamName>, BTreeSet<(StreamName, FieldName)>) {
    let mut streams = BTreeSet::new();
    let mut fields = BTreeSet::new();
    for (name, now) in &present.streams {
        match agreed.streams.get(name) {
            Some(before) if before.rules == now.rules => {
                let differs = |field: &&FieldName| before.fields.get(*field) != now.fields.get(*field);
                fields.extend(now.fields.keys().filter(differs).map(|field| (name.clone(), field.clone())));
            }
            _ => {
                streams.insert(name.clone());
            }
        }
    }
    (streams, fields)
}
