//! What each line must rest on, worked out anew from the rows.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::worlds::Case;
use super::{entries, writes};
use crate::model::{Entry, Link, Operation, Plan, Row};
use crate::names::{RowId, Side};
use crate::plan::end;

/// The rows of a side.
fn rows(case: &Case, side: Side) -> &[Row] {
    match side {
        Side::Source => &case.world.people.source,
        Side::Target => &case.world.people.target,
    }
}

fn id(entry: &Entry, side: Side) -> Option<RowId> {
    match side {
        Side::Source => entry.source_key.as_ref().map(RowId::from),
        Side::Target => entry.target_id.as_ref().map(RowId::from),
    }
}

fn link_of<'a>(case: &'a Case, side: Side, id: &RowId) -> Option<&'a Link> {
    case.world.people.links.iter().find(|link| end(link, side) == *id)
}

/// Checks every line, held ones too: nobody should be asked to approve what rests on nothing.
pub(super) fn check(case: &Case, plan: &Plan) -> Result<(), TestCaseError> {
    let follower = case.lead().other();
    for entry in entries(plan) {
        for line in entry.lines() {
            match line.operation {
                Operation::Create => create(case, entry)?,
                Operation::Disable | Operation::Delete => removal(case, entry)?,
                Operation::Enable => enable(case, entry)?,
                Operation::Update => {}
            }
            prop_assert!(line.at == follower || case.mode == "Both" && line.operation == Operation::Update);
        }
        if !entry.lines().is_empty()
            && let Some(id) = id(entry, follower)
        {
            let is_claimed = case.world.people.claimed.contains(id.as_str());
            prop_assert!(!is_claimed, "a row of another setting is written");
        }
    }
    new_ones(case, plan)
}

/// The words of the leading side for what somebody is.
fn is_gone_by_its_own_words(case: &Case, row: &Row) -> bool {
    let field = if case.lead() == Side::Source { "status" } else { "state" };
    let word = row.values().get(field).and_then(|value| value.as_str());
    let has_left = word == Some("LEFT") && !row.is_unknown(field);
    has_left || (row.fault.is_none() && word == Some("HIDDEN"))
}

fn removal(case: &Case, entry: &Entry) -> Result<(), TestCaseError> {
    let (lead, stream) = (case.lead(), &case.world.people);
    let leading = id(entry, lead).expect("a removal is about a record of the leading side");
    if let Some(row) = rows(case, lead).iter().find(|row| row.id == leading) {
        prop_assert!(is_gone_by_its_own_words(case, row), "{} is there", leading);
        return Ok(());
    }
    let proof = if lead == Side::Source { stream.source_proof } else { stream.target_proof };
    prop_assert!(proof.is_complete(), "{} was not read", leading);
    let is_asked = !stream.asks_by_id || !stream.silent_about.contains(leading.as_str());
    prop_assert!(is_asked, "the system did not say that {} is gone", leading);
    let id = id(entry, lead.other()).unwrap();
    let link = link_of(case, lead, &leading);
    prop_assert!(link.is_some_and(|link| end(link, lead.other()) == id), "{} is not linked", leading);
    Ok(())
}

fn enable(case: &Case, entry: &Entry) -> Result<(), TestCaseError> {
    let id = id(entry, case.lead().other()).unwrap();
    let by_us = link_of(case, case.lead().other(), &id).is_some_and(|link| link.disabled_at.is_some());
    prop_assert!(by_us, "a suspension by somebody else is undone");
    Ok(())
}

/// Fields that a record of a side is found by, in the same order on both sides.
fn matched(side: Side) -> [&'static str; 2] {
    match side {
        Side::Source => ["id", "email"],
        Side::Target => ["externalId", "userName"],
    }
}

/// A value as it is compared; case counts in the first field only.
fn value(row: &Row, side: Side, at: usize) -> Option<String> {
    let text = row.values().get(matched(side)[at])?.as_str()?.trim_end();
    let text = if at == 0 { text.to_owned() } else { text.to_lowercase() };
    (!text.is_empty()).then_some(text)
}

fn create(case: &Case, entry: &Entry) -> Result<(), TestCaseError> {
    let (lead, stream) = (case.lead(), &case.world.people);
    let follower = lead.other();
    let leading = id(entry, lead).unwrap();
    let row = rows(case, lead).iter().find(|row| row.id == leading).unwrap();
    prop_assert!(row.fault.is_none() && !is_gone_by_its_own_words(case, row));
    let proof = if follower == Side::Source { stream.source_proof } else { stream.target_proof };
    prop_assert!(proof.is_complete() || stream.looked_up.contains(leading.as_str()), "{} was not looked up", leading);
    for at in [0, 1] {
        let Some(wanted) = value(row, lead, at) else { continue };
        for other in rows(case, follower) {
            prop_assert!(!other.is_unknown(matched(follower)[at]), "an unreadable row may be {}", leading);
            prop_assert_ne!(value(other, follower, at), Some(wanted.clone()), "{} is there already", leading);
        }
    }
    if let Some(link) = link_of(case, lead, &leading) {
        prop_assert!(!stream.unanswered.contains(end(link, follower).as_str()), "{} may still be there", leading);
    }
    Ok(())
}

/// No two records are created that would be found by the same value.
fn new_ones(case: &Case, plan: &Plan) -> Result<(), TestCaseError> {
    let lead = case.lead();
    let mut seen = BTreeSet::new();
    for entry in writes(plan) {
        if entry.lines().iter().all(|line| line.operation != Operation::Create) {
            continue;
        }
        let leading = id(entry, lead).unwrap();
        let row = rows(case, lead).iter().find(|row| row.id == leading).unwrap();
        for at in [0, 1] {
            if let Some(value) = value(row, lead, at) {
                prop_assert!(seen.insert((at, value)), "{} is created twice", leading);
            }
        }
    }
    Ok(())
}
