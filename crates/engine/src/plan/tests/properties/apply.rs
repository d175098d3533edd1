//! Carries a plan out in memory, as the runner does against real systems.

use serde_json::{Value, json};

use super::super::World;
use super::super::rows::{link, row};
use crate::model::{Entry, Line, Link, Operation, Plan, Row};
use crate::names::{RowId, Side, SourceKey, TargetId};
use crate::plan::end;
use crate::value::is_empty;

/// Writes what is not held, and keeps links and counts as the store does.
pub(super) fn apply(world: &mut World, plan: &Plan) {
    let entries = || plan.streams.iter().filter(|stream| stream.name == "people").flat_map(|stream| &stream.entries);
    for entry in entries().filter(|entry| entry.held.is_none()) {
        carry_out(world, entry);
    }
    for entry in entries().filter(|entry| entry.is_write()) {
        for line in entry.lines() {
            refer(world, entry, line);
        }
    }
}

pub(super) fn rows(world: &mut World, side: Side) -> &mut Vec<Row> {
    match side {
        Side::Source => &mut world.people.source,
        Side::Target => &mut world.people.target,
    }
}

fn carry_out(world: &mut World, entry: &Entry) {
    let mut ends = (entry.source_key.clone(), entry.target_id.clone());
    for line in entry.lines() {
        if line.operation == Operation::Create {
            create(world, line, &mut ends);
        } else {
            change(world, line, &ends);
        }
        if !entry.approved {
            count(world, line);
        }
    }
    let (Some(key), Some(id)) = ends else { return };
    let is_deleted = entry.lines().iter().any(|line| line.operation == Operation::Delete);
    if entry.drops_link || is_deleted {
        world.people.links.retain(|link| link.source_key != key);
    } else if entry.links || entry.memory.is_some() || entry.is_write() {
        relink(world, entry, &key, &id);
    }
}

fn create(world: &mut World, line: &Line, ends: &mut (Option<SourceKey>, Option<TargetId>)) {
    let number = world.people.source.len() + world.people.target.len();
    let other = ends.0.as_ref().map(SourceKey::as_str).or(ends.1.as_ref().map(TargetId::as_str)).unwrap_or_default();
    let id = RowId::from(format!("n{number}-{other}"));
    let mut new = row(&id, json!({}));
    *new.fields.expose_mut() = line.set.clone();
    rows(world, line.at).push(new);
    match line.at {
        Side::Source => ends.0 = Some((&id).into()),
        Side::Target => ends.1 = Some((&id).into()),
    }
}

fn change(world: &mut World, line: &Line, ends: &(Option<SourceKey>, Option<TargetId>)) {
    let id: RowId = match line.at {
        Side::Source => ends.0.as_ref().unwrap().into(),
        Side::Target => ends.1.as_ref().unwrap().into(),
    };
    let rows = rows(world, line.at);
    if line.operation == Operation::Delete {
        rows.retain(|row| row.id != id);
        return;
    }
    let row = rows.iter_mut().find(|row| row.id == id).expect("a row that is changed exists");
    for (field, value) in line.set.iter() {
        row.fields.expose_mut().insert(field.clone(), value.clone());
    }
    match line.operation {
        Operation::Enable => row.active = true,
        Operation::Disable => row.active = false,
        Operation::Create | Operation::Update | Operation::Delete => {}
    }
}

fn count(world: &mut World, line: &Line) {
    let own = &mut world.people.effects.own;
    match line.operation {
        Operation::Create => own.creates += 1,
        Operation::Enable => own.enables += 1,
        Operation::Disable | Operation::Delete => own.removals += 1,
        Operation::Update => {}
    }
    for field in line.changes() {
        *own.changes.entry(field.clone()).or_default() += 1;
    }
}

fn relink(world: &mut World, entry: &Entry, key: &SourceKey, id: &TargetId) {
    let links = &mut world.people.links;
    let former = entry.replaces.as_ref().and_then(|replaced| links.iter().find(|link| link.source_key == *replaced));
    let disabled_at = former.and_then(|link| link.disabled_at);
    links.retain(|link| Some(&link.source_key) != entry.replaces.as_ref());
    let known = links.iter().find(|link| link.source_key == *key && link.target_id == *id).cloned();
    let mut new = known.unwrap_or_else(|| Link { disabled_at, ..link("people", key, id) });
    if let Some(memory) = &entry.memory {
        memory.store(&mut new);
    }
    match entry.lines().iter().map(|line| line.operation).max() {
        Some(Operation::Disable) => new.disabled_at = Some(world.now),
        Some(Operation::Enable) => new.disabled_at = None,
        _ => {}
    }
    // A link is unique on both ends, and the row of the one that it takes the place of is gone.
    links.retain(|link| link.source_key != *key && link.target_id != *id);
    links.push(new);
}

fn refer(world: &mut World, entry: &Entry, line: &Line) {
    let key_of = |links: &[Link], at: Side, other: &RowId| {
        links.iter().find(|link| end(link, at.other()) == *other).map(|link| end(link, at))
    };
    let own = match line.at {
        Side::Target => entry.source_key.as_ref().map(RowId::from),
        Side::Source => entry.target_id.as_ref().map(RowId::from),
    };
    let Some(own) = own.and_then(|other| key_of(&world.people.links, line.at, &other)) else { return };
    for (field, reference) in &line.references {
        let found = reference.key.as_ref().map(|key| key_of(&world.people.links, line.at, key));
        let value = match found {
            Some(Some(id)) => json!(id),
            Some(None) => continue,
            None => Value::Null,
        };
        assert!(!(is_empty(&value) && reference.key.is_some()));
        if let Some(row) = rows(world, line.at).iter_mut().find(|row| row.id == own) {
            row.fields.expose_mut().insert(field.clone(), value);
        }
    }
}
