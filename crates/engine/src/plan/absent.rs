//! Linked records that the source did not deliver. Only a complete read proves that they are gone.

use std::collections::HashSet;

use super::Draft;
use super::diff::{remove, sent_once};
use super::identify::Identity;
use super::stream::Work;
use crate::model::{Link, ReadProof, Verdict};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{OnGone, SyncMode};

/// One draft for each absent record; none at all when only selected records were asked for.
pub(super) fn absent(work: &Work<'_>) -> Vec<Draft> {
    let read = &work.input.source;
    if read.proof == ReadProof::Selected {
        return Vec::new();
    }
    let delivered = read.records.iter().map(|record| record.key.as_str());
    let delivered: HashSet<&str> = delivered.chain(read.unreadable.iter().map(|record| record.key.as_str())).collect();
    let gone = work.input.links.iter().filter(|link| !delivered.contains(link.source_key.as_str()));
    gone.map(|link| draft(work, link)).collect()
}

fn draft(work: &Work<'_>, link: &Link) -> Draft {
    let key = &link.source_key;
    let skip = |reason, message: &str| {
        let mut draft = Draft::new(key, Verdict::Skip, reason, message);
        draft.entry.target_id = Some(link.target_id.clone());
        draft
    };
    if !work.input.source.proof.is_complete() {
        return skip(reasons::ABSENCE_UNPROVEN, "the source did not deliver the record, but its read was not complete");
    }
    if work.mode == SyncMode::CreateOnly {
        return sent_once(link);
    }
    match work.index.by_link(key) {
        Some(Identity::Missing) | None => skip(reasons::ALREADY_GONE, "gone from source and target"),
        Some(Identity::Conflict(reason, message)) => {
            let mut draft = skip(reason, &message);
            draft.entry.verdict = Verdict::Conflict;
            draft
        }
        _ if work.stream.leaver.on_absence == OnGone::Keep => {
            skip(reasons::ABSENT_KEPT, "gone from the source; leaver.onAbsence is Keep")
        }
        Some(Identity::Linked(target)) => remove(work, key, target, reasons::LEAVER_ABSENT),
        Some(_) => {
            let mut draft = skip(reasons::TARGET_UNKNOWN, "the target's read was not complete");
            draft.entry.verdict = Verdict::Fail;
            draft
        }
    }
}
