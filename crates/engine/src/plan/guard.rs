//! Limits: what goes beyond them is held, the rest of the run goes on.
//!
//! Removals are disables and deletes. The limit of a stream, over its linked records:
//! - 0 when `maxRemovals` or `maxRemovalPercent` is 0;
//! - with fewer than 20 linked records 2, or `maxRemovals` if that is lower;
//! - otherwise the lower of `maxRemovals` and `maxRemovalPercent` (rounded down), but never less than 2 because of the
//!   percentage: a stream of 20 must not be treated more strictly than one of 19.
//!
//! Beyond the limit all removals of the stream are held, whatever they rest on: a source that suddenly calls a third of
//! the staff leavers is as suspect as one that no longer delivers them.

use super::{DraftStream, PlanInput, Published};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Action, Guard};

/// Fewer linked records than this are too few for a percentage.
const SMALL_STREAM: usize = 20;
/// Removals that a small stream may have in one run.
const SMALL_LIMIT: usize = 2;

/// Holds what goes beyond the limits, and everything when the rules are not approved. A reason that is already there
/// stays: it says more.
pub(super) fn hold(stream: &mut DraftStream, input: &PlanInput<'_>) {
    let is_removal = |action| matches!(action, Action::Disable | Action::Delete);
    let removals = count(stream, is_removal);
    let too_small = stream.population.is_some_and(|population| population < number(input.guard.minimum_population));
    if too_small {
        set(stream, reasons::POPULATION_TOO_SMALL, is_removal);
    } else if removals > removal_limit(input.guard, stream.linked) {
        set(stream, reasons::REMOVAL_LIMIT, is_removal);
    }
    let is_create = |action| action == Action::Create;
    if input.guard.max_creates.is_some_and(|most| count(stream, is_create) > number(most)) {
        set(stream, reasons::CREATE_BUDGET, is_create);
    }
    match input.published {
        Published::Yes => {}
        Published::FirstRun => set(stream, reasons::FIRST_RUN, |_| true),
        Published::RulesChanged => set(stream, reasons::RULES_CHANGED, |_| true),
    }
}

/// How many records of a stream one run may remove.
pub(super) fn removal_limit(guard: &Guard, linked: usize) -> usize {
    let (most, percent) = (number(guard.max_removals), number(guard.max_removal_percent));
    if percent == 0 {
        return 0;
    }
    let share = if linked < SMALL_STREAM { SMALL_LIMIT } else { (linked * percent / 100).max(SMALL_LIMIT) };
    share.min(most)
}

fn number(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// Entries of some kind that are not held yet.
fn count(stream: &DraftStream, is_meant: impl Fn(Action) -> bool) -> usize {
    let is_counted =
        |draft: &&super::Draft| draft.entry.held.is_none() && draft.entry.verdict.action().is_some_and(&is_meant);
    stream.drafts.iter().filter(is_counted).count()
}

fn set(stream: &mut DraftStream, reason: &'static str, is_meant: impl Fn(Action) -> bool) {
    for draft in &mut stream.drafts {
        if draft.entry.verdict.action().is_some_and(&is_meant) {
            draft.entry.held.get_or_insert(reason);
        }
    }
}
