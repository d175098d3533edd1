//! What is to happen to one record: create, update, disable, delete, or nothing.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;

use super::Draft;
use super::classify::Failure;
use super::identify::Identity;
use super::mapping::Mapped;
use super::references::{Directory, Known};
use super::stream::{Record, Work};
use crate::compile::{CompiledField, CompiledStream};
use crate::definitions::schema::FieldType;
use crate::model::{Entry, Fields, Link, Reference, References, TargetRecord, Verdict};
use crate::value::{as_text, comparable, is_empty};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Apply, OnNoMatch, OnNull, SyncMode};

impl Draft {
    pub(super) fn new(key: &str, verdict: Verdict, reason: &'static str, message: impl Into<String>) -> Self {
        let entry = Entry {
            source_key: key.to_owned(),
            target_id: None,
            verdict,
            held: None,
            new_link: false,
            reason,
            message: message.into(),
            defaulted: Vec::new(),
        };
        Self { entry, is_incomplete: false }
    }

    pub(super) fn failed(key: &str, failure: &Failure) -> Self {
        Self::new(key, Verdict::Fail, failure.reason, failure.message.clone())
    }

    fn of(mut self, target: &TargetRecord, new_link: bool) -> Self {
        self.entry.target_id = Some(target.id.clone());
        self.entry.new_link = new_link;
        self
    }
}

/// The end of records of which it cannot be told which target record they are.
pub(super) fn settled(record: &Record<'_>) -> Option<Draft> {
    let key = &record.source.key;
    match &record.identity {
        Identity::Failed(failure) => Some(Draft::failed(key, failure)),
        Identity::Conflict(reason, message) => Some(Draft::new(key, Verdict::Conflict, reason, message.clone())),
        Identity::Unknown => {
            let message = "the target's read was not complete, so whether it has the record is not known";
            Some(Draft::new(key, Verdict::Fail, reasons::TARGET_UNKNOWN, message))
        }
        Identity::Linked(_) | Identity::Matched(_) | Identity::Missing | Identity::NotAsked => None,
    }
}

/// In mode `CreateOnly` a linked record was sent once; whether the target still has it makes no difference: sending it
/// again could only make a duplicate.
pub(super) fn sent_once(link: &Link) -> Draft {
    let mut draft = Draft::new(&link.source_key, Verdict::Unchanged, reasons::EXISTS, CREATE_ONLY);
    draft.entry.target_id = Some(link.target_id.clone());
    draft
}

const CREATE_ONLY: &str = "mode CreateOnly never changes it";

/// A record that has left: it is never created.
pub(super) fn leaver(work: &Work<'_>, record: &Record<'_>, reason: &'static str) -> Draft {
    let key = &record.source.key;
    match &record.identity {
        Identity::Linked(target) => remove(work, key, target, reason),
        Identity::Matched(target) => {
            let mut draft = remove(work, key, target, reason);
            draft.entry.new_link = true;
            draft
        }
        _ => Draft::new(key, Verdict::Skip, reasons::NOT_IN_TARGET, format!("{reason}; the target does not have it")),
    }
}

/// Disables an active record; deletes one that Rollcall disabled long enough ago.
pub(super) fn remove(work: &Work<'_>, key: &str, target: &TargetRecord, reason: &'static str) -> Draft {
    let stream = work.stream;
    if work.mode == SyncMode::CreateOnly {
        return Draft::new(key, Verdict::Unchanged, reasons::EXISTS, CREATE_ONLY).of(target, false);
    }
    let draft = if target.active {
        if !stream.can_disable {
            Draft::new(key, Verdict::Skip, reasons::ACTION_DISABLED, "disable: the target cannot disable this record")
        } else if stream.actions.disable {
            Draft::new(key, Verdict::Disable, reason, "")
        } else {
            Draft::new(key, Verdict::Skip, reasons::ACTION_DISABLED, "disable: actions.disable is false")
        }
    } else if stream.actions.delete && stream.can_delete && grace_period_ended(work, key) {
        Draft::new(key, Verdict::Delete, reasons::GRACE_PERIOD_ENDED, "")
    } else {
        Draft::new(key, Verdict::Unchanged, reasons::UNCHANGED, "disabled already")
    };
    draft.of(target, false)
}

fn grace_period_ended(work: &Work<'_>, key: &str) -> bool {
    let grace = SignedDuration::from_hours(24 * i64::from(work.stream.leaver.delete_after_days));
    let disabled_at = work.index.link(key).and_then(|link| link.disabled_at);
    disabled_at.and_then(|at| at.checked_add(grace).ok()).is_some_and(|end| end <= work.now)
}

/// A record that is to be sent.
pub(super) fn wanted(
    work: &Work<'_>,
    record: &Record<'_>,
    directory: &Directory,
    unmapped: &mut BTreeSet<String>,
) -> Draft {
    let desired = Desired::new(work.stream, record, directory);
    let draft = match &record.identity {
        Identity::Linked(target) => desired.update(work, target).of(target, false),
        Identity::Matched(target) => {
            let mut draft = desired.update(work, target).of(target, true);
            draft.entry.new_link = draft.entry.verdict != Verdict::Fail;
            draft
        }
        _ => desired.create(),
    };
    if !matches!(draft.entry.verdict, Verdict::Fail | Verdict::Skip) && draft.entry.reason != reasons::EXISTS {
        let is_new = draft.entry.target_id.is_none();
        let waiting = desired.applying(is_new).filter(|(_, mapped)| matches!(mapped, Ok(Mapped::Unmapped)));
        unmapped.extend(waiting.map(|(field, _)| field.to.clone()));
    }
    draft
}

/// Why a record cannot be created, if it cannot.
pub(super) fn create_failure(stream: &CompiledStream, record: &Record<'_>) -> Option<Failure> {
    let pairs = || stream.fields.iter().zip(&record.mapped);
    first_failure(pairs()).or_else(|| {
        let is_missing = |(field, mapped): &(&CompiledField, &Result<Mapped, Failure>)| {
            field.schema.required && matches!(mapped, Ok(Mapped::Empty | Mapped::Emptied | Mapped::LeftOut))
        };
        pairs().find(is_missing).map(|(field, _)| required(field))
    })
}

fn first_failure<'a>(
    mut pairs: impl Iterator<Item = (&'a CompiledField, &'a Result<Mapped, Failure>)>,
) -> Option<Failure> {
    pairs.find_map(|(_, mapped)| mapped.as_ref().err().cloned())
}

fn required(field: &CompiledField) -> Failure {
    Failure {
        reason: reasons::REQUIRED_FIELD_EMPTY,
        message: format!("field '{}' is required by the target and has no value", field.to),
    }
}

/// What the target should have for one record.
struct Desired<'a, 'b> {
    stream: &'a CompiledStream,
    record: &'a Record<'b>,
    directory: &'a Directory,
}

/// The parts of a write as they come together.
#[derive(Default)]
struct Write {
    fields: Fields,
    references: References,
    notes: Vec<String>,
    defaulted: Vec<String>,
    unmapped: Vec<String>,
}

impl<'a, 'b> Desired<'a, 'b> {
    const fn new(stream: &'a CompiledStream, record: &'a Record<'b>, directory: &'a Directory) -> Self {
        Self { stream, record, directory }
    }

    /// Fields that are sent to a new record, or to an existing one.
    fn applying(&self, is_new: bool) -> impl Iterator<Item = (&'a CompiledField, &'a Result<Mapped, Failure>)> {
        let pairs = self.stream.fields.iter().zip(&self.record.mapped);
        pairs.filter(move |(field, _)| is_new || field.apply == Apply::Always)
    }

    fn draft(&self, verdict: Verdict, reason: &'static str, message: impl Into<String>) -> Draft {
        Draft::new(&self.record.source.key, verdict, reason, message)
    }

    fn create(&self) -> Draft {
        let stream = self.stream;
        if stream.on_no_match == OnNoMatch::Skip {
            return self.draft(Verdict::Skip, reasons::NO_MATCH_SKIPPED, "onNoMatch is Skip");
        }
        if !stream.actions.create {
            return self.draft(Verdict::Skip, reasons::ACTION_DISABLED, "create: actions.create is false");
        }
        if let Some(failure) = create_failure(stream, self.record) {
            return Draft::failed(&self.record.source.key, &failure);
        }
        let mut write = Write::default();
        let mut is_incomplete = false;
        for (field, mapped) in self.applying(true) {
            match mapped {
                Ok(Mapped::Value { value, is_default }) => {
                    self.put(field, value, *is_default, &Value::Null, &mut write);
                }
                Ok(Mapped::Unmapped) => {
                    is_incomplete |= field.schema.required;
                    write.unmapped.push(field.to.clone());
                }
                _ => {}
            }
        }
        let verdict = Verdict::Create { fields: write.fields, references: write.references };
        let mut draft = Draft::new(&self.record.source.key, verdict, reasons::NEW, "");
        draft.is_incomplete = is_incomplete;
        draft.entry.defaulted = write.defaulted;
        if stream.on_no_match == OnNoMatch::Hold {
            draft.entry.held = Some(reasons::NO_MATCH_HELD);
        }
        finish(draft, write.notes, &write.unmapped)
    }

    fn update(&self, work: &Work<'_>, target: &TargetRecord) -> Draft {
        if work.mode == SyncMode::CreateOnly {
            return self.draft(Verdict::Unchanged, reasons::EXISTS, CREATE_ONLY);
        }
        if let Some(failure) = first_failure(self.applying(false)) {
            return Draft::failed(&self.record.source.key, &failure);
        }
        let mut write = Write::default();
        for (field, mapped) in self.applying(false) {
            let current = target.fields.0.get(&field.to).unwrap_or(&Value::Null);
            match mapped {
                Ok(Mapped::Value { value, is_default }) => self.put(field, value, *is_default, current, &mut write),
                Ok(Mapped::Unmapped) => write.unmapped.push(field.to.clone()),
                Ok(empty @ (Mapped::Empty | Mapped::Emptied)) => {
                    let keeps = *empty == Mapped::Empty && field.on_null == OnNull::Keep;
                    if field.schema.required && (!keeps || is_empty(current)) {
                        return Draft::failed(&self.record.source.key, &required(field));
                    }
                    if !keeps && !is_empty(current) {
                        clear(field, &mut write);
                    }
                }
                _ => {}
            }
        }
        let enable = !target.active && self.stream.can_disable;
        self.changed(write, enable)
    }

    fn changed(&self, write: Write, enable: bool) -> Draft {
        if write.fields.0.is_empty() && write.references.is_empty() && !enable {
            let mut draft = self.draft(Verdict::Unchanged, reasons::UNCHANGED, "");
            draft.entry.defaulted = write.defaulted;
            return finish(draft, write.notes, &write.unmapped);
        }
        let mut names: Vec<&str> = write.fields.0.keys().chain(write.references.keys()).map(String::as_str).collect();
        names.sort_unstable();
        let mut what = if names.is_empty() { String::new() } else { format!("differs in {}", names.join(", ")) };
        if enable {
            what = if what.is_empty() {
                "disabled in the target".into()
            } else {
                format!("disabled in the target; {what}")
            };
        }
        if !self.stream.actions.update {
            let message = format!("update: actions.update is false; {what}");
            return self.draft(Verdict::Skip, reasons::ACTION_DISABLED, message);
        }
        let reason = if enable { reasons::RETURNED } else { reasons::CHANGED };
        let verdict = Verdict::Update { changes: write.fields, references: write.references, enable };
        let mut draft = self.draft(verdict, reason, what);
        draft.entry.defaulted = write.defaulted;
        finish(draft, write.notes, &write.unmapped)
    }

    /// Puts a value into a write when it differs from the current one.
    fn put(&self, field: &CompiledField, value: &Value, is_default: bool, current: &Value, write: &mut Write) {
        if is_default {
            write.defaulted.push(field.to.clone());
        }
        if field.schema.type_ == FieldType::Reference {
            self.refer(field, value, current, write);
        } else if comparable(value, &field.schema) != comparable(current, &field.schema) {
            write.fields.0.insert(field.to.clone(), value.clone());
        }
    }

    fn refer(&self, field: &CompiledField, value: &Value, current: &Value, write: &mut Write) {
        let (Some(key), Some(stream)) = (as_text(value), &field.schema.stream) else { return };
        if *stream == self.stream.name && key == self.record.source.key {
            write.notes.push(format!("{}: '{}' refers to the record itself", reasons::REFERENCE_UNRESOLVED, field.to));
            return;
        }
        match self.directory.find(stream, &key) {
            None => write.notes.push(format!(
                "{}: '{}' refers to a record of {stream} that is not in the target",
                reasons::REFERENCE_UNRESOLVED,
                field.to
            )),
            Some(Known::Record(id) | Known::Matched(id)) if as_text(current).as_ref() == Some(id) => {}
            Some(_) => {
                let reference = Reference { stream: stream.clone(), source_key: Some(key) };
                write.references.insert(field.to.clone(), reference);
            }
        }
    }
}

fn clear(field: &CompiledField, write: &mut Write) {
    match (field.schema.type_, &field.schema.stream) {
        (FieldType::Reference, Some(stream)) => {
            let reference = Reference { stream: stream.clone(), source_key: None };
            write.references.insert(field.to.clone(), reference);
        }
        _ => {
            write.fields.0.insert(field.to.clone(), Value::Null);
        }
    }
}

/// Adds what else is to be said, and holds a write with values that their map does not name.
fn finish(mut draft: Draft, mut notes: Vec<String>, unmapped: &[String]) -> Draft {
    if !unmapped.is_empty() {
        notes.push(format!("{}: {}", reasons::VALUE_UNMAPPED, unmapped.join(", ")));
        if draft.entry.verdict.action().is_some() {
            draft.entry.held = Some(reasons::VALUE_UNMAPPED);
        }
    }
    if !draft.entry.message.is_empty() {
        notes.insert(0, std::mem::take(&mut draft.entry.message));
    }
    draft.entry.message = notes.join("; ");
    draft
}
