//! Limits count effects, not runs: what was done within the window by this setting and by all others that write to the
//! same records, and what this plan would add. What goes beyond a limit is held, the rest of the run goes on.
//!
//! Removals are disables and deletes. The limit of a stream, over its active linked records:
//! - 0 when `maxRemovals` or `maxRemovalPercent` is 0;
//! - with fewer than 20 active linked records 2, or `maxRemovals` if that is lower;
//! - otherwise the lower of `maxRemovals` and `maxRemovalPercent` (rounded down), but never less than 2 because of the
//!   percentage: a stream of 20 must not be treated more strictly than one of 19.
//!
//! The same limit holds for enabling again. Beyond a limit all lines of that kind are held, whatever they rest on: a
//! source that suddenly calls a third of the staff leavers is as suspect as one that no longer delivers them.

use std::collections::BTreeMap;

use rollcall_api::reasons;
use rollcall_api::v1alpha1::Guard;

use super::DraftStream;
use crate::model::{EffectCounts, Effects, Entry, Line, Operation};
use crate::names::FieldName;

/// Fewer records than this are too few for a percentage.
const SMALL_STREAM: usize = 20;
/// Removals that a small stream may have.
const SMALL_LIMIT: usize = 2;

/// What a limit is compared with: the setting by itself, or together with all others.
struct Population {
    active: usize,
    done: EffectCounts,
}

/// Holds what goes beyond the limits. Entries that are held already, or approved, are neither counted nor held.
pub(super) fn hold(stream: &mut DraftStream, guard: &Guard, effects: &Effects) {
    let own = Population { active: stream.active, done: effects.own.clone() };
    let others = usize::try_from(effects.others_active).unwrap_or(0);
    let all = Population { active: stream.active + others, done: added(&effects.own, &effects.others) };
    let populations = [own, all];
    let too_few = stream.population.is_some_and(|population| population < number(guard.minimum_population));
    if too_few {
        set(stream, reasons::POPULATION_TOO_SMALL, has(Operation::is_removal));
    }
    let is_enable = |operation| operation == Operation::Enable;
    let is_create = |operation| operation == Operation::Create;
    let removals = count(stream, has(Operation::is_removal));
    let enables = count(stream, has(is_enable));
    let creates = count(stream, has(is_create));
    let exceeds = |done: fn(&EffectCounts) -> i64, planned: usize| {
        planned > 0
            && populations.iter().any(|population| {
                let done = usize::try_from(done(&population.done)).unwrap_or(0);
                done + planned > removal_limit(guard, population.active + done)
            })
    };
    if exceeds(|done| done.removals, removals) {
        set(stream, reasons::REMOVAL_LIMIT, has(Operation::is_removal));
    }
    if exceeds(|done| done.enables, enables) {
        set(stream, reasons::ENABLE_LIMIT, has(is_enable));
    }
    let done = usize::try_from(populations.last().map_or(0, |all| all.done.creates)).unwrap_or(0);
    if creates > 0 && guard.max_creates.is_some_and(|most| done + creates > number(most)) {
        set(stream, reasons::CREATE_BUDGET, has(is_create));
    }
    hold_mass_changes(stream, guard, &populations);
}

/// One field that changes for many records at once is as suspect as many removals.
fn hold_mass_changes(stream: &mut DraftStream, guard: &Guard, populations: &[Population]) {
    let mut planned: BTreeMap<FieldName, usize> = BTreeMap::new();
    for draft in stream.drafts.iter().filter(|draft| is_free(&draft.entry)) {
        for field in changes(&draft.entry) {
            *planned.entry(field.clone()).or_default() += 1;
        }
    }
    let is_beyond = |field: &FieldName, planned: usize| {
        populations.iter().any(|population| {
            let done = population.done.changes.get(field).map_or(0, |done| usize::try_from(*done).unwrap_or(0));
            population.active >= SMALL_STREAM
                && (done + planned) * 100 > population.active * number(guard.max_field_change_percent)
        })
    };
    let beyond: Vec<FieldName> =
        planned.into_iter().filter(|(field, planned)| is_beyond(field, *planned)).map(|(field, _)| field).collect();
    if beyond.is_empty() {
        return;
    }
    for draft in stream.drafts.iter_mut().filter(|draft| is_free(&draft.entry)) {
        let field = changes(&draft.entry).find(|field| beyond.contains(field)).cloned();
        if let Some(field) = field {
            draft.entry.held = Some(reasons::FIELD_CHANGE_LIMIT);
            let note = format!("'{field}' would change for more records than the guard allows");
            let message = &mut draft.entry.message;
            *message = if message.is_empty() { note } else { format!("{message}; {note}") };
        }
    }
}

fn changes(entry: &Entry) -> impl Iterator<Item = &FieldName> {
    entry.lines().iter().flat_map(Line::changes)
}

fn added(one: &EffectCounts, other: &EffectCounts) -> EffectCounts {
    let mut changes = one.changes.clone();
    for (field, count) in &other.changes {
        *changes.entry(field.clone()).or_default() += count;
    }
    EffectCounts {
        creates: one.creates + other.creates,
        removals: one.removals + other.removals,
        enables: one.enables + other.enables,
        changes,
    }
}

/// How many records of a stream may be removed within the window.
pub(super) fn removal_limit(guard: &Guard, active: usize) -> usize {
    let (most, percent) = (number(guard.max_removals), number(guard.max_removal_percent));
    if percent == 0 {
        return 0;
    }
    let share = if active < SMALL_STREAM { SMALL_LIMIT } else { (active * percent / 100).max(SMALL_LIMIT) };
    share.min(most)
}

fn number(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

fn is_free(entry: &Entry) -> bool {
    entry.held.is_none() && !entry.approved && !entry.lines().is_empty()
}

fn has(test: impl Fn(Operation) -> bool) -> impl Fn(&Entry) -> bool {
    move |entry| entry.lines().iter().any(|line| test(line.operation))
}

/// Entries of some kind that are neither held nor approved.
fn count(stream: &DraftStream, is_meant: impl Fn(&Entry) -> bool) -> usize {
    stream.drafts.iter().filter(|draft| is_free(&draft.entry) && is_meant(&draft.entry)).count()
}

fn set(stream: &mut DraftStream, reason: &'static str, is_meant: impl Fn(&Entry) -> bool) {
    for draft in stream.drafts.iter_mut().filter(|draft| is_free(&draft.entry)) {
        if is_meant(&draft.entry) {
            draft.entry.held = Some(reason);
        }
    }
}
