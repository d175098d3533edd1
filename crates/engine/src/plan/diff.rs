//! What is to happen to one record that is to be sent: create, change on either side, or nothing.

use std::collections::BTreeSet;

use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Apply, OnNoMatch, StreamMode, SyncMode};
use serde_json::Value;

use super::Draft;
use super::classify::Failure;
use super::directory::{Directory, Known};
use super::fields::Step;
use super::index::Identity;
use super::mapping::{self, Mapped};
use super::work::{Record, Work};
use crate::compile::{CompiledField, Flow};
use crate::definitions::schema::FieldType;
use crate::model::{Agreed, Disposition, Fields, Line, Link, Operation, Reference, References, Row};
use crate::names::{FieldName, RowId, Side};
use crate::value::as_text;

/// A record that is to be sent.
pub(super) fn wanted(
    work: &Work<'_>,
    record: &Record<'_>,
    mode: SyncMode,
    directory: &Directory,
    unmapped: &mut BTreeSet<FieldName>,
) -> Draft {
    let desired = Desired { work, record, directory };
    let draft = match &record.identity {
        Identity::Linked(link, row) => desired.update(mode, row, Some(link)),
        Identity::Matched(row) | Identity::Moved(_, row) => {
            // What was disabled under the former identifier was disabled by Rollcall.
            let former = if let Identity::Moved(link, _) = &record.identity { Some(*link) } else { None };
            let mut draft = desired.update(mode, row, former);
            draft.entry.links = draft.entry.disposition != Disposition::Fail;
            draft
        }
        _ => desired.create(),
    };
    unmapped.extend(draft.unmapped.iter().cloned());
    draft
}

/// Why a record cannot be created, if it cannot.
pub(super) fn create_failure(work: &Work<'_>, record: &Record<'_>) -> Option<Failure> {
    let follower = work.stream.follower();
    let mapped = values_for(work, record, follower);
    let pairs = || mapped.iter().filter(|(field, ..)| is_sent_with_a_new_record(field, follower));
    pairs().find_map(|(_, _, mapped)| mapped.as_ref().err().cloned()).or_else(|| {
        let is_missing = |flow: &Flow, mapped: &Result<Mapped, Failure>| {
            flow.schema.required && matches!(mapped, Ok(Mapped::Empty | Mapped::Emptied | Mapped::LeftOut))
        };
        pairs().find(|(_, flow, mapped)| is_missing(flow, mapped)).map(|(_, flow, _)| required(flow, follower))
    })
}

/// Each field that flows to a side, with what the leading record gives for it.
fn values_for<'a>(
    work: &'a Work<'_>,
    record: &Record<'_>,
    to: Side,
) -> Vec<(&'a CompiledField, &'a Flow, Result<Mapped, Failure>)> {
    let origin = record.row;
    let context = work.stream.view(to.other()).context(origin.values());
    let fields = work.stream.fields.iter().enumerate();
    fields
        .filter_map(|(index, field)| {
            let flow = field.flow_to(to)?;
            let mapped = match record.mapped.get(index) {
                Some(mapped) if to == Side::Target => mapped.clone(),
                _ => mapping::map(flow, origin, &context, work.formats),
            };
            Some((field, flow, mapped))
        })
        .collect()
}

/// Fields that flow to a new record.
fn is_sent_with_a_new_record(field: &CompiledField, to: Side) -> bool {
    field.flow_to(to).is_some()
}

pub(super) fn required(flow: &Flow, side: Side) -> Failure {
    Failure {
        reason: reasons::REQUIRED_FIELD_EMPTY,
        message: format!("field '{}' is required by the {} and has no value", flow.field, side.as_str()),
    }
}

/// What both sides should have for one record.
pub(super) struct Desired<'a, 'b> {
    pub(super) work: &'a Work<'b>,
    pub(super) record: &'a Record<'b>,
    directory: &'a Directory,
}

/// What comes together about a record beside its lines.
#[derive(Default)]
pub(super) struct Notes {
    texts: Vec<String>,
    pub(super) defaulted: Vec<FieldName>,
    pub(super) unmapped: Vec<FieldName>,
    /// A required field waits for its value map.
    is_incomplete: bool,
}

impl Desired<'_, '_> {
    fn create(&self) -> Draft {
        let (stream, follower) = (self.work.stream, self.work.stream.follower());
        if stream.mode == StreamMode::MatchOnly {
            let text = "mode MatchOnly only links, and nothing matches";
            return Draft::skip(self.work, self.record, reasons::NO_MATCH_SKIPPED, text);
        }
        if stream.on_no_match == OnNoMatch::Skip {
            return Draft::skip(self.work, self.record, reasons::NO_MATCH_SKIPPED, "onNoMatch is Skip");
        }
        if !stream.actions.create {
            return Draft::skip(self.work, self.record, reasons::ACTION_DISABLED, "create: actions.create is false");
        }
        if let Some(failure) = create_failure(self.work, self.record) {
            return Draft::failed(self.work, self.record, &failure);
        }
        let mut line = self.line(follower, Operation::Create);
        let mut notes = Notes::default();
        for (_, flow, mapped) in values_for(self.work, self.record, follower) {
            match mapped {
                Ok(Mapped::Value { value, is_default }) => {
                    if is_default {
                        notes.defaulted.push(flow.field.clone());
                    }
                    self.put(follower, flow, value, None, &mut line, &mut notes);
                }
                Ok(Mapped::Unmapped) => {
                    notes.is_incomplete |= flow.schema.required;
                    notes.unmapped.push(flow.field.clone());
                }
                _ => {}
            }
        }
        let mut draft = Draft::write(self.work, self.record, vec![line], reasons::NEW, "");
        draft.entry.links = true;
        if stream.on_no_match == OnNoMatch::Hold {
            draft.entry.held = Some(reasons::NO_MATCH_HELD);
        }
        finish(draft, notes)
    }

    fn line(&self, at: Side, operation: Operation) -> Line {
        let parent = self.work.stream.parent.as_ref().zip(self.record.row.parent.as_ref());
        let needs = match (operation, parent) {
            (Operation::Create, Some((stream, parent))) => {
                vec![Reference { stream: stream.clone(), key: Some(parent.clone()) }]
            }
            _ => Vec::new(),
        };
        Line {
            at,
            operation,
            set: Fields::new(),
            references: References::new(),
            needs,
            before: Fields::new(),
            active_before: None,
        }
    }

    fn update(&self, mode: SyncMode, row: &Row, link: Option<&Link>) -> Draft {
        let stream = self.work.stream;
        if stream.mode == StreamMode::MatchOnly {
            return Draft::unchanged(self.work, self.record, reasons::UNCHANGED, "mode MatchOnly only links");
        }
        if mode == SyncMode::CreateOnly {
            return Draft::unchanged(self.work, self.record, reasons::EXISTS, super::removal::CREATE_ONLY);
        }
        let (mut to_target, mut to_source) =
            (self.line(Side::Target, Operation::Update), self.line(Side::Source, Operation::Update));
        let mut notes = Notes::default();
        let mut draft_agreed = link.map(|link| link.agreed.clone()).unwrap_or_default();
        for field in stream.fields.iter().filter(|field| field.apply == Apply::Always) {
            match self.field(field, row, link, &mut notes) {
                Err(failure) => return Draft::failed(self.work, self.record, &failure),
                Ok(Step::Nothing { is_same: true }) => {
                    draft_agreed.remove(&field.to);
                }
                Ok(Step::Nothing { is_same: false }) => {}
                Ok(Step::Set { side, value, seen }) => {
                    let Some(flow) = field.flow_to(side) else { continue };
                    let written = if side == Side::Target { &mut to_target } else { &mut to_source };
                    if side == stream.follower()
                        && let Some(sent) = self.work.hasher.hash(&field.to, &flow.schema, &value)
                    {
                        // Only what the target makes of a value twice is its own form of it.
                        let is_repeated = draft_agreed.get(&field.to).is_some_and(|agreed| agreed.sent == sent);
                        let seen = seen.as_ref().filter(|_| is_repeated);
                        let seen = seen.and_then(|seen| self.work.hasher.hash(&field.to, &flow.schema, seen));
                        draft_agreed.insert(field.to.clone(), Agreed { sent, seen });
                    }
                    self.put(side, flow, value, seen.as_ref(), written, &mut notes);
                }
            }
        }
        let mut draft = self.changed(row, link, to_target, to_source, notes);
        draft.agreed = draft_agreed;
        draft
    }

    fn changed(&self, row: &Row, link: Option<&Link>, to_target: Line, to_source: Line, notes: Notes) -> Draft {
        let stream = self.work.stream;
        let mut lines: Vec<Line> = [to_target, to_source].into_iter().filter(|line| !line.is_silent()).collect();
        let mut names: Vec<&str> = lines
            .iter()
            .flat_map(|line| line.set.names().chain(line.references.keys()))
            .map(FieldName::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut what = if names.is_empty() { String::new() } else { format!("differs in {}", names.join(", ")) };
        // Only what Rollcall itself disabled is enabled again: an administrator's suspension stands.
        let is_ours = link.is_some_and(|link| link.disabled_at.is_some());
        let enables = !row.active && stream.can_disable && is_ours;
        let suspended = !row.active && stream.can_disable && !is_ours;
        if enables {
            let at = stream.follower();
            match lines.iter_mut().find(|line| line.at == at) {
                Some(written) => written.operation = Operation::Enable,
                None => lines.push(self.line(at, Operation::Enable)),
            }
            what =
                if what.is_empty() { "disabled by Rollcall".into() } else { format!("disabled by Rollcall; {what}") };
        }
        if suspended {
            let note = "suspended there by somebody else, which is left so";
            what = if what.is_empty() { note.into() } else { format!("{what}; {note}") };
        }
        if lines.is_empty() {
            let reason = if suspended { reasons::SUSPENDED_IN_TARGET } else { reasons::UNCHANGED };
            let draft = Draft::unchanged(self.work, self.record, reason, &what);
            return finish(draft, notes);
        }
        if !stream.actions.update {
            let message = format!("update: actions.update is false; {what}");
            return Draft::skip(self.work, self.record, reasons::ACTION_DISABLED, &message);
        }
        let reason = if enables { reasons::RETURNED } else { reasons::CHANGED };
        finish(Draft::write(self.work, self.record, lines, reason, &what), notes)
    }

    /// Puts a value into a line. A reference is resolved when the line is written.
    fn put(&self, at: Side, flow: &Flow, value: Value, current: Option<&Value>, line: &mut Line, notes: &mut Notes) {
        if flow.schema.type_ != FieldType::Reference {
            line.set.insert(flow.field.clone(), value);
            return;
        }
        let Some(stream) = &flow.schema.stream else { return };
        let Some(key) = as_text(&value).map(RowId::from) else {
            line.references.insert(flow.field.clone(), Reference { stream: stream.clone(), key: None });
            return;
        };
        if *stream == self.work.stream.name && key == self.record.row.id {
            notes.texts.push(format!(
                "{}: '{}' refers to the record itself",
                reasons::REFERENCE_UNRESOLVED,
                flow.field
            ));
            return;
        }
        let known = self.directory.find(stream, at, &key);
        let reference = Reference { stream: stream.clone(), key: Some(key) };
        match known {
            Some(Known::Row(id) | Known::Matched(id)) if current.and_then(as_text).as_deref() == Some(id.as_str()) => {}
            Some(_) => {
                if flow.schema.required {
                    line.needs.push(reference.clone());
                }
                line.references.insert(flow.field.clone(), reference);
            }
            None if flow.schema.required => {
                line.needs.push(reference.clone());
                line.references.insert(flow.field.clone(), reference);
            }
            None => notes.texts.push(format!(
                "{}: '{}' refers to a record of {stream} that is not in the {}",
                reasons::REFERENCE_UNRESOLVED,
                flow.field,
                at.as_str()
            )),
        }
    }
}

/// Adds what else is to be said, and holds a record with values that their map does not name, also when there is nothing
/// else to write.
fn finish(mut draft: Draft, notes: Notes) -> Draft {
    draft.entry.defaulted = notes.defaulted;
    draft.is_incomplete = notes.is_incomplete;
    let mut texts = notes.texts;
    if !notes.unmapped.is_empty() {
        let names: Vec<&str> = notes.unmapped.iter().map(FieldName::as_str).collect();
        texts.push(format!("{}: {}", reasons::VALUE_UNMAPPED, names.join(", ")));
        draft.entry.held = Some(reasons::VALUE_UNMAPPED);
        draft.unmapped = notes.unmapped;
        if draft.entry.disposition == Disposition::Unchanged {
            // Nothing to approve: the value has to be mapped first.
            draft.entry.disposition = Disposition::Write(Vec::new());
            draft.is_incomplete = true;
        }
    }
    if !draft.entry.message.is_empty() {
        texts.insert(0, std::mem::take(&mut draft.entry.message));
    }
    draft.entry.message = texts.join("; ");
    draft
}
