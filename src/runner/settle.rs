//! What an entry leaves behind once its lines are written: the outcome, the link and what it remembers.

use rollcall_api::reasons;
use rollcall_api::v1alpha1::Action;
use rollcall_engine::compile::CompiledStream;
use rollcall_engine::model::{Entry, Link, Operation, Provenance, WriteState};
use rollcall_engine::names::{RowId, Side, SourceKey, StreamName, TargetId};
use rollcall_engine::plan::end;

use super::course::Course;
use super::input::RunInput;
use super::journal::Sending;
use super::ledger::{Done, Ledger, row_claim};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::records::{OutcomeResult, Refused, Settled, pair};

/// Both ends of an entry once it is written.
pub(super) struct Ends {
    pub(super) source_key: Option<SourceKey>,
    pub(super) target_id: Option<TargetId>,
    /// How their link comes about, where it is a new one.
    pub(super) provenance: Provenance,
}

impl Ends {
    /// Of an entry, with the row that a line created.
    pub(super) fn of(entry: &Entry, created: Option<(Side, &RowId)>) -> Self {
        let on = |side: Side| created.filter(|(at, _)| *at == side).map(|(_, id)| id);
        Self {
            source_key: on(Side::Source).map(SourceKey::from).or_else(|| entry.source_key.clone()),
            target_id: on(Side::Target).map(TargetId::from).or_else(|| entry.target_id.clone()),
            provenance: Provenance::Auto,
        }
    }
}

/// Settles the journal's line of a write.
pub(super) fn write(ledger: &mut Ledger, sending: &Sending<'_>, state: WriteState, created: Option<&RowId>) {
    let at = |side: Side| created.filter(|_| sending.write.at == side);
    ledger.settle_write(Settled {
        run: None,
        id: sending.write.id.clone(),
        state,
        target_id: at(Side::Target).map(TargetId::from).or_else(|| sending.write.target_id.clone()),
        source_key: at(Side::Source).map(SourceKey::from).or_else(|| sending.write.source_key.clone()),
    });
}

/// What a failed write leaves in the journal.
pub(super) const fn state_of(error: &ConnectorError) -> WriteState {
    match error.kind {
        ErrorKind::OutcomeUnknown => WriteState::Unknown,
        _ => WriteState::Failed,
    }
}

/// Stores the link of an entry, when there is anything new about it.
pub(super) fn link(
    input: &RunInput,
    course: &Course<'_>,
    stream: &StreamName,
    entry: &Entry,
    ends: &Ends,
    ledger: &mut Ledger,
) {
    let (Some(key), Some(id)) = (&ends.source_key, &ends.target_id) else { return };
    let operation = entry.lines().iter().map(|line| line.operation).max();
    let is_undo = course.taken_back.is_some();
    if operation == Some(Operation::Delete) && !is_undo {
        ledger.drop_link(stream, key);
        return;
    }
    let known = ledger.links().of_source(stream, key).filter(|link| link.target_id == *id).cloned();
    let mut link = ledger.links().link_or_new(stream, key, id, ends.provenance, input.now);
    if is_undo {
        link.undone = Some(input.run_id.clone());
        // What the target has now is what it is to have, not its form of something that was sent.
        link.agreed.clear();
    } else if entry.approved {
        link.undone = None;
    }
    if let Some(memory) = &entry.memory {
        memory.store(&mut link);
    }
    match operation {
        Some(Operation::Disable) => link.disabled_at = Some(input.now),
        Some(Operation::Enable) => link.disabled_at = None,
        _ => {}
    }
    if known.as_ref() == Some(&link) {
        return;
    }
    put(input, link, ledger);
}

/// Moves the link of a record that goes on under another identifier, before anything is written: the claim to its row is
/// the link's, and has to move with it.
pub(super) fn relink(input: &RunInput, stream: &StreamName, entry: &Entry, ledger: &mut Ledger) {
    let (Some(replaced), Some(key), Some(id)) = (&entry.replaces, &entry.source_key, &entry.target_id) else { return };
    let Some(before) = ledger.links().of_source(stream, replaced).cloned() else { return };
    ledger.drop_link(stream, replaced);
    put(input, Link { source_key: key.clone(), target_id: id.clone(), ..before }, ledger);
}

fn put(input: &RunInput, link: Link, ledger: &mut Ledger) {
    let name = pair(Some(&link.source_key), Some(&link.target_id));
    let at = input.setting.stream(&link.stream).map_or(Side::Target, CompiledStream::follower);
    let claim = row_claim(input, &link.stream, at, end(&link, at), name);
    ledger.put_link(link, vec![claim]);
}

/// Notes that an entry is done.
pub(super) fn done(
    input: &RunInput,
    course: &Course<'_>,
    stream: &StreamName,
    entry: &Entry,
    ends: &Ends,
    end: Done,
    ledger: &mut Ledger,
) {
    link(input, course, stream, entry, ends, ledger);
    if let Some(taken_back) = &course.taken_back {
        let name = pair(entry.source_key.as_ref(), entry.target_id.as_ref());
        let writes = taken_back.writes.get(&(stream.clone(), name)).into_iter().flatten();
        let run = taken_back.run.clone();
        ledger.take_back(writes.map(|id| (run.clone(), id.clone())));
    }
    ledger.settle(stream, entry, ends.target_id.as_ref(), end);
}

/// Notes that an entry could not be written.
pub(super) fn failure(stream: &StreamName, entry: &Entry, error: &ConnectorError, ledger: &mut Ledger) {
    let reason = match error.kind {
        ErrorKind::Rejected | ErrorKind::Unsupported | ErrorKind::Configuration => reasons::TARGET_REJECTED,
        ErrorKind::Credentials => reasons::WRITE_REFUSED,
        ErrorKind::Conflict => reasons::CLAIMED_BY_ANOTHER,
        ErrorKind::NotFound => reasons::TARGET_UNKNOWN,
        ErrorKind::OutcomeUnknown => reasons::OUTCOME_UNKNOWN,
        ErrorKind::Transient | ErrorKind::Cancelled => reasons::WRITE_FAILED,
    };
    let result = if error.kind == ErrorKind::Conflict { OutcomeResult::Conflict } else { OutcomeResult::Failed };
    ledger.settle(stream, entry, None, Done::new(result, reason, error.message.clone()));
}

/// Notes that another setting was first.
pub(super) fn refused(stream: &StreamName, entry: &Entry, refusal: &Refused, ledger: &mut Ledger) {
    let message = format!("setting {} has claimed it; nothing was sent", refusal.holder);
    let reason = reasons::CLAIMED_BY_SETTING;
    ledger.settle(stream, entry, None, Done::new(OutcomeResult::Conflict, reason, message));
}

/// Notes that an entry was not tried, because its kind of write was given up.
pub(super) fn not_tried(stream: &StreamName, entry: &Entry, action: Action, ledger: &mut Ledger) {
    let what = match action {
        Action::Create => "creates",
        Action::Update => "updates",
        Action::Disable => "disables",
        Action::Delete => "deletes",
    };
    let message = format!("not tried: several {what} in a row had failed; the next run tries again");
    ledger.settle(stream, entry, None, Done::new(OutcomeResult::Failed, reasons::WRITE_FAILED, message));
}
