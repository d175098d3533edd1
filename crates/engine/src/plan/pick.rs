//! Which of several records of one parent counts.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use rollcall_api::reasons;

use super::classify::{Class, Failure, truth};
use crate::compile::{CompiledPick, CompiledStream};
use crate::definitions::schema::FieldType;
use crate::model::Row;
use crate::names::RowId;
use crate::value::{as_text, comparable};

/// Leaves out the records of which another one of the same parent counts. Where one of them could not be read, nobody
/// can tell which counts, so all of them fail.
pub(super) fn choose<'a>(stream: &CompiledStream, rows: &'a [Row], classes: &mut HashMap<&'a RowId, Class>) {
    if stream.pick.is_empty() {
        return;
    }
    let mut families: BTreeMap<&RowId, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let Some(parent) = &row.parent {
            families.entry(parent).or_default().push(row);
        }
    }
    let is_failed =
        |row: &Row, classes: &HashMap<&RowId, Class>| matches!(classes.get(&row.id), Some(Class::Failed(_)));
    // Without a parent it may belong to any of them.
    let is_any_unreadable = rows.iter().any(|row| row.parent.is_none() && is_failed(row, classes));
    for family in families.into_values() {
        let is_unreadable = is_any_unreadable || family.iter().any(|row| is_failed(row, classes));
        let in_scope = |row: &&&Row| matches!(classes.get(&row.id), Some(Class::InScope { .. }));
        let members: Vec<&Row> = family.iter().filter(in_scope).copied().collect();
        let chosen = stream.pick.iter().find_map(|rule| best(stream, rule, &members)).map(|row| &row.id);
        for row in members {
            let Some(Class::InScope { leaves_at }) = classes.get(&row.id) else { continue };
            let class = if is_unreadable {
                let message =
                    "another record, maybe of the same parent, could not be read, so which one counts is not known"
                        .into();
                Class::Failed(Failure { reason: reasons::SOURCE_UNREADABLE, message })
            } else if Some(&row.id) == chosen {
                continue;
            } else {
                Class::OutOfScope {
                    clause: "pick: another record of the same parent counts".into(),
                    leaves_at: *leaves_at,
                }
            };
            classes.insert(&row.id, class);
        }
    }
}

/// The latest of the records that fit a step.
fn best<'a>(stream: &CompiledStream, rule: &CompiledPick, members: &[&'a Row]) -> Option<&'a Row> {
    let fits = |row: &&&Row| {
        let context = stream.view(stream.lead()).context(row.values());
        rule.when.as_ref().is_none_or(|when| truth(when, &context, "pick") == Ok(true))
    };
    members.iter().filter(fits).max_by(|one, other| later(rule, one, other)).copied()
}

/// Greater: the first is later.
fn later(rule: &CompiledPick, one: &Row, other: &Row) -> Ordering {
    let text = |row: &Row| row.values().get(&rule.latest).and_then(|value| comparable(value, &rule.schema));
    let number =
        |row: &Row| row.values().get(&rule.latest).and_then(as_text).and_then(|text| text.trim().parse::<f64>().ok());
    let by_value = match rule.schema.type_ {
        FieldType::Integer | FieldType::Number => match (number(one), number(other)) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        },
        _ => text(one).cmp(&text(other)),
    };
    by_value.then_with(|| other.id.cmp(&one.id))
}
