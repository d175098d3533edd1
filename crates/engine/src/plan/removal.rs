//! Records that have left, and linked records that the leading side no longer delivers: what takes access away.

use std::collections::{BTreeMap, HashSet};

use jiff::SignedDuration;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{OnGone, StreamMode, SyncMode};

use super::Draft;
use super::classify::Class;
use super::index::{Identity, Presence};
use super::input::end;
use super::witness::{Resemblance, SOMEBODY_ELSE};
use super::work::{Record, Work};
use crate::model::{Disposition, Fields, Line, Link, Operation, ReadProof, References, Row};
use crate::names::RowId;

pub(super) const CREATE_ONLY: &str = "mode CreateOnly never changes it";

/// In mode `CreateOnly` a linked record was sent once; whether the other side still has it makes no difference: sending it
/// again could only make a duplicate.
pub(super) fn sent_once(link: &Link) -> Draft {
    Draft::of_link(link, Disposition::Unchanged, reasons::EXISTS, CREATE_ONLY)
}

/// A record that has left: it is never created.
pub(super) fn leaver(work: &Work<'_>, record: &Record<'_>, mode: SyncMode, reason: &'static str) -> Draft {
    match &record.identity {
        Identity::Linked(link, row) => {
            let (disposition, reason, message) = remove(work, Some(link), row, mode, reason);
            Draft::new(work, record, disposition, reason, message)
        }
        Identity::Matched(row) => {
            let (disposition, reason, message) = remove(work, None, row, mode, reason);
            let mut draft = Draft::new(work, record, disposition, reason, message);
            draft.entry.links = true;
            draft
        }
        Identity::Moved(..) => {
            let text = "has left, and its row belongs to a record that is gone as well";
            Draft::skip(work, record, reasons::NOT_IN_TARGET, text)
        }
        _ => {
            let side = work.stream.follower().as_str();
            let message = format!("{reason}; the {side} does not have it");
            Draft::skip(work, record, reasons::NOT_IN_TARGET, &message)
        }
    }
}

/// Linked records that the leading side did not deliver; none at all when only selected ones were asked for.
pub(super) fn absent(work: &Work<'_>, mode: SyncMode) -> Vec<Draft> {
    let lead = work.stream.lead();
    let read = work.input.read(lead);
    if read.proof == ReadProof::Selected {
        return Vec::new();
    }
    let delivered: HashSet<&RowId> = read.rows.iter().map(|row| &row.id).collect();
    let moved = moved(work);
    let gone = work.input.links.iter().filter(|link| !delivered.contains(&end(link, lead)));
    gone.map(|link| one_absent(work, link, mode, &moved)).collect()
}

/// Rows that a present record seems to have taken over, by the identifier on the following side. One that has left itself
/// takes nothing over.
fn moved(work: &Work<'_>) -> BTreeMap<RowId, RowId> {
    let present = work.records.iter().filter(|record| matches!(record.class, Class::InScope { .. }));
    let moved = present.filter_map(|record| match &record.identity {
        Identity::Moved(_, row) => Some((row.id.clone(), record.row.id.clone())),
        _ => None,
    });
    moved.collect()
}

fn one_absent(work: &Work<'_>, link: &Link, mode: SyncMode, moved: &BTreeMap<RowId, RowId>) -> Draft {
    let (lead, follower) = (work.stream.lead(), work.stream.follower());
    let skip = |reason, message: &str| Draft::of_link(link, Disposition::Skip, reason, message);
    if mode == SyncMode::CreateOnly {
        return sent_once(link);
    }
    let presence = work.index.presence(&end(link, lead));
    if work.stream.mode == StreamMode::MatchOnly {
        return Draft::of_link(link, Disposition::Unchanged, reasons::UNCHANGED, "mode MatchOnly only links");
    }
    match work.index.by_link(&end(link, lead)) {
        Some(Identity::Conflict(reason, message)) => {
            return Draft::of_link(link, Disposition::Conflict, reason, &message);
        }
        Some(Identity::Missing { .. }) if presence == Presence::Absent => {
            return Draft { drops_link: true, ..skip(reasons::ALREADY_GONE, "gone from both systems") };
        }
        Some(Identity::Linked(_, row)) if is_settled(work, link, row) => {
            return Draft::of_link(link, Disposition::Unchanged, reasons::UNCHANGED, "disabled already");
        }
        _ => {}
    }
    if presence != Presence::Absent {
        let message =
            format!("the {} did not deliver the record, but that does not prove that it is gone", lead.as_str());
        return skip(reasons::ABSENCE_UNPROVEN, &message);
    }
    if moved.contains_key(&end(link, follower)) {
        let text = "the same record seems to be there under another identifier, which waits for an approval";
        return skip(reasons::KEY_CHANGED, text);
    }
    if work.stream.leaver.on_absence == OnGone::Keep {
        return skip(reasons::ABSENT_KEPT, "gone; leaver.onAbsence is Keep");
    }
    match work.index.row(link) {
        Some(row) if work.resemblance_of_follower(link, row) == Resemblance::Stranger => {
            Draft::of_link(link, Disposition::Conflict, reasons::SOMEBODY_ELSE, SOMEBODY_ELSE)
        }
        Some(row) => {
            let (disposition, reason, message) = remove(work, Some(link), row, mode, reasons::LEAVER_ABSENT);
            Draft::of_link(link, disposition, reason, message)
        }
        None => {
            let message = format!("the {} did not say whether it still has the record", follower.as_str());
            Draft::of_link(link, Disposition::Fail, reasons::TARGET_UNKNOWN, &message)
        }
    }
}

/// Whether there is nothing to do about an absent record: it is disabled, and not to be deleted yet.
pub(super) fn is_settled(work: &Work<'_>, link: &Link, row: &Row) -> bool {
    let stream = work.stream;
    row.fault.is_none()
        && !row.active
        && !(stream.actions.delete && stream.can_delete && grace_period_ended(work, Some(link)))
}

/// Disables an active record; deletes one that Rollcall disabled long enough ago, or that can only be deleted.
fn remove(
    work: &Work<'_>,
    link: Option<&Link>,
    row: &Row,
    mode: SyncMode,
    reason: &'static str,
) -> (Disposition, &'static str, &'static str) {
    let stream = work.stream;
    let write = |operation| {
        let removal = Line {
            at: stream.follower(),
            operation,
            set: Fields::new(),
            references: References::new(),
            needs: Vec::new(),
            before: Fields::new(),
            active_before: Some(row.active),
        };
        Disposition::Write(vec![removal])
    };
    if mode == SyncMode::CreateOnly {
        return (Disposition::Unchanged, reasons::EXISTS, CREATE_ONLY);
    }
    if stream.mode == StreamMode::MatchOnly {
        return (Disposition::Unchanged, reasons::UNCHANGED, "mode MatchOnly only links");
    }
    // A row that could not be read whole does not say reliably that it is inactive: disabling twice does no harm.
    let is_disabled = !row.active || (row.fault.is_some() && link.is_some_and(|link| link.disabled_at.is_some()));
    if !is_disabled {
        return match (stream.can_disable, stream.actions.disable) {
            (true, true) => (write(Operation::Disable), reason, ""),
            (true, false) => (Disposition::Skip, reasons::ACTION_DISABLED, "disable: actions.disable is false"),
            (false, _) if stream.actions.delete && stream.leaver.delete_after_days == 0 => {
                (write(Operation::Delete), reason, "")
            }
            (false, _) => (Disposition::Skip, reasons::ACTION_DISABLED, "disable: such records cannot be disabled"),
        };
    }
    if stream.actions.delete && stream.can_delete && grace_period_ended(work, link) {
        return (write(Operation::Delete), reasons::GRACE_PERIOD_ENDED, "");
    }
    (Disposition::Unchanged, reasons::UNCHANGED, "disabled already")
}

fn grace_period_ended(work: &Work<'_>, link: Option<&Link>) -> bool {
    let grace = SignedDuration::from_hours(24 * i64::from(work.stream.leaver.delete_after_days));
    let disabled_at = link.and_then(|link| link.disabled_at);
    disabled_at.and_then(|at| at.checked_add(grace).ok()).is_some_and(|end| end <= work.circumstances.now)
}
