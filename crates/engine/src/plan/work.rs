//! One stream on its way to a plan: each record of the leading side classified, mapped and identified.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rollcall_api::reasons;

use super::classify::{Circumstances, Class, Failure, classify};
use super::index::{Identity, Index, Presence, refuse_shared};
use super::input::{StreamInput, end};
use super::keys::{self, Key};
use super::mapping::{self, Mapped};
use super::witness::{self, Hasher, Resemblance};
use super::{PlanInput, pick};
use crate::compile::{CompiledMatch, CompiledStream};
use crate::model::{Link, Row, Witness};
use crate::names::{RowId, Side};
use crate::value::DateFormats;

/// One record of the leading side on its way.
pub(super) struct Record<'a> {
    pub(super) row: &'a Row,
    pub(super) class: Class,
    /// The source's record as the target should have it, one for each field of the stream. Empty where it is not needed.
    pub(super) mapped: Vec<Result<Mapped, Failure>>,
    pub(super) identity: Identity<'a>,
    /// What is remembered of a record as it is now.
    pub(super) witness: Witness,
    pub(super) resemblance: Resemblance,
}

/// One stream on its way.
pub(super) struct Work<'a> {
    pub(super) stream: &'a CompiledStream,
    pub(super) input: &'a StreamInput,
    pub(super) index: Index<'a>,
    pub(super) records: Vec<Record<'a>>,
    pub(super) formats: &'a DateFormats,
    pub(super) hasher: Hasher,
    pub(super) circumstances: Circumstances<'a>,
}

impl<'a> Work<'a> {
    /// Classifies, maps and identifies the records of a stream.
    pub(super) fn new(stream: &'a CompiledStream, read: &'a StreamInput, plan: &'a PlanInput<'_>) -> Self {
        let formats = &plan.setting.formats;
        let circumstances = Circumstances { formats, now: plan.now, zone: &plan.zone };
        let lead = stream.lead();
        let rows = &read.read(lead).rows;
        let classes = classes(stream, rows, circumstances);
        let key = |rule: &CompiledMatch, row: &Row| match stream.follower() {
            Side::Target => keys::of_target(rule, stream, row),
            Side::Source => keys::of_source(rule, stream, &forward(stream, row, formats, Some(&rule.fields))),
        };
        let index = Index::new(stream, read, key, &classes);
        let mut work = Self {
            stream,
            input: read,
            index,
            records: Vec::with_capacity(rows.len()),
            formats,
            hasher: witness::hasher(plan),
            circumstances,
        };
        let mut classes = classes;
        pick::choose(stream, rows, &mut classes);
        for row in rows {
            if let Some(class) = classes.remove(&row.id) {
                let record = work.record(row, class);
                work.records.push(record);
            }
        }
        work.recognise_under_new_keys();
        refuse_shared(work.records.iter_mut().map(|record| &mut record.identity));
        work.refuse_shared_identifiers();
        work
    }

    fn record(&self, row: &'a Row, class: Class) -> Record<'a> {
        let mut record = Record {
            row,
            class,
            mapped: Vec::new(),
            identity: Identity::NotAsked,
            witness: Witness::new(),
            resemblance: Resemblance::Same,
        };
        match &record.class {
            Class::Leaver(_) | Class::InScope { .. } => {
                if self.stream.lead() == Side::Source {
                    record.mapped = forward(self.stream, row, self.formats, None);
                }
                let keys = self.keys(row, &record.mapped);
                record.identity = self.index.identify(&row.id, &keys);
            }
            Class::OutOfScope { .. } | Class::Failed(_) => {
                record.identity = self.index.by_link(&row.id).unwrap_or(Identity::NotAsked);
            }
        }
        self.compare_with_memory(&mut record);
        record
    }

    fn keys(&self, row: &Row, mapped: &[Result<Mapped, Failure>]) -> Vec<Key> {
        let rules = self.stream.match_rules.iter();
        match self.stream.lead() {
            Side::Source => rules.map(|rule| keys::of_source(rule, self.stream, mapped)).collect(),
            Side::Target => rules.map(|rule| keys::of_target(rule, self.stream, row)).collect(),
        }
    }

    /// What is remembered of the pair, and whether both rows still look like it.
    fn compare_with_memory(&self, record: &mut Record<'a>) {
        let (source, target) = match (&record.identity, self.stream.lead()) {
            (Identity::Linked(_, row) | Identity::Matched(row) | Identity::Moved(_, row), Side::Source) => {
                (Some(record.row), Some(*row))
            }
            (Identity::Linked(_, row) | Identity::Matched(row) | Identity::Moved(_, row), Side::Target) => {
                (Some(*row), Some(record.row))
            }
            (_, Side::Source) => (Some(record.row), None),
            (_, Side::Target) => (None, Some(record.row)),
        };
        let Some(source) = source else { return };
        record.witness = if record.mapped.is_empty() {
            witness::of(&self.hasher, self.stream, &forward(self.stream, source, self.formats, None))
        } else {
            witness::of(&self.hasher, self.stream, &record.mapped)
        };
        if let Identity::Moved(link, _) = &record.identity
            && witness::is_another(&self.hasher, link, &record.witness, &source.id)
        {
            // A row that was passed on, such as a recycled e-mail address, keeps no leaver's access open.
            record.identity = Identity::Taken(witness::PASSED_ON.to_owned());
        }
        let Identity::Linked(link, _) = &record.identity else { return };
        let of_source = witness::source_resemblance(&self.hasher, &link.witness, &record.witness, &source.id);
        let of_target = target.map_or(Resemblance::Same, |row| {
            witness::target_resemblance(&self.hasher, self.stream, &link.witness, &record.witness, &source.id, row)
        });
        record.resemblance = match (of_source, of_target) {
            (Resemblance::Stranger, _) | (_, Resemblance::Stranger) => Resemblance::Stranger,
            (Resemblance::Doubtful, _) | (_, Resemblance::Doubtful) => Resemblance::Doubtful,
            _ => Resemblance::Same,
        };
    }

    /// Whether the row of the following side still is the one that was linked, when the leading side has none.
    pub(super) fn resemblance_of_follower(&self, link: &Link, row: &Row) -> Resemblance {
        match self.stream.follower() {
            Side::Target => {
                let (remembered, none) = (&link.witness, Witness::new());
                witness::target_resemblance(&self.hasher, self.stream, remembered, &none, &link.source_key, row)
            }
            Side::Source => {
                let present = witness::of(&self.hasher, self.stream, &forward(self.stream, row, self.formats, None));
                witness::source_resemblance(&self.hasher, &link.witness, &present, &link.source_key)
            }
        }
    }

    /// Takes a new record for one that is gone, or has left, when everything that is remembered of that one is true of the
    /// new one as well. The identifier says nothing here, and a single thing in common, such as a name, is too little.
    fn recognise_under_new_keys(&mut self) {
        let lead = self.stream.lead();
        let mut gone: HashMap<Witness, Vec<(&Link, &Row)>> = HashMap::new();
        for link in &self.input.links {
            let is_gone = matches!(self.index.presence(&end(link, lead)), Presence::Absent | Presence::Left);
            let is_ours = !self.input.claimed.contains(&end(link, self.stream.follower()));
            if let (true, true, Some(row)) = (is_gone, is_ours, self.index.row(link)) {
                let known = witness::beside_the_key(&self.hasher, &link.witness, &link.source_key);
                gone.entry(known).or_default().push((link, row));
            }
        }
        if gone.is_empty() {
            return;
        }
        for record in &mut self.records {
            let is_new = matches!(record.class, Class::InScope { .. })
                && matches!(record.identity, Identity::Missing { .. })
                && self.index.link(&record.row.id).is_none();
            if !is_new {
                continue;
            }
            let present = witness::beside_the_key(&self.hasher, &record.witness, &record.row.id);
            if let (2.., Some([(link, row)])) = (present.len(), gone.get(&present).map(Vec::as_slice)) {
                record.identity = Identity::Moved(link, row);
            }
        }
    }

    /// Records that share an identifying value in one run: those whose rows have it already keep it. Nobody can tell
    /// which of several new ones is meant.
    fn refuse_shared_identifiers(&mut self) {
        let mut by_key: BTreeMap<(usize, String), Vec<usize>> = BTreeMap::new();
        for (at, record) in self.records.iter().enumerate() {
            if !matches!(record.class, Class::InScope { .. }) {
                continue;
            }
            for (rule, key) in self.keys(record.row, &record.mapped).into_iter().enumerate() {
                if let Key::Value(value) = key {
                    by_key.entry((rule, value)).or_default().push(at);
                }
            }
        }
        for ((rule, value), sharers) in by_key.into_iter().filter(|(_, sharers)| sharers.len() > 1) {
            let Some(rule) = self.stream.match_rules.get(rule) else { continue };
            let holders: Vec<usize> = sharers.iter().copied().filter(|at| self.holds(*at, rule, &value)).collect();
            // Rows that have it already get nothing that they do not have.
            for at in sharers.into_iter().filter(|at| !holders.contains(at)) {
                let text = "another record has the same value in a match field".to_owned();
                if let Some(record) = self.records.get_mut(at) {
                    record.identity = Identity::Conflict(reasons::SHARED_IDENTIFIER, text);
                }
            }
        }
    }

    /// Whether a record is linked to a row that has a key already.
    fn holds(&self, at: usize, rule: &CompiledMatch, wanted: &str) -> bool {
        let Some(Identity::Linked(_, row)) = self.records.get(at).map(|record| &record.identity) else { return false };
        let key = match self.stream.follower() {
            Side::Target => keys::of_target(rule, self.stream, row),
            Side::Source => {
                keys::of_source(rule, self.stream, &forward(self.stream, row, self.formats, Some(&rule.fields)))
            }
        };
        matches!(key, Key::Value(value) if value == wanted)
    }

    /// The match rules under which a record has a key.
    pub(super) fn rules_with_a_key(&self, record: &Record<'_>) -> Vec<&'a CompiledMatch> {
        let keys = self.keys(record.row, &record.mapped);
        let rules = self.stream.match_rules.iter().zip(keys);
        rules.filter(|(_, key)| matches!(key, Key::Value(_))).map(|(rule, _)| rule).collect()
    }
}

/// What the rows of the leading side are. An identifier that came twice cannot be told apart, so it is nobody's.
fn classes<'a>(
    stream: &CompiledStream,
    rows: &'a [Row],
    circumstances: Circumstances<'_>,
) -> HashMap<&'a RowId, Class> {
    let mut classes: HashMap<&RowId, Class> = HashMap::with_capacity(rows.len());
    for row in rows {
        let context = stream.view(stream.lead()).context(row.values());
        let class = classify(stream, row, &context, circumstances);
        if classes.insert(&row.id, class).is_some() {
            let message = "this identifier was delivered more than once".into();
            classes.insert(&row.id, Class::Failed(Failure { reason: reasons::SOURCE_UNREADABLE, message }));
        }
    }
    classes
}

/// Values of the target's fields for a record of the source; with `only`, of these fields alone.
pub(super) fn forward(
    stream: &CompiledStream,
    row: &Row,
    formats: &DateFormats,
    only: Option<&[usize]>,
) -> Vec<Result<Mapped, Failure>> {
    let context = stream.source_view.context(row.values());
    let fields = stream.fields.iter().enumerate();
    fields
        .map(|(index, field)| match only {
            Some(wanted) if !wanted.contains(&index) => Ok(Mapped::LeftOut),
            _ => mapping::map(&field.forward, row, &context, formats),
        })
        .collect()
}

/// Identifiers that were asked for and that the leading side does not have.
pub(super) fn unknown_requests(input: &StreamInput, lead: Side) -> BTreeSet<RowId> {
    let delivered: HashSet<&RowId> = input.read(lead).rows.iter().map(|row| &row.id).collect();
    input.requested.iter().filter(|id| !delivered.contains(id)).cloned().collect()
}
